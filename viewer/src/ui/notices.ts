// What the page has to say: short notes that go away, and a banner that stays while something is wrong.

import { el } from "./dom.ts";

export class Notices {
  readonly banner = el("div", { class: "banner", role: "alert", hidden: true, "data-test": "banner" });
  readonly toasts = el("div", { class: "toasts", role: "status", "aria-live": "polite", "data-test": "toasts" });

  /** A sentence for a few seconds. */
  say(text: string, kind: "plain" | "wrong" = "plain"): void {
    const toast = el("div", { class: `toast ${kind}` }, text);
    this.toasts.append(toast);
    while (this.toasts.childElementCount > 3) this.toasts.firstElementChild?.remove();
    setTimeout(() => toast.remove(), kind === "wrong" ? 9000 : 4000);
  }

  wrong(error: unknown): void {
    this.say(error instanceof Error ? error.message : String(error), "wrong");
  }

  /** A sentence that stays; an empty one takes it away. */
  hold(text: string): void {
    if (this.banner.textContent === text && this.banner.hidden === (text === "")) return;
    this.banner.textContent = text;
    this.banner.hidden = text === "";
  }
}
