// Binary messages, what is sent for a view, back-off, training that is told twice.

import { describe, expect, it } from "vitest";
import type { TrainingMetrics, View } from "../contract.ts";
import type { ClientMessage } from "../protocol.gen.ts";
import { changeOf, unpack } from "./frames.ts";
import { percentilesOf, servedSize, servedTone, viewMessage } from "./messages.ts";
import { autoTone } from "../ui/tone.ts";
import { beside, waitBefore } from "./socket.ts";
import { LiveTraining } from "./training.ts";

function packed(header: object, payload: Uint8Array): ArrayBuffer {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const out = new Uint8Array(4 + text.length + payload.length);
  new DataView(out.buffer).setUint32(0, text.length, true);
  out.set(text, 4);
  out.set(payload, 4 + text.length);
  return out.buffer;
}

const VIEW: View = {
  pose: { position: [1, 2, 3], quaternion: [0, 0, 0, 2] },
  fovY: 0.7, width: 640.4, height: 0, tS: null, mode: "colour", wipe: { mode: "depth", at: 1.5 }, crop: null,
  tone: { mode: "fixed", offset: [-1], scale: [1], gamma: 2.2 },
};

describe("binary messages", () => {
  it("have a header and a payload, at any alignment", () => {
    const numbers = new Uint8Array(new Int16Array([4096, -2048, 0, 1]).buffer);
    for (const pad of ["", "x", "xy", "xyz"]) {
      const { header, payload } = unpack(packed({ type: "change", id: 3, width: 2, height: 2, scale: 1 / 4096, pad }, numbers));
      expect(header).toMatchObject({ type: "change", id: 3 });
      if (header.type !== "change") throw new Error();
      expect([...(changeOf(header, payload)?.values ?? [])]).toEqual([1, -0.5, 0, Math.fround(1 / 4096)]);
      expect(changeOf({ ...header, width: 3 }, payload)).toBeNull();
    }
  });
  it("that are broken are told in a sentence", () => {
    expect(() => unpack(new ArrayBuffer(2))).toThrow(/truncated/);
    expect(() => unpack(packed({}, new Uint8Array()).slice(0, 5))).toThrow(/truncated/);
    const broken = packed({ a: 1 }, new Uint8Array());
    new Uint8Array(broken)[4] = 0;
    expect(() => unpack(broken)).toThrow(/broken header/);
  });
});

describe("what a view becomes", () => {
  it("is what the server takes", () => {
    const message = viewMessage(7, VIEW, true, [0]);
    expect(message).toMatchObject({ id: 7, width: 640, height: 16, quaternion: [0, 0, 0, 1], wipe: { at: 1 }, moving: true });
  });
  it("keeps the shape of a picture that is too large", () => {
    expect(servedSize(8192, 4096)).toEqual({ width: 4096, height: 2048 });
    expect(servedSize(512, 384)).toEqual({ width: 512, height: 384 });
  });
  it("tells the interface the numbers that the server chose", () => {
    for (const [offset, scale] of [[-0.7, 1], [1.2, 0.4]] as const) {
      const tone = autoTone(percentilesOf([offset, scale], 3), 2.2);
      expect(tone.offset[2]).toBeCloseTo(offset, 9);
      expect(tone.scale[0]).toBeCloseTo(scale, 9);
    }
  });
  it("carries the exposure of automatic brightness, else its numbers", () => {
    const tone = { mode: "auto", offset: [-1.5], scale: [1], gamma: 2 } as const;
    expect(servedTone(tone, [-2])).toEqual({ mode: "auto", offset: [0.5], scale: [1], gamma: 2 });
    expect(servedTone({ ...tone, mode: "fixed" }, [-2]).offset).toEqual([-1.5]);
  });
});

it("waits longer after each failure, but not for ever", () => {
  expect([0, 1, 2, 10].map(waitBefore)).toEqual([250, 500, 1000, 5000]);
});

it("takes the token of the page along", () => {
  expect(beside("./ws", "http://127.0.0.1:7007/?token=a%2Fb&x=1#state").href).toBe("http://127.0.0.1:7007/ws?token=a%2Fb");
  expect(beside("./blob/e.bin", "http://h/p/").href).toBe("http://h/p/blob/e.bin");
});

describe("training", () => {
  const metrics = (step: number, paused = false): TrainingMetrics => ({
    step, steps: 10, loss: 1, terms: {}, psnr_heldout: null, seconds: 1, paused, overhead_share: 0,
  });
  it("keeps what came before somebody listens, and passes nothing on twice", () => {
    const sent: ClientMessage[] = [];
    const training = new LiveTraining((message) => sent.push(message));
    training.take(metrics(1));
    training.take(metrics(2));
    const got: number[] = [];
    training.onMetrics = (m) => got.push(m.step);
    for (const m of [metrics(1), metrics(2), metrics(3), metrics(3, true), metrics(3, true)]) training.take(m);
    expect(got).toEqual([1, 2, 3, 3]);
    training.setPaused(true);
    expect(sent).toEqual([{ type: "training", action: "pause" }]);
  });
});
