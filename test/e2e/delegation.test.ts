import { createLocalJWKSet, decodeJwt, jwtVerify } from "jose";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, detailOf, page, reasonOf } from "../support/fake-stack.ts";
import type { SignOptions } from "../support/signing-keys.ts";
import { agentClient, backendIdentifier, legacySecret, ownIssuer, type SessionWorld, startSessionWorld } from "../support/session-world.ts";
import { grpcJsCaller } from "./grpc-js-caller.ts";
import { tokensOf } from "./session-answers.ts";

let world: SessionWorld;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cambio-delegation-"));
  world = await startSessionWorld({
    database: { location: { kind: "sqlite", file: join(folder, "db.sqlite") } },
    change: ({ audiences, clients, ...configuration }) => {
      const { legacy, stock, backend, orders: ownOrders } = audiences;
      const { orders, shop } = clients;
      const [mint, ours, first] = [legacy?.mint, stock?.mint, backend?.mint];
      const own = backend?.accepts["cambio"];
      if (!mint || !ours || !first || !own || !orders || !shop || !legacy || !stock || !ownOrders) throw new Error("names have changed");
      const [actor] = first.actors;
      const main = orders.providers["main"];
      const cambio = orders.providers["cambio"];
      const mapped = first.from["main"];
      if (actor === undefined || main === undefined || cambio === undefined || mapped === undefined) throw new Error("names have changed");
      const here = { scopes: [], scope_map: {}, claims: {} };
      return {
        ...configuration,
        audiences: {
          ...audiences,
          // A backend that shares a secret gets tokens of `main`, with actors; and `orders` has its own tokens issued here.
          legacy: { ...legacy, mint: { ...mint, from: { ...mint.from, main: mapped }, actors: [actor] } },
          stock: { ...stock, mint: { ...ours, from: { ...ours.from, cambio: here } } },
          orders: {
            accepts: { ...ownOrders.accepts, cambio: { ...own, identifiers: ["urn:orders-own"] } },
            mint: { ...first, from: { main: { ...here, scope_map: { "orders:read": ["orders:read"] } } }, actors: [] },
          },
        },
        clients: {
          ...clients,
          shop: { ...shop, audiences: ["orders"] },
          orders: {
            ...orders,
            providers: { ...orders.providers, main: { ...main, audiences: [...main.audiences, "legacy", "orders"] }, cambio },
          },
        },
      };
    },
  });
});
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true });
});

const accessTokenType = "urn:ietf:params:oauth:token-type:access_token";
const orders = "https://orders.example";
const seconds = () => Math.floor(world.stack.time.nowMs / 1_000);

/** Of a user of `main`, meant for `orders`, as an application there got it. */
const subjectToken = (claims: Readonly<Record<string, unknown>> = {}, signing?: SignOptions) =>
  world.stack.token({ aud: [orders], scope: "openid orders:read", name: "Alice", ...claims }, signing);
/** Of who is to act. */
const actorToken = (claims: Readonly<Record<string, unknown>> = {}, signing?: SignOptions) =>
  subjectToken({ sub: "robot", client_id: agentClient, scope: "", name: undefined, ...claims }, signing);

const exchange = (value: string, more: object = {}): Promise<Answer> =>
  world.asOrders("Exchange", { subjectToken: { value, type: accessTokenType }, audiences: ["backend"], ...more });
const acting = (value: string) => ({ actorToken: { value, type: accessTokenType } });
const validate = (value: string, audience: string, more: object = {}): Promise<Answer> =>
  world.asOrders("ValidateCrossClient", { token: { value }, audience, ...more });

/** As any backend would, by the published keys. */
async function verified(token: string, audience = backendIdentifier) {
  const keys = (await (await fetch(`${world.cambio.url}/.well-known/jwks.json`)).json()) as Parameters<typeof createLocalJWKSet>[0];
  const currentDate = new Date(world.stack.time.nowMs);
  return (await jwtVerify(token, createLocalJWKSet(keys), { issuer: ownIssuer, audience, typ: "at+jwt", currentDate })).payload;
}
const robotAct = () => ({ iss: world.stack.provider.issuer, sub: "robot", client_id: agentClient });
const chainOf = (length: number) =>
  Array.from({ length }, (_, index) => index).reduce<object | undefined>(
    (act, index) => ({ sub: `a${index}`, ...(act === undefined ? {} : { act }) }),
    undefined,
  );

