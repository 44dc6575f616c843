// The lines above the picture: cameras, trajectory, the event camera now, the crop box, the world's axes.

import type { Pose, Vec3 } from "../contract.ts";
import { pinholeOf } from "../camera/pose.ts";
import { countUpTo, poseAt } from "../camera/trajectory.ts";
import type { Desk } from "./desk.ts";
import { el, fitCanvas } from "./dom.ts";
import { BOX_EDGES, boxCorners, faceCentre, FACES, frustum, type Point, Projector } from "./lines.ts";

export const LINE_COLOURS = { training: "#5fd0c5", heldout: "#f49ac1", recorded: "#b9bec9", now: "#ffd166", box: "#ffffff" } as const;
const AXES = [["x", "#ff8577"], ["y", "#8fd16f"], ["z", "#7fb2ff"]] as const;

export class Overlay {
  readonly canvas = el("canvas", { class: "overlay", "aria-hidden": "true" });
  /** Where the cameras and the faces of the crop box are on screen, for the pointer. */
  viewPoints: (Point | null)[] = [];
  facePoints: (Point | null)[] = [];
  hovered = -1;
  hoveredFace = -1;
  private frame = 0;

  constructor(private readonly desk: Desk) {
    desk.picture.onView.push(() => this.redraw());
    desk.store.on(["cameras", "trajectory", "frustum", "selected", "crop", "cropHandles", "tS", "following", "bare"], () => this.redraw());
  }

  redraw(): void {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.frame = 0;
    const { picture, store } = this.desk;
    const { width, height } = picture.size;
    const g = fitCanvas(this.canvas, width, height);
    if (!g) return;
    const { pose, fovY } = this.desk.controls;
    const projector = new Projector(pose, pinholeOf(fovY, width, height), 1e-3 * this.desk.document.world.radius);
    g.lineJoin = "round";
    g.lineCap = "round";
    this.viewPoints = [];
    this.facePoints = [];
    const { state } = store;
    if (state.trajectory) this.trajectory(g, projector);
    if (state.cameras) this.views(g, projector);
    if ((state.cameras || state.trajectory) && !state.following) this.now(g, projector);
    if (state.crop && state.cropHandles) this.box(g, projector);
    if (state.following) this.sensorFrame(g, width, height);
    if (!state.bare) this.axes(g, projector, height);
    if (state.cameras) this.name(g, width);
  }

  /** A line on any ground: a dark seam below, the colour above. */
  private stroke(g: CanvasRenderingContext2D, path: Path2D, colour: string, width: number, dash: number[] = []): void {
    g.setLineDash([]);
    g.strokeStyle = "rgb(0 0 0 / 0.45)";
    g.lineWidth = width + 2;
    g.stroke(path);
    g.setLineDash(dash);
    g.strokeStyle = colour;
    g.lineWidth = width;
    g.stroke(path);
    g.setLineDash([]);
  }

  private add(path: Path2D, projector: Projector, a: Vec3, b: Vec3): void {
    const line = projector.line(a, b);
    if (!line) return;
    path.moveTo(line[0].x, line[0].y);
    path.lineTo(line[1].x, line[1].y);
  }

  private frustumPath(projector: Projector, pose: Pose, depth: number, camera = this.desk.document.cameras.event): Path2D {
    const { apex, corners, head } = frustum(pose, camera, depth);
    const path = new Path2D();
    corners.forEach((corner, i) => {
      this.add(path, projector, apex, corner);
      this.add(path, projector, corner, corners[(i + 1) % 4] as Vec3);
    });
    this.add(path, projector, corners[0], head);
    this.add(path, projector, corners[1], head);
    return path;
  }

  private views(g: CanvasRenderingContext2D, projector: Projector): void {
    const { document, store } = this.desk;
    const { frustum: size, selected } = store.state;
    const depth = size * document.world.radius;
    document.cameras.views.forEach((view, i) => {
      const strong = i === selected || i === this.hovered;
      const path = this.frustumPath(projector, view, depth, view.camera);
      const dash = view.kind === "heldout" ? [4, 4] : view.kind === "recorded" ? [1, 4] : [];
      this.stroke(g, path, LINE_COLOURS[view.kind], strong ? 2.6 : 1.2, dash);
      const at = projector.point(view.position);
      this.viewPoints.push(at);
      if (at) this.apex(g, at, view.kind === "heldout", LINE_COLOURS[view.kind], strong ? 5 : 3);
    });
  }

  /** A dot for cameras that taught the field, a diamond for those held out. */
  private apex(g: CanvasRenderingContext2D, at: Point, diamond: boolean, colour: string, r: number): void {
    const path = new Path2D();
    if (diamond) {
      path.moveTo(at.x, at.y - r - 1);
      path.lineTo(at.x + r + 1, at.y);
      path.lineTo(at.x, at.y + r + 1);
      path.lineTo(at.x - r - 1, at.y);
      path.closePath();
    } else {
      path.arc(at.x, at.y, r, 0, 2 * Math.PI);
    }
    g.fillStyle = colour;
    g.strokeStyle = "rgb(0 0 0 / 0.6)";
    g.lineWidth = 1.5;
    g.stroke(path);
    g.fill(path);
  }

