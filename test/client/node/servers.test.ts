import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { claimsOf } from "../../../src/client/node/index.ts";
import { type GuardRig, startGuardRig } from "./guard-rig.ts";
import { type GuardedServer, servers } from "./guard-servers.ts";

let rig: GuardRig;
beforeAll(async () => {
  rig = await startGuardRig();
});
afterAll(() => rig.close());

const seconds = () => Math.floor(rig.stack.time.nowMs / 1_000);

describe.each(servers)("a guard in front of $kind", ({ kind, start }) => {
  let server: GuardedServer;
  let alone: GuardedServer;
  beforeAll(async () => {
    const requirement = { audience: "orders", scopes: ["orders:read"] };
    server = await start(rig.guard().requireToken(requirement));
    const gone = await rig.stack.another();
    await gone.close();
    alone = await start(rig.guard({ cambio: gone.url }).requireToken(requirement));
  });
  afterAll(async () => {
    await server.close();
    await alone.close();
  });

  it("hands on the claims of a good token", async () => {
    const exp = seconds() + 600;
    const { status, text } = await server.get(`Bearer ${await rig.stack.token({ exp })}`);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ subject: "alice", scopes: ["orders:read"], expiresAt: new Date(exp * 1_000).toISOString() });
  });

  it("asks for a token where there is none", async () => {
    const { status, headers, text } = await server.get();
    expect([status, headers["www-authenticate"], headers["cache-control"]]).toEqual([401, "Bearer", "no-store"]);
    expect(JSON.parse(text)).toEqual({ error: "missing_token", error_description: "This needs an access token.", reason: "TOKEN_MISSING" });
  });

  it("says that a token expired, and when", async () => {
    const exp = seconds() - 5;
    const at = new Date(exp * 1_000).toISOString();
    const token = await rig.stack.token({ iat: exp - 600, exp });
    const { status, headers, text } = await server.get(`Bearer ${token}`);
    expect(status).toBe(401);
    expect(headers["www-authenticate"]).toBe(`Bearer error="invalid_token", error_description="The token expired at ${at}"`);
    expect(JSON.parse(text)).toEqual({
      error: "invalid_token",
      error_description: `The token expired at ${at}`,
      reason: "TOKEN_EXPIRED",
      request_id: expect.any(String),
      expired_at: at,
    });
    expect(text).not.toContain(token);
  });

  it("names the scopes that a token would need", async () => {
    const { status, headers, text } = await server.get(`Bearer ${await rig.stack.token({ scope: "orders:list" })}`);
    expect([status, headers["www-authenticate"]]).toEqual([403, 'Bearer error="insufficient_scope", scope="orders:read"']);
    expect(JSON.parse(text)).toMatchObject({ error: "insufficient_scope", reason: "SCOPE_INSUFFICIENT" });
  });

  it("refuses a token for somebody else", async () => {
    const { status, text } = await server.get(`Bearer ${await rig.stack.token({ aud: "https://other.example" })}`);
    expect([status, JSON.parse(text)]).toEqual([403, expect.objectContaining({ error: "access_denied", reason: "AUDIENCE_MISMATCH" })]);
  });

  it.each(["Bearer", "Bearer not a token", "Bearer garbage"])("refuses %j", async (authorization) => {
    const { status, headers } = await server.get(authorization);
    expect([status, headers["www-authenticate"]]).toEqual([401, 'Bearer error="invalid_token"']);
  });

  it("lets nobody through while Cambio is away, and says when to come back", async () => {
    const { status, headers, text } = await alone.get(`Bearer ${await rig.stack.token()}`);
    expect([status, headers["retry-after"], headers["www-authenticate"]]).toEqual([503, "1", undefined]);
    expect(JSON.parse(text)).toMatchObject({ error: "temporarily_unavailable" });
  });

  it("refuses two authorization headers, even where both hold a good token", async () => {
    const authorization = `Bearer ${await rig.stack.token()}`;
    const { status } = await server.get(authorization, authorization);
    // Headers of the fetch standard are joined before anybody sees them.
    expect(status).toBe(kind === "a fetch handler" ? 401 : 400);
  });
});

it("claims of a request that no guard has seen are an error, not nobody's", () => {
  expect(() => claimsOf({ auth: { subject: "mallory" } })).toThrow("No guard has let this request through.");
});
