// What stands behind the field: one colour, or a map of all directions.

import type { BackgroundMap, SceneDocument } from "./document.gen.ts";

type Background = SceneDocument["background"];

export function isMap(background: Background): background is BackgroundMap {
  return !Array.isArray(background);
}

/** Channels of its radiance. */
export const channelsOf = ({ background }: Pick<SceneDocument, "background">): number => (isMap(background) ? background.channels : background.length);
