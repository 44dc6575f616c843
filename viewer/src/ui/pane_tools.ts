// The choices of the panes: what the third one shows, the colours of events, how much they grow.

import { select } from "./controls.ts";
import type { Desk } from "./desk.ts";
import { el } from "./dom.ts";
import type { EventPalette, ThirdPane } from "./state.ts";

export function paneTools(desk: Desk): { colours: HTMLElement; third: HTMLElement } {
  const { store } = desk;
  const third = select<ThirdPane>({
    label: "Third pane", test: "third-pane", unseen: true, value: store.state.third,
    choices: [{ value: "residual", label: "Residual" }, { value: "picture", label: "Render" }], onChange: (value) => store.set({ third: value }),
  });
  const palette = select<EventPalette>({
    label: "Event colours", test: "palette", unseen: true, value: store.state.palette,
    choices: [{ value: "dark", label: "Amber, blue" }, { value: "grey", label: "White, black" }, { value: "white", label: "On white" }], onChange: (value) => store.set({ palette: value }),
  });
  const dilation = select<"-1" | "0" | "1" | "2">({
    label: "Grow sparse events", test: "dilation", unseen: true, value: "-1",
    choices: [{ value: "-1", label: "Grow: auto" }, { value: "0", label: "Grow: none" }, { value: "1", label: "Grow: 1 px" }, { value: "2", label: "Grow: 2 px" }],
    onChange: (value) => store.set({ dilation: Number(value) }),
  });
  return { colours: el("div", { class: "pane-tools" }, palette.element, dilation.element), third: el("div", { class: "pane-tools" }, third.element) };
}
