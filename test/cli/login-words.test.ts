import { describe, expect, it } from "vitest";
import { terminalText } from "../../src/cli/login-failure.ts";
import { loginTable, refusalSentence, tokensJson } from "../../src/cli/login-report.ts";
import { readLoginWords } from "../../src/cli/login-words.ts";
import { startLogin } from "./login-rig.ts";

describe("the words of cambio login", () => {
  it("leave to the configuration what they do not say", () => {
    expect(readLoginWords(["openai"])).toEqual({
      provider: "openai",
      file: undefined,
      client: undefined,
      url: undefined,
      redirect: undefined,
      scopes: [],
      audiences: [],
      browser: true,
      showTokens: false,
      timeoutMs: 300_000,
    });
  });

  it("name a redirect URI with its port, and the service under a path", () => {
    const words = [
      "openai",
      "--redirect-uri",
      "http://localhost:1455/auth/callback",
      "--url",
      "https://cambio.example/base/",
      "--no-browser",
    ];
    expect(readLoginWords(words)).toMatchObject({
      redirect: { front: "http://localhost", port: 1_455, rest: "/auth/callback" },
      url: "https://cambio.example/base",
      browser: false,
    });
  });

  it.each([
    ["no provider", []],
    ["two providers", ["openai", "discord"]],
    ["an unknown option", ["openai", "--secret", "x"]],
    ["an empty client", ["openai", "--client", ""]],
    ["an address that is none", ["openai", "--url", "cambio.example"]],
    ["plain http beyond this machine, which would show code and tokens", ["openai", "--url", "http://cambio.example"]],
    ["an address with a password", ["openai", "--url", "https://me:canary-secret@cambio.example"]],
    ["an address with a query", ["openai", "--url", "https://cambio.example?x"]],
    ["a redirect URI elsewhere", ["openai", "--redirect-uri", "http://evil.example/callback"]],
    ["one that only begins like loopback", ["openai", "--redirect-uri", "http://127.0.0.1.evil.example/callback"]],
    ["one that hides its host", ["openai", "--redirect-uri", "http://127.0.0.1:1@evil.example/"]],
    ["one over https, for which there is no certificate", ["openai", "--redirect-uri", "https://127.0.0.1/callback"]],
    ["one with a fragment", ["openai", "--redirect-uri", "http://127.0.0.1/callback#x"]],
    ["one with a port that is none", ["openai", "--redirect-uri", "http://127.0.0.1:65536/callback"]],
    ["no time", ["openai", "--timeout", "0s"]],
    ["more time than an hour", ["openai", "--timeout", "2h"]],
    ["a time that is none", ["openai", "--timeout", "soon"]],
  ])("are not understood with %s", async (_, words) => {
    const { status, out, error } = await startLogin(...words).ended;
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(error).toContain("Usage: cambio login PROVIDER");
    expect(error).not.toContain("canary");
  });

  it("explain themselves", async () => {
    expect(await startLogin("--help").ended).toMatchObject({ status: 0, out: expect.stringContaining("Usage: cambio login"), error: "" });
  });
});

const tokens = {
  accessToken: "access-canary",
  tokenType: "Bearer",
  expiresIn: 900,
  expiresAt: "2026-03-01T12:15:00Z",
  refreshToken: "",
  idToken: "",
  scopes: [],
  issuedTokenType: "",
  issuer: "https://cambio.example",
};
const signedIn = {
  tokens,
  issuance: "ISSUANCE_MINTED",
  account: { id: "a-1", username: "zofie", displayName: "Žofie\u001b[31m \u2028\u{e0001}x" },
  connectionId: "c-1",
};

describe("what is told of a sign-in", () => {
  it("names account and connection, with letters as they are and nothing that a terminal obeys", () => {
    expect(loginTable("discord", signedIn)).toBe(
      [
        "  provider    discord",
        "  account     a-1",
        "  username    zofie",
        "  name        Žofie\\u001b[31m \\u2028\\udb40\\udc01x",
        "  connection  c-1",
        "  scopes      not said",
        "  issuance    MINTED: issued by Cambio",
        "  expires     2026-03-01T12:15:00Z",
        "",
      ].join("\n"),
    );
  });

  it("leaves out of the tokens what was not given", () => {
    expect(JSON.parse(tokensJson(signedIn))).toEqual({
      access_token: "access-canary",
      token_type: "Bearer",
      expires_in: 900,
      expires_at: "2026-03-01T12:15:00Z",
      scopes: [],
      issuer: "https://cambio.example",
    });
  });

  it("is cut where it is too long to be a name", () => {
    expect(terminalText("x".repeat(300))).toBe(`${"x".repeat(200)}…`);
  });

  it.each(["no_such_error", "constructor"])("has a sentence for an error that nobody knows, such as %s", (error) => {
    expect(refusalSentence({ kind: "refused", error, description: "" })).toBe(`the provider sent an error back (${error})`);
  });
});
