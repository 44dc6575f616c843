// The bar above: name, modes, wipe, what is on screen now, and the buttons of the page.

import type { Mode, RenderStatus } from "../contract.ts";
import { button, segmented, select, setPressed, toggle } from "./controls.ts";
import type { Desk } from "./desk.ts";
import { el } from "./dom.ts";
import type { State } from "./state.ts";

export const MODE_NAMES: Readonly<Record<Mode, string>> = { colour: "Colour", depth: "Depth", opacity: "Opacity", normal: "Normals", samples: "Samples" };
export const MODE_ORDER: readonly Mode[] = ["colour", "depth", "opacity", "normal", "samples"];
const THEMES: readonly State["theme"][] = ["system", "light", "dark"];

/** Another mode than `mode`, for the right side of the wipe. */
export function otherMode(mode: Mode, modes: readonly Mode[]): Mode {
  return modes.find((m) => m !== mode && m === "depth") ?? modes.find((m) => m !== mode) ?? mode;
}

function statusPill(desk: Desk): HTMLElement {
  const text = el("span", {});
  const pill = el("div", { class: "status", role: "status", "data-test": "status" }, el("i", { "aria-hidden": "true" }), text);
  const show = ({ state, width, height, ms, text: words }: RenderStatus): void => {
    pill.dataset.state = state;
    text.textContent = state === "lost" ? "lost" : words || state;
    pill.title = width > 0 ? `${width} x ${height} pixels, ${Math.round(ms)} ms` : words;
  };
  desk.picture.onStatus.push(show);
  show(desk.picture.status);
  return pill;
}

export function topBar(desk: Desk): HTMLElement {
  const { store, session } = desk;
  const modes = MODE_ORDER.filter((mode) => session.renderer.modes.includes(mode));
  const choices = modes.map((value) => ({ value, label: MODE_NAMES[value], title: `${MODE_NAMES[value]} (${MODE_ORDER.indexOf(value) + 1})` }));
  const mode = segmented<Mode>({ label: "What is shown", test: "mode", choices, value: store.state.mode, onChange: (value) => store.set({ mode: value }) });
  const wipe = toggle({ label: "Wipe", test: "wipe", value: false, onChange: () => desk.act("wipe") });
  const wipeMode = select<Mode>({
    label: "Right of the wipe", test: "wipe-mode", unseen: true, choices, value: otherMode(store.state.mode, modes),
    onChange: (value) => store.set({ wipe: { mode: value, at: store.state.wipe?.at ?? 0.5 } }),
  });
  store.on(["mode", "wipe"], (state) => {
    mode.set(state.mode);
    wipe.set(state.wipe !== null);
    wipeMode.element.hidden = state.wipe === null;
    if (state.wipe) wipeMode.set(state.wipe.mode);
  });
  const side = button({ label: "Side panel", test: "side-button", icon: "panel", key: "N", kind: "quiet", onClick: () => desk.act("side") });
  const panes = button({ label: "Event panes", test: "panes-button", icon: "panes", key: "G", kind: "quiet", onClick: () => desk.act("panes") });
  store.on(["side", "panes"], (state) => {
    setPressed(side, state.side);
    setPressed(panes, state.panes);
  });
  const theme = button({ label: "Light or dark", test: "theme", icon: "moon", kind: "quiet", onClick: () => {
    const next = THEMES[(THEMES.indexOf(store.state.theme) + 1) % THEMES.length] as State["theme"];
    store.set({ theme: next });
    desk.notices.say(next === "system" ? "The theme follows the system." : `The theme is ${next}.`);
  } });
  return el(
    "header", { class: "top" },
    el("div", { class: "brand" }, el("strong", {}, "efields"), el("span", { title: desk.document.name, "data-test": "name" }, desk.document.name)),
    el("div", { class: "modes" }, mode.element, wipe.element, wipeMode.element),
    statusPill(desk),
    el(
      "div", { class: "tools" },
      button({ label: "Save a screenshot", test: "screenshot", icon: "camera", key: "P", kind: "quiet", onClick: () => desk.act("screenshot") }),
      button({ label: "Copy a link to this view", test: "share", icon: "link", kind: "quiet", onClick: () => void share(desk) }),
      panes,
      theme,
      button({ label: "Keys and help", test: "help", icon: "help", key: "?", kind: "quiet", onClick: () => desk.act("help") }),
      side,
    ),
  );
}

/** Copies the address; where the browser does not allow that, shows it to be copied by hand. */
async function share(desk: Desk): Promise<void> {
  const address = location.href;
  try {
    await navigator.clipboard.writeText(address);
    desk.notices.say("The link to this view was copied.");
  } catch {
    const field = el("input", { type: "text", readonly: true, value: address, "aria-label": "Link to this view", "data-test": "share-text" });
    const dialog = el("dialog", { class: "dialog small" }, el("h2", {}, "Link to this view"), field, el("form", { method: "dialog" }, el("button", { class: "button strong" }, "Close")));
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    field.select();
  }
}
