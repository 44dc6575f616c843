// Reads parsed JSON strictly: each reader returns the value in its type or throws one plain sentence that names the place.

/** What is wrong with a scene, in a sentence that is shown as it is. */
export class SceneError extends Error {}

function shown(value: unknown): string {
  if (value === undefined) return "is missing";
  const text = JSON.stringify(value);
  return `is ${text.length > 40 ? `${text.slice(0, 37)}...` : text}`;
}

export function wrong(place: string, expected: string, value: unknown): SceneError {
  return new SceneError(`The scene file is broken: ${place} should be ${expected} but ${shown(value)}.`);
}

export function asRecord(value: unknown, place: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(place, "an object", value);
  return value as Record<string, unknown>;
}

export function asText(value: unknown, place: string): string {
  if (typeof value !== "string") throw wrong(place, "a text", value);
  return value;
}

export function asOneOf<T extends string>(value: unknown, place: string, choices: readonly T[]): T {
  if (!choices.includes(value as T)) throw wrong(place, choices.map((c) => `"${c}"`).join(" or "), value);
  return value as T;
}

export function asNumber(value: unknown, place: string, low = -Infinity, high = Infinity): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw wrong(place, "a finite number", value);
  if (value < low || value > high) {
    throw wrong(place, high === Infinity ? `at least ${low}` : `between ${low} and ${high}`, value);
  }
  return value;
}

export function asPositive(value: unknown, place: string): number {
  if (asNumber(value, place) <= 0) throw wrong(place, "above 0", value);
  return value as number;
}

export function asCount(value: unknown, place: string, low = 0, high = Number.MAX_SAFE_INTEGER): number {
  if (!Number.isSafeInteger(asNumber(value, place, low, high))) throw wrong(place, "a whole number", value);
  return value as number;
}

export function asList<T>(
  value: unknown,
  place: string,
  item: (value: unknown, place: string) => T,
  low = 0,
  high = Infinity,
): T[] {
  if (!Array.isArray(value)) throw wrong(place, "a list", value);
  if (value.length < low || value.length > high) {
    const size = low === high ? `${low}` : high === Infinity ? `at least ${low}` : `${low} to ${high}`;
    throw new SceneError(`The scene file is broken: ${place} should have ${size} entries and has ${value.length}.`);
  }
  return value.map((entry, i) => item(entry, `${place}[${i}]`));
}

export function orNull<T>(value: unknown, place: string, item: (value: unknown, place: string) => T): T | null {
  return value === null ? null : item(value, place);
}

/** Refuses a list of times that goes back. */
export function inOrder(times: readonly number[], place: string): void {
  for (let i = 1; i < times.length; i++) {
    if ((times[i] as number) < (times[i - 1] as number)) throw wrong(`${place}[${i}]`, "not before the one ahead of it", times[i]);
  }
}
