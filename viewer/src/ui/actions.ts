// What keys and buttons do.

import { poseAt } from "../camera/trajectory.ts";
import { isTyping } from "../camera/keys.ts";
import { coveringFov, type Desk } from "./desk.ts";
import { type Action, actionOf } from "./keys.ts";
import { saveScreenshot } from "./screenshot.ts";
import { clampTime } from "./time.ts";
import { MODE_ORDER, otherMode } from "./top_bar.ts";

const STOP_STEP = 0.25;

export function goToView(desk: Desk, index: number): void {
  const view = desk.document.cameras.views[index];
  if (!view) return;
  desk.controls.goTo({ position: view.position, quaternion: view.quaternion }, coveringFov(view.camera ?? desk.document.cameras.event, desk.picture.aspect));
  desk.store.set({ selected: index, playing: false, ...(view.t_s === null ? {} : { tS: clampTime(view.t_s, desk.document.time_range_s) }) });
}

function setFollowing(desk: Desk, on: boolean): void {
  const { controls, store, document } = desk;
  if (on && document.trajectory.t_s.length < 2) {
    desk.notices.say("This scene has no trajectory to follow.");
    return;
  }
  controls.setFollowing(on);
  store.set({ following: on });
  if (on) follow(desk);
}

/** Puts the camera where the event camera is at the time of the page. */
export function follow(desk: Desk): void {
  const pose = poseAt(desk.document.trajectory, desk.store.state.tS);
  if (pose) desk.controls.setPose(pose, coveringFov(desk.document.cameras.event, desk.picture.aspect), true);
}

function step(desk: Desk, by: -1 | 1): void {
  const { tS, windowStartS } = desk.store.state;
  const length = Math.max(1e-6, tS - windowStartS);
  desk.store.set({ playing: false, tS: clampTime(tS + by * length, desk.document.time_range_s) });
}

export function perform(desk: Desk, action: Action, help: HTMLDialogElement): void {
  const { store, controls, document } = desk;
  const { state } = store;
  const count = document.cameras.views.length;
  const mode = /^mode(\d)$/.exec(action)?.[1];
  if (mode) {
    const wanted = MODE_ORDER[Number(mode) - 1];
    if (wanted && desk.session.renderer.modes.includes(wanted)) store.set({ mode: wanted });
    return;
  }
  const expose = (by: number): void => store.set({ exposure: Math.min(6, Math.max(-6, state.exposure + by)) });
  const actions: Partial<Record<Action, () => void>> = {
    frame: () => controls.frame(),
    reset: () => controls.reset(),
    resetUp: () => controls.resetUp(),
    previousView: () => goToView(desk, state.selected <= 0 ? count - 1 : state.selected - 1),
    nextView: () => goToView(desk, state.selected + 1 >= count ? 0 : state.selected + 1),
    firstView: () => goToView(desk, 0),
    lastView: () => goToView(desk, count - 1),
    follow: () => setFollowing(desk, !state.following),
    play: () => store.set({ playing: !state.playing && document.time_range_s[1] > document.time_range_s[0] }),
    stepBack: () => step(desk, -1),
    stepOn: () => step(desk, 1),
    wipe: () => store.set({ wipe: state.wipe ? null : { mode: otherMode(state.mode, desk.session.renderer.modes), at: 0.5 } }),
    darker: () => expose(-STOP_STEP),
    brighter: () => expose(STOP_STEP),
    panes: () => store.set({ panes: !state.panes }),
    cameras: () => store.set({ cameras: !state.cameras }),
    trajectory: () => store.set({ trajectory: !state.trajectory }),
    crop: () => store.set({ crop: state.crop ? null : document.world.aabb, cropHandles: true }),
    screenshot: () => void saveScreenshot(desk),
    side: () => store.set({ side: !state.side, bare: false }),
    bare: () => store.set({ bare: !state.bare }),
    help: () => (help.open ? help.close() : help.showModal()),
  };
  actions[action]?.();
}

/** Keys of the page; none while a field is typed in, and Space only where no button has the focus. */
export function attachKeys(desk: Desk, signal: AbortSignal): void {
  window.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isTyping(event.target)) return;
    const action = actionOf(event);
    if (!action) return;
    const onControl = event.target instanceof Element && event.target.closest("button, summary, a, label, [role=switch]") !== null;
    if (event.code === "Space" && onControl) return;
    if (globalThis.document.querySelector("dialog[open]") && action !== "help") return;
    if (event.repeat && !["stepBack", "stepOn", "darker", "brighter", "previousView", "nextView"].includes(action)) return;
    event.preventDefault();
    desk.act(action);
  }, { signal });
}
