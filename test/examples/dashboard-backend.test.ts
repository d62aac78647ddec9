import { createServer, type Server } from "node:http";
import type { JWTPayload } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBackend } from "../../examples/dashboard/backend.ts";
import { createJsonLog } from "../../examples/dashboard/json-log.ts";
import { type Listening, listen } from "../../examples/dashboard/serve.ts";
import { createSigningKeys, type SigningKeys, type SignOptions } from "../support/signing-keys.ts";

const issuer = "http://localhost:5180";
const audience = "https://backend.dashboard.example";
const now = Date.UTC(2026, 10, 27, 12, 0, 0);
const seconds = now / 1000;

let keys: SigningKeys;
let strangers: SigningKeys;
let published: Listening;
let backend: Listening;
let lines: string[];

function jsonOf(body: () => object): Server {
  return createServer((_, response) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body())));
}

beforeAll(async () => {
  keys = await createSigningKeys("cambio");
  strangers = await createSigningKeys("cambio");
  published = await listen(
    jsonOf(() => keys.jwks()),
    0,
  );
  lines = [];
  const log = createJsonLog("backend", (line) => lines.push(line));
  backend = await listen(createBackend({ pageOrigin: issuer, issuer, audience, jwksUrl: published.url, clock: () => now }, log), 0);
});

afterAll(async () => {
  await backend.close();
  await published.close();
});

function tokenWith(claims: JWTPayload = {}, options: SignOptions = {}, signer = keys): Promise<string> {
  const usual = { iss: issuer, aud: audience, sub: "user-1", iat: seconds - 60, exp: seconds + 840, jti: "1", client_id: "web" };
  return signer.sign({ ...usual, ...claims }, { alg: "ES256", ...options });
}

async function call(authorization?: string, at = backend) {
  const headers = { "x-request-id": "asked-1", ...(authorization === undefined ? {} : { authorization }) };
  const response = await fetch(`${at.url}/api/protected`, { headers });
  return {
    status: response.status,
    body: await response.json(),
    challenge: response.headers.get("www-authenticate"),
    response,
  };
}

describe("the dashboard's backend", () => {
  it("answers whose token it was, and logs request id and user id in one line", async () => {
    lines.length = 0;
    const token = await tokenWith();
    const { status, body, response } = await call(`Bearer ${token}`);
    expect({ status, body }).toEqual({ status: 200, body: { message: "You have reached the protected backend.", user_id: "user-1" } });
    expect(response.headers.get("x-request-id")).toBe("asked-1");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: "info", service: "backend", msg: "request", request_id: "asked-1", user_id: "user-1", path: "/api/protected", status: 200 },
    ]);
    expect(lines.join("")).not.toContain(token.split(".")[2]);
  });

  it.each([
    ["nothing", undefined],
    ["another scheme", "Basic dXNlcjpwYXNz"],
    ["an empty bearer", "Bearer "],
    ["two tokens", "Bearer a.b.c d.e.f"],
  ])("asks for a bearer token where there is %s", async (_, authorization) => {
    const { status, body, challenge } = await call(authorization);
    expect({ status, challenge }).toEqual({ status: 401, challenge: 'Bearer realm="backend"' });
    expect(body).toMatchObject({ error: "unauthorized", request_id: "asked-1" });
  });

  it("says of an expired token that it has expired, and when", async () => {
    const { status, body, challenge } = await call(`Bearer ${await tokenWith({ exp: seconds - 1 })}`);
    const description = "The token expired at 2026-11-27T11:59:59.000Z.";
    expect(status).toBe(401);
    expect(body).toMatchObject({ error: "invalid_token", error_description: description, expired_at: "2026-11-27T11:59:59.000Z" });
    expect(challenge).toBe(`Bearer realm="backend", error="invalid_token", error_description="${description}"`);
  });

  const refused: readonly [string, () => Promise<string>][] = [
    ["is not one at all", () => Promise.resolve("abc")],
    ["was signed by a stranger under the same key id", () => tokenWith({}, {}, strangers)],
    ["was signed by a stranger and has expired, which nobody vouches for", () => tokenWith({ exp: seconds - 1 }, {}, strangers)],
    ["names another issuer", () => tokenWith({ iss: "http://localhost:9999" })],
    ["is for another backend", () => tokenWith({ aud: "https://orders.example" })],
    ["is no access token", () => tokenWith({}, { typ: "JWT" })],
    ["was signed with an algorithm that is not asked for", () => tokenWith({}, { alg: "RS256" })],
    ["has nobody in it", () => tokenWith({ sub: "" })],
    ["never ends", async () => keys.sign({ iss: issuer, aud: audience, sub: "user-1" }, { alg: "ES256" })],
    ["is not signed", async () => unsigned(await tokenWith())],
  ];

  it.each(refused)("refuses a token that %s", async (_, make) => {
    const { status, body, challenge } = await call(`Bearer ${await make()}`);
    expect(status).toBe(401);
    expect(body).toEqual({
      error: "invalid_token",
      error_description: "The token is not one that this backend accepts.",
      request_id: "asked-1",
    });
    expect(challenge).toContain('error="invalid_token"');
  });

  it("does not decide while the keys cannot be had", async () => {
    const gone = await listen(
      jsonOf(() => ({})),
      0,
    );
    await gone.close();
    const lost = await listen(
      createBackend({ pageOrigin: issuer, issuer, audience, jwksUrl: gone.url, clock: () => now }, () => undefined),
      0,
    );
    const { status, body, response } = await call(`Bearer ${await tokenWith()}`, lost);
    expect(status).toBe(503);
    expect(body).toMatchObject({ error: "temporarily_unavailable" });
    expect(response.headers.get("retry-after")).toBe("5");
    await lost.close();
  });

  it("makes a request id of its own where the caller's is none for a log", async () => {
    const response = await fetch(`${backend.url}/api/protected`, { headers: { "x-request-id": '"} forged {"' } });
    expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("answers JSON at every other path and method too", async () => {
    expect(await (await fetch(`${backend.url}/healthz`)).json()).toEqual({ status: "ok" });
    expect((await fetch(`${backend.url}/api`)).status).toBe(404);
    expect((await fetch(`${backend.url}/api/protected`, { method: "POST" })).status).toBe(405);
  });
});

function unsigned(token: string): string {
  const header = Buffer.from(JSON.stringify({ alg: "none", typ: "at+jwt" })).toString("base64url");
  return `${header}.${token.split(".")[1]}.`;
}
