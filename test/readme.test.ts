import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { describe, expect, it } from "vitest";
import { reasons } from "../src/exchange/errors.ts";
import { errorTable } from "../src/rpc/error-table.ts";

const root = join(import.meta.dirname, "..");
const readme = readFileSync(join(root, "README.md"), "utf8");

describe("the README says what is so", () => {
  it("lists every reason with the code, status and OAuth name of the table in the code", () => {
    const cells = [...readme.matchAll(/^\| `([A-Z_]+)` +\| (\w+) +\| (\d+) +\| (\w+) +\|/gm)].map((match) => match.slice(1));
    expect(cells).toEqual(
      reasons.map((reason) => [reason, codeToString(errorTable[reason].code), String(errorTable[reason].status), errorTable[reason].oauth]),
    );
  });

  it("names only files that exist", () => {
    const linked = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1] ?? "");
    const rooms = [...readme.matchAll(/^\W*(?:bytes → |→ |← )?src\/(\w+) +(.+)$/gm)];
    expect(rooms.length).toBeGreaterThan(4);
    const files = readme
      .split("\n")
      .flatMap((line) => [...line.matchAll(/src\/(\w+) ((?:(?!src\/).)*)/g)])
      .flatMap(([, room, rest]) => [...(rest ?? "").matchAll(/([a-z0-9-]+\.ts)/g)].map((match) => `src/${room}/${match[1]}`));
    expect(files.length).toBeGreaterThan(15);
    expect([...linked, ...files].filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  it("shows make targets that exist", () => {
    const makefile = readFileSync(join(root, "Makefile"), "utf8");
    const targets = [...readme.matchAll(/make ([a-z-]+)/g)].map((match) => match[1] ?? "");
    expect(targets).toEqual(expect.arrayContaining(["demo", "test", "dev"]));
    expect(targets.filter((target) => !makefile.includes(`\n${target}:`))).toEqual([]);
  });

  it("shows how to run it, from a fresh clone to the first answer", async () => {
    const block = /## Running it\n+```sh\n([^`]+)```/.exec(readme)?.[1] ?? "";
    expect(block.split("\n").filter((line) => /^(make|cp|npx) /.test(line)).length).toBe(4);
    await using run = startInClone(block);
    const url = await run.untilOutput(/"url":"([^"]+)".*"msg":"listening"/);
    expect(run.output()).toMatch(/^make setup\nok: 2 providers, /);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });
});

// What setup did is here already; and random bytes whose base64 has every character that base64url does not.
const stubs = {
  make: 'echo "make $*"',
  openssl: `node -e 'process.stdout.write(Buffer.from("fbefff".repeat(10) + "0102", "hex").toString(process.argv[1].slice(1)) + "\\n")' -- "$2"`,
};

/** Runs lines of a shell in a folder that looks like a clone of this repository. Disposing of it ends all that it started. */
function startInClone(lines: string) {
  const folder = mkdtempSync(join(tmpdir(), "cambio-clone-"));
  for (const file of ["package.json", "cambio.example.yaml"]) copyFileSync(join(root, file), join(folder, file));
  for (const part of ["src", "node_modules"]) symlinkSync(join(root, part), join(folder, part));
  mkdirSync(join(folder, "stubs"));
  for (const [name, body] of Object.entries(stubs)) writeFileSync(join(folder, "stubs", name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  const path = [join(folder, "stubs"), join(root, "node_modules/.bin"), process.env["PATH"]].join(delimiter);
  const child = spawn("bash", ["-euo", "pipefail", "-c", lines], {
    cwd: folder,
    env: { PATH: path, HOME: folder, PORT: "0", npm_config_offline: "true", npm_config_update_notifier: "false" },
    // A group of its own, as npx does not pass signals on.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let written = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (written += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const ended = once(child, "close");
  return {
    output: () => written,
    /** What the pattern's first group matched. */
    untilOutput: (pattern: RegExp) =>
      new Promise<string>((resolve, reject) => {
        child.stdout.on("data", () => {
          const found = pattern.exec(written)?.[1];
          if (found !== undefined) resolve(found);
        });
        child.once("close", () => reject(new Error(`it ended before it wrote ${pattern}: ${errors}`)));
      }),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}
