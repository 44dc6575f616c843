// About: what this scene is, how well it was measured, where it comes from.

import type { SceneDocument } from "../contract.ts";
import { panel } from "./controls.ts";
import { el } from "./dom.ts";
import { formatCount, formatSpan } from "./time.ts";

/** A value as words; nothing for what has none. */
export function words(value: unknown): string | null {
  if (value === null || value === undefined || value === "") return null;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  if (typeof value === "string") return value;
  if (Array.isArray(value)) {
    const parts = value.map(words);
    return parts.length > 0 && parts.length <= 6 && parts.every((p) => p !== null) ? parts.join(", ") : null;
  }
  return null;
}

const NAMES: Readonly<Record<string, string>> = { psnr: "PSNR", ssim: "SSIM", lpips: "LPIPS" };
const nameOf = (key: string): string => {
  const text = key.replace(/_/g, " ").replace(/\b(psnr|ssim|lpips)\b/g, (k) => NAMES[k] ?? k);
  return text.charAt(0).toUpperCase() + text.slice(1);
};

/** Rows of a flat list; objects inside become rows of their own with both names. */
export function rowsOf(values: Record<string, unknown>, before = ""): [string, string][] {
  return Object.entries(values).flatMap(([key, value]): [string, string][] => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return before ? [] : rowsOf(value as Record<string, unknown>, `${key} `);
    const text = words(value);
    return text === null ? [] : [[nameOf(before + key), text]];
  });
}

function facts(title: string, rows: readonly (readonly [string, string])[]): HTMLElement | null {
  if (rows.length === 0) return null;
  return el("section", {}, el("h3", {}, title), el("dl", { class: "facts" }, ...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])));
}

function sceneRows(document: SceneDocument): [string, string][] {
  const { volume, events, cameras, trajectory } = document;
  const rows: [string, string][] = [];
  if (volume) {
    rows.push(["Grid", `${volume.shape.join(" x ")}, ${volume.channels === "mono" ? "one channel" : "colour"}`]);
    if (volume.keyframes.length > 1) rows.push(["Moments", String(volume.keyframes.length)]);
  }
  rows.push(["Sensor", `${cameras.event.width} x ${cameras.event.height}`]);
  rows.push(["Recorded span", formatSpan(document.time_range_s[1] - document.time_range_s[0])]);
  if (events) {
    rows.push(["Events", events.shown < events.count ? `${formatCount(events.shown)} of ${formatCount(events.count)}` : formatCount(events.count)]);
    rows.push(["Thresholds", `ON ${words(events.c_pos)}, OFF ${words(events.c_neg)}${events.assumed ? " (assumed)" : ""}`]);
  }
  rows.push(["Poses", String(trajectory.t_s.length)]);
  return rows;
}

export function aboutPanel(document: SceneDocument): HTMLElement {
  const notes = [...document.notes, ...(document.events?.note ? [document.events.note] : [])];
  return panel(
    { title: "About", test: "panel-about", open: false },
    facts("Measured", rowsOf(document.metrics)),
    facts("Scene", sceneRows(document)),
    facts("Origin", [...rowsOf(document.provenance), ["Made by", document.generator], ["Brightness", document.tone.source || "not stated"]]),
    notes.length > 0 && el("section", {}, el("h3", {}, "Notes"), ...notes.map((text) => el("p", { class: "note" }, text))),
  );
}
