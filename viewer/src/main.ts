// Start of the page: decides where the scene comes from, makes its renderer, starts the interface.

import type { Session } from "./contract.ts";
import { createBakedRenderer } from "./baked/renderer.ts";
import { connectLive } from "./live/session.ts";
import { atMost, MOST_SIDE_ON_TOUCH } from "./scene/coarser.ts";
import { loadScene, pageMode } from "./scene/load.ts";
import { startApp } from "./ui/app.ts";

async function openSession(): Promise<Session> {
  if (pageMode() === "live") return connectLive();
  const touch = matchMedia("(pointer: coarse)").matches;
  const scene = await atMost(await loadScene(), touch ? MOST_SIDE_ON_TOUCH : Infinity);
  return { scene, renderer: await createBakedRenderer(scene), training: null };
}

function say(sentence: string): void {
  const place = document.querySelector("#start p");
  if (place) place.textContent = sentence;
  document.querySelector("#start .late")?.remove();
}

async function start(): Promise<void> {
  const root = document.getElementById("app");
  if (!root) return;
  try {
    const session = await openSession();
    document.title = `${session.scene.document.name} · efields`;
    startApp(root, session);
    document.getElementById("start")?.remove();
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
}

void start();
