// Pictures to keep: what the field looks like now, with the label that uncalibrated brightness must carry.

import type { Tone } from "../contract.ts";
import type { Desk } from "./desk.ts";
import { download, el, fileName } from "./dom.ts";
import { isUncalibrated, UNCALIBRATED } from "./tone.ts";

const LARGEST = 4096;

/** Draws the label into the lower right corner of a picture. */
export function drawLabel(g: CanvasRenderingContext2D, width: number, height: number, tone: Tone): void {
  if (!isUncalibrated(tone)) return;
  const size = Math.max(9, Math.round(height / 42));
  g.font = `500 ${size}px system-ui, sans-serif`;
  g.textAlign = "right";
  g.textBaseline = "alphabetic";
  const [w, pad] = [g.measureText(UNCALIBRATED).width, Math.round(size * 0.6)];
  g.fillStyle = "rgb(17 19 24 / 0.7)";
  g.beginPath();
  g.roundRect(width - w - 3 * pad, height - size - 2.2 * pad, w + 2 * pad, size + pad * 1.2, pad * 0.6);
  g.fill();
  g.fillStyle = "#f2f4f8";
  g.fillText(UNCALIBRATED, width - 2 * pad, height - 1.5 * pad - size * 0.12);
}

/** The picture at a size, labelled, on a canvas. */
export async function labelled(desk: Desk, picture: Blob, tone: Tone, canvas = el("canvas")): Promise<HTMLCanvasElement> {
  const image = await createImageBitmap(picture);
  if (canvas.width !== image.width) canvas.width = image.width;
  if (canvas.height !== image.height) canvas.height = image.height;
  const g = canvas.getContext("2d");
  if (!g) throw new Error("This browser provides no canvas to draw the image on.");
  g.drawImage(image, 0, 0);
  image.close();
  if (desk.store.state.mode === "colour" || desk.store.state.wipe?.mode === "colour") drawLabel(g, canvas.width, canvas.height, tone);
  return canvas;
}

export async function screenshotBlob(desk: Desk): Promise<Blob> {
  const view = desk.picture.view();
  const ratio = Math.min(Math.min(2, window.devicePixelRatio || 1), LARGEST / Math.max(view.width, view.height));
  const size = { width: Math.round(view.width * ratio), height: Math.round(view.height * ratio) };
  const canvas = await labelled(desk, await desk.session.renderer.capture({ ...view, ...size }), view.tone);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("This browser could not make a PNG of this image.");
  return blob;
}

export async function saveScreenshot(desk: Desk): Promise<void> {
  try {
    const blob = await screenshotBlob(desk);
    const { mode, tS } = desk.store.state;
    download(blob, `${fileName(desk.document.name)}_${mode}_${tS.toFixed(3)}s.png`);
    desk.notices.say("The screenshot was saved.");
  } catch (error) {
    desk.notices.wrong(error);
  }
}
