import { once } from "node:events";
import { connect } from "node:http2";
import { afterAll, beforeAll, expect, it } from "vitest";
import { exchangePath, type PortRig, startPort } from "./port-rig.ts";
import { overH2 } from "./raw-request.ts";

/** More than an HTTP/2 client may send before somebody reads. */
const body = Buffer.alloc(200_000, "x");

let rig: PortRig;
beforeAll(async () => {
  rig = await startPort({ limits: { headersMs: 150, bodyMs: 150 } });
});
afterAll(() => rig.close());

const refused = [
  ["a path that does not exist", "/nothing", "POST", "application/json", 404],
  ["a type that is not accepted", exchangePath, "POST", "text/plain", 415],
  ["a method that is not accepted", exchangePath, "PUT", "application/json", 405],
] as const;

it.each(refused)("%s: a client that is refused before its large body was read can still end its stream, and is logged", async (...one) => {
  const [, path, method, type, status] = one;
  const headers = { "content-type": type, "x-request-id": `large.${status}` };
  expect((await overH2({ port: rig.port, path, method, headers, body })).status).toBe(status);
  expect((await rig.end(`large.${status}`)).status).toBe(status);
});

it.each(refused)("%s: a client that goes on sending for ever is cut off, and is logged", async (...one) => {
  const [, path, method, type, status] = one;
  const session = connect(`http://127.0.0.1:${rig.port}`);
  const stream = session.request({ ":path": path, ":method": method, "content-type": type, "x-request-id": `endless.${status}` });
  const trickle = setInterval(() => stream.write("x"), 5);
  stream.resume().on("error", () => undefined);
  await once(stream, "close");
  clearInterval(trickle);
  session.close();
  expect((await rig.end(`endless.${status}`)).status).toBe(status);
});
