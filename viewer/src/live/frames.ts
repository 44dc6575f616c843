// Binary messages of the server: the length of the header, the header, and a JPEG or 16-bit numbers.

import type { LogChange } from "../contract.ts";
import type { BinaryHeader, ChangeHeader } from "../protocol.gen.ts";

export interface BinaryMessage {
  header: BinaryHeader;
  payload: Uint8Array<ArrayBuffer>;
}

/** The parts of a binary message; throws an Error with one plain sentence. */
export function unpack(data: ArrayBuffer): BinaryMessage {
  const length = data.byteLength >= 4 ? new DataView(data).getUint32(0, true) : data.byteLength;
  if (4 + length > data.byteLength) throw new Error("The server sent a truncated message.");
  try {
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length))) as BinaryHeader;
    return { header, payload: new Uint8Array(data, 4 + length) };
  } catch {
    throw new Error("The server sent a message with a broken header.");
  }
}

/** Log change in rows; null when there are not as many numbers as pixels. */
export function changeOf(header: ChangeHeader, payload: Uint8Array<ArrayBuffer>): LogChange | null {
  const { width, height, scale } = header;
  if (payload.byteLength !== 2 * width * height) return null;
  const numbers = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const values = new Float32Array(width * height);
  for (let i = 0; i < values.length; i++) values[i] = numbers.getInt16(2 * i, true) * scale;
  return { width, height, values };
}
