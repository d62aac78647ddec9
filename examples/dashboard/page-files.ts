// The page as files in memory: built by Vite once, at the start. Assets carry a hash of themselves in their names.

import { join } from "node:path";
import { build } from "vite";

export interface PageFile {
  readonly type: string;
  readonly body: string | Uint8Array;
  /** Its name changes with its content. */
  readonly immutable: boolean;
}

/** By path. The document stands under every path that the page itself knows what to do with. */
export type PageFiles = ReadonlyMap<string, PageFile>;

const documentPaths = ["/", "/register", "/login", "/dashboard", "/auth/discord"];

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

export interface PageOffers {
  /** Signing in with Discord is configured. */
  readonly discord: boolean;
}

export async function buildPage({ discord }: PageOffers): Promise<PageFiles> {
  const built = await build({
    root: join(import.meta.dirname, "page"),
    configFile: false,
    envDir: false,
    publicDir: false,
    logLevel: "silent",
    define: { OFFERS_DISCORD: String(discord) },
    // Nothing inline: the policy that the page is served with would refuse it.
    build: { write: false, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  });
  const files = new Map<string, PageFile>();
  for (const { output } of [built].flat().filter((one) => "output" in one)) {
    for (const file of output) {
      const body = file.type === "chunk" ? file.code : file.source;
      const type = types[file.fileName.split(".").at(-1) ?? ""] ?? "application/octet-stream";
      files.set(`/${file.fileName}`, { type, body, immutable: file.fileName.startsWith("assets/") });
    }
  }
  const document = files.get("/index.html");
  if (document === undefined) throw new Error("the page's build has no index.html");
  for (const path of documentPaths) files.set(path, document);
  return files;
}
