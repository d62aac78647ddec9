import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
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
    const targets = [...readme.matchAll(/make ([a-z]+)/g)].map((match) => match[1] ?? "");
    expect(targets).toEqual(expect.arrayContaining(["demo", "test", "dev"]));
    expect(targets.filter((target) => !makefile.includes(`\n${target}:`))).toEqual([]);
  });

  it("shows a check command that accepts the example configuration", () => {
    expect(readme).toContain("npx cambio check cambio.yaml");
    const key = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString("base64url");
    const secret = "a secret of sufficient length";
    const names = ["CAMBIO_CLIENT_SECRET", "CORPORATE_CLIENT_SECRET", "ORDERS_SECRET", "BACKEND_SECRET"];
    const env = { PATH: process.env["PATH"], CAMBIO_SEALING_KEY: key, ...Object.fromEntries(names.map((name) => [name, secret])) };
    const answer = execFileSync(process.execPath, ["src/cli/cambio.ts", "check", "cambio.example.yaml"], {
      cwd: root,
      env,
      encoding: "utf8",
    });
    expect(answer).toMatch(/^ok: /);
  });
});
