// The pointer on the lines above the picture: names of cameras, a click that goes to one, faces of the crop box that are dragged.

import type { Vec3 } from "../contract.ts";
import { add } from "../camera/math.ts";
import { pinholeOf } from "../camera/pose.ts";
import type { Desk } from "./desk.ts";
import { type Face, faceCentre, FACES, nearest, Projector, withFace } from "./lines.ts";
import type { Overlay } from "./overlay.ts";

const CLICK = 5;

export function attachPointer(desk: Desk, overlay: Overlay): void {
  const stage = desk.picture.element;
  let drag: { face: Face; x: number; y: number; value: number; along: { x: number; y: number } } | null = null;
  let down: { x: number; y: number } | null = null;

  const place = (event: PointerEvent): [number, number, number] => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top, event.pointerType === "mouse" ? 14 : 26];
  };

  /** Screen pixels for one world unit along the axis of a face. */
  const alongOf = (face: Face): { x: number; y: number } | null => {
    const { crop } = desk.store.state;
    if (!crop) return null;
    const { width, height } = desk.picture.size;
    const { radius } = desk.document.world;
    const projector = new Projector(desk.controls.pose, pinholeOf(desk.controls.fovY, width, height), 1e-3 * radius);
    const step = 0.01 * radius;
    const centre = faceCentre(crop, face);
    const [a, b] = [projector.point(centre), projector.point(add(centre, [0, 1, 2].map((i) => (i === face.axis ? step : 0)) as unknown as Vec3))];
    return a && b ? { x: (b.x - a.x) / step, y: (b.y - a.y) / step } : null;
  };

  const hover = (event: PointerEvent): void => {
    const [x, y, reach] = place(event);
    const face = nearest(overlay.facePoints, x, y, reach);
    const view = face < 0 ? nearest(overlay.viewPoints, x, y, reach) : -1;
    stage.style.cursor = face >= 0 ? "grab" : view >= 0 ? "pointer" : "";
    if (face === overlay.hoveredFace && view === overlay.hovered) return;
    overlay.hoveredFace = face;
    overlay.hovered = view;
    overlay.redraw();
  };

  stage.addEventListener("pointerdown", (event) => {
    const [x, y, reach] = place(event);
    down = { x, y };
    const face = FACES[nearest(overlay.facePoints, x, y, reach)];
    const along = face && alongOf(face);
    const { crop } = desk.store.state;
    if (!face || !along || !crop || event.button !== 0 || Math.hypot(along.x, along.y) < 1e-6) return;
    event.stopPropagation(); // the camera stays where it is
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    drag = { face, x, y, value: crop[face.side][face.axis], along };
  }, { capture: true });

  stage.addEventListener("pointermove", (event) => {
    if (!drag) {
      if (event.buttons === 0) hover(event);
      return;
    }
    event.stopPropagation();
    const [x, y] = place(event);
    const { along, face } = drag;
    const units = ((x - drag.x) * along.x + (y - drag.y) * along.y) / (along.x ** 2 + along.y ** 2);
    const { crop } = desk.store.state;
    if (crop) desk.store.set({ crop: withFace(crop, face, drag.value + units, desk.document.world.aabb) });
  }, { capture: true });

  const end = (event: PointerEvent): void => {
    const [x, y, reach] = place(event);
    const still = down !== null && Math.hypot(x - down.x, y - down.y) < CLICK;
    if (drag) event.stopPropagation();
    else if (still && event.type === "pointerup" && event.button === 0) {
      const view = nearest(overlay.viewPoints, x, y, reach);
      if (view >= 0) desk.goToView(view);
    }
    drag = null;
    down = null;
  };
  stage.addEventListener("pointerup", end, { capture: true });
  stage.addEventListener("pointercancel", end, { capture: true });
  stage.addEventListener("pointerleave", () => {
    overlay.hovered = -1;
    overlay.hoveredFace = -1;
    overlay.redraw();
  });
}
