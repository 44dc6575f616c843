// Keeps the address of the page in step with what is seen, and follows an address that is put in.

import { formatState, parseState, type UrlState } from "../camera/url_state.ts";
import type { Desk } from "./desk.ts";
import { channelsOf } from "../scene/background.ts";
import { clampTime } from "./time.ts";
import { exposed } from "./tone.ts";

const WAIT_MS = 400;

/** Takes over what an address says. */
export function applyState(desk: Desk, state: UrlState): void {
  const { store, controls, document } = desk;
  const tone = state.tone && (state.tone.mode === "auto" ? { ...store.state.tone, mode: "auto" as const, gamma: store.state.tone.gamma } : state.tone);
  const aligned = tone?.mode !== "aligned" || document.tone.aligned !== null;
  store.set({
    ...(state.mode && desk.session.renderer.modes.includes(state.mode) ? { mode: state.mode } : {}),
    ...(state.wipe ? { wipe: state.wipe } : {}),
    ...(state.crop ? { crop: state.crop } : {}),
    ...(tone && aligned ? { tone, exposure: state.exposure ?? 0 } : {}),
    ...(typeof state.tS === "number" ? { tS: clampTime(state.tS, document.time_range_s) } : {}),
  });
  if (state.pose) controls.setPose(state.pose, state.fovY ?? controls.fovY);
  else if (state.fovY) controls.setFovY(state.fovY);
}

export function attachLink(desk: Desk, signal: AbortSignal): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = (): void => {
    const { mode, wipe, crop, tone, exposure, tS } = desk.store.state;
    const { pose, fovY } = desk.controls;
    const text = formatState({ pose, fovY, tS, mode, wipe, crop, tone: exposed(tone, exposure), exposure });
    try {
      history.replaceState(history.state, "", `#${text}`);
    } catch {
      // some browsers do not allow it for pages from disk, or so often
    }
  };
  const later = (): void => {
    clearTimeout(timer);
    timer = setTimeout(write, WAIT_MS);
  };
  desk.picture.onView.push(later);
  desk.store.on(["tS"], later);
  window.addEventListener("hashchange", () => applyState(desk, parseState(location.hash, channelsOf(desk.document))), { signal });
}
