// A live session: the scene of a server, a renderer whose pictures it makes, and training when it trains.

import type { SceneDocument, Session } from "../contract.ts";
import type { ServerMessage } from "../protocol.gen.ts";
import { channelsOf } from "../scene/background.ts";
import { download } from "../scene/blobs.ts";
import { sceneOf } from "../scene/load.ts";
import { validateScene } from "../scene/validate.ts";
import { LiveRenderer, LOST } from "./renderer.ts";
import { beside, Socket } from "./socket.ts";
import { LiveTraining } from "./training.ts";

const FIRST_TRIES = 4;
const NO_SERVER =
  "The server of this page does not answer. Is `efields view` still running? If its address has a token, open the complete address that it printed.";

const list = (x: number | readonly number[]): readonly number[] => (typeof x === "number" ? [x] : x);

function sessionOf(document: SceneDocument, training: boolean, socket: Socket): { session: Session; renderer: LiveRenderer; training: LiveTraining | null } {
  const renderer = new LiveRenderer(socket, list(document.tone.offset), channelsOf(document), training);
  const live = training ? new LiveTraining((message) => socket.send(message)) : null;
  if (live) {
    renderer.hold = () => {
      const before = live.paused;
      if (!before) live.setPaused(true);
      return () => {
        if (!before) live.setPaused(false);
      };
    };
  }
  const scene = sceneOf(document, (name) => download(beside(`./blob/${name}`).href, name));
  return { session: { scene, renderer, training: live }, renderer, training: live };
}

/** Opens the socket beside this page; throws an Error of one plain sentence when there is no server that answers. */
export function connectLive(): Promise<Session> {
  return new Promise((resolve, reject) => {
    let parts: ReturnType<typeof sessionOf> | null = null;
    let greeting = "";
    let failures = 0;
    let said = "";

    const greet = (message: Extract<ServerMessage, { type: "hello" }>): void => {
      const text = JSON.stringify(message.document);
      said = "";
      if (parts === null) {
        greeting = text;
        parts = sessionOf(validateScene(message.document), message.training, socket);
        resolve(parts.session);
      } else if (text !== greeting) {
        location.reload(); // another run is served on this address now
      } else {
        parts.renderer.greeted();
      }
    };

    const socket = new Socket({
      text(message) {
        if (message.type === "hello") {
          try {
            greet(message);
          } catch (error) {
            socket.close();
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        } else if (message.type === "metrics") {
          parts?.training?.take(message);
        } else {
          said = message.text;
          if (message.type === "error") console.warn(message.text);
        }
      },
      binary: (message) => parts?.renderer.binary(message),
      lost() {
        if (parts !== null) {
          parts.renderer.lost(said || LOST);
        } else if (said !== "" || ++failures >= FIRST_TRIES) {
          socket.close();
          reject(new Error(said || NO_SERVER));
        }
      },
    });
  });
}
