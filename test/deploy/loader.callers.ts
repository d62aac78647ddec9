// The compose file and the Dockerfile, as the libraries of Compose and BuildKit read them. scripts/callers.sh builds that program.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loaders, run } from "../callers-elsewhere/programs.ts";
import { stages } from "./dockerfile.ts";
import { compose, read, repository } from "./files.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cambio-deploy-"));
  writeFileSync(join(folder, "filled"), read("deploy/.env.example").replaceAll(/^([A-Z_]+)=$/gm, "$1=canary0123456789"));
  writeFileSync(join(folder, "empty"), "");
});
afterAll(() => rmSync(folder, { recursive: true }));

const file = (path: string) => join(repository, path);

describe.each(loaders)("$name", (program) => {
  it("finds every stage and service, and nothing to object to", async () => {
    const words = [file("deploy/compose.yaml"), join(folder, "filled"), file("deploy/Dockerfile")];
    const names = [
      ...stages().map(({ name }) => `stage ${name}`),
      ...Object.keys(compose().services)
        .toSorted()
        .map((name) => `service ${name}`),
    ];
    expect(await run(program, { arguments: words, standardInput: "" })).toEqual({ status: 0, output: `${names.join("\n")}\n` });
  });

  it("does not start with a variable that is not set", async () => {
    const words = [file("deploy/compose.yaml"), join(folder, "empty"), file("deploy/Dockerfile")];
    expect(await run(program, { arguments: words, standardInput: "" })).toMatchObject({ status: 1 });
  });
});
