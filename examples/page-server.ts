// Serves the page of examples/page/ at an origin of its own: three files, bundled once at start and held in memory. The page learns
// where Cambio is from /settings.json, which the server asks for on each request, because the page's origin is known first.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { build } from "esbuild";
import type { PageSettings } from "./page/settings.ts";

export interface PageServer {
  readonly origin: string;
  /** What the page is told; until then it answers 503. */
  tell(settings: PageSettings): void;
  close(): Promise<void>;
}

const folder = join(import.meta.dirname, "page");

interface Served {
  readonly type: string;
  readonly body: string;
}

/** @param port 0: any free one */
export async function startPageServer(port: number): Promise<PageServer> {
  const html: Served = { type: "text/html; charset=utf-8", body: await readFile(join(folder, "index.html"), "utf8") };
  const files = new Map<string, Served>([
    ["/", html],
    ["/callback", html],
    ["/page.css", { type: "text/css; charset=utf-8", body: await readFile(join(folder, "page.css"), "utf8") }],
    ["/page.js", { type: "text/javascript; charset=utf-8", body: await bundle() }],
  ]);
  const server = createServer((request, response) => {
    const file = files.get(URL.parse(request.url ?? "", "http://page")?.pathname ?? "");
    response.writeHead(file === undefined ? 404 : 200, {
      "content-type": file?.type ?? "text/plain",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    });
    response.end(file?.body ?? "not found");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "localhost", resolve);
  });
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    tell: (settings) => {
      files.set("/settings.json", { type: "application/json", body: JSON.stringify(settings) });
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function bundle(): Promise<string> {
  const result = await build({
    entryPoints: [join(folder, "main.ts")],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2023",
    logLevel: "silent",
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error("the page's bundle is empty");
  return output.text;
}
