// The front as a process of its own, for those who run the parts by other means than `make dashboard`: each in its own container.
// PORT, HOST, AUTH_URL, CAMBIO_URL and BACKEND_URL configure it; with a DISCORD_CLIENT_ID the page offers to sign in with Discord.

import type { PartName } from "./front-answers.ts";
import { createFront } from "./front.ts";
import { createJsonLog } from "./json-log.ts";
import { buildPage } from "./page-files.ts";
import { required, serveProcess } from "./serve.ts";

const parts: Readonly<Record<PartName, string>> = {
  auth: required("AUTH_URL"),
  cambio: required("CAMBIO_URL"),
  backend: required("BACKEND_URL"),
};
const log = createJsonLog("front");
await serveProcess(
  createFront(await buildPage({ discord: (process.env["DISCORD_CLIENT_ID"] ?? "") !== "" }), (part) => parts[part], log),
  log,
);
