// What `make service` builds, as the image starts it, with workers: each is started from the program, and not from src/.

import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { serviceCommand } from "../deploy/dockerfile.ts";
import { eventually } from "../support/eventually.ts";
import { testMs, useWorkers } from "./workers-rig.ts";

const folder = mkdtempSync(join(tmpdir(), "cambio-program-"));

const { engine, program } = serviceCommand();

const rig = useWorkers([process.execPath, ...engine, join(folder, basename(program))]);
const token = async () => rig.canary.register("token", await rig.provider.mint({ client_id: "cambio" }));

beforeAll(() => promisify(execFile)(process.execPath, ["scripts/build-service.ts", folder]), testMs);
afterAll(() => rmSync(folder, { recursive: true }));

it(
  "the program serves from all its workers, replaces them, and ends with 0",
  async () => {
    const served = await rig.serve(await rig.configure());
    expect(await served.validate(await token())).toBe(200);

    const first = served.workers();
    const lines = execFileSync("ps", ["-o", "args=", "-p", first.join(",")], { encoding: "utf8" })
      .trim()
      .split("\n");
    expect(lines).toHaveLength(2);
    // The engine's settings are each worker's too.
    for (const line of lines) expect(line).toContain(`${engine.join(" ")} ${join(folder, "worker.mjs")} `);

    process.kill(served.pid, "SIGUSR2");
    await eventually("others", () => served.workers().length === 2 && served.workers().every((pid) => !first.includes(pid)), testMs);
    expect(await served.validate(await token())).toBe(200);

    process.kill(served.pid, "SIGTERM");
    expect(await served.child.ended).toBe(0);
  },
  testMs,
);
