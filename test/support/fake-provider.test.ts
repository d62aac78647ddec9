import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "./eventually.ts";
import { type FakeProvider, startFakeProvider } from "./fake-provider.ts";
import type { Fault } from "./faults.ts";

const basic = `Basic ${Buffer.from("cambio:s3cret").toString("base64")}`;
const form = "application/x-www-form-urlencoded";

let fake: FakeProvider;

beforeAll(async () => {
  fake = await startFakeProvider({ clients: [{ id: "cambio", secret: "s3cret", authentication: "basic" }] });
});

afterEach(() => fake.faults.clear());

afterAll(() => fake.close());

async function ask(body: string, headers: Record<string, string> = {}, url = "/token"): Promise<{ status: number; error: unknown }> {
  const all = { authorization: basic, "content-type": form, accept: "application/json", ...headers };
  const response = await fetch(fake.issuer + url, { method: "POST", headers: all, body });
  return { status: response.status, error: ((await response.json()) as { error?: unknown }).error };
}

it.each([
  ["an unknown parameter", "grant_type=refresh_token&refresh_token=x&extra=1", {}, "/token", "unknown parameter extra"],
  ["a repeated parameter", "grant_type=refresh_token&refresh_token=x&refresh_token=y", {}, "/token", "repeated parameter refresh_token"],
  ["JSON", "{}", { "content-type": "application/json" }, "/token", "content-type application/json"],
  ["parameters in the address", "grant_type=refresh_token&refresh_token=x", {}, "/token?code=x", "parameters in the address"],
  ["two client authentications", "grant_type=refresh_token&refresh_token=x&client_secret=y", {}, "/token", "two client authentications"],
  ["an answer in any format", "grant_type=refresh_token&refresh_token=x", { accept: "*/*" }, "/token", "does not accept JSON"],
])("the fake provider objects to %s", async (_name, body, headers, url, violation) => {
  const before = fake.violations.length;
  expect(await ask(body, headers, url)).toEqual({ status: 400, error: "invalid_request" });
  expect(fake.violations.slice(before)).toContain(violation);
});

it.each([
  ["a wrong secret", `Basic ${Buffer.from("cambio:wrong").toString("base64")}`],
  ["no authentication", ""],
  ["an unescaped percent sign's worth of another client", `Basic ${Buffer.from("c%61mbio:s3cre").toString("base64")}`],
  ["base64 of another alphabet", basic.replace("Y", "_")],
])("the fake provider refuses a client with %s", async (_name, authorization) => {
  expect(await ask("grant_type=refresh_token&refresh_token=x", { authorization })).toEqual({ status: 401, error: "invalid_client" });
});

it("the fake provider answers a proper request about an unknown token with the grant's error", async () => {
  expect(await ask("grant_type=refresh_token&refresh_token=x")).toEqual({ status: 400, error: "invalid_grant" });
});

async function revoke(body: string, headers: Record<string, string> = {}): Promise<number> {
  const all = { authorization: basic, "content-type": form, accept: "application/json", ...headers };
  return (await fetch(`${fake.issuer}/revoke`, { method: "POST", headers: all, body })).status;
}

const verifier = "v".repeat(43);
const redirectUri = "https://app.example/cb";

/** The form of a token request for a code that nobody redeemed yet. */
async function newGrant(): Promise<string> {
  const query = new URLSearchParams({
    client_id: "cambio",
    redirect_uri: redirectUri,
    scope: "orders",
    state: "s",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
  });
  const { code } = await fake.login(`${fake.issuer}/authorize?${query.toString()}`);
  return new URLSearchParams({ grant_type: "authorization_code", code, redirect_uri: redirectUri, code_verifier: verifier }).toString();
}

async function refreshToken(): Promise<string> {
  await ask(await newGrant());
  return fake.issued.findLast((one) => one.startsWith("refresh-")) ?? "";
}

describe("at its revocation endpoint the fake provider", () => {
  it("ends a refresh token, and notes everything that it was told of", async () => {
    const token = await refreshToken();
    expect(await revoke(`token=${token}&token_type_hint=refresh_token`)).toBe(200);
    expect(await revoke("token=never-made")).toBe(200);
    expect(fake.revoked.slice(-2)).toEqual([token, "never-made"]);
    expect(await ask(`grant_type=refresh_token&refresh_token=${token}`)).toEqual({ status: 400, error: "invalid_grant" });
  });

  it.each([
    ["a stranger", "token=x", { authorization: `Basic ${Buffer.from("cambio:wrong").toString("base64")}` }, 401],
    ["a parameter of another endpoint", "token=x&grant_type=refresh_token", {}, 400],
    ["no token", "token_type_hint=access_token", {}, 400],
  ])("refuses %s", async (_name, body, headers, status) => {
    const before = fake.revoked.length;
    expect(await revoke(body, headers)).toBe(status);
    expect(fake.revoked).toHaveLength(before);
  });
});

