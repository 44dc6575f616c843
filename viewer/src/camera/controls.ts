// Moving the camera by mouse, touch and keys: orbit, pan, zoom, fly; calm, without inertia, head up.

import type { Pose, Vec3 } from "../contract.ts";
import { PointerGestures } from "./gestures.ts";
import { flightOf, isTyping } from "./keys.ts";
import { clamp, unit } from "./math.ts";
import { ahead, moved, orbited, pivotDistance, unrolled } from "./orbit.ts";
import { between, forwardOf, framing, level } from "./pose.ts";

export interface ControlsOptions {
  world: { up: Vec3; center: Vec3; radius: number };
  pose: Pose;
  /** Radians. */
  fovY: number;
}

const FLIGHT_MS = 250;
const STILL_MS = 150;
const UNROLL = 0.12; // share of a roll that each movement of the mouse takes away

export class Controls {
  /** Called when the view changed; `moving` is false once it has come to rest. */
  onChange: (moving: boolean) => void = () => undefined;
  /** Called when the user takes the camera away from a trajectory that it follows. */
  onReleased: () => void = () => undefined;
  /** World units a second of flying. */
  speed: number;
  private pose_: Pose;
  private fovY_: number;
  private home: { pose: Pose; fovY: number };
  private distance: number;
  private following = false;
  private readonly held = new Set<string>();
  private flight: { from: Pose; to: Pose; fromFov: number; toFov: number; start: number } | null = null;
  private tick = 0;
  private last = 0;
  private stillTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly stop = new AbortController();

  constructor(private readonly element: HTMLElement, private readonly options: ControlsOptions) {
    this.pose_ = options.pose;
    this.fovY_ = options.fovY;
    this.home = { pose: options.pose, fovY: options.fovY };
    this.speed = 0.5 * options.world.radius;
    this.distance = this.distanceOf(options.pose);
    element.style.touchAction = "none";
    const { signal } = this.stop;
    // oxlint-disable-next-line no-new -- it listens until the signal ends it
    new PointerGestures(element, signal, {
      orbit: (dx, dy) => this.orbit(dx, dy),
      look: (dx, dy) => this.look(dx, dy),
      pan: (dx, dy) => this.pan(dx, dy),
      zoom: (factor) => this.zoom(factor),
    });
    window.addEventListener("keydown", (e) => this.keyDown(e), { signal });
    window.addEventListener("keyup", (e) => this.held.delete(e.code), { signal });
    window.addEventListener("blur", () => this.held.clear(), { signal });
  }

  get pose(): Pose {
    return this.pose_;
  }

  get fovY(): number {
    return this.fovY_;
  }

  /** The point that the camera turns about. */
  get pivot(): Vec3 {
    return ahead(this.pose_, this.distance);
  }

  get follows(): boolean {
    return this.following;
  }

  /** The pose as it is given, at once (a link, a path, a trajectory). */
  setPose(pose: Pose, fovY = this.fovY_, moving = false): void {
    this.flight = null;
    this.place(pose, fovY, moving);
    this.distance = this.distanceOf(pose);
  }

  setFovY(fovY: number): void {
    this.place(this.pose_, clamp(fovY, 0.02, 2.9), true);
  }

  /** Where `reset` returns to. */
  setHome(pose: Pose, fovY: number): void {
    this.home = { pose, fovY };
  }

