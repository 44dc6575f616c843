// Writes a WebM file with one video track out of encoded frames (Matroska subset, RFC 9559 and the WebM guidelines).
// Ours because the small packages for it are no longer kept or not under a permissive licence.

export interface EncodedFrame {
  data: Uint8Array;
  /** Milliseconds since the start. */
  ms: number;
  key: boolean;
}

export interface Track {
  codec: "V_VP8" | "V_VP9" | "V_AV1";
  width: number;
  height: number;
  fps: number;
  /** Codec private data, where the encoder gave some. */
  description?: Uint8Array;
}

type Part = number[] | Uint8Array;

const CLUSTER_MS = 5000; // block times are 16 bits within their cluster

function bytesOf(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor(value / 2 ** (8 * (count - 1 - i))) % 256);
}

/** An unsigned number in as few bytes as it needs. */
function unsigned(value: number): number[] {
  let count = 1;
  while (value >= 2 ** (8 * count)) count += 1;
  return bytesOf(value, count);
}

function float64(value: number): number[] {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return [...bytes];
}

const ascii = (text: string): number[] => Array.from(text, (c) => c.charCodeAt(0));

/** A size of an element in 8 bytes. */
const size8 = (value: number): number[] => [0x01, ...bytesOf(value, 7)];

const lengthOf = (parts: readonly Part[]): number => parts.reduce((n, p) => n + p.length, 0);

/** An element: its id, its size, its content. */
function element(id: number, ...content: Part[]): Part[] {
  return [unsigned(id), size8(lengthOf(content)), ...content];
}

const flat = (...elements: Part[][]): Part[] => elements.flat();

function header(): Part[] {
  return element(0x1a45dfa3, ...flat(
    element(0x4286, [1]), element(0x42f7, [1]), element(0x42f2, [4]), element(0x42f3, [8]),
    element(0x4282, ascii("webm")), element(0x4287, [4]), element(0x4285, [2]),
  ));
}

function info(durationMs: number): Part[] {
  return element(0x1549a966, ...flat(
    element(0x2ad7b1, unsigned(1_000_000)), // a tick is a millisecond
    element(0x4489, float64(durationMs)), element(0x4d80, ascii("efields")), element(0x5741, ascii("efields")),
  ));
}

function tracks({ codec, width, height, fps, description }: Track): Part[] {
  return element(0x1654ae6b, ...element(0xae, ...flat(
    element(0xd7, [1]), element(0x73c5, [1]), element(0x83, [1]), element(0x9c, [0]), element(0x86, ascii(codec)),
    description ? element(0x63a2, description) : [],
    element(0x23e383, unsigned(Math.round(1e9 / fps))),
    element(0xe0, ...flat(element(0xb0, unsigned(width)), element(0xba, unsigned(height)))),
  )));
}

function block(frame: EncodedFrame, clusterMs: number): Part[] {
  return element(0xa3, [0x81, ...bytesOf(frame.ms - clusterMs, 2), frame.key ? 0x80 : 0], frame.data);
}

/** Frames in groups that start with a key frame, so that a player can jump to each. */
function clusters(frames: readonly EncodedFrame[]): EncodedFrame[][] {
  const groups: EncodedFrame[][] = [];
  for (const frame of frames) {
    const group = groups[groups.length - 1];
    const start = group?.[0]?.ms ?? 0;
    if (!group || (frame.key && frame.ms > start) || frame.ms - start > CLUSTER_MS) groups.push([frame]);
    else group.push(frame);
  }
  return groups;
}

/** The whole file. */
export function webm(track: Track, frames: readonly EncodedFrame[]): Uint8Array<ArrayBuffer> {
  const whole = frames.map((f) => ({ ...f, ms: Math.round(f.ms) }));
  const last = whole[whole.length - 1];
  const about = flat(info((last?.ms ?? 0) + 1000 / track.fps), tracks(track));
  const body: Part[] = [...about];
  const cues: Part[] = [];
  for (const group of clusters(whole)) {
    const start = (group[0] as EncodedFrame).ms;
    cues.push(...element(0xbb, ...flat(element(0xb3, unsigned(start)), element(0xb7, ...flat(element(0xf7, [1]), element(0xf1, unsigned(lengthOf(body))))))));
    body.push(...element(0x1f43b675, ...flat(element(0xe7, unsigned(start)), ...group.map((f) => block(f, start)))));
  }
  body.push(...element(0x1c53bb6b, ...cues));
  const parts = [...header(), ...element(0x18538067, ...body)];
  const file = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}
