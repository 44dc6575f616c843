// The time bar: play, step, read-out, strip, window and speed.

import { button, segmented, slider } from "./controls.ts";
import type { Desk } from "./desk.ts";
import { el } from "./dom.ts";
import { icon } from "./icons.ts";
import { advanced, FASTEST, FEWEST, formatCount, formatMicroseconds, formatSeconds, formatSpan, formatSpeed, fromSlider, LONGEST_S, MOST, SHORTEST_S, SLOWEST, toSlider } from "./time.ts";
import { TimeStrip } from "./time_strip.ts";

/** Moves the time on while it plays. */
export function attachPlayer(desk: Desk): void {
  let last = 0;
  let frame = 0;
  const tick = (now: number): void => {
    frame = 0;
    const { playing, tS, speed } = desk.store.state;
    if (!playing) return;
    const seconds = Math.min(0.25, (now - last) / 1000); // after a pause of the page it goes on where it was
    last = now;
    desk.store.set({ tS: advanced(tS, seconds, speed, desk.document.time_range_s) });
    frame = requestAnimationFrame(tick);
  };
  desk.store.on(["playing"], ({ playing }) => {
    if (!playing || frame) return;
    last = performance.now();
    frame = requestAnimationFrame(tick);
  });
}

function windowControls(desk: Desk): HTMLElement {
  const { store } = desk;
  const kind = segmented<"span" | "count">({
    label: "Window length", test: "window-kind", value: store.state.window.kind,
    choices: [{ value: "span", label: "Time", title: "A window of fixed length" }, { value: "count", label: "Count", title: "A fixed number of events" }],
    onChange: (value) => store.set({ window: { ...store.state.window, kind: value } }),
  });
  const span = slider({
    label: "Window", test: "window-span", compact: true, min: 0, max: 1, step: 0.002, value: toSlider(store.state.window.spanS, SHORTEST_S, LONGEST_S),
    text: (u) => formatSpan(fromSlider(u, SHORTEST_S, LONGEST_S)), onInput: (u) => store.set({ window: { ...store.state.window, spanS: fromSlider(u, SHORTEST_S, LONGEST_S) } }),
  });
  const count = slider({
    label: "Window", test: "window-count", compact: true, min: 0, max: 1, step: 0.002, value: toSlider(store.state.window.count, FEWEST, MOST),
    text: (u) => `${formatCount(fromSlider(u, FEWEST, MOST))} events`, onInput: (u) => store.set({ window: { ...store.state.window, count: Math.round(fromSlider(u, FEWEST, MOST)) } }),
  });
  store.on(["window"], ({ window }) => {
    kind.set(window.kind);
    span.element.hidden = window.kind !== "span";
    count.element.hidden = window.kind !== "count";
  });
  return el("div", { class: "window" }, desk.document.events && kind.element, span.element, count.element);
}

export function timeBar(desk: Desk): HTMLElement {
  const { store, document } = desk;
  const play = button({ label: "Play", test: "play", icon: "play", key: "Space", kind: "strong", onClick: () => desk.act("play") });
  const [seconds, micro] = [el("output", { class: "seconds", "data-test": "seconds" }), el("small", { "data-test": "microseconds" })];
  const speed = slider({
    label: "Speed", test: "speed", compact: true, min: 0, max: 1, step: 0.005, value: toSlider(store.state.speed, SLOWEST, FASTEST),
    text: (u) => formatSpeed(fromSlider(u, SLOWEST, FASTEST)), onInput: (u) => store.set({ speed: fromSlider(u, SLOWEST, FASTEST) }),
  });
  store.on(["playing"], ({ playing }) => {
    play.replaceChildren(icon(playing ? "pause" : "play"));
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
    play.title = playing ? "Pause (Space)" : "Play (Space)";
  });
  store.on(["tS"], ({ tS }) => {
    seconds.textContent = formatSeconds(tS);
    micro.textContent = formatMicroseconds(document.origin_us, tS);
    micro.title = "Time on the sensor's clock";
  });
  const strip = new TimeStrip(desk);
  return el(
    "footer", { class: "time", "aria-label": "Time" },
    strip.element,
    el("div", { class: "transport" },
      el("div", { class: "buttons" },
        button({ label: "Back by one window", test: "step-back", icon: "previous", key: ",", kind: "quiet", onClick: () => desk.act("stepBack") }),
        play,
        button({ label: "Forward by one window", test: "step-on", icon: "next", key: ".", kind: "quiet", onClick: () => desk.act("stepOn") })),
      el("div", { class: "readout" }, seconds, micro),
      windowControls(desk),
      el("div", { class: "speed" }, speed.element)),
  );
}
