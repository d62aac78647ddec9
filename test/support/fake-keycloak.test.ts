// What only the stand-in can do: object, fail, lie, be slow and count. That it otherwise answers as Keycloak does is the matter of
// test/keycloak/provider-cases.ts.

import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type FakeWorld, startFakeWorld } from "../keycloak/fake-world.ts";
import { ask, askForm, encoded, exchange, introspect, memberOf, refresh, tokenType } from "../keycloak/requests.ts";
import { exchangeLies, introspectionLies } from "./fake-keycloak-lies.ts";

let world: FakeWorld;
let token: string;

beforeAll(async () => {
  world = await startFakeWorld();
  token = (await world.token("alice", "storefront")).accessToken;
});
afterEach(() => {
  world.fake.faults.clear();
  world.fake.lies.clear();
  world.fake.slowBy(0);
});
afterAll(() => world.close());

const audience = { audience: "inventory" };

async function objectionsTo(send: () => Promise<unknown>): Promise<readonly string[]> {
  const before = world.fake.violations.length;
  await send();
  return world.fake.violations.slice(before);
}

describe("the fake Keycloak objects", () => {
  it("to nothing in a proper request", async () => {
    expect(await objectionsTo(() => exchange(world, token, { ...audience, scope: "orders:read" }))).toEqual([]);
    expect(await objectionsTo(() => introspect(world, token))).toEqual([]);
  });

  it.each([
    ["an unknown parameter", { colour: "blue" }, "unknown parameter colour"],
    ["an actor, which Keycloak ignores", { actor_token: "x" }, "unknown parameter actor_token"],
    ["a resource, which Keycloak ignores", { resource: "https://inventory.example" }, "unknown parameter resource"],
    ["an empty parameter", { scope: "" }, "empty parameter scope"],
    ["a second client authentication", { client_secret: "x" }, "two client authentications"],
  ])("to %s", async (_what, form, objection) => {
    expect(await objectionsTo(() => exchange(world, token, form))).toContain(objection);
  });

  it("to repeated parameters, two audiences excepted", async () => {
    const repeated = "token=x&token=y";
    expect(await objectionsTo(() => ask(world, "/token/introspect", repeated, { as: "cambio" }))).toContain("repeated parameter token");
    const form = encoded({ grant_type: "urn:ietf:params:oauth:grant-type:token-exchange", subject_token: token });
    expect(await objectionsTo(() => ask(world, "/token", `${form}&audience=a&audience=b`, { as: "orders" }))).toEqual([]);
  });

  it("to a request without client authentication, without a form, or that takes any answer", async () => {
    const url = `${world.address}/protocol/openid-connect/token/introspect`;
    expect(await objectionsTo(() => ask(world, "/token/introspect", { token }, {}))).toEqual(["no client authentication"]);
    expect(await objectionsTo(() => askForm(url, "{}", { "content-type": "application/json" }))).toContain("content-type application/json");
    expect(await objectionsTo(() => askForm(url, { token }, { accept: "*/*" }))).toContain("does not accept JSON");
    expect(await objectionsTo(() => askForm(`${url}?token=x`, { token }))).toContain("parameters in the address");
  });
});

describe("the fake Keycloak lies", () => {
  it.each(Object.entries(exchangeLies))("about an exchange: %s", async (_about, lie) => {
    const truth = await exchange(world, token, audience);
    world.fake.lies.next("exchange", lie);
    const answer = await exchange(world, token, audience);
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body as object).length).toBeGreaterThan(5);
    expect(await readable(answer.body)).not.toEqual(await readable(truth.body));
    expect(await readable((await exchange(world, token, audience)).body)).toEqual(await readable(truth.body));
  });

  it.each(Object.entries(introspectionLies))("about a token: %s", async (_about, lie) => {
    const truth = await introspect(world, token);
    world.fake.lies.next("introspection", lie);
    expect((await introspect(world, token)).body).not.toEqual(truth.body);
    expect((await introspect(world, token)).body).toEqual(truth.body);
  });

  it("about a refresh, and not about a refusal", async () => {
    const first = await exchange(world, token, { ...audience, requested_token_type: tokenType("refresh_token") });
    world.fake.lies.always("refresh", exchangeLies["another subject"]);
    const second = await refresh(world, memberOf(first, "refresh_token"));
    expect(decodeJwt(memberOf(second, "access_token")).sub).toBe(exchangeLies["another subject"].claims.sub);
    expect(await refresh(world, "garbage")).toMatchObject({ status: 400 });
  });
});

