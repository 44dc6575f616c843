// The line between two modes on the picture: dragged, or moved by the arrow keys.

import type { Mode } from "../contract.ts";
import type { Desk } from "./desk.ts";
import { el } from "./dom.ts";

export function wipeHandle(desk: Desk, names: Readonly<Record<Mode, string>>): HTMLElement {
  const [left, right] = [el("span", { class: "left" }), el("span", { class: "right" })];
  const handle = el("div", { class: "wipe", role: "slider", tabindex: 0, "aria-label": "Wipe between two modes", "aria-valuemin": 0, "aria-valuemax": 100, "data-test": "wipe-handle", hidden: true }, left, el("i", { "aria-hidden": "true" }), right);
  const move = (at: number): void => {
    const { wipe } = desk.store.state;
    if (wipe) desk.store.set({ wipe: { mode: wipe.mode, at: Math.min(0.98, Math.max(0.02, at)) } });
  };
  handle.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    event.preventDefault();
    handle.focus();
    handle.setPointerCapture(event.pointerId);
  });
  handle.addEventListener("pointermove", (event) => {
    event.stopPropagation();
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const box = desk.picture.element.getBoundingClientRect();
    move((event.clientX - box.left) / Math.max(1, box.width));
  });
  handle.addEventListener("keydown", (event) => {
    const step = event.code === "ArrowLeft" ? -0.02 : event.code === "ArrowRight" ? 0.02 : 0;
    if (step === 0) return;
    event.preventDefault();
    move((desk.store.state.wipe?.at ?? 0.5) + step);
  });
  desk.store.on(["wipe", "mode"], ({ wipe, mode }) => {
    handle.hidden = wipe === null;
    if (!wipe) return;
    handle.style.left = `${100 * wipe.at}%`;
    left.textContent = names[mode];
    right.textContent = names[wipe.mode];
    handle.setAttribute("aria-valuenow", String(Math.round(100 * wipe.at)));
    handle.setAttribute("aria-valuetext", `${names[mode]} left, ${names[wipe.mode]} right, line at ${Math.round(100 * wipe.at)} percent`);
  });
  return handle;
}
