import { execFile } from "node:child_process";
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

function cambio(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Result> {
  return new Promise((resolve) => {
    execFile(process.execPath, ["src/cli/cambio.ts", ...words], { cwd: root, env, timeout: 10_000 }, (failure, out, error) => {
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

it("cambio schema prints the committed JSON Schema", async () => {
  expect((await cambio(["schema"])).out).toBe(readFileSync(`${root}cambio.schema.json`, "utf8"));
});

it.each([[["help"]], [["--help"]], [["-h"]], [["check", "--help"]]])("cambio %j prints the usage and succeeds", async (words) => {
  const { status, out, error } = await cambio(words);
  expect({ status, error }).toEqual({ status: 0, error: "" });
  expect(out).toContain("Usage: cambio COMMAND");
});

it.each([[[]], [["explode"]], [["check", "a.yaml", "b.yaml"]], [["--port", "80"]], [["schema", "file"]]])(
  "cambio %j is not understood: the usage goes to standard error, the status is 2",
  async (words) => {
    const { status, out, error } = await cambio(words);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(error).toContain("Usage: cambio COMMAND");
  },
);
