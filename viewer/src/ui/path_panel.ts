// The path editor: views in an order, played in the page, saved as JSON, made into a video.

import { durationOf, formatPath, orbitPath, parsePath, samplePath } from "../camera/path.ts";
import { button, note, panel, row, toggle } from "./controls.ts";
import type { Desk } from "./desk.ts";
import { download, el, fileName } from "./dom.ts";
import { type Edited, EMPTY, fromPath, moved, toPath, withoutStop, withSeconds, withStop } from "./path_edit.ts";
import { videoForm } from "./video_form.ts";

const ORBIT_S = 8;

/** Plays the path on the picture; calling it again stops. */
function pathPlayer(desk: Desk, path: () => Edited, shown: (playing: boolean) => void): { toggle(): void; stop(): void } {
  let frame = 0;
  const stop = (): void => {
    if (!frame) return;
    cancelAnimationFrame(frame);
    frame = 0;
    shown(false);
    desk.picture.refresh(false);
  };
  const start = (): void => {
    const played = toPath(path());
    const begin = performance.now();
    desk.store.set({ playing: false, following: false });
    shown(true);
    const tick = (now: number): void => {
      const t = (now - begin) / 1000;
      const { pose, fovY, timeS } = samplePath(played, t);
      if (timeS !== null) desk.store.set({ tS: timeS });
      desk.controls.setPose(pose, fovY, true);
      if (t >= durationOf(played) && !played.closed) stop();
      else frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
  };
  for (const kind of ["pointerdown", "wheel"] as const) desk.picture.element.addEventListener(kind, stop, { passive: true });
  return { toggle: () => (frame ? stop() : start()), stop };
}

function stopRow(desk: Desk, path: Edited, i: number, change: (next: Edited) => void): HTMLElement {
  const last = i === path.stops.length - 1;
  const seconds = el("input", {
    type: "text", inputmode: "decimal", value: String(Number((path.seconds[i] ?? 2).toFixed(2))), "aria-label": `Seconds from view ${i + 1} to the next`, "data-test": `path-seconds-${i}`,
    onchange: () => { const value = Number(seconds.value); change(value > 0 ? withSeconds(path, i, value) : path); },
  });
  const act = (label: string, test: string, icon: "up" | "down" | "close", next: () => Edited, off = false): HTMLButtonElement => {
    const b = button({ label: `${label} view ${i + 1}`, test: `path-${test}-${i}`, icon, kind: "quiet", onClick: () => change(next()) });
    b.disabled = off;
    return b;
  };
  const go = (): void => {
    const stop = path.stops[i];
    if (!stop) return;
    desk.controls.goTo(stop, stop.fovY);
    if (stop.timeS !== null) desk.store.set({ tS: stop.timeS });
  };
  return el(
    "li", { "data-test": `path-stop-${i}` },
    el("button", { type: "button", class: "go", title: "Go there", onclick: go }, `View ${i + 1}`),
    last && !path.closed ? el("span", { class: "leg" }, "end") : el("label", { class: "leg" }, seconds, " s"),
    act("Move up", "up", "up", () => moved(path, i, -1), i === 0),
    act("Move down", "down", "down", () => moved(path, i, 1), last),
    act("Remove", "remove", "close", () => withoutStop(path, i)),
  );
}

export function pathPanel(desk: Desk): HTMLElement {
  const { store, document, controls, notices } = desk;
  let path: Edited = EMPTY;
  const list = el("ol", { class: "stops", "data-test": "path-stops" });
  const length = note("", "path-length");
  const closed = toggle({ label: "Closed path", test: "path-closed", value: false, onChange: (on) => change({ ...path, closed: on }) });
  const play = button({ label: "Play the path", text: "Play", test: "path-play", icon: "play", onClick: () => player.toggle() });
  const player = pathPlayer(desk, () => path, (playing) => {
    const text = play.querySelector("span");
    if (text) text.textContent = playing ? "Stop" : "Play";
  });
  const save = button({ label: "Save the path as JSON", text: "Save", test: "path-export", onClick: () => download(new Blob([formatPath(toPath(path), document.world.origin)], { type: "application/json" }), `${fileName(document.name)}_path.json`) });
  const video = videoForm(desk, () => toPath(path));
  const change = (next: Edited): void => {
    player.stop();
    path = next;
    list.replaceChildren(...path.stops.map((_, i) => stopRow(desk, path, i, change)));
    closed.set(path.closed);
    const few = path.stops.length < 2;
    play.disabled = save.disabled = few;
    video.enable(!few);
    length.textContent = path.stops.length === 0 ? "Add the current view, move the camera, add the next; or make an orbit."
      : few ? "One more view makes a path."
      : `${path.stops.length} views, ${durationOf(toPath(path)).toFixed(1)} s at ${path.fps} frames per second.`;
  };
  const file = el("input", { type: "file", accept: ".json,application/json", hidden: true, "data-test": "path-file", onchange: () => {
    const chosen = file.files?.[0];
    file.value = "";
    if (chosen) void chosen.text().then((text) => { change(fromPath(parsePath(text, document.world.origin))); notices.say("The path was loaded."); }).catch((error: unknown) => notices.wrong(error));
  } });
  const add = (): void => change(withStop(path, { position: controls.pose.position, quaternion: controls.pose.quaternion, fovY: controls.fovY, timeS: store.state.tS }));
  const orbit = (): void => {
    const { center, up } = document.world;
    change(fromPath(orbitPath(controls.pose, center, up, controls.fovY, ORBIT_S)));
  };
  change(path);
  return panel(
    { title: "Path and video", test: "panel-path", open: false },
    row(
      button({ label: "Add this view", text: "Add this view", test: "path-add", icon: "plus", onClick: add }),
      button({ label: "Make an orbit around the scene", text: "Orbit", test: "path-orbit", icon: "orbit", onClick: orbit }),
    ),
    list, length, closed.element,
    row(play, save, button({ label: "Load a path from JSON", text: "Load", test: "path-import", onClick: () => file.click() }), button({ label: "Clear the path", text: "Clear", test: "path-clear", kind: "quiet", onClick: () => change(EMPTY) })),
    file, video.element,
  );
}
