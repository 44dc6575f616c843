// Pointers and the wheel as gestures: one finger or the left button orbits, two fingers pan and pinch.

export interface GestureTargets {
  orbit(dx: number, dy: number): void;
  look(dx: number, dy: number): void;
  pan(dx: number, dy: number): void;
  /** Below 1: nearer. */
  zoom(factor: number): void;
}

interface Point {
  x: number;
  y: number;
}

export class PointerGestures {
  private readonly down = new Map<number, Point>();
  private button = 0;

  constructor(private readonly element: HTMLElement, signal: AbortSignal, private readonly targets: GestureTargets) {
    element.addEventListener("pointerdown", (e) => this.start(e), { signal });
    element.addEventListener("pointermove", (e) => this.move(e), { signal });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"] as const) {
      element.addEventListener(end, (e) => this.down.delete(e.pointerId), { signal });
    }
    element.addEventListener("wheel", (e) => this.wheel(e), { signal, passive: false });
    element.addEventListener("contextmenu", (e) => e.preventDefault(), { signal }); // the right button pans
  }

  private start(event: PointerEvent): void {
    if (event.pointerType === "mouse" && this.down.size > 0) return;
    this.button = event.button;
    this.down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    try {
      this.element.setPointerCapture(event.pointerId);
    } catch {
      // the pointer is gone already
    }
  }

  private move(event: PointerEvent): void {
    const before = this.down.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    if (dx === 0 && dy === 0) return;
    if (this.down.size >= 2) {
      this.two(event.pointerId, before, now);
    } else if (this.button === 1 || this.button === 2 || event.shiftKey) {
      this.targets.pan(dx, dy);
    } else if (event.ctrlKey || event.metaKey || event.altKey) {
      this.targets.look(dx, dy);
    } else {
      this.targets.orbit(dx, dy);
    }
    this.down.set(event.pointerId, now);
  }

  /** Two fingers: their middle pans, their distance zooms. */
  private two(moved: number, before: Point, now: Point): void {
    const fingers = [...this.down.keys()].slice(0, 2);
    if (!fingers.includes(moved)) return;
    const other = this.down.get(fingers.find((id) => id !== moved) as number) as Point;
    this.targets.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    const spread = (p: Point): number => Math.max(20, Math.hypot(p.x - other.x, p.y - other.y));
    const factor = spread(before) / spread(now);
    if (factor !== 1) this.targets.zoom(factor);
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    const delta = Math.max(-200, Math.min(200, event.deltaY * lines));
    // A pinch on a trackpad comes as a wheel with Ctrl and small steps.
    this.targets.zoom(Math.exp(delta * (event.ctrlKey ? 0.01 : 0.0015)));
  }
}
