// The keys of the page: what each does, as the help shows it and as key presses are looked up.

export type Action =
  | "frame" | "reset" | "resetUp" | "previousView" | "nextView" | "firstView" | "lastView" | "follow"
  | "play" | "stepBack" | "stepOn" | "mode1" | "mode2" | "mode3" | "mode4" | "mode5" | "wipe"
  | "darker" | "brighter" | "panes" | "cameras" | "trajectory" | "crop" | "screenshot" | "side" | "bare" | "help";

export interface Key {
  /** Place on the keyboard, as `KeyboardEvent.code`. */
  code: string;
  shift?: boolean;
  /** As it is shown. */
  label: string;
  text: string;
  action: Action;
  group: string;
}

/** Keys that the camera reads itself while they are held. */
export const HELD: readonly { label: string; text: string }[] = [
  { label: "W A S D", text: "fly forward, left, back, right" },
  { label: "E Q", text: "fly up, down" },
  { label: "Shift Alt", text: "faster, slower" },
];

export const POINTERS: readonly { label: string; text: string }[] = [
  { label: "Drag", text: "orbit around the centre; also one finger" },
  { label: "Shift + drag", text: "pan; also the right button or two fingers" },
  { label: "Ctrl + drag", text: "look around without moving" },
  { label: "Wheel", text: "zoom in and out; also a pinch" },
];

export const KEYS: readonly Key[] = [
  { code: "KeyF", label: "F", text: "show the whole scene", action: "frame", group: "Camera" },
  { code: "KeyF", shift: true, label: "Shift F", text: "reset to the first view", action: "reset", group: "Camera" },
  { code: "KeyU", label: "U", text: "level the camera", action: "resetUp", group: "Camera" },
  { code: "BracketLeft", label: "[", text: "previous camera", action: "previousView", group: "Camera" },
  { code: "BracketRight", label: "]", text: "next camera", action: "nextView", group: "Camera" },
  { code: "BracketLeft", shift: true, label: "{", text: "first camera", action: "firstView", group: "Camera" },
  { code: "BracketRight", shift: true, label: "}", text: "last camera", action: "lastView", group: "Camera" },
  { code: "KeyL", label: "L", text: "follow the trajectory", action: "follow", group: "Camera" },
  { code: "Space", label: "Space", text: "play or pause", action: "play", group: "Time" },
  { code: "Comma", label: ",", text: "back by one window", action: "stepBack", group: "Time" },
  { code: "Period", label: ".", text: "forward by one window", action: "stepOn", group: "Time" },
  { code: "Digit1", label: "1", text: "colour", action: "mode1", group: "View" },
  { code: "Digit2", label: "2", text: "depth", action: "mode2", group: "View" },
  { code: "Digit3", label: "3", text: "opacity", action: "mode3", group: "View" },
  { code: "Digit4", label: "4", text: "normals", action: "mode4", group: "View" },
  { code: "Digit5", label: "5", text: "samples", action: "mode5", group: "View" },
  { code: "KeyX", label: "X", text: "wipe between two modes", action: "wipe", group: "View" },
  { code: "Minus", label: "-", text: "darker", action: "darker", group: "View" },
  { code: "Equal", label: "=", text: "brighter", action: "brighter", group: "View" },
  { code: "KeyP", label: "P", text: "save a screenshot", action: "screenshot", group: "View" },
  { code: "KeyG", label: "G", text: "event panes", action: "panes", group: "Show" },
  { code: "KeyC", label: "C", text: "cameras", action: "cameras", group: "Show" },
  { code: "KeyT", label: "T", text: "trajectory", action: "trajectory", group: "Show" },
  { code: "KeyB", label: "B", text: "crop box", action: "crop", group: "Show" },
  { code: "KeyN", label: "N", text: "side panel", action: "side", group: "Show" },
  { code: "KeyH", label: "H", text: "hide everything but the view", action: "bare", group: "Show" },
  { code: "Slash", shift: true, label: "?", text: "this help", action: "help", group: "Show" },
];

export interface Press {
  code: string;
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

/** Signs whose place differs between keyboards. */
const SIGNS: Readonly<Record<string, Action>> = { "?": "help", "{": "firstView", "}": "lastView", "+": "brighter" };

/** What a key press asks for; null when it is none of ours. */
export function actionOf(press: Press): Action | null {
  if (press.ctrlKey || press.metaKey || press.altKey) return null;
  const signed = SIGNS[press.key];
  if (signed) return signed;
  for (const { code, shift = false, action } of KEYS) if (code === press.code && shift === press.shiftKey) return action;
  return null;
}
