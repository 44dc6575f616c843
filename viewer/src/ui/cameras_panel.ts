// Cameras: the list of views, where the camera goes, what is drawn of them.

import type { SceneView } from "../contract.ts";
import { button, note, panel, row, segmented, slider, toggle } from "./controls.ts";
import type { Desk } from "./desk.ts";
import { el } from "./dom.ts";

const DEGREE = Math.PI / 180;
type Filter = "all" | SceneView["kind"];
const KINDS: Readonly<Record<SceneView["kind"], string>> = { training: "Training", heldout: "Held out", recorded: "Recorded" };

function viewList(desk: Desk): { element: HTMLElement; filter: HTMLElement | null } {
  const { views } = desk.document.cameras;
  const items = views.map((view, i) => el(
    "li", { "data-kind": view.kind },
    el("button", { type: "button", "data-test": `view-${i}`, onclick: () => desk.goToView(i) },
      el("i", { class: `kind ${view.kind}`, "aria-hidden": "true" }), el("span", {}, view.name),
      el("em", {}, view.t_s === null ? (view.kind === "heldout" ? "held out" : "") : `${view.t_s.toFixed(3)} s`)),
  ));
  const list = el("ol", { class: "views", "data-test": "views", "aria-label": "Cameras" }, ...items);
  desk.store.on(["selected"], ({ selected }) => {
    items.forEach((item, i) => {
      const on = i === selected;
      item.firstElementChild?.setAttribute("aria-current", String(on));
      if (!on || list.clientHeight === 0) return;
      const above = item.offsetTop - list.offsetTop;
      if (above < list.scrollTop || above + item.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = above - list.clientHeight / 2;
    });
  });
  const kinds = [...new Set(views.map((v) => v.kind))];
  if (kinds.length < 2) return { element: list, filter: null };
  const filter = segmented<Filter>({
    label: "Which cameras are listed", test: "view-filter", value: "all",
    choices: [{ value: "all", label: `All ${views.length}` }, ...kinds.map((kind) => ({ value: kind, label: `${KINDS[kind]} ${views.filter((v) => v.kind === kind).length}` }))],
    onChange: (value) => items.forEach((item) => { item.hidden = value !== "all" && item.dataset.kind !== value; }),
  });
  return { element: list, filter: filter.element };
}

export function camerasPanel(desk: Desk): HTMLElement {
  const { store, document, controls, picture } = desk;
  const { views } = document.cameras;
  const moving = document.trajectory.t_s.length > 1;
  const shown = toggle({ label: "Show cameras", test: "show-cameras", key: "C", value: false, onChange: (on) => store.set({ cameras: on }) });
  const path = toggle({ label: "Show trajectory", test: "show-trajectory", key: "T", value: false, onChange: (on) => store.set({ trajectory: on }) });
  const follow = toggle({ label: "Follow trajectory", test: "follow", key: "L", value: false, onChange: () => desk.act("follow") });
  const size = slider({ label: "Camera size", test: "frustum", min: 0.01, max: 0.4, step: 0.005, value: store.state.frustum, text: (v) => `${Math.round(100 * v)} %`, onInput: (v) => store.set({ frustum: v, cameras: true }) });
  const fov = slider({ label: "Field of view", test: "fov", min: 10, max: 120, step: 0.5, value: controls.fovY / DEGREE, text: (v) => `${v.toFixed(0)}°`, onInput: (v) => controls.setFovY(v * DEGREE) });
  const speed = slider({ label: "Flying speed", test: "fly-speed", min: -2, max: 1, step: 0.05, value: Math.log10(0.5), text: (v) => `${Number((10 ** v).toPrecision(2))} radii/s`, onInput: (v) => { controls.speed = 10 ** v * document.world.radius; } });
  picture.onView.push(() => { if (globalThis.document.activeElement !== fov.input) fov.set(controls.fovY / DEGREE); });
  store.on(["cameras", "trajectory", "following", "frustum"], (state) => {
    shown.set(state.cameras);
    path.set(state.trajectory);
    follow.set(state.following);
    size.set(state.frustum);
  });
  const { element: list, filter } = viewList(desk);
  const step = (label: string, test: string, icon: "previous" | "next", key: string, act: "previousView" | "nextView") => button({ label, test, icon, key, onClick: () => desk.act(act) });
  return panel(
    { title: "Cameras", test: "panel-cameras", open: false },
    row(
      button({ label: "Frame the whole scene", text: "Frame", test: "frame", icon: "frame", key: "F", onClick: () => desk.act("frame") }),
      button({ label: "Reset to the first view", text: "Reset", test: "reset", icon: "reset", key: "Shift F", onClick: () => desk.act("reset") }),
      button({ label: "Level the camera", test: "reset-up", icon: "level", key: "U", onClick: () => desk.act("resetUp") }),
    ),
    shown.element, moving && path.element, moving && follow.element,
    views.length > 0 ? row(step("Previous camera", "previous-view", "previous", "[", "previousView"), step("Next camera", "next-view", "next", "]", "nextView")) : note("This scene lists no cameras."),
    filter, views.length > 0 && list,
    views.length > 0 && size.element, fov.element, speed.element,
  );
}
