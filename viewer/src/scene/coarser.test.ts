import { describe, expect, it } from "vitest";
import type { Vec3 } from "../contract.ts";
import { atMost, halved } from "./coarser.ts";
import { plainBlobs, plainDocument, tinyScene } from "./scene.fixture.ts";

describe("half as many voxels", () => {
  it("have the mean opacity, and the radiance of what is opaque", () => {
    const codes = new Uint8Array(2 * 2 * 2 * 4).fill(7);
    for (let i = 0; i < 8; i++) codes[4 * i + 3] = 0;
    codes.set([200, 100, 50, 80], 0);
    codes.set([100, 0, 50, 240], 4 * 7);
    expect([...halved(codes, [2, 2, 2], 4)]).toEqual([125, 25, 50, 40]);
    expect([...halved(new Uint8Array(16).fill(9).map((v, i) => (i % 2 ? v : 0)), [2, 2, 2], 2)]).toEqual([0, 9]);
  });

  it("cover the same box when their number is odd", () => {
    const shape: Vec3 = [5, 1, 1];
    const codes = Uint8Array.from({ length: 10 }, (_, i) => (i % 2 ? 40 * (i >> 1) : 255));
    const [, left, , middle, , right] = halved(codes, shape, 2);
    expect(left).toBeLessThan(40);
    expect(middle).toBe(80);
    expect(right).toBeGreaterThan(120);
  });
});

describe("a scene for a small device", () => {
  it("is the scene itself when it is small enough", async () => {
    const scene = tinyScene();
    expect(await atMost(scene, 4)).toBe(scene);
  });

  it("keeps its world and its events, halves its voxels, and says so", async () => {
    const small = await atMost(tinyScene(), 2);
    const volume = small.document.volume;
    expect([volume?.shape, volume?.step, volume?.occupancy.shape]).toEqual([[2, 2, 1], 1, [1, 1, 1]]);
    expect(small.document.world).toEqual(plainDocument().world);
    expect((await small.blob("volume-0.bin")).length).toBe(2 * 2 * 1 * 2);
    expect([...(await small.blob("occupancy.bin"))]).toEqual([1]);
    expect(await small.blob("events-0.bin")).toEqual(plainBlobs()["events-0.bin"]);
    expect(small.document.notes.at(-1)).toMatch(/2 x 2 x 1 voxels of the file's 4 x 3 x 2/);
    expect((await atMost(tinyScene(), 1)).document.volume?.shape).toEqual([1, 1, 1]);
  });
});
