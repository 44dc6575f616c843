// How coarse a picture may be while the camera moves: from measured times, never from the first ones.

const COARSEST = 0.125;
const SCALES = [1, 0.75, 0.5, 0.375, 0.25, 0.1875, COARSEST] as const;
const START = 0.5;
const FRAME_MS = 28; // for 30 pictures a second with something to spare
const WARM_UP = 4; // measurements that hold the compiling of shaders and the upload of textures
const LEAST_ROWS = 96;

export class Pace {
  private seen = 0;
  private cost: number | null = null;
  private chosen = START as number;

  /** One measurement: so many pixels took so long. */
  note(pixels: number, ms: number): void {
    this.seen += 1;
    if (this.seen <= WARM_UP || pixels <= 0) return;
    const each = ms / pixels;
    this.cost = this.cost === null ? each : this.cost + 0.3 * (each - this.cost);
  }

  /** Expected milliseconds; null while nothing is known. */
  expected(pixels: number): number | null {
    return this.cost === null ? null : this.cost * pixels;
  }

  /** Rows of `width` pixels that are drawn in about `budget` milliseconds. */
  rows(width: number, budget: number): number {
    return Math.max(4, Math.floor(budget / ((this.cost ?? 0.002) * width)));
  }

  /** The share of the full size, along each side, for a moving picture. */
  scale(width: number, height: number): number {
    const full = this.expected(width * height);
    if (full !== null) {
      const time = (s: number): number => full * s * s;
      const best = SCALES.find((s) => time(s) <= FRAME_MS) ?? COARSEST;
      // A change has to pay: else the size would flicker between two steps.
      if (best < this.chosen ? time(this.chosen) > 1.4 * FRAME_MS : time(best) < 0.8 * FRAME_MS) this.chosen = best;
    }
    return Math.min(1, Math.max(this.chosen, LEAST_ROWS / height));
  }
}
