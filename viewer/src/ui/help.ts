// The dialog that lists the keys.

import { button } from "./controls.ts";
import { el } from "./dom.ts";
import { HELD, KEYS, POINTERS } from "./keys.ts";

function table(title: string, rows: readonly { label: string; text: string }[]): HTMLElement {
  const keys = (label: string): HTMLElement => el("dt", {}, ...label.split(" ").map((part) => (part === "+" || part === "drag" ? el("span", {}, ` ${part} `) : el("kbd", {}, part))));
  return el("section", {}, el("h3", {}, title), el("dl", {}, ...rows.flatMap(({ label, text }) => [keys(label), el("dd", {}, text)])));
}

export function helpDialog(): HTMLDialogElement {
  const groups = [...new Set(KEYS.map((k) => k.group))];
  const dialog: HTMLDialogElement = el(
    "dialog", { class: "dialog", "aria-labelledby": "help-title", "data-test": "help-dialog" },
    el("header", {}, el("h2", { id: "help-title" }, "Keys"), button({ label: "Close", test: "help-close", icon: "close", kind: "quiet", onClick: () => dialog.close() })),
    el("div", { class: "columns" }, table("Move", [...POINTERS, ...HELD]), ...groups.map((group) => table(group, KEYS.filter((k) => k.group === group)))),
    el("p", { class: "note" }, "Tab reaches every control; shortcuts are off while you type in a field."),
  );
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside the box
  });
  return dialog;
}
