// Readers of parsed JSON: each returns the value in its type or throws one plain sentence that names the place. The readers
// of whole documents are made of them in document.gen.ts; marks have the names of efields/wire/marks.py.

/** What is wrong with a scene, in a sentence that is shown as it is. */
export class SceneError extends Error {}

/** Reads a value; its place is empty for a whole document. */
export type Reader<T> = (value: unknown, place: string) => T;

interface Range {
  least?: number;
  most?: number;
  above?: number;
  below?: number;
}

function shown(value: unknown): string {
  if (value === undefined) return "is missing";
  const text = JSON.stringify(value);
  return `is ${text.length > 40 ? `${text.slice(0, 37)}...` : text}`;
}

export function wrong(place: string, expected: string, value: unknown): SceneError {
  return new SceneError(`The scene file is broken: ${place || "the document"} should be ${expected} but ${shown(value)}.`);
}

export const anyRecord: Reader<Record<string, unknown>> = (value, place) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(place, "an object", value);
  return value as Record<string, unknown>;
};

/** An object with a reader for every key; other keys are passed over. */
export function record<T extends object>(readers: { [K in keyof T]-?: Reader<T[K]> }): Reader<T> {
  return (value, place) => {
    const table = anyRecord(value, place);
    const found: Partial<T> = {};
    for (const key of Object.keys(readers) as (keyof T & string)[]) {
      const part = readers[key](table[key], place === "" ? key : `${place}.${key}`);
      if (part !== undefined) found[key] = part;
    }
    return found as T;
  };
}

/** One of several objects, told apart by their `kind`. */
export function byKind<T>(readers: Record<string, Reader<T>>): Reader<T> {
  const known = oneOf(...Object.keys(readers));
  return (value, place) => {
    const kind = known(anyRecord(value, place).kind, `${place}.kind`);
    return (readers[kind] as Reader<T>)(value, place);
  };
}

export const text: Reader<string> = (value, place) => {
  if (typeof value !== "string") throw wrong(place, "a text", value);
  return value;
};

export const flag: Reader<boolean> = (value, place) => {
  if (typeof value !== "boolean") throw wrong(place, "true or false", value);
  return value;
};

export function oneOf<T extends string>(...choices: readonly T[]): Reader<T> {
  return (value, place) => {
    if (!choices.includes(value as T)) throw wrong(place, choices.map((c) => `"${c}"`).join(" or "), value);
    return value as T;
  };
}

export function number({ least = -Infinity, most = Infinity, above = -Infinity, below = Infinity }: Range = {}): Reader<number> {
  return (value, place) => {
    if (typeof value !== "number" || !Number.isFinite(value)) throw wrong(place, "a finite number", value);
    if (value < least || value > most) throw wrong(place, most === Infinity ? `at least ${least}` : `between ${least} and ${most}`, value);
    if (value <= above) throw wrong(place, `above ${above}`, value);
    if (value >= below) throw wrong(place, `below ${below}`, value);
    return value;
  };
}

export function whole(range: Range = {}): Reader<number> {
  const any = number(range);
  return (value, place) => {
    if (!Number.isSafeInteger(any(value, place))) throw wrong(place, "a whole number", value);
    return value as number;
  };
}

export function list<T>(item: Reader<T>, least = 0, most = Infinity): Reader<readonly T[]> {
  return (value, place) => {
    if (!Array.isArray(value)) throw wrong(place, "a list", value);
    if (value.length < least || value.length > most) throw counted(place, least, most, value.length);
    return value.map((entry, i) => item(entry, `${place}[${i}]`));
  };
}

/** A list with a reader for each of its entries. */
export function tuple<T extends readonly unknown[]>(...items: { [K in keyof T]: Reader<T[K]> }): Reader<Readonly<T>> {
  return (value, place) => {
    if (!Array.isArray(value)) throw wrong(place, "a list", value);
    if (value.length !== items.length) throw counted(place, items.length, items.length, value.length);
    return items.map((item: Reader<unknown>, i) => item(value[i], `${place}[${i}]`)) as unknown as T;
  };
}

/** A list that has as many entries as it should. */
export function sameLength(values: readonly unknown[], count: number, place: string): void {
  if (values.length !== count) throw counted(place, count, count, values.length);
}

function counted(place: string, least: number, most: number, count: number): SceneError {
  const size = least === most ? `${least}` : most === Infinity ? `at least ${least}` : `${least} to ${most}`;
  return new SceneError(`The scene file is broken: ${place} should have ${size} entries and has ${count}.`);
}

/** A list, or what else the value may be. */
export function listOr<T, U>(items: Reader<T>, other: Reader<U>): Reader<T | U> {
  return (value, place) => (Array.isArray(value) ? items(value, place) : other(value, place));
}

export function nullable<T>(item: Reader<T>): Reader<T | null> {
  return (value, place) => (value === null ? null : item(value, place));
}

/** Undefined where the key is absent. */
export function optional<T>(item: Reader<T>): Reader<T | undefined> {
  return (value, place) => (value === undefined ? undefined : item(value, place));
}

/** What old documents mean, which do not have the key. */
export function otherwise<T>(item: Reader<T>, absent: T): Reader<T> {
  return (value, place) => (value === undefined ? absent : item(value, place));
}

/** Refuses a list of times that goes back. */
export function inOrder<T extends readonly number[]>(item: Reader<T>): Reader<T> {
  return (value, place) => {
    const times = item(value, place);
    times.forEach((t, i) => {
      if (i > 0 && t < (times[i - 1] as number)) throw wrong(`${place}[${i}]`, "not before the one ahead of it", t);
    });
    return times;
  };
}

export function unitLength<T extends readonly number[]>(item: Reader<T>, within: number): Reader<T> {
  return (value, place) => {
    const v = item(value, place);
    if (Math.abs(Math.hypot(...v) - 1) > within) throw wrong(place, v.length === 4 ? "a unit quaternion" : "of length 1", value);
    return v;
  };
}

export function corners<T extends readonly [readonly number[], readonly number[]]>(item: Reader<T>): Reader<T> {
  return (value, place) => {
    const box = item(value, place);
    if (box[0].some((x, i) => x >= (box[1][i] as number))) throw wrong(place, "a low corner below a high corner", value);
    return box;
  };
}

export function perChannel<T extends readonly number[]>(item: Reader<T>): Reader<T> {
  return (value, place) => {
    const numbers = item(value, place);
    if (numbers.length !== 1 && numbers.length !== 3) throw wrong(place, "1 or 3 numbers", value);
    return numbers;
  };
}

/** No path leads out of a folder by it. */
export function blobName(item: Reader<string>): Reader<string> {
  return (value, place) => {
    const name = item(value, place);
    if (!/^[\w-][\w.-]*\.bin$/.test(name)) throw wrong(place, "a plain file name that ends in .bin", value);
    return name;
  };
}
