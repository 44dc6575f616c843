// The scene of this page: inside of the page (one file) or beside it (a folder over http).

import type { Scene, SceneDocument } from "../contract.ts";
import { download, fromBase64, inflate } from "./blobs.ts";
import { SceneError } from "./check.ts";
import { blobSizes, validateScene } from "./validate.ts";

export type PageMode = "embedded" | "live" | "folder";

export const FOLDER_HINT =
  "This page was exported as a folder and must be served: run `python -m http.server` in it, " +
  "or export one file with `efields export RUN --html`.";

/** What the page was made for: an exporter or the server left a mark in it. */
export function pageMode(page: Document = document): PageMode {
  if (page.getElementById("efields-scene")) return "embedded";
  const mark = page.querySelector('meta[name="efields-mode"]');
  return mark?.getAttribute("content") === "live" ? "live" : "folder";
}

/** A scene whose packed blobs come from `packed`; every blob is checked against the length that the document gives it. */
export function sceneOf(document: SceneDocument, packed: (name: string) => Promise<Uint8Array<ArrayBuffer>>): Scene {
  const sizes = blobSizes(document);
  return {
    document,
    async blob(name) {
      const size = sizes.get(name);
      if (size === undefined) throw new SceneError(`The scene file is broken: it does not name a blob ${name}.`);
      return inflate(await packed(name), size, name);
    },
  };
}

export function parseDocument(text: string): SceneDocument {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SceneError("The scene file is broken: scene.json is not valid JSON. Was it cut short?");
  }
  return validateScene(value);
}

export function embeddedScene(page: Document = document): Scene {
  const document_ = parseDocument(page.getElementById("efields-scene")?.textContent ?? "");
  return sceneOf(document_, async (name) => {
    const element = page.querySelector(`script[data-blob="${name}"]`);
    if (!element) throw new SceneError(`The scene file is broken: ${name} is not in the page. Was the file cut short?`);
    return fromBase64(element.textContent.trim(), name);
  });
}

export async function folderScene(base = "./"): Promise<Scene> {
  if (location.protocol === "file:") throw new SceneError(FOLDER_HINT);
  const text = new TextDecoder().decode(await download(`${base}scene.json`, "scene.json"));
  return sceneOf(parseDocument(text), (name) => download(base + name, name));
}

/** The baked scene of this page. */
export async function loadScene(): Promise<Scene> {
  return pageMode() === "embedded" ? embeddedScene() : folderScene();
}
