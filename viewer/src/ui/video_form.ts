// The form that makes a video of a path: its size, its progress, cancel.

import type { CameraPath } from "../camera/path.ts";
import { button, note, row, select } from "./controls.ts";
import type { Desk } from "./desk.ts";
import { download, el, fileName } from "./dom.ts";
import { canMakeVideos, makeVideo, NO_WEBCODECS } from "./video.ts";

const HEIGHTS = ["240", "360", "480", "720", "1080"] as const;

export function videoForm(desk: Desk, path: () => CameraPath): { element: HTMLElement; enable(on: boolean): void } {
  if (!canMakeVideos()) return { element: note(NO_WEBCODECS, "video-unavailable"), enable: () => undefined };
  let running: AbortController | null = null;
  const bar = el("div", { class: "progress", role: "progressbar", "aria-label": "Video", "aria-valuemin": 0, hidden: true }, el("i", {}));
  const line = note("", "video-line");
  line.hidden = true;
  const height = select<(typeof HEIGHTS)[number]>({ label: "Lines", test: "video-height", value: "480", choices: HEIGHTS.map((value) => ({ value, label: `${value} lines` })), unseen: true, onChange: () => undefined });
  const make = button({ label: "Make a video", text: "Make a video", test: "video-make", kind: "strong", onClick: () => void start() });
  const cancel = button({ label: "Cancel the video", text: "Cancel", test: "video-cancel", onClick: () => running?.abort() });
  cancel.hidden = true;

  const show = (busy: boolean): void => {
    make.hidden = busy;
    cancel.hidden = bar.hidden = line.hidden = !busy;
  };
  const start = async (): Promise<void> => {
    if (running) return;
    running = new AbortController();
    const begin = performance.now();
    show(true);
    line.textContent = "Starting.";
    try {
      const h = Number(height.input.value);
      const blob = await makeVideo(desk, path(), { width: Math.round(h * desk.picture.aspect), height: h }, (done, of) => {
        bar.setAttribute("aria-valuemax", String(of));
        bar.setAttribute("aria-valuenow", String(done));
        (bar.firstElementChild as HTMLElement).style.width = `${(100 * done) / of}%`;
        const left = ((performance.now() - begin) / done / 1000) * (of - done);
        line.textContent = `Frame ${done} of ${of}, about ${Math.ceil(left)} s left.`;
      }, running.signal);
      download(blob, `${fileName(desk.document.name)}.webm`);
      desk.notices.say(`The video was saved (${(blob.size / 1e6).toFixed(1)} MB).`);
    } catch (error) {
      if (running.signal.aborted) desk.notices.say("The video was cancelled.");
      else desk.notices.wrong(error);
    } finally {
      running = null;
      show(false);
    }
  };
  return { element: el("div", { class: "video" }, row(height.element, make, cancel), bar, line), enable: (on) => { make.disabled = !on; } };
}
