// The socket to the server: opens again by itself when it is lost.

import { SUBPROTOCOL, type ClientMessage, type ServerMessage } from "../protocol.gen.ts";
import { unpack, type BinaryMessage } from "./frames.ts";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;

/** Milliseconds before attempt `n`, counted from 0. */
export const waitBefore = (n: number): number => Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** n);

/** An address beside the page, with the page's token. */
export function beside(path: string, page: string = location.href): URL {
  const url = new URL(path, page);
  const token = new URL(page).searchParams.get("token");
  if (token !== null) url.searchParams.set("token", token);
  return url;
}

export interface Listener {
  text(message: ServerMessage): void;
  binary(message: BinaryMessage): void;
  /** The socket went; it is tried again in so many milliseconds. */
  lost(waitMs: number): void;
}

export class Socket {
  private socket: WebSocket | null = null;
  private attempt = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private closed = false;

  constructor(private readonly listener: Listener) {
    this.open();
    addEventListener("online", this.now);
    document.addEventListener("visibilitychange", this.now);
  }

  get isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** Sends when the socket is open; what cannot be sent is asked for again after the next `hello`. */
  send(message: ClientMessage): void {
    if (this.isOpen) this.socket?.send(JSON.stringify(message));
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    removeEventListener("online", this.now);
    document.removeEventListener("visibilitychange", this.now);
    this.socket?.close();
  }

  /** What a page that comes back into sight does at once. */
  private readonly now = (): void => {
    if (this.timer === null || document.hidden) return;
    clearTimeout(this.timer);
    this.open();
  };

  private open(): void {
    this.timer = null;
    const url = beside("./ws");
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url, SUBPROTOCOL);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      try {
        if (typeof data === "string") {
          const message = JSON.parse(data) as ServerMessage;
          if (message.type === "hello") this.attempt = 0;
          this.listener.text(message);
        } else {
          this.listener.binary(unpack(data));
        }
      } catch (error) {
        console.warn(error instanceof Error ? error.message : error);
      }
    };
    socket.onclose = () => {
      if (this.closed || this.socket !== socket) return;
      const wait = waitBefore(this.attempt++);
      this.timer = setTimeout(() => this.open(), wait);
      this.listener.lost(wait);
    };
  }
}