  private trajectory(g: CanvasRenderingContext2D, projector: Projector): void {
    const { t_s, position } = this.desk.document.trajectory;
    const done = countUpTo(t_s, this.desk.store.state.tS);
    const [before, after] = [new Path2D(), new Path2D()];
    for (let i = 1; i < position.length; i++) this.add(i < done ? before : after, projector, position[i - 1] as Vec3, position[i] as Vec3);
    this.stroke(g, after, "rgb(255 255 255 / 0.55)", 1.2);
    this.stroke(g, before, LINE_COLOURS.now, 2);
  }

  private now(g: CanvasRenderingContext2D, projector: Projector): void {
    const pose = poseAt(this.desk.document.trajectory, this.desk.store.state.tS);
    if (!pose) return;
    const depth = Math.max(0.1, 1.6 * this.desk.store.state.frustum) * this.desk.document.world.radius;
    this.stroke(g, this.frustumPath(projector, pose, depth), LINE_COLOURS.now, 2.2);
  }

  private box(g: CanvasRenderingContext2D, projector: Projector): void {
    const { crop } = this.desk.store.state;
    if (!crop) return;
    const corners = boxCorners(crop);
    const path = new Path2D();
    for (const [a, b] of BOX_EDGES) this.add(path, projector, corners[a] as Vec3, corners[b] as Vec3);
    this.stroke(g, path, LINE_COLOURS.box, 1.2);
    FACES.forEach((face, i) => {
      const at = projector.point(faceCentre(crop, face));
      this.facePoints.push(at);
      if (!at) return;
      const r = i === this.hoveredFace ? 8 : 6;
      g.beginPath();
      g.arc(at.x, at.y, r, 0, 2 * Math.PI);
      g.fillStyle = AXES[face.axis][1];
      g.strokeStyle = "rgb(0 0 0 / 0.7)";
      g.lineWidth = 1.5;
      g.fill();
      g.stroke();
      g.fillStyle = "#15171c";
      g.font = "600 9px system-ui, sans-serif";
      g.textAlign = "center";
      g.textBaseline = "middle";
      g.fillText(AXES[face.axis][0], at.x, at.y);
    });
  }

  /** While the picture follows the event camera: where its sensor ends. */
  private sensorFrame(g: CanvasRenderingContext2D, width: number, height: number): void {
    const { event } = this.desk.document.cameras;
    const f = height / 2 / Math.tan(this.desk.controls.fovY / 2);
    const [w, h] = [(event.width / event.fx) * f, (event.height / event.fy) * f];
    const path = new Path2D();
    path.rect((width - w) / 2, (height - h) / 2, w, h);
    this.stroke(g, path, LINE_COLOURS.now, 1);
  }

  private axes(g: CanvasRenderingContext2D, projector: Projector, height: number): void {
    const [x, y, r] = [44, height - 44, 26];
    const tips = AXES.map(([name, colour], i) => ({ name, colour, v: projector.direction([0, 1, 2].map((k) => (k === i ? 1 : 0)) as unknown as Vec3) }));
    for (const { name, colour, v } of tips.sort((a, b) => b.v[2] - a.v[2])) {
      const path = new Path2D();
      path.moveTo(x, y);
      path.lineTo(x + v[0] * r, y + v[1] * r);
      this.stroke(g, path, colour, 2);
      g.font = "600 11px system-ui, sans-serif";
      g.textAlign = "center";
      g.textBaseline = "middle";
      g.lineWidth = 3;
      g.strokeStyle = "rgb(0 0 0 / 0.55)";
      g.strokeText(name, x + v[0] * (r + 9), y + v[1] * (r + 9));
      g.fillStyle = colour;
      g.fillText(name, x + v[0] * (r + 9), y + v[1] * (r + 9));
    }
  }

  private name(g: CanvasRenderingContext2D, width: number): void {
    const view = this.desk.document.cameras.views[this.hovered];
    const at = this.viewPoints[this.hovered];
    if (!view || !at) return;
    const text = `${view.name}${view.kind === "heldout" ? ", held out" : ""}${view.t_s === null ? "" : `, ${view.t_s.toFixed(3)} s`}`;
    g.font = "500 12px system-ui, sans-serif";
    g.textAlign = "left";
    g.textBaseline = "middle";
    const w = g.measureText(text).width + 14;
    const x = Math.max(4, Math.min(at.x + 12, width - w - 4));
    const y = Math.max(14, at.y - 14);
    g.fillStyle = "rgb(17 19 24 / 0.88)";
    g.beginPath();
    g.roundRect(x, y - 11, w, 22, 6);
    g.fill();
    g.fillStyle = "#f2f4f8";
    g.fillText(text, x + 7, y + 0.5);
  }
}
