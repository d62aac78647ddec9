import { describe, expect, it } from "vitest";
import { ConfigurationError } from "../../src/config/mistakes.ts";
import { loadSignInPart } from "../../src/config/sign-in-part.ts";
import { exampleText, exampleWith } from "./given.ts";

function load(text: string, env: Readonly<Record<string, string>> = {}) {
  const path = "/etc/cambio/cambio.yaml";
  return loadSignInPart({
    path,
    env,
    readFile(file) {
      // Secrets are in files, too, and none of them is opened.
      if (file !== path) throw new Error(`${file} was read`);
      return text;
    },
  });
}

function mistakesOf(text: string): readonly string[] {
  try {
    load(text);
  } catch (failure) {
    if (failure instanceof ConfigurationError) return failure.mistakes.map(({ path, line }) => `${path}:${line}`);
    throw failure;
  }
  return [];
}

describe("what a sign-in from a shell needs of a configuration", () => {
  it("is there without any secret of the file", () => {
    const { server, clients } = load(exampleText);
    expect(server).toEqual({ host: "127.0.0.1", port: 8080, tls: false });
    expect(clients).toEqual(new Map([["cli", new Map([["main", ["http://127.0.0.1/callback"]]])]]));
  });

  it("takes host and port from the environment, as the service does", () => {
    expect(load(exampleText, { CAMBIO_HOST: "::1", PORT: "9000" }).server).toEqual({ host: "::1", port: 9_000, tls: false });
    expect(load("clients: {}", { PORT: "9001" }).server.port).toBe(9_001);
  });

  it("knows of TLS, and opens none of its files", () => {
    const text = exampleWith({ "server/tls/certificate_file": "server.pem", "server/tls/key_file": "key.pem" });
    expect(load(text).server.tls).toBe(true);
  });

  it("is without clients that are disabled or of another kind", () => {
    expect(load(exampleWith({ "clients/cli/disabled": true })).clients.size).toBe(0);
  });

  it("is refused where it is wrong, with the place", () => {
    expect(
      mistakesOf("server: { port: 70000 }\nclients:\n  cli:\n    kind: native\n    providers: { main: { redirect_uris: [x] } }"),
    ).toEqual(["server.port:1", "clients.cli.providers.main.redirect_uris.0:5"]);
    expect(mistakesOf("clients: []")).toEqual(["clients:1"]);
    expect(mistakesOf("clients: { cli: { kind: native, providers: [] } }")).toEqual(["clients.cli.providers:1"]);
    expect(mistakesOf("clients: { cli: { kind: native, providers: { main: { redirect_uris: ['${CLI_URI}'] } } } }")).toHaveLength(1);
  });
});
