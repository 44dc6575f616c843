/// <reference types="vitest/config" />
// Builds ONE index.html: script and style stand inside, so that the page opens from disk and needs no other file.

import { existsSync, readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

/** The licence texts of the packages whose code is in the page: their authors ask that they go with it. */
function licences(modules: readonly string[]): string {
  const names = new Set(modules.flatMap((id) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(id.replaceAll("\\", "/"))?.[1] ?? []));
  return [...names].sort().map((name) => {
    const file = ["LICENSE", "LICENSE.md", "LICENSE.txt", "license"]
      .map((each) => new URL(`node_modules/${name}/${each}`, import.meta.url))
      .find((url) => existsSync(url));
    if (!file) throw new Error(`the package ${name} comes without a licence text`);
    const text = new TextDecoder().decode(readFileSync(file)).trim().replaceAll("--", "- -");
    return `<!-- ${name}\n${text}\n-->\n`;
  }).join("");
}

/** Neither an end tag nor an html comment inside of the code may end or change the element that it stands in. */
function asElementText(code: string, tag: "script" | "style"): string {
  return tag === "script"
    ? code.replace(/<\/(script)/gi, "<\\/$1").replace(/<!--/g, "\\x3C!--")
    : code.replace(/<\/(style)/gi, "<\\/$1");
}

function oneFile(): Plugin {
  return {
    name: "efields-one-file",
    enforce: "post",
    generateBundle(_options, bundle) {
      const page = bundle["index.html"];
      if (page?.type !== "asset") throw new Error("the build made no index.html");
      let html = String(page.source);
      let scripts = "";
      let notices = "";
      for (const [name, item] of Object.entries(bundle)) {
        if (item === page) continue;
        const tag = new RegExp(`<(?:script|link)[^>]*(?:src|href)="[^"]*${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}"[^>]*>(?:</script>)?\\s*`);
        if (item.type === "chunk") {
          scripts += `<script type="module">${asElementText(item.code, "script")}</script>\n`;
          notices += licences(Object.keys(item.modules));
          html = html.replace(tag, "");
        } else if (name.endsWith(".css")) {
          const style = `<style>${asElementText(String(item.source), "style")}</style>\n`;
          html = html.replace(tag, () => style);
        } else {
          throw new Error(`${name} cannot stand inside of index.html`);
        }
        delete bundle[name];
      }
      // After the hint that stays when a file was cut short. A module runs when the page is whole, thus also after the scene
      // that an exporter puts between it and the end of the body.
      html = html.replace("</body>", () => `${notices}${scripts}</body>`);
      if (/<(?:script|link|img)[^>]*(?:src|href)="(?!data:)/.test(html.replace(/<script[\s\S]*?<\/script>/g, ""))) {
        throw new Error("index.html still names another file");
      }
      if (html.split("</body>").length !== 2) throw new Error("index.html must hold exactly one end tag of its body");
      page.source = html;
    },
  };
}

/** In development the page is served by Vite and everything else by `efields view` on its usual port. */
function liveInDevelopment(): Plugin {
  return {
    name: "efields-live-in-development",
    apply: "serve",
    transformIndexHtml: () => [{ tag: "meta", attrs: { name: "efields-mode", content: "live" }, injectTo: "head" }],
  };
}

export default defineConfig({
  base: "./",
  plugins: [oneFile(), liveInDevelopment()],
  build: {
    outDir: "../efields/_viewer",
    emptyOutDir: false,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: Number.MAX_SAFE_INTEGER,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 4096,
    rolldownOptions: { output: { codeSplitting: false } },
  },
  server: {
    proxy: {
      "/ws": { target: "ws://127.0.0.1:7007", ws: true },
      "/blob": "http://127.0.0.1:7007",
      "/scene.json": "http://127.0.0.1:7007",
    },
  },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
