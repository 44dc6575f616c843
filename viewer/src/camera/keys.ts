// Which keys are held, by place on the keyboard, and when keys belong to an input instead.

/** Whether a key press is meant for the element that has the focus. */
export function isTyping(target: EventTarget | null): boolean {
  if (typeof HTMLElement === "undefined" || !(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.tagName === "TEXTAREA" || target.tagName === "SELECT") return true;
  return target.tagName === "INPUT" && !["checkbox", "radio", "button", "submit"].includes((target as HTMLInputElement).type);
}

export interface Held {
  has(code: string): boolean;
}

/** Unit steps along right, down, forward, and their speed, of the held keys; null when none flies. */
export function flightOf(held: Held): { right: number; down: number; forward: number; speed: number } | null {
  const on = (code: string): number => (held.has(code) ? 1 : 0);
  const right = on("KeyD") - on("KeyA");
  const down = on("KeyQ") - on("KeyE");
  const forward = on("KeyW") - on("KeyS");
  const n = Math.hypot(right, down, forward);
  if (n === 0) return null;
  const fast = held.has("ShiftLeft") || held.has("ShiftRight");
  const slow = held.has("AltLeft") || held.has("AltRight");
  return { right: right / n, down: down / n, forward: forward / n, speed: fast ? 4 : slow ? 0.25 : 1 };
}
