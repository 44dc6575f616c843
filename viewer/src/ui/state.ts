// What the page shows, in one place: parts read it, change it, and are told what changed.

import type { Box, Mode, SceneDocument, Tone, View } from "../contract.ts";
import { channelsOf } from "../scene/background.ts";

export type EventPalette = "dark" | "grey" | "white";
export type ThirdPane = "residual" | "picture";

export interface State {
  mode: Mode;
  wipe: View["wipe"];
  crop: Box | null;
  /** Whether the crop box has handles on the picture. */
  cropHandles: boolean;
  /** Without the exposure. */
  tone: Tone;
  /** Stops that are added to the tone. */
  exposure: number;
  /** Sensor time, seconds since the origin. */
  tS: number;
  playing: boolean;
  /** Seconds of the recording for each second of the clock. */
  speed: number;
  following: boolean;
  window: { kind: "span" | "count"; spanS: number; count: number };
  /** Start of the window that ends at `tS`. */
  windowStartS: number;
  panes: boolean;
  third: ThirdPane;
  palette: EventPalette;
  /** Pixels that an event grows by on each side; -1 chooses by how sparse they are. */
  dilation: number;
  cameras: boolean;
  trajectory: boolean;
  /** Size of a frustum as a share of the scene's radius. */
  frustum: number;
  selected: number;
  side: boolean;
  bare: boolean;
  theme: "system" | "light" | "dark";
}

type Key = keyof State;

export class Store {
  private readonly listeners: { keys: readonly Key[]; call: (state: State) => void }[] = [];

  constructor(private now: State) {}

  get state(): Readonly<State> {
    return this.now;
  }

  set(patch: Partial<State>): void {
    const changed = (Object.keys(patch) as Key[]).filter((key) => this.now[key] !== patch[key]);
    if (changed.length === 0) return;
    this.now = { ...this.now, ...patch };
    for (const { keys, call } of this.listeners) if (keys.some((key) => changed.includes(key))) call(this.now);
  }

  /** Calls back after one of these changed, and once now. */
  on(keys: readonly Key[], call: (state: State) => void): void {
    this.listeners.push({ keys, call });
    call(this.now);
  }
}

/** The same number for each channel, or the list that was given. */
export function perChannel(value: number | readonly number[], channels: number): number[] {
  const list = typeof value === "number" ? [value] : value;
  return Array.from({ length: channels }, (_, i) => list[i] ?? list[0] ?? 0);
}

/** Whether pictures depend on the time: a live field says so, a baked one has several keyframes. */
export function isDynamic({ volume, moves_s }: SceneDocument): boolean {
  return volume === null ? moves_s !== undefined : volume.keyframes.length > 1;
}

export function startingState(document: SceneDocument, tS: number, small: boolean): State {
  const channels = channelsOf(document);
  const { mode, offset, scale, gamma } = document.tone;
  const [start, end] = document.time_range_s;
  const spanS = Math.min(0.02, Math.max(1e-4, (end - start) / 20));
  return {
    mode: "colour", wipe: null, crop: null, cropHandles: true,
    tone: { mode, offset: perChannel(offset, channels), scale: perChannel(scale, channels), gamma }, exposure: 0,
    tS, playing: false, speed: 0.1, following: false,
    window: { kind: "span", spanS, count: 5000 }, windowStartS: tS - spanS,
    panes: !small && document.events !== null, third: "residual", palette: "dark", dilation: -1,
    cameras: false, trajectory: false, frustum: 0.08, selected: -1,
    side: !small, bare: false, theme: "system",
  };
}
