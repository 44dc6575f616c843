// The crop box: what is outside of it is not drawn.

import { button, note, panel, row, slider, toggle } from "./controls.ts";
import type { Desk } from "./desk.ts";
import { el } from "./dom.ts";
import { FACES, withFace } from "./lines.ts";

export function cropPanel(desk: Desk): HTMLElement {
  const { store, document } = desk;
  const { aabb } = document.world;
  const on = toggle({ label: "Crop the scene", test: "crop", key: "B", value: false, onChange: () => desk.act("crop") });
  const handles = toggle({ label: "Handles in the view", test: "crop-handles", value: true, onChange: (value) => store.set({ cropHandles: value }) });
  const sliders = FACES.map((face) => {
    const name = `${"xyz"[face.axis]} ${face.side === 0 ? "from" : "to"}`;
    const [low, high] = [aabb[0][face.axis], aabb[1][face.axis]];
    const digits = Math.max(0, 2 - Math.floor(Math.log10(high - low)));
    return slider({
      label: name, test: `crop-${"xyz"[face.axis]}-${face.side === 0 ? "low" : "high"}`, compact: true,
      min: low, max: high, step: (high - low) / 400, value: face.side === 0 ? low : high, text: (v) => v.toFixed(Math.min(6, digits)),
      onInput: (v) => store.set({ crop: withFace(store.state.crop ?? aabb, face, v, aabb) }),
    });
  });
  const box = el("div", { class: "pairs" }, ...sliders.map((s) => s.element));
  store.on(["crop", "cropHandles"], ({ crop, cropHandles }) => {
    on.set(crop !== null);
    handles.set(cropHandles);
    FACES.forEach((face, i) => sliders[i]?.set((crop ?? aabb)[face.side][face.axis]));
  });
  return panel(
    { title: "Crop", test: "panel-crop", open: false },
    on.element, handles.element, box,
    row(button({ label: "Whole box", text: "Whole box", test: "crop-reset", onClick: () => store.set({ crop: aabb }) })),
    note("Drag the round handles in the view, or use the sliders. This changes only what is shown."),
  );
}
