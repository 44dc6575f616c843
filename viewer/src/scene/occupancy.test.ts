import { describe, expect, it } from "vitest";
import { emptyDistance, occupiedBlocks } from "./occupancy.ts";

describe("empty space", () => {
  it("has the distance of king's moves to the nearest occupied block", () => {
    const shape = [5, 4, 6] as const;
    const occupied = new Uint8Array(5 * 4 * 6);
    const full: [number, number, number][] = [[0, 3, 2], [4, 0, 5]];
    for (const [x, y, z] of full) occupied[x + 5 * (y + 4 * z)] = 1;
    const distance = emptyDistance(occupied, shape);
    for (let z = 0; z < 6; z++)
      for (let y = 0; y < 4; y++)
        for (let x = 0; x < 5; x++) {
          const least = Math.min(...full.map(([a, b, c]) => Math.max(Math.abs(a - x), Math.abs(b - y), Math.abs(c - z))));
          expect(distance[x + 5 * (y + 4 * z)]).toBe(least);
        }
    expect([...emptyDistance(new Uint8Array(3), [3, 1, 1])]).toEqual([255, 255, 255]);
  });

  it("ends one voxel before density", () => {
    const codes = new Uint8Array(8 * 4 * 4 * 2);
    codes[2 * (4 + 8 * (1 + 4 * 1))] = 9; // voxel (4, 1, 1): the first of block 1, so block 0 can touch it
    const { shape, occupied } = occupiedBlocks(codes, [8, 4, 4], "mono", 4);
    expect(shape).toEqual([2, 1, 1]);
    expect([...occupied]).toEqual([1, 1]);
    codes.fill(0);
    codes[2 * (6 + 8 * (1 + 4 * 1))] = 9;
    expect([...occupiedBlocks(codes, [8, 4, 4], "mono", 4).occupied]).toEqual([0, 1]);
  });
});
