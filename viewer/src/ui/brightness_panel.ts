// Brightness: an event field knows it up to an offset and a scale, so the two numbers are shown and can be set.

import type { Tone } from "../contract.ts";
import { button, field, note, panel, row, segmented, slider } from "./controls.ts";
import type { Desk } from "./desk.ts";
import { el } from "./dom.ts";
import { channelsOf } from "../scene/background.ts";
import { alignedTone, formatNumbers, parseNumbers, STOP, toneSentence } from "./tone.ts";

const STOPS = 6;

/** The same brightness as numbers that stay. */
export function fixedTone(tone: Tone, exposure: number): { tone: Tone; exposure: number } {
  return { tone: { ...tone, mode: "fixed", offset: tone.offset.map((o) => o + exposure * STOP) }, exposure: 0 };
}

export function setToneMode(desk: Desk, mode: Tone["mode"]): void {
  const { store, document, picture } = desk;
  const { tone, exposure } = store.state;
  if (mode === tone.mode) return;
  if (mode === "fixed") store.set(fixedTone(tone, exposure));
  else if (mode === "aligned") {
    const aligned = alignedTone(document.tone, channelsOf(document));
    if (aligned) store.set({ tone: aligned, exposure: 0 });
  } else {
    store.set({ tone: { ...tone, mode }, exposure: 0 });
    picture.forgetBrightness();
  }
}

export function brightnessPanel(desk: Desk): HTMLElement {
  const { store, document, session } = desk;
  const channels = channelsOf(document);
  const choices = [
    { value: "auto" as const, label: "Auto", title: "Chosen from the current view" },
    { value: "fixed" as const, label: "Fixed", title: "The values below" },
    ...(document.tone.aligned ? [{ value: "aligned" as const, label: "Aligned", title: "Fitted to reference frames" }] : []),
  ];
  const mode = segmented<Tone["mode"]>({ label: "Brightness", test: "tone", choices, value: store.state.tone.mode, onChange: (value) => setToneMode(desk, value) });
  const numbers = (key: "offset" | "scale") => field({
    label: key === "offset" ? "Offset" : "Scale", test: `tone-${key}`, value: "",
    onCommit: (text) => {
      const values = parseNumbers(text, channels);
      if (!values) return false;
      const fixed = fixedTone(store.state.tone, store.state.exposure);
      store.set({ ...fixed, tone: { ...fixed.tone, [key]: values } });
      return true;
    },
  });
  const [offset, scale] = [numbers("offset"), numbers("scale")];
  const gamma = field({
    label: "Gamma", test: "tone-gamma", value: "",
    onCommit: (text) => {
      const value = Number(text);
      if (!(value >= 0.2 && value <= 10)) return false;
      store.set({ tone: { ...store.state.tone, gamma: value } });
      return true;
    },
  });
  const exposure = slider({
    label: "Exposure", test: "exposure", min: -STOPS, max: STOPS, step: 0.25, value: 0,
    text: (v) => `${v > 0 ? "+" : v < 0 ? "\u2212" : ""}${Math.abs(v)} stops`, onInput: (v) => store.set({ exposure: v }),
  });
  const sentence = note("", "tone-sentence");
  store.on(["tone", "exposure"], ({ tone, exposure: stops }) => {
    mode.set(tone.mode);
    // With the exposure in it: these two numbers are what the picture is made with.
    offset.set(formatNumbers(tone.offset.map((o) => o + stops * STOP)));
    scale.set(formatNumbers(tone.scale));
    gamma.set(String(tone.gamma));
    exposure.set(stops);
    sentence.textContent = toneSentence(tone, document, session.renderer.kind);
  });
  return panel(
    { title: "Brightness", test: "panel-brightness", open: true },
    mode.element, exposure.element,
    el("div", { class: "fields" }, offset.element, scale.element, gamma.element),
    sentence,
    note(document.tone.aligned
      ? "Events determine brightness only up to an offset and a scale in log radiance. Aligned takes both from reference frames."
      : "Events determine brightness only up to an offset and a scale in log radiance; there are no reference frames to take them from."),
    row(button({ label: "Reset brightness", text: "Reset", test: "tone-reset", kind: "plain", onClick: () => {
      const { mode: first, offset: o, scale: s, gamma: g } = document.tone;
      store.set({ exposure: 0, tone: { mode: first, offset: toList(o, channels), scale: toList(s, channels), gamma: g } });
      desk.picture.forgetBrightness();
    } })),
  );
}

const toList = (value: number | readonly number[], channels: number): number[] => Array.from({ length: channels }, (_, i) => (typeof value === "number" ? value : (value[i] ?? value[0] ?? 0)));