describe("a provider's token that was meant for the caller", () => {
  it("becomes one that is issued here, for another audience, with the scopes that the map says", async () => {
    const answer = await exchange(await subjectToken({ scope: "openid orders:read orders:delete" }));
    expect([answer.status, answer.body["issuance"]]).toEqual([200, "ISSUANCE_MINTED"]);
    const { accessToken, expiresIn, refreshToken, scopes } = tokensOf(answer);
    expect({ expiresIn, refreshToken, scopes }).toEqual({ expiresIn: 900, refreshToken: undefined, scopes: ["orders:read"] });
    expect(await verified(accessToken)).toEqual({
      iss: ownIssuer,
      sub: "main:alice",
      aud: backendIdentifier,
      client_id: "orders",
      scope: "orders:read",
      name: "Alice",
      iat: seconds(),
      exp: seconds() + 900,
      jti: expect.any(String),
    });
  });

  it("gives no longer life than is left of its own", async () => {
    const exp = seconds() + 300;
    expect((await verified(tokensOf(await exchange(await subjectToken({ exp }))).accessToken)).exp).toBe(exp);
  });

  it.each<[string, object, string]>([
    ["a scope that it does not open", { scopes: ["orders:write"] }, "SCOPE_NOT_ALLOWED"],
    [
      "a refresh token, which would outlive it",
      { requestedTokenType: "urn:ietf:params:oauth:token-type:refresh_token" },
      "CALLER_NOT_ALLOWED",
    ],
    ["two audiences at once", { audiences: ["backend", "stock"] }, "TARGET_NOT_ALLOWED"],
    ["an audience that there is not", { audiences: ["nowhere"] }, "TARGET_NOT_ALLOWED"],
  ])("is not exchanged for %s", async (_what, more, reason) => {
    expect(reasonOf(await exchange(await subjectToken(), more))).toBe(reason);
  });
});

describe("somebody who acts", () => {
  it("stands in the token, by who vouches for them; and on record", async () => {
    const answer = await exchange(await subjectToken(), acting(await actorToken()));
    const payload = await verified(tokensOf(answer).accessToken);
    expect(payload).toMatchObject({ sub: "main:alice", scope: "orders:read", act: robotAct() });
    const outcome = world.cambio.auditLines().findLast((line) => line["kind"] === "outcome");
    expect(outcome).toMatchObject({ subject: "alice", actor: "robot", targets: ["backend"], issued: payload.jti });
  });

  it("ends the token with their own, where that ends earlier", async () => {
    const exp = seconds() + 120;
    const answer = await exchange(await subjectToken(), acting(await actorToken({ exp })));
    expect((await verified(tokensOf(answer).accessToken)).exp).toBe(exp);
  });

  it.each<[string, Readonly<Record<string, unknown>>, SignOptions | undefined, string, number]>([
    ["was issued to a client that is not listed", { client_id: "cambio" }, undefined, "DELEGATION_NOT_ALLOWED", 403],
    ["says that somebody acts for them", { act: { sub: "puppeteer" } }, undefined, "DELEGATION_NOT_ALLOWED", 403],
    ["has ended", { iat: 1, exp: 601 }, undefined, "TOKEN_EXPIRED", 401],
    ["is signed by a key that nobody knows", {}, { kid: "made-up" }, "TOKEN_INVALID", 401],
    ["was meant for somebody else", { aud: ["https://elsewhere.example"] }, undefined, "AUDIENCE_MISMATCH", 403],
    ["was issued to a client that nobody trusts", { client_id: "games" }, undefined, "CLIENT_NOT_TRUSTED", 403],
    ["is of a stranger", { iss: "https://evil.example" }, undefined, "ISSUER_NOT_TRUSTED", 401],
    ["is an ID token", {}, { typ: "JWT" }, "TOKEN_TYPE_MISMATCH", 401],
  ])(
    "is kept out where their token %s, and it is said which of the two tokens is meant",
    async (_what, claims, signing, reason, status) => {
      const answer = await exchange(await subjectToken(), acting(await actorToken(claims, signing)));
      expect([answer.status, reasonOf(answer)]).toEqual([status, reason]);
      expect(detailOf(answer)?.["field"]).toBe("ERROR_FIELD_ACTOR_TOKEN");
    },
  );

  it("is kept out by a signature that is not theirs", async () => {
    const [header, , signature] = (await actorToken()).split(".");
    const forged = [header, (await actorToken({ sub: "admin" })).split(".")[1], signature].join(".");
    const answer = await exchange(await subjectToken(), acting(forged));
    expect([reasonOf(answer), detailOf(answer)?.["field"]]).toEqual(["TOKEN_INVALID", "ERROR_FIELD_ACTOR_TOKEN"]);
  });

  it("is kept out by a token of another type, and with a code", async () => {
    const actor = { value: await actorToken(), type: "urn:ietf:params:oauth:token-type:id_token" };
    expect(reasonOf(await exchange(await subjectToken(), { actorToken: actor }))).toBe("TOKEN_TYPE_MISMATCH");
    const code = { code: "any", redirectUri: `${page}/callback`, codeVerifier: "a".repeat(43) };
    const answer = await world.cambio.rpc(
      "Exchange",
      { clientId: "web", authorizationCode: code, ...acting(await actorToken()) },
      { origin: page },
    );
    expect(reasonOf(answer)).toBe("MALFORMED_REQUEST");
  });

  it("is kept out once their token was ended, though it was good a moment ago", async () => {
    const actor = await actorToken();
    expect((await exchange(await subjectToken(), acting(actor))).status).toBe(200);
    expect((await world.asOrders("Revoke", { token: { value: actor } })).status).toBe(200);
    const answer = await exchange(await subjectToken(), acting(actor));
    expect([reasonOf(answer), detailOf(answer)?.["field"]]).toEqual(["TOKEN_REVOKED", "ERROR_FIELD_ACTOR_TOKEN"]);
  });

  it("stands in a token under a shared secret as well", async () => {
    const answer = await exchange(await subjectToken(), { audiences: ["legacy"], ...acting(await actorToken()) });
    const currentDate = new Date(world.stack.time.nowMs);
    const { payload } = await jwtVerify(tokensOf(answer).accessToken, Buffer.from(legacySecret), { algorithms: ["HS256"], currentDate });
    expect(payload).toMatchObject({ sub: "main:alice", act: robotAct() });
    expect(payload.aud).toBeUndefined();
  });

  it("acts the same over gRPC, answer and refusal", async () => {
    const caller = grpcJsCaller(world.cambio.url);
    const ask = async (claims: Readonly<Record<string, unknown>>) =>
      caller.call({
        method: "Exchange",
        message: { subjectToken: { value: await subjectToken() }, audiences: ["backend"], actorToken: { value: await actorToken(claims) } },
        headers: { authorization: world.stack.authorization("orders") },
      });
    const [good, refused] = [await ask({}), await ask({ client_id: "cambio" })];
    caller.close();
    if (good.kind !== "ok" || refused.kind !== "failed") throw new Error("the wrong one was refused");
    const { tokens, issuance } = good.message as { tokens: { accessToken: string }; issuance: string };
    world.stack.canary.register("accessToken", tokens.accessToken);
    expect(issuance).toBe("ISSUANCE_MINTED");
    expect(decodeJwt(tokens.accessToken)["act"]).toEqual(robotAct());
    expect(refused.details).toMatchObject([{ reason: "ERROR_REASON_DELEGATION_NOT_ALLOWED", field: "ERROR_FIELD_ACTOR_TOKEN" }]);
  });
});

