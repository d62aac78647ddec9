import { beforeEach, describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { ExchangeSession, ExchangeSessionQuestion } from "../../src/exchange/exchange-session.ts";
import { createBackendTokenRoute } from "../../src/rpc/backend-token-route.ts";
import type { Call } from "../../src/rpc/call.ts";
import type { Entrance } from "../../src/rpc/caller.ts";
import { clientOf, refusal } from "../exchange/fixtures.ts";
import { createMintRig, type MintRig } from "../exchange/mint-rig.ts";
import { claimsOf } from "../exchange/unsigned-tokens.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { callersOf, callOf, entranceOf } from "./fixtures.ts";

const page = "https://app.example.com";
const signal = new AbortController().signal;

let rig: MintRig;
let asked: ExchangeSessionQuestion[];
beforeEach(() => {
  rig = createMintRig();
  asked = [];
});

function routeOf(given: Partial<Entrance> = {}) {
  const exchangeSession: ExchangeSession = (question, ends) => {
    asked.push(question);
    return rig.exchangeSession(question, ends);
  };
  const entrance = entranceOf({ ...callersOf(rig.client("shop")) }, given);
  const at = { clientId: "shop", provider: "site", audience: "backend" };
  return createBackendTokenRoute({ entrance, exchangeSession, clock: rig.clock, ...at });
}

const cookie = "session=token.signature";
const get = (headers: Readonly<Record<string, string>>, call: Call = callOf(origin(headers))) =>
  routeOf().handle({ headers, call }, signal);
const origin = (headers: Readonly<Record<string, string>>) => ("origin" in headers ? { origin: headers["origin"] } : {});

describe("GET of a token for a backend", () => {
  it("answers token, seconds and the user's id here, and no more", async () => {
    const answer = await get({ cookie });
    expect(answer).toEqual({ token: expect.any(String), expiresIn: 900, userId: "site:u1" });
    expect(claimsOf({ accessToken: new Secret(answer.token) })["sub"]).toBe("site:u1");
  });

  it("asks what its configuration says, and nothing that the request does", async () => {
    await get({ cookie: `${cookie}; audience=stock` });
    const [{ client, audiences, scopes, actorToken, refreshToken, provider } = {} as never] = asked;
    expect({ client: client?.id, audiences, scopes, actorToken, refreshToken, provider }).toEqual({
      client: "shop",
      provider: "site",
      audiences: ["backend"],
      scopes: [],
      actorToken: undefined,
      refreshToken: false,
    });
    expect(rig.shown).toEqual(["token.signature"]);
  });

  it("tells the seconds of the token and not those of a second that has begun", async () => {
    rig.clock.advance(600);
    rig.session = { ...rig.session, expiresAtMs: rig.clock() + 3_600_000 };
    expect((await get({ cookie })).expiresIn).toBe(900);
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ["without an origin and without a word where it stands, as older browsers ask", {}],
    ["of the same origin", { "sec-fetch-site": "same-origin" }],
    ["of a listed origin", { origin: page, "sec-fetch-site": "same-site" }],
    ["of a listed origin of another site: it is listed", { origin: page, "sec-fetch-site": "cross-site" }],
    ["that somebody opened", { "sec-fetch-site": "none" }],
  ])("is answered to a page %s", async (_what, headers) => {
    await expect(get({ cookie, ...headers })).resolves.toHaveProperty("userId", "site:u1");
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ["of another site, which left its origin out", { "sec-fetch-site": "cross-site" }],
    ["of another origin", { origin: "https://evil.example", "sec-fetch-site": "same-origin" }],
    ["of the origin `null`", { origin: "null" }],
    ["of no origin that there is", { origin: "" }],
  ])("is refused to a page %s, before the session is shown to anybody", async (_what, headers) => {
    await expect(get({ cookie, ...headers })).rejects.toThrow(refusal("ORIGIN_NOT_ALLOWED"));
    expect([asked, rig.shown]).toEqual([[], []]);
  });

  it.each([
    ["no cookie", {}],
    ["a cookie of another name", { cookie: "other=token.signature" }],
    ["the cookie twice", { cookie: `${cookie}; session=planted` }],
  ])("finds no session in %s", async (_what, headers) => {
    await expect(get(headers)).rejects.toThrow(refusal("SESSION_INVALID", { field: "SESSION" }));
    expect(rig.shown).toEqual([]);
  });

  it("is refused to a client that was disabled", async () => {
    rig = createMintRig({ change: ({ clients }) => (clients.shop["disabled"] = true) });
    await expect(get({ cookie })).rejects.toThrow(refusal("CALLER_NOT_ALLOWED"));
  });
});

const tooMany = () => {
  throw new ExchangeError("RATE_LIMITED");
};

describe("the gate before it", () => {
  it("lets nobody through who proves to be somebody", async () => {
    const shown = { authorization: "Bearer anything", repeated: false, call: callOf() };
    await expect(routeOf().gate(shown, signal)).rejects.toThrow(refusal("CALLER_UNAUTHENTICATED", { field: "CALLER" }));
    const service = clientOf({ kind: "service" });
    const callers = { ...callersOf(rig.client("shop")), authenticate: () => service };
    const proven = { authorization: undefined, repeated: false, call: callOf() };
    await expect(routeOf({ callers: () => callers }).gate(proven, signal)).rejects.toThrow(refusal("CALLER_UNAUTHENTICATED"));
  });

  it("lets the rest through, as calls of Exchange", async () => {
    const call = callOf();
    await routeOf().gate({ authorization: undefined, repeated: false, call }, signal);
    expect([call.audited, call.caller]).toEqual(["Exchange", ""]);
  });

  it("counts those who come from one address", async () => {
    const limits = { ofUnproven: tooMany, ofService: () => undefined, ofPublicClient: () => undefined };
    const shown = { authorization: undefined, repeated: false, call: callOf() };
    await expect(routeOf({ limits }).gate(shown, signal)).rejects.toThrow(refusal("RATE_LIMITED"));
  });
});
