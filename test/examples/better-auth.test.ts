// docs/better-auth.md: the configuration in it loads, and the version in it is the one that the tests run.

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { loadConfiguration } from "../../src/config/load.ts";

const text = readFileSync(new URL("../../docs/better-auth.md", import.meta.url), "utf8");
const [, example = ""] = /```yaml\n([\s\S]*?)```/.exec(text) ?? [];

it("docs/better-auth.md shows a configuration that is right", () => {
  const configuration = loadConfiguration({
    path: "/etc/cambio/cambio.yaml",
    env: { BACKEND_SECRET: "a-secret-of-the-backend" },
    readFile: () => example,
  });
  expect(configuration.providers["site"]).toMatchObject({ kind: "better-auth", session_cookie: "__Secure-better-auth.session_token" });
});

it("docs/better-auth.md names the version that is tried", () => {
  const { devDependencies } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  expect(text).toContain(`Better Auth ${devDependencies["better-auth"]} `);
});
