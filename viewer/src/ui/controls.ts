// The controls of the page, made of plain semantic elements: buttons, switches, sliders, choices, fields, panels.

import { el, type Child } from "./dom.ts";
import { icon, type Icon } from "./icons.ts";

/** A control and the way to show another value in it without calling back. */
export interface Control<T> {
  element: HTMLElement;
  set(value: T): void;
}

export interface ButtonOptions {
  label: string;
  test: string;
  icon?: Icon;
  /** Shown as text; without it an icon alone, its label in the tooltip. */
  text?: string;
  /** The key that does the same. */
  key?: string;
  kind?: "plain" | "strong" | "quiet";
  onClick: () => void;
}

export function button(options: ButtonOptions): HTMLButtonElement {
  const { label, test, text, key, kind = "plain", onClick } = options;
  const title = key ? `${label} (${key})` : label;
  return el(
    "button",
    { type: "button", class: `button ${kind}${text ? "" : " iconic"}`, title, "aria-label": text === label ? undefined : label, "data-test": test, onclick: onClick },
    options.icon && icon(options.icon),
    text && el("span", {}, text),
  );
}

export function setPressed(target: HTMLButtonElement, on: boolean): void {
  target.setAttribute("aria-pressed", String(on));
}

export function toggle(options: { label: string; test: string; value: boolean; key?: string; onChange: (on: boolean) => void }): Control<boolean> {
  const input = el("input", { type: "checkbox", role: "switch", "data-test": options.test, onchange: () => options.onChange(input.checked) });
  input.checked = options.value;
  const element = el("label", { class: "toggle" }, input, el("i", { "aria-hidden": "true" }), el("span", {}, options.label), options.key && el("kbd", {}, options.key));
  return { element, set: (on) => { input.checked = on; } };
}

export interface SliderOptions {
  label: string;
  test: string;
  min: number;
  max: number;
  step: number;
  value: number;
  /** The value as it is read out. */
  text: (value: number) => string;
  onInput: (value: number) => void;
  onDone?: () => void;
  compact?: boolean;
}

export function slider(options: SliderOptions): Control<number> & { input: HTMLInputElement } {
  const { min, max, step, text } = options;
  const output = el("output", {});
  const input = el("input", {
    type: "range", min, max, step, "aria-label": options.label, "data-test": options.test,
    oninput: () => { show(input.valueAsNumber); options.onInput(input.valueAsNumber); },
    onchange: () => options.onDone?.(),
  });
  const show = (value: number): void => {
    const part = max > min ? Math.min(1, Math.max(0, (value - min) / (max - min))) : 0;
    input.style.setProperty("--part", `${100 * part}%`);
    const words = text(value);
    output.textContent = words;
    input.setAttribute("aria-valuetext", words);
  };
  const set = (value: number): void => { input.value = String(value); show(value); };
  set(options.value);
  const element = el("div", { class: `slider${options.compact ? " compact" : ""}` }, el("div", { class: "caption" }, el("span", {}, options.label), output), input);
  return { element, input, set };
}

let groups = 0;

export interface Choice<T extends string> {
  value: T;
  label: string;
  title?: string;
}

export function segmented<T extends string>(options: { label: string; test: string; choices: readonly Choice<T>[]; value: T; visible?: boolean; onChange: (value: T) => void }): Control<T> {
  const name = `choice-${groups++}`;
  const inputs = new Map<T, HTMLInputElement>();
  const items = options.choices.map(({ value, label, title }) => {
    const input = el("input", { type: "radio", name, value, "data-test": `${options.test}-${value}`, onchange: () => options.onChange(value) });
    inputs.set(value, input);
    return el("label", { title }, input, el("span", {}, label));
  });
  const element = el("fieldset", { class: "segmented", "data-test": options.test }, el("legend", { class: options.visible ? "" : "unseen" }, options.label), el("div", {}, ...items));
  const set = (value: T): void => {
    for (const [key, input] of inputs) input.checked = key === value;
  };
  set(options.value);
  return { element, set };
}

/** A field of text that is taken over when it is left or Enter is pressed; `onCommit` says whether it could be read. */
export function field(options: { label: string; test: string; value: string; unit?: string; wide?: boolean; onCommit: (text: string) => boolean }): Control<string> {
  const commit = (): void => {
    const good = options.onCommit(input.value);
    input.setAttribute("aria-invalid", String(!good));
  };
  const input = el("input", {
    type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false", "data-test": options.test,
    onchange: commit,
    onkeydown: (event: KeyboardEvent) => { if (event.key === "Enter") { commit(); input.blur(); } },
  });
  const set = (text: string): void => {
    if (document.activeElement !== input) { input.value = text; input.removeAttribute("aria-invalid"); }
  };
  set(options.value);
  return { element: el("label", { class: `field${options.wide ? " wide" : ""}` }, el("span", {}, options.label), input, options.unit && el("em", {}, options.unit)), set };
}

export function select<T extends string>(options: { label: string; test: string; choices: readonly Choice<T>[]; value: T; unseen?: boolean; onChange: (value: T) => void }): Control<T> & { input: HTMLSelectElement } {
  const input = el("select", { "data-test": options.test, "aria-label": options.label, onchange: () => options.onChange(input.value as T) }, ...options.choices.map((c) => el("option", { value: c.value }, c.label)));
  input.value = options.value;
  return { element: el("label", { class: "select" }, !options.unseen && el("span", {}, options.label), input), input, set: (value) => { input.value = value; } };
}

export function panel(options: { title: string; test: string; open: boolean }, ...children: Child[]): HTMLDetailsElement {
  return el("details", { class: "panel", "data-test": options.test, open: options.open }, el("summary", {}, el("span", {}, options.title)), el("div", { class: "body" }, ...children));
}

export const row = (...children: Child[]): HTMLDivElement => el("div", { class: "row" }, ...children);
export const note = (text: string, test?: string): HTMLParagraphElement => el("p", { class: "note", "data-test": test }, text);
