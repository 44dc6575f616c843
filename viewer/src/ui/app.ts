// The interface: puts the parts together around one picture.

import "./style.css";
import type { RenderStatus, Renderer, Session, View } from "../contract.ts";
import { channelsOf } from "../scene/background.ts";
import { Controls } from "../camera/controls.ts";
import { firstPose } from "../camera/pose.ts";
import { parseState } from "../camera/url_state.ts";
import { aboutPanel } from "./about_panel.ts";
import { attachKeys, follow, goToView, perform } from "./actions.ts";
import { brightnessPanel } from "./brightness_panel.ts";
import { camerasPanel } from "./cameras_panel.ts";
import { cropPanel } from "./crop_panel.ts";
import { coveringFov, type Desk } from "./desk.ts";
import { el } from "./dom.ts";
import { helpDialog } from "./help.ts";
import { applyState, attachLink } from "./link.ts";
import { Notices } from "./notices.ts";
import { Overlay } from "./overlay.ts";
import { Panes, type PanesReport } from "./panes.ts";
import { pathPanel } from "./path_panel.ts";
import { Picture } from "./picture.ts";
import { attachPointer } from "./pointer.ts";
import { startingState, Store, type State } from "./state.ts";
import { attachPlayer, timeBar } from "./time_bar.ts";
import { clampTime } from "./time.ts";
import { isUncalibrated, UNCALIBRATED } from "./tone.ts";
import { MODE_NAMES, topBar } from "./top_bar.ts";
import { trainingPanel } from "./training_panel.ts";
import { attachTheme } from "./theme.ts";
import { wipeHandle } from "./wipe.ts";

/** For tests, as `window.efields`. */
export interface Hooks {
  ready: Promise<void>;
  renderer: Renderer;
  view(): View;
  setView(patch: Partial<Pick<View, "pose" | "fovY" | "mode" | "wipe" | "crop" | "tone">> & { tS?: number | null }): void;
  status(): RenderStatus;
  panes(): PanesReport;
  state(): Readonly<State>;
}

export interface App {
  hooks: Hooks;
  dispose(): void;
}

function makeHooks(desk: Desk, panes: Panes): Hooks {
  const { picture, controls, store } = desk;
  return {
    ready: picture.ready,
    renderer: desk.session.renderer,
    view: () => picture.view(),
    setView: ({ pose, fovY, tS, ...rest }) => {
      store.set({ ...rest, ...(typeof tS === "number" ? { tS } : {}), ...(rest.tone ? { exposure: 0 } : {}) });
      controls.setPose(pose ?? controls.pose, fovY ?? controls.fovY);
    },
    status: () => picture.status,
    panes: () => panes.report(),
    state: () => store.state,
  };
}

/** The layout; every part in the order in which Tab goes through the page. */
function layOut(root: HTMLElement, desk: Desk, overlay: Overlay, panes: Panes, help: HTMLDialogElement): HTMLElement {
  const { session, document, picture, store, notices } = desk;
  const badge = el("div", { class: "badge", "data-test": "badge" }, UNCALIBRATED);
  picture.element.append(overlay.canvas, wipeHandle(desk, MODE_NAMES), badge, notices.banner, notices.toasts);
  const side = el(
    "aside", { class: "side", "aria-label": "Settings", "data-test": "side" },
    session.training && trainingPanel(session.training),
    brightnessPanel(desk), camerasPanel(desk), cropPanel(desk), pathPanel(desk), aboutPanel(document),
  );
  const timed = document.time_range_s[1] > document.time_range_s[0];
  const time = timed ? timeBar(desk) : null;
  const app = el("div", { class: "app", "data-test": "app" }, topBar(desk), picture.element, side, panes.element, time, help);
  store.on(["side", "bare"], (state) => {
    side.hidden = !state.side || state.bare;
    app.classList.toggle("bare", state.bare);
  });
  store.on(["tone", "mode", "wipe"], ({ tone, mode, wipe }) => {
    badge.classList.toggle("left", wipe !== null && mode === "colour" && wipe.mode !== "colour");
    badge.hidden = !isUncalibrated(tone) || (mode !== "colour" && wipe?.mode !== "colour");
  });
  root.replaceChildren(app);
  return app;
}

/** A control that was clicked gives the keys back to the picture; one that was reached by keys keeps them. */
function returnFocus(app: HTMLElement, stage: HTMLElement, signal: AbortSignal): void {
  app.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target.closest("button, summary, input[type=checkbox], input[type=radio], input[type=range]") : null;
    if (event.detail > 0 && target && target === document.activeElement) stage.focus({ preventScroll: true });
  }, { signal });
}

export function startApp(root: HTMLElement, session: Session): App {
  const { document } = session.scene;
  const narrow = matchMedia("(max-width: 760px)").matches;
  const first = firstPose(document, window.innerWidth / Math.max(1, window.innerHeight));
  const start = clampTime(first.tS ?? document.time_range_s[0], document.time_range_s);
  const state = startingState(document, start, narrow);
  // The first window of the recording, rather than the empty one before it.
  const tS = clampTime(Math.max(start, document.time_range_s[0] + state.window.spanS), document.time_range_s);
  const store = new Store({ ...state, tS, windowStartS: tS - state.window.spanS });
  const picture = new Picture(session.renderer, document, store);
  const controls = new Controls(picture.element, { world: document.world, pose: first.pose, fovY: first.fovY });
  const help = helpDialog();
  const notices = new Notices();
  const desk: Desk = {
    session, document, store, controls, picture, notices,
    act: (action) => perform(desk, action, help),
    goToView: (index) => goToView(desk, index),
  };
  const stop = new AbortController();
  const overlay = new Overlay(desk);
  const panes = new Panes(desk);
  const app = layOut(root, desk, overlay, panes, help);
  attachTheme(root, store);
  attachPointer(desk, overlay);
  attachPlayer(desk);
  attachKeys(desk, stop.signal);
  returnFocus(app, picture.element, stop.signal);
  controls.onReleased = () => store.set({ following: false });
  store.on(["tS"], () => { if (store.state.following) follow(desk); });
  picture.onStatus.push(({ state: now, text }) => notices.hold(now === "lost" ? text : ""));
  const fovY = coveringFov(document.cameras.event, picture.aspect);
  controls.setPose(first.pose, fovY);
  controls.setHome(first.pose, fovY);
  picture.start(controls);
  applyState(desk, parseState(location.hash, channelsOf(document)));
  attachLink(desk, stop.signal);
  const hooks = makeHooks(desk, panes);
  Object.assign(window, { efields: hooks });
  return {
    hooks,
    dispose: () => {
      stop.abort();
      controls.dispose();
      session.renderer.dispose();
      root.replaceChildren();
    },
  };
}
