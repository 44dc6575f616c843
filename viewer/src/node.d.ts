// The two functions of Node that tests read the frozen fixture with; the page itself never uses them.
declare module "node:fs" {
  export function readFileSync(path: URL): Uint8Array<ArrayBuffer>;
  export function existsSync(path: URL): boolean;
}