describe("a chain", () => {
  it("is kept whole, and grows at its front, over exchanges of our own tokens, to four; a fifth is refused", async () => {
    const first = tokensOf(await exchange(await subjectToken({ act: chainOf(2) }), acting(await actorToken()))).accessToken;
    const again = (value: string, more: object = {}) => exchange(value, { audiences: ["stock"], ...more });
    const kept = tokensOf(await again(first)).accessToken;
    expect(decodeJwt(kept)).toMatchObject({ sub: "main:alice", act: { ...robotAct(), act: { sub: "a1", act: { sub: "a0" } } } });
    const second = tokensOf(await again(kept, acting(await actorToken({ sub: "second" })))).accessToken;
    const shown = await validate(second, "stock");
    const { actors } = shown.body["claims"] as { readonly actors: readonly { readonly subject: string }[] };
    expect(actors.map(({ subject }) => subject)).toEqual(["second", "robot", "a1", "a0"]);
    const fifth = await again(second, acting(await actorToken({ sub: "third" })));
    expect([reasonOf(fifth), detailOf(fifth)?.["field"]]).toEqual(["DELEGATION_NOT_ALLOWED", "ERROR_FIELD_ACTOR_TOKEN"]);
    // Nobody new acts: as good as before.
    expect((await again(second)).status).toBe(200);
  });

  it("of five is no token's", async () => {
    expect(reasonOf(await exchange(await subjectToken({ act: chainOf(5) })))).toBe("TOKEN_INVALID");
  });

  it("opens no more scope, and lives no longer, by going on", async () => {
    const exp = seconds() + 200;
    const first = tokensOf(await exchange(await subjectToken({ exp }))).accessToken;
    const wider = await exchange(first, { audiences: ["stock"], scopes: ["stock:read"] });
    expect(reasonOf(wider)).toBe("SCOPE_NOT_ALLOWED");
    const next = decodeJwt(tokensOf(await exchange(first, { audiences: ["stock"] })).accessToken);
    expect(next).toMatchObject({ scope: "orders:read", exp });
  });

  it("does not go on from a token that was ended", async () => {
    const first = tokensOf(await exchange(await subjectToken())).accessToken;
    expect((await world.asOrders("Revoke", { token: { value: first } })).status).toBe(200);
    const answer = await exchange(first, { audiences: ["stock"] });
    expect([reasonOf(answer), detailOf(answer)?.["field"]]).toEqual(["TOKEN_REVOKED", "ERROR_FIELD_SUBJECT_TOKEN"]);
  });
});

