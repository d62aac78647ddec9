import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { environment } from "../config/given.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Result {
  readonly status: number;
  readonly out: string;
  readonly error: string;
}

const cambio = (words: readonly string[], env: Readonly<Record<string, string>> = {}) => run(["src/cli/cambio.mjs", ...words], env);

function run(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Result> {
  return new Promise((resolve) => {
    execFile(process.execPath, words, { cwd: root, env, timeout: 10_000 }, (failure, out, error) => {
      resolve({ status: typeof failure?.code === "number" ? failure.code : failure === null ? 0 : -1, out, error });
    });
  });
}

describe("cambio check", () => {
  it("counts what a right configuration has", async () => {
    expect(await cambio(["check", "cambio.example.yaml"], environment)).toEqual({
      status: 0,
      out: "ok: 2 providers, 1 audience, 4 clients, 1 route\n",
      error: "",
    });
  });

  it("prints every mistake of a wrong one, and no value of the environment", async () => {
    const env = { ...environment, CAMBIO_CLIENT_SECRET: "", ORDERS_SECRET: "CANARY", PORT: "CANARY" };
    const { status, out, error } = await cambio(["check", "cambio.example.yaml"], env);
    expect({ status, out }).toEqual({ status: 1, out: "" });
    expect(error).toContain("cambio.example.yaml: 3 mistakes");
    for (const path of ["server.port", "providers.main.client.secret", "clients.orders.secrets.0"])
      expect(error).toContain(`  ${path} (line `);
    expect(error).not.toContain("CANARY");
    expect(error).not.toContain("    at ");
  });

  it.each([["check"], ["serve"]])("%s says that a file is not there, in one paragraph", async (command) => {
    const { status, out, error } = await cambio([command, "nowhere.yaml"]);
    expect({ status, out }).toEqual({ status: 1, out: "" });
    expect(error).toBe(
      "nowhere.yaml: 1 mistake\n  the file does not exist\n    Give the path of a configuration file; cambio.example.yaml is one to start from.\n",
    );
  });
});

it("cambio serve starts nothing when the configuration has mistakes", async () => {
  const { status, error } = await cambio(["serve", "cambio.example.yaml"]);
  expect(status).toBe(1);
  expect(error).toContain("5 mistakes");
});

it("a reader that stops early, as head does, makes no command fail aloud", async () => {
  const child = spawn(process.execPath, ["src/cli/cambio.mjs", "schema"], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  const errors: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  await once(child, "close");
  expect(Buffer.concat(errors).toString()).toBe("");
});

it("cambio schema prints the committed JSON Schema", async () => {
  expect((await cambio(["schema"])).out).toBe(readFileSync(`${root}cambio.schema.json`, "utf8"));
});

it("an older Node is told that it is too old before it meets a file that it cannot read", async () => {
  const older = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.19.0" } })`;
  const command = ["--import", `data:text/javascript,${encodeURIComponent(older)}`, "src/cli/cambio.mjs", "check", "cambio.example.yaml"];
  expect(await run(command)).toEqual({ status: 1, out: "", error: "cambio needs Node 24 or newer; this is Node 20.19.0.\n" });
});

it.each([[["--version"]], [["check", "--version"]]])("cambio %j prints the version of the package", async (words) => {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { version: string };
  expect(await cambio(words)).toEqual({ status: 0, out: `cambio ${version}\n`, error: "" });
});

it.each([
  ["srve", "unknown command: srve\n"],
  ["CANARY-secret", "unknown command\n"],
  ["\u001b[2Jcanary", "unknown command\n"],
  ["canary".repeat(4), "unknown command\n"],
])("a command that is none, such as %j, is named only if it is a plain word", async (word, said) => {
  const { status, out, error } = await cambio([word, "cambio.example.yaml"]);
  expect({ status, out }).toEqual({ status: 2, out: "" });
  expect(error.startsWith(`${said}Usage: cambio COMMAND`)).toBe(true);
  expect(error).not.toMatch(/canary/i);
});

it.each([[["help"]], [["--help"]], [["-h"]], [["check", "--help"]]])("cambio %j prints the usage and succeeds", async (words) => {
  const { status, out, error } = await cambio(words);
  expect({ status, error }).toEqual({ status: 0, error: "" });
  expect(out).toContain("Usage: cambio COMMAND");
});

it.each([["0"], ["-1"], ["1.5"], ["129"], ["99999999999999999999"], ["many"], ["CANARY"], [""]])(
  "cambio serve --workers=%s starts nothing, and says what is meant without repeating it",
  async (word) => {
    const { status, out, error } = await cambio(["serve", "cambio.example.yaml", `--workers=${word}`], environment);
    expect({ status, out, error }).toEqual({ status: 2, out: "", error: "--workers is a number from 1 to 128, or auto\n" });
  },
);

it.each([
  [["serve", "--workers"]],
  [["serve", "--workers", "2", "--workers", "3"]],
  [["serve", "a.yaml", "b.yaml"]],
  [["serve", "--worker", "2"]],
  [[]],
  [["explode"]],
  [["check", "a.yaml", "b.yaml"]],
  [["--port", "80"]],
  [["schema", "file"]],
])("cambio %j is not understood: the usage goes to standard error, the status is 2", async (words) => {
  const { status, out, error } = await cambio(words);
  expect({ status, out }).toEqual({ status: 2, out: "" });
  expect(error).toContain("Usage: cambio COMMAND");
});
