import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EventStore } from "./events.ts";
import { parseDocument, sceneOf } from "./load.ts";
import { occupiedBlocks } from "./occupancy.ts";
import { deflate, plainDocument, tinyScene, plainBlobs } from "./scene.fixture.ts";
import { blobSizes, validateScene } from "./validate.ts";

/** The document with one place changed; undefined takes the place away. */
function changed(path: string, value: unknown): Record<string, any> {
  const document = structuredClone(plainDocument());
  const names = path.split(".");
  const last = names.pop() as string;
  let place = document;
  for (const name of names) place = place[name];
  if (value === undefined) delete place[last];
  else place[last] = value;
  return document;
}

describe("a scene document", () => {
  it("is read as it is", () => {
    const { trajectory, tone, volume } = validateScene(plainDocument());
    expect(trajectory.position[1]).toEqual([1, 2, 3]);
    expect(tone.scale).toEqual([0.9]);
    expect(volume?.density.encoding).toBe("alpha");
  });

  it("may hold what a later minor version adds", () => {
    const later = { ...changed("schema_version", [1, 7]), something: { new: true } };
    expect(validateScene(later).schema_version).toEqual([1, 7]);
  });

  it("of another major version is refused in a plain sentence", () => {
    const newer = changed("schema_version", [2, 0]);
    delete newer.world; // nothing else of it is looked at
    expect(() => validateScene(newer)).toThrow(
      "This scene has format version 2.0; this viewer reads 1.x. Open it with the efields that wrote it",
    );
    expect(() => validateScene(changed("format", "other"))).toThrow("not an efields scene");
    expect(() => validateScene([])).toThrow("should be an object");
    expect(() => parseDocument('{"format": "efie')).toThrow("not valid JSON");
  });

  const broken: [string, unknown, string][] = [
    ["world.radius", 0, "world.radius should be above 0 but is 0"],
    ["world.aabb", [[0, 0, 0], [0, 1, 1]], "world.aabb should be a low corner below a high corner"],
    ["world.up", [0, 0, 2], "world.up should be of length 1"],
    ["background", [0.1, 0.2, 0.3], "background should be 1 numbers, one for each channel,"],
    ["background", { kind: "painted" }, 'background.kind should be "map" but is "painted"'],
    ["background", { kind: "map", width: 8, height: 4, channels: 3, blob: "b.bin" }, "background.channels should be 1 but is 3"],
    ["volume.shape", [4, 3], "volume.shape should have 3 entries and has 2"],
    ["volume.shape", [4, 3.5, 2], "volume.shape[1] should be a whole number but is 3.5"],
    ["volume.step", null, "volume.step should be a finite number but is null"],
    ["volume.channels", "cmyk", 'volume.channels should be "mono" or "rgb" but is "cmyk"'],
    ["volume.occupancy.shape", [1, 1, 1], "volume.occupancy.shape should be [2, 2, 1] but is [1,1,1]"],
    ["volume.keyframes", [], "volume.keyframes should have at least 1 entries and has 0"],
    ["volume.keyframes", [{ t_s: null, blob: "a.bin" }, { t_s: 1, blob: "b.bin" }], "volume.keyframes[0].t_s should be a finite number"],
    ["volume.keyframes.0.blob", "../x.bin", "should be a plain file name that ends in .bin"],
    ["cameras.event.fx", "7", 'cameras.event.fx should be a finite number but is "7"'],
    ["cameras.views.1.quaternion", [0, 0, 0, 0], "cameras.views[1].quaternion should be a unit quaternion"],
    ["cameras.views.1.camera", { width: 4, height: 3, fx: 0, fy: 5, cx: 2, cy: 1 }, "cameras.views[1].camera.fx"],
    ["cameras.views.1.kind", "test", "cameras.views[1].kind"],
    ["trajectory.t_s", [0.5, 0], "trajectory.t_s[1] should be not before the one ahead of it"],
    ["trajectory.position", [[0, 0, 0]], "trajectory.position should have 2 entries and has 1"],
    ["events.shown", 4, "events.shown should be the 5 events of its chunks but is 4"],
    ["events.chunks.0.count", -3, "events.chunks[0].count should be between 1 and 262144 but is -3"],
    ["tone.offset", [1, 2], "tone.offset should have 1 entries and has 2"],
    ["tone", undefined, "tone should be an object but is missing"],
    ["notes", [3], "notes[0] should be a text but is 3"],
  ];
  it.each(broken)("with a broken %s (%j) is refused and the place named", (path, value, sentence) => {
    let message = "";
    try {
      validateScene(changed(path, value));
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain(sentence);
    expect(message).not.toContain("\n");
  });

  it("may have a map of the background", () => {
    const map = { kind: "map", width: 8, height: 4, channels: 1, blob: "background.bin" };
    const document = validateScene(changed("background", map));
    expect(document.background).toEqual(map);
    expect(blobSizes(document).get("background.bin")).toBe(128);
  });

  it("says how long every blob is", () => {
    const sizes = blobSizes(validateScene(plainDocument()));
    expect([...sizes]).toEqual([["volume-0.bin", 48], ["occupancy.bin", 4], ["events-0.bin", 18], ["events-1.bin", 12]]);
  });
});

describe("blobs", () => {
  it("are unpacked", async () => {
    expect(await tinyScene().blob("occupancy.bin")).toEqual(new Uint8Array([1, 1, 0, 0]));
  });

  it("of a wrong length, cut short or changed give one sentence each", async () => {
    const document = validateScene(plainDocument());
    const of = (bytes: Uint8Array<ArrayBuffer>) => sceneOf(document, async () => bytes).blob("occupancy.bin");
    const whole = await deflate(new Uint8Array([1, 2, 3, 4]));
    await expect(of(await deflate(new Uint8Array(3)))).rejects.toThrow("occupancy.bin holds 3 bytes where it should hold 4");
    await expect(of(await deflate(new Uint8Array(5)))).rejects.toThrow("occupancy.bin holds more than the 4 bytes that it should");
    await expect(of(whole.slice(0, -5))).rejects.toThrow(/occupancy.bin (cannot be unpacked|holds)/);
    await expect(of(new Uint8Array([7, 7, 7]))).rejects.toThrow("occupancy.bin cannot be unpacked");
    await expect(tinyScene().blob("other.bin")).rejects.toThrow("does not name a blob other.bin");
  });

  it("with an event outside of the sensor are refused", async () => {
    const blobs = plainBlobs();
    (blobs["events-0.bin"] as Uint8Array)[0] = 200;
    await expect(new EventStore(tinyScene(plainDocument(), blobs)).window(0, 1)).rejects.toThrow("outside of the 8x6 sensor");
  });
});

const frozen = new URL("../../../tests/export/fixtures/scene_v1/", import.meta.url);

describe.skipIf(!existsSync(new URL("scene.json", frozen)))("the frozen scene of format 1", () => {
  it("is read, whole", async () => {
    const document = parseDocument(new TextDecoder().decode(readFileSync(new URL("scene.json", frozen))));
    const scene = sceneOf(document, async (name) => readFileSync(new URL(name, frozen)));
    for (const [name, size] of blobSizes(document)) expect((await scene.blob(name)).length).toBe(size);
    const store = new EventStore(scene);
    // oxlint-disable-next-line vitest/no-conditional-expect -- a frozen scene may have no events
    if (store.available) expect((await store.window(-Infinity, Infinity)).x.length).toBe(document.events?.shown);
    const { volume } = document;
    if (!volume) throw new Error("the frozen scene should hold a volume");
    const told = await scene.blob(volume.occupancy.blob);
    for (const { blob } of volume.keyframes) {
      const { occupied } = occupiedBlocks(await scene.blob(blob), volume.shape, volume.channels, volume.occupancy.block);
      occupied.forEach((o, i) => expect(o <= (told[i] as number)).toBe(true)); // never empty where there is density
    }
  });
});