describe("may_act", () => {
  it.each([
    ["by the subject's issuer for one actor keeps every other out", { sub: "somebody" }],
    ["for nobody keeps everybody out", {}],
    ["that nobody can read keeps everybody out", ["robot"]],
  ])("%s, now and after an exchange", async (_what, may_act) => {
    const subject = await subjectToken({ may_act });
    const refused = await exchange(subject, acting(await actorToken()));
    expect([reasonOf(refused), detailOf(refused)?.["field"]]).toEqual(["DELEGATION_NOT_ALLOWED", "ERROR_FIELD_ACTOR_TOKEN"]);
    const carried = tokensOf(await exchange(subject)).accessToken;
    const later = await exchange(carried, { audiences: ["stock"], ...acting(await actorToken()) });
    expect(reasonOf(later)).toBe("DELEGATION_NOT_ALLOWED");
  });

  it("lets in whom it names, and stays in the token", async () => {
    const subject = await subjectToken({ may_act: { sub: "robot", client_id: agentClient } });
    const answer = await exchange(subject, acting(await actorToken()));
    expect(await verified(tokensOf(answer).accessToken)).toMatchObject({ act: robotAct(), may_act: robotAct() });
  });
});

describe("a session", () => {
  it("is exchanged with somebody who acts for its user", async () => {
    const user = await world.register();
    const answer = await world.exchange(user.cookie, acting(await actorToken()));
    expect(await verified(tokensOf(answer).accessToken)).toMatchObject({ sub: `site:${user.userId}`, act: robotAct() });
  });

  it("through which an administrator looks keeps the administrator behind the actor, and both are shown outermost first", async () => {
    const [admin, user] = [await world.register(), await world.register()];
    world.site.promote(admin.userId);
    const { cookie } = await world.site.impersonate(admin.cookie, user.userId);
    const { accessToken } = tokensOf(await world.exchange(cookie, acting(await actorToken())));
    expect(decodeJwt(accessToken)["act"]).toEqual({ ...robotAct(), act: { iss: world.site.url, sub: admin.userId } });
    const { claims } = (await validate(accessToken, "backend")).body as { readonly claims: { readonly actors: unknown } };
    expect(claims.actors).toEqual([
      { issuer: world.stack.provider.issuer, subject: "robot", clientId: agentClient },
      { issuer: world.site.url, subject: admin.userId },
    ]);
  });

  it("gives no handle by which an actor would act on after their own token", async () => {
    const { cookie } = await world.register();
    const before = world.site.requests.length;
    const wish = { requestedTokenType: "urn:ietf:params:oauth:token-type:refresh_token", ...acting(await actorToken()) };
    const answer = await world.exchange(cookie, wish);
    expect([reasonOf(answer), detailOf(answer)?.["field"]]).toEqual(["DELEGATION_NOT_ALLOWED", "ERROR_FIELD_ACTOR_TOKEN"]);
    expect(world.site.requests.length).toBe(before);
  });

  it("is not read for what is refused anyway", async () => {
    const { cookie } = await world.register();
    const before = world.site.requests.length;
    expect(reasonOf(await world.exchange(cookie, { scopes: ["orders:write"] }))).toBe("SCOPE_NOT_ALLOWED");
    expect(reasonOf(await world.exchange(cookie, { audiences: ["stock"] }))).toBe("TARGET_NOT_ALLOWED");
    expect(world.site.requests.length).toBe(before);
  });
});

describe("a validation that asks for a token in the place of the one that was shown", () => {
  it("gets one that is issued here, keeps the chain, and says by what the shown one was verified", async () => {
    const answer = await validate(await subjectToken({ act: chainOf(1) }), "orders", { exchange: true, requiredScopes: ["orders:read"] });
    expect([answer.status, answer.body["source"]]).toEqual([200, "VALIDATION_SOURCE_LOCAL_KEYS"]);
    const { accessToken, expiresIn } = tokensOf(answer);
    expect(expiresIn).toBe(900);
    expect(await verified(accessToken, "urn:orders-own")).toMatchObject({
      sub: "main:alice",
      scope: "orders:read",
      act: { iss: world.stack.provider.issuer, sub: "a0" },
    });
  });
});
