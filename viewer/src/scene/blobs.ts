// Packed bytes to the bytes of a blob, with the sentence that says what is wrong when they do not fit.

import { SceneError } from "./check.ts";

/** Unpacks a zlib stream that must give exactly `size` bytes. */
export async function inflate(packed: Uint8Array<ArrayBuffer>, size: number, name: string): Promise<Uint8Array> {
  if (typeof DecompressionStream === "undefined") {
    throw new SceneError("This browser cannot unpack the scene. Use a browser from 2023 or later: Chrome or Edge 103, Safari 16.4, Firefox 113.");
  }
  const out = new Uint8Array(size);
  let filled = 0;
  try {
    const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (filled + value.length > size) {
        void reader.cancel().catch(() => undefined);
        throw new SceneError(`The scene file is broken: ${name} holds more than the ${size} bytes that it should.`);
      }
      out.set(value, filled);
      filled += value.length;
    }
  } catch (error) {
    if (error instanceof SceneError) throw error;
    throw new SceneError(`The scene file is broken: ${name} cannot be unpacked. Was it cut short or changed?`);
  }
  if (filled !== size) {
    throw new SceneError(`The scene file is broken: ${name} holds ${filled} bytes where it should hold ${size}.`);
  }
  return out;
}

export function fromBase64(text: string, name: string): Uint8Array<ArrayBuffer> {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    throw new SceneError(`The scene file is broken: ${name} is not base64 text. Was the file cut short?`);
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** The packed bytes at an address beside the page. */
export async function download(url: string, name: string): Promise<Uint8Array<ArrayBuffer>> {
  let answer: Response;
  try {
    answer = await fetch(url);
  } catch {
    throw new SceneError(`${name} could not be loaded: the server does not answer.`);
  }
  if (!answer.ok) throw new SceneError(`${name} could not be loaded: the server answers ${answer.status}.`);
  try {
    return new Uint8Array(await answer.arrayBuffer());
  } catch {
    throw new SceneError(`${name} could not be loaded: the connection ended early.`);
  }
}
