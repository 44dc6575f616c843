// Empty space of the volume: how many blocks a ray may pass before it can meet density again.

/**
 * From 0/1 per block to the distance in blocks (king's moves) to the nearest occupied one, at most 255; 0 in occupied ones.
 * Around a block of distance d, all blocks less than d away are empty, so one jump passes 2 d - 1 blocks: this serves as the
 * coarser levels of an occupancy pyramid. Two sweeps are exact for king's moves.
 */
export function emptyDistance(occupied: Uint8Array, shape: readonly [number, number, number]): Uint8Array {
  const [nx, ny, nz] = shape;
  const distance = Uint8Array.from(occupied, (o) => (o ? 0 : 255));
  const sweep = (sign: 1 | -1): void => {
    for (let n = 0; n < distance.length; n++) {
      const i = sign > 0 ? n : distance.length - 1 - n;
      const x = i % nx;
      const y = Math.floor(i / nx) % ny;
      const z = Math.floor(i / (nx * ny));
      let least = distance[i] as number;
      for (let dz = -1; dz <= 1; dz++) {
        for (let dy = -1; dy <= 1; dy++) {
          for (let dx = -1; dx <= 1; dx++) {
            const offset = dx + nx * (dy + ny * dz);
            if (offset * sign >= 0) continue; // only what this sweep has been at
            const [ax, ay, az] = [x + dx, y + dy, z + dz];
            if (ax < 0 || ay < 0 || az < 0 || ax >= nx || ay >= ny || az >= nz) continue;
            least = Math.min(least, (distance[i + offset] as number) + 1);
          }
        }
      }
      distance[i] = least;
    }
  };
  sweep(1);
  sweep(-1);
  return distance;
}

/** 0/1 per block from the codes of one keyframe, with the one-voxel apron that trilinear sampling reaches. */
export function occupiedBlocks(
  codes: Uint8Array,
  shape: readonly [number, number, number],
  channels: "mono" | "rgb",
  block: number,
): { shape: [number, number, number]; occupied: Uint8Array } {
  const [nx, ny, nz] = shape;
  const stride = channels === "mono" ? 2 : 4;
  const offset = channels === "mono" ? 0 : 3;
  const blocks = shape.map((n) => Math.ceil(n / block)) as [number, number, number];
  const occupied = new Uint8Array(blocks[0] * blocks[1] * blocks[2]);
  const span = (i: number, n: number): [number, number] => [Math.max(0, Math.floor((i - 1) / block)), Math.min(n - 1, Math.floor((i + 1) / block))];
  for (let z = 0, i = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, i++) {
        if (codes[i * stride + offset] === 0) continue;
        const [x0, x1] = span(x, blocks[0]);
        const [y0, y1] = span(y, blocks[1]);
        const [z0, z1] = span(z, blocks[2]);
        for (let c = z0; c <= z1; c++)
          for (let b = y0; b <= y1; b++) for (let a = x0; a <= x1; a++) occupied[a + blocks[0] * (b + blocks[1] * c)] = 1;
      }
    }
  }
  return { shape: blocks, occupied };
}