/** What a client sees of an answer before it gives up: as soon as `enough` has come, or the connection has ended. */
async function seen(enough: string): Promise<{ readonly text: string; readonly ended: boolean }> {
  const { port } = new URL(fake.issuer);
  const socket = connect(Number(port), "localhost");
  let text = "";
  let ended = false;
  socket.on("data", (piece) => (text += piece.toString("latin1")));
  socket.on("error", () => (ended = true)).on("end", () => (ended = true));
  await once(socket, "connect");
  socket.write("GET /jwks HTTP/1.1\r\nhost: localhost\r\n\r\n");
  await eventually("enough was seen", () => (enough === "" ? ended : text.includes(enough)));
  socket.destroy();
  return { text, ended };
}

describe("told to misbehave, the fake provider", () => {
  it.each<[Fault, string, RegExp]>([
    [{ kind: "hang-after-headers" }, "\r\n\r\n", /^HTTP\/1\.1 200 .*\r\n\r\n$/s],
    [{ kind: "hang-in-body" }, "access_token", /^HTTP\/1\.1 200 .*\{"access_token":/s],
    [{ kind: "drip" }, "\r\n1\r\n \r\n1\r\n", /^HTTP\/1\.1 200 /],
    [{ kind: "truncate" }, "half", /content-length: 1000\r\n.*\{"access_token":"half$/s],
    [{ kind: "reset" }, "", /^$/],
    [{ kind: "redirect", status: 307 }, "\r\n\r\n", /^HTTP\/1\.1 307 .*location: \/redirect-target\r\n/s],
    [{ kind: "html" }, "</html>", /content-type: text\/html\r\n/],
    [{ kind: "error-in-200", error: "invalid_grant" }, "invalid_grant", /^HTTP\/1\.1 200 /],
    [{ kind: "status", status: 503 }, "{}", /^HTTP\/1\.1 503 /],
    [{ kind: "huge", bytes: 5_000 }, '"}', /content-length: 5000\r\n/],
    [{ kind: "raw", bytes: "nothing" }, "nothing", /^nothing$/],
  ])("does it: %o", async (fault, enough, all) => {
    fake.faults.next("jwks", fault);
    expect((await seen(enough)).text).toMatch(all);
  });

  it("says nothing at all before the headers, and lets go once it is over", async () => {
    fake.faults.next("jwks", { kind: "hang-before-headers" });
    const before = fake.callsTo("jwks");
    const hanging = new AbortController();
    const answer = fetch(`${fake.issuer}/jwks`, { signal: hanging.signal }).then(
      () => "answered",
      () => "given up",
    );
    await eventually("it was asked", () => fake.callsTo("jwks") === before + 1);
    hanging.abort();
    expect(await answer).toBe("given up");
    expect((await fetch(`${fake.issuer}/jwks`)).status).toBe(200);
  });

  it("accepts connections without reading a word, until it is let go", async () => {
    const release = fake.hold("connection");
    const [open, before] = [fake.connections(), fake.callsTo("jwks")];
    const answer = seen('{"keys":');
    await eventually("it was accepted", () => fake.connections() > open);
    expect(fake.callsTo("jwks")).toBe(before);
    release();
    expect((await answer).text).toMatch(/^HTTP\/1\.1 200 /);
  });

  it("does its work before the answer is lost, so that what was one-time is spent", async () => {
    const grant = await newGrant();
    fake.faults.next("token", { kind: "after-work", answer: { kind: "reset" } });
    await expect(ask(grant)).rejects.toThrow("fetch failed");
    expect(await ask(grant)).toEqual({ status: 400, error: "invalid_grant" });
  });

  it("spends nothing where it fails before its work", async () => {
    const grant = await newGrant();
    fake.faults.next("token", { kind: "reset" });
    await expect(ask(grant)).rejects.toThrow("fetch failed");
    expect(await ask(grant)).toEqual({ status: 200, error: undefined });
  });
});