  /** Glides to a pose in a quarter of a second; at once where the system asks for less motion. */
  goTo(pose: Pose, fovY = this.fovY_): void {
    this.release();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.setPose(pose, fovY);
      return;
    }
    this.flight = { from: this.pose_, to: pose, fromFov: this.fovY_, toFov: fovY, start: performance.now() };
    this.run();
  }

  /** The whole scene, from the side that is seen now. */
  frame(): void {
    const { center, radius, up } = this.options.world;
    const aspect = this.element.clientWidth / Math.max(1, this.element.clientHeight);
    this.goTo(framing(center, radius, forwardOf(this.pose_), up, this.fovY_, aspect));
  }

  /** Back to the view that the page started with. */
  reset(): void {
    this.goTo(this.home.pose, this.home.fovY);
  }

  /** Head up again. */
  resetUp(): void {
    this.goTo(level(this.pose_, this.options.world.up));
  }

  /** While following, the owner sets the pose at each time; the first movement of the user ends it. */
  setFollowing(on: boolean): void {
    this.following = on;
    if (on) this.flight = null;
  }

  orbit(dx: number, dy: number): void {
    const scale = Math.PI / Math.max(300, Math.min(this.element.clientWidth, this.element.clientHeight));
    const { up } = this.options.world;
    this.take();
    const level_ = unrolled(this.pose_, up, UNROLL);
    this.place(orbited(level_, ahead(level_, this.distance), up, -dx * scale, -dy * scale));
  }

  look(dx: number, dy: number): void {
    const scale = this.fovY_ / Math.max(1, this.element.clientHeight);
    const { up } = this.options.world;
    this.take();
    const level_ = unrolled(this.pose_, up, UNROLL);
    this.place(orbited(level_, level_.position, up, dx * scale, dy * scale));
  }

  pan(dx: number, dy: number): void {
    const scale = (2 * this.distance * Math.tan(this.fovY_ / 2)) / Math.max(1, this.element.clientHeight);
    this.take();
    this.place(moved(this.pose_, -dx * scale, -dy * scale, 0));
  }

  /** Nearer (factor below 1) to the pivot or away from it. */
  zoom(factor: number): void {
    const { radius } = this.options.world;
    const wanted = clamp(this.distance * factor, 0.01 * radius, 30 * radius);
    this.take();
    const before = this.distance;
    this.distance = wanted;
    this.place(moved(this.pose_, 0, 0, before - wanted));
  }

  dispose(): void {
    this.stop.abort();
    clearTimeout(this.stillTimer);
    cancelAnimationFrame(this.tick);
    this.tick = 0;
    this.flight = null;
    this.held.clear();
  }

  private distanceOf(pose: Pose): number {
    return pivotDistance(pose, this.options.world.center, this.options.world.radius);
  }

  private take(): void {
    this.flight = null;
    this.release();
  }

  private release(): void {
    if (!this.following) return;
    this.following = false;
    this.onReleased();
  }

  private place(pose: Pose, fovY = this.fovY_, moving = true): void {
    this.pose_ = pose;
    this.fovY_ = fovY;
    clearTimeout(this.stillTimer);
    if (moving) this.stillTimer = setTimeout(() => this.onChange(false), STILL_MS);
    this.onChange(moving);
  }

  private keyDown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || isTyping(event.target)) return;
    this.held.add(event.code);
    if (flightOf(this.held)) {
      if (event.altKey) event.preventDefault(); // else Alt opens the browser's menu
      this.run();
    }
  }

  private run(): void {
    if (this.tick) return;
    this.last = performance.now();
    this.tick = requestAnimationFrame((now) => this.step(now));
  }

  private step(now: number): void {
    this.tick = 0;
    const seconds = clamp((now - this.last) / 1000, 0, 0.1);
    this.last = now;
    const keys = flightOf(this.held);
    if (keys) {
      this.take();
      const step = this.speed * keys.speed * seconds;
      const level_ = unrolled(this.pose_, unit(this.options.world.up), UNROLL / 4);
      this.place(moved(level_, keys.right * step, keys.down * step, keys.forward * step));
    }
    if (this.flight) {
      const { from, to, fromFov, toFov, start } = this.flight;
      const f = clamp((now - start) / FLIGHT_MS, 0, 1);
      const eased = f * f * (3 - 2 * f);
      if (f >= 1) {
        this.setPose(to, toFov);
      } else {
        this.pose_ = between(from, to, eased);
        this.fovY_ = fromFov + eased * (toFov - fromFov);
        this.onChange(true);
      }
    }
    if (keys || this.flight) this.tick = requestAnimationFrame((next) => this.step(next));
  }
}
