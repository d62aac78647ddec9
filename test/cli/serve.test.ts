import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, expect, it } from "vitest";
import { environment } from "../config/given.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function serve(port: number) {
  const env = { ...environment, PORT: String(port) };
  const child = spawn(process.execPath, ["src/cli/cambio.mjs", "serve", "cambio.example.yaml"], { cwd: root, env });
  closers.push(() => child.kill("SIGKILL"));
  let error = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (error += text));
  const ended = once(child, "close").then(([status]: unknown[]) => ({ status, error }));
  return { child, ended };
}

it.each(["SIGTERM", "SIGINT"] as const)("serves until %s, and then ends by itself with status 0", async (signal) => {
  const { child, ended } = serve(0);
  let out = "";
  for await (const text of child.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    out += String(text);
    if (out.includes('"listening"')) break;
  }
  const url = /"url":"([^"]+)"/.exec(out)?.[1] ?? "";
  expect((await fetch(`${url}/livez`)).status).toBe(200);
  child.stdout.resume();
  child.kill(signal);
  expect(await ended).toEqual({ status: 0, error: "" });
});

it("says in one line that the port is taken", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  closers.push(() => other.close());
  await once(other, "listening");
  const address = other.address();
  const { child, ended } = serve(typeof address === "object" && address !== null ? address.port : 0);
  child.stdout.resume();
  const { status, error } = await ended;
  expect(status).toBe(1);
  expect(error).toMatch(/^cambio did not start: the port is taken by another process\. .*\n$/);
});