/** An answer without what differs from one to the next, its token read, and checked by the realm's published keys. */
async function readable(body: unknown): Promise<unknown> {
  const { access_token: value = "", ...answer } = body as { access_token?: string };
  if (!value.includes(".")) return { answer, value: value === "" ? "none" : "opaque" };
  const { jti: _jti, iat = 0, exp, ...claims } = decodeJwt(value);
  const keys = createRemoteJWKSet(new URL(`${world.address}/protocol/openid-connect/certs`));
  const genuine = await jwtVerify(value, keys).then(
    () => true,
    () => false,
  );
  return { answer, claims, lives: exp === undefined ? "for ever" : exp - iat, genuine };
}

describe("the fake Keycloak fails", () => {
  it("as the script says, at one kind of call and not at others", async () => {
    world.fake.faults.next("exchange", { kind: "status", status: 503 });
    expect((await introspect(world, token)).status).toBe(200);
    expect((await exchange(world, token)).status).toBe(503);
    expect((await exchange(world, token)).status).toBe(200);
  });

  it("with an error in a success", async () => {
    world.fake.faults.next("exchange", { kind: "error-in-200", error: "invalid_request" });
    expect(await exchange(world, token)).toMatchObject({ status: 200, body: { error: "invalid_request" } });
  });

  it("after it did its work, so that a refresh token is spent by an answer that nobody got", async () => {
    const refreshToken = memberOf(await exchange(world, token, { requested_token_type: tokenType("refresh_token") }), "refresh_token");
    world.fake.faults.next("refresh", { kind: "after-work", answer: { kind: "reset" } });
    await expect(refresh(world, refreshToken)).rejects.toThrow("fetch failed");
    expect((await refresh(world, refreshToken)).body).toMatchObject({ error_description: "Maximum allowed refresh token reuse exceeded" });
  });
});

describe("the fake Keycloak", () => {
  it("counts calls of each kind", async () => {
    const before = (["exchange", "introspection", "refresh"] as const).map((call) => world.fake.callsTo(call));
    await exchange(world, token);
    await introspect(world, token);
    await introspect(world, "garbage");
    expect((["exchange", "introspection", "refresh"] as const).map((call) => world.fake.callsTo(call))).toEqual(
      before.map((count, at) => (count ?? 0) + ([1, 2, 0][at] ?? 0)),
    );
  });

  it("counts connections: those that a client closes, and those that it keeps", async () => {
    const { accepted } = world.fake.connections();
    await introspect(world, token);
    await introspect(world, token);
    expect(world.fake.connections().accepted).toBe(accepted + 2);
    await (await fetch(`${world.address}/protocol/openid-connect/certs`)).text();
    expect(world.fake.connections()).toEqual({ open: expect.any(Number), accepted: accepted + 3 });
    expect(world.fake.connections().open).toBeGreaterThan(0);
  });

  it("keeps the last request of each kind for the test to look at", async () => {
    await exchange(world, token, audience);
    await introspect(world, "x");
    expect(world.fake.lastCall("exchange")?.form.get("audience")).toBe("inventory");
    expect(world.fake.lastCall("introspection")?.headers.authorization).toMatch(/^Basic /);
    expect(world.fake.lastCall("logout")).toBe(undefined);
  });

  it("holds one kind of call until it is told to go on", async () => {
    const release = world.fake.hold("exchange");
    let answered = false;
    const held = exchange(world, token).finally(() => (answered = true));
    expect((await introspect(world, token)).status).toBe(200);
    expect(answered).toBe(false);
    release();
    expect((await held).status).toBe(200);
  });

  it("is slower by what it is told", async () => {
    world.fake.slowBy(50);
    const start = performance.now();
    await introspect(world, token);
    expect(performance.now() - start).toBeGreaterThan(45);
  });
});
