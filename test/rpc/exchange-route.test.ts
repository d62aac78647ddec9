import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { createExchangeRoute, type ExchangeRoute, type ExchangeRouteAnswer } from "../../src/rpc/exchange-route.ts";
import { callback, type CoreRig, patience, startCoreRig, verifier } from "../exchange/core-rig.ts";
import { refusal } from "../exchange/fixtures.ts";
import { callOf, entranceOf } from "./fixtures.ts";

let rig: CoreRig;
let route: ExchangeRoute;
beforeAll(async () => {
  rig = await startCoreRig();
  const entrance = entranceOf(() => rig.wired.current().callers);
  route = createExchangeRoute({ entrance, exchange: rig.core.exchange, clock: rig.clock, clientId: "web", provider: "main" });
});
afterAll(() => rig.close());

async function post(body: string, call = callOf({ method: "/api/auth/exchange", protocol: "http" })): Promise<ExchangeRouteAnswer> {
  await route.gate({ authorization: undefined, repeated: false, call }, patience());
  return route.handle({ body, call }, patience());
}
const good = { code: "code", code_verifier: verifier.reveal(), redirect_uri: callback };
const json = (given: Readonly<Record<string, unknown>>) => JSON.stringify({ ...good, ...given });

describe("POST of a code", () => {
  it("answers with the members of RFC 6749 §5.1 and no others", async () => {
    const { code, state } = await rig.signIn();
    const call = callOf();
    const answer = await post(json({ code, state }), call);
    expect(answer).toEqual({
      access_token: expect.stringMatching(/^ey/) as string,
      token_type: "Bearer",
      expires_in: 3600,
      refresh_token: expect.stringMatching(/^cambio_rt_/) as string,
    });
    expect([call.caller, call.notes.provider]).toEqual(["web", "main"]);
  });

  it("leaves out what the provider does not say", async () => {
    rig.fake.faults.next("token", { kind: "status", status: 200, body: { access_token: "a", token_type: "DPoP" } });
    expect(await post(json({ code: await rig.signInAlone() }))).toEqual({ access_token: "a", token_type: "DPoP" });
  });

  it("holds a state that was made here against the code, and ignores any other", async () => {
    const { code, state } = await rig.signIn();
    await rig.core.exchange(rig.question(await rig.signInAlone(), { state }), patience());
    await expect(post(json({ code, state }))).rejects.toThrow(refusal("GRANT_INVALID"));
    await expect(post(json({ code: await rig.signInAlone(), state: "the page's own" }))).resolves.toHaveProperty("access_token");
  });

  it("counts the page's origin where there is one, and needs none", async () => {
    await expect(post(json({ code: await rig.signInAlone() }), callOf({ origin: "https://app.example" }))).resolves.toHaveProperty(
      "access_token",
    );
    await expect(post(json({}), callOf({ origin: "https://evil.example" }))).rejects.toThrow(refusal("ORIGIN_NOT_ALLOWED"));
  });
});

it("a caller who proves to be somebody else is not the route's public client", async () => {
  const shown = { authorization: "Basic b3JkZXJzOndyb25n", repeated: false, call: callOf() };
  await expect(route.gate(shown, patience())).rejects.toThrow(refusal("CALLER_UNAUTHENTICATED"));
});

describe("a body", () => {
  it.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["JSON with something behind it", `${JSON.stringify(good)}x`],
    ["a form", "code=code&code_verifier=x&redirect_uri=y"],
    ["null", "null"],
    ["a list", JSON.stringify([good])],
    ["text", JSON.stringify("code")],
    ["an empty object", "{}"],
    ["no code", json({ code: undefined })],
    ["an empty code", json({ code: "" })],
    ["a code that is no text", json({ code: 1 })],
    ["a code that is an object", json({ code: { $ne: null } })],
    ["no verifier", json({ code_verifier: undefined })],
    ["an empty verifier", json({ code_verifier: "" })],
    ["no redirect URI", json({ redirect_uri: undefined })],
    ["a redirect URI that is too long", json({ redirect_uri: "x".repeat(2_049) })],
    ["a redirect URI with a line break", json({ redirect_uri: "https://app.example/callback\n" })],
    ["an empty state", json({ state: "" })],
    ["a state that is no text", json({ state: null })],
    ["a state that is too long", json({ state: "x".repeat(513) })],
    ["a client id, which is the route's to say", json({ client_id: "web" })],
    ["a client secret", json({ client_secret: "x" })],
    ["a provider, which is the route's to say", json({ provider: "second" })],
    ["a grant type", json({ grant_type: "password" })],
    ["a prototype", `{"__proto__":{},${JSON.stringify(good).slice(1)}`],
  ])("of %s is malformed", async (_name, body) => {
    const failure = await post(body).catch((thrown: unknown) => thrown);
    expect(failure).toEqual(refusal("MALFORMED_REQUEST"));
    // A parser's message quotes the body: the log gets the name of the field and no more.
    expect((failure as Error).cause).toEqual({
      kind: "rule",
      field: expect.stringMatching(/^(body|code|code_verifier|redirect_uri|state)$/),
    });
  });

  it.each([
    ["a short verifier, as a first try by hand has", { code: "invalid", code_verifier: "test" }],
    ["a long verifier", { code_verifier: "x".repeat(129) }],
    ["a verifier with a foreign character", { code_verifier: "+".repeat(43) }],
    ["a long code", { code: "x".repeat(2_049) }],
    ["a code with a line break", { code: "a\nb" }],
    ["a code beyond ASCII", { code: "é" }],
  ])("with %s is an invalid grant, as a provider would say", async (_name, given) => {
    const before = rig.fake.callsTo("token");
    await expect(post(json(given))).rejects.toThrow(refusal("GRANT_INVALID"));
    expect(rig.fake.callsTo("token")).toBe(before);
  });

  it("with another redirect URI is refused", async () => {
    await expect(post(json({ redirect_uri: "https://evil.example" }))).rejects.toThrow(refusal("REDIRECT_URI_NOT_ALLOWED"));
  });

  it("of any kind ends in a decided failure", async () => {
    const member = fc.constantFrom("code", "code_verifier", "redirect_uri", "state", "__proto__", "x");
    const body = fc.oneof(
      fc.string(),
      fc.json(),
      fc.dictionary(member, fc.jsonValue({ maxDepth: 2 })).map((value) => JSON.stringify(value)),
    );
    await fc.assert(
      fc.asyncProperty(body, async (text) => {
        const failure = await post(text).catch((thrown: unknown) => thrown);
        expect(failure).toBeInstanceOf(ExchangeError);
        expect(["MALFORMED_REQUEST", "GRANT_INVALID"]).toContain((failure as ExchangeError).reason);
      }),
    );
  });
});
