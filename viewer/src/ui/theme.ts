// Light or dark: as the system has it, or as was chosen; the choice is remembered where the browser allows that.

import type { State, Store } from "./state.ts";

const NAME = "efields-theme";

export function attachTheme(root: HTMLElement, store: Store): void {
  try {
    const kept = localStorage.getItem(NAME);
    if (kept === "light" || kept === "dark") store.set({ theme: kept });
  } catch {
    // pages from disk may have no storage
  }
  const page = root.ownerDocument.documentElement;
  const apply = ({ theme }: State): void => {
    if (theme === "system") page.removeAttribute("data-theme");
    else page.dataset.theme = theme;
    try {
      if (theme === "system") localStorage.removeItem(NAME);
      else localStorage.setItem(NAME, theme);
    } catch {
      // as above
    }
  };
  store.on(["theme"], apply);
}
