// What every part of the interface is given to work with.

import type { Pinhole, SceneDocument, Session } from "../contract.ts";
import type { Controls } from "../camera/controls.ts";
import type { Action } from "./keys.ts";
import type { Notices } from "./notices.ts";
import type { Picture } from "./picture.ts";
import type { Store } from "./state.ts";

export interface Desk {
  session: Session;
  document: SceneDocument;
  store: Store;
  controls: Controls;
  picture: Picture;
  notices: Notices;
  act(action: Action): void;
  /** Glides to a camera of the scene's list. */
  goToView(index: number): void;
}

/** The vertical field of view with which a picture of this aspect holds all that the camera sees. */
export function coveringFov(camera: Pinhole, aspect: number): number {
  const half = Math.max(camera.height / 2 / camera.fy, camera.width / 2 / camera.fx / Math.max(1e-3, aspect));
  return Math.min(2.8, 2 * Math.atan(half));
}
