import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRefreshHandles } from "../../src/cache/refresh-handles.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { HeldToken } from "../../src/exchange/handle-ports.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import { refusal } from "../exchange/fixtures.ts";
import { flipped, frozenClock, masterKey } from "./fixtures.ts";

const clock = frozenClock();
const sealer = createSealer([masterKey("a")], "refresh-handle");
const handles = createRefreshHandles(sealer, clock);
const tokens = {
  accessToken: new Secret("access"),
  tokenType: "Bearer",
  expiresAtMs: undefined,
  refreshToken: new Secret("the provider's own token"),
  idToken: undefined,
  scopes: undefined,
  issuer: "https://issuer.example",
};
const handle = (await handles.issue("spa", "main", tokens)).reveal();
const body = handle.slice("cambio_rt_".length);
const wrap = (sealed: Uint8Array) => `cambio_rt_${Buffer.from(sealed).toString("base64url")}`;

async function found(shown: Secret, by = handles): Promise<HeldToken | undefined> {
  const grant = await by.find("spa", shown);
  if (grant !== undefined && grant.kind !== "token") throw new Error("without a database a handle is a token");
  return grant;
}

/** What a refresh with this handle shows to the provider, which answers with `fresh`. */
async function rotated(shown: Secret, fresh: TokenSet = tokens, by = handles) {
  const sent: string[] = [];
  const grant = await found(shown, by);
  const answer = await grant?.rotate(async (refreshToken) => {
    sent.push(refreshToken.reveal());
    return fresh;
  });
  return { sent, answer, next: answer?.refreshToken ?? new Secret("") };
}

test("a handle stands for provider and token to its client, and shows neither", async () => {
  expect((await handles.find("spa", new Secret(handle)))?.provider).toBe("main");
  expect((await rotated(new Secret(handle))).sent).toEqual(["the provider's own token"]);
  expect(handle).toMatch(/^cambio_rt_[A-Za-z0-9_-]+$/);
  expect(Buffer.from(body, "base64url").includes("provider")).toBe(false);
});

test("a stolen handle is nothing to another client", async () => {
  expect(await handles.find("other-spa", new Secret(handle))).toBeUndefined();
  expect(await handles.findToEnd("other-spa", new Secret(handle))).toBeUndefined();
});

test("a handle that was refreshed gives way to one for the provider's next token", async () => {
  const { answer, next } = await rotated(new Secret(handle), { ...tokens, refreshToken: new Secret("next") });
  expect(answer).toMatchObject({ tokenType: "Bearer", issuer: "https://issuer.example" });
  expect((await rotated(next)).sent).toEqual(["next"]);
});

test("an answer without a refresh token leaves the old one in force (RFC 6749 §6)", async () => {
  const { next } = await rotated(new Secret(handle), { ...tokens, refreshToken: undefined });
  expect((await rotated(next)).sent).toEqual(["the provider's own token"]);
});

const subjectOf = async (shown: Secret) => (await found(shown))?.subject;

test("who signed in goes along from handle to handle, whatever a later answer says", async () => {
  const unnamed = (await rotated(new Secret(handle))).next;
  expect(await subjectOf(unnamed)).toBeUndefined();
  const named = (await rotated(unnamed, { ...tokens, subject: "alice" })).next;
  expect(await subjectOf(named)).toBe("alice");
  expect(await subjectOf((await rotated(named, { ...tokens, subject: "bob" })).next)).toBe("alice");
  expect(await subjectOf(await handles.issue("spa", "main", { ...tokens, subject: "carol" }))).toBe("carol");
});

test("when somebody signed in goes along from handle to handle, so that a refresh makes no sign-in younger", async () => {
  const signedIn = Math.floor(clock() / 1_000);
  const first = await handles.issue("spa", "main", tokens);
  clock.advance(3_600_000);
  const { next } = await rotated(first);
  expect([(await found(first))?.issuedAt, (await found(next))?.issuedAt]).toEqual([signedIn, signedIn]);
});

test("a refresh that fails is told as it is, and leaves the handle as it was", async () => {
  const failure = new Error("some failure");
  const grant = await found(new Secret(handle));
  await expect(grant?.rotate(async () => Promise.reject(failure))).rejects.toBe(failure);
  expect((await rotated(new Secret(handle))).sent.length).toBe(1);
});

test("a handle that is ended leaves the provider's token to be told upstream", async () => {
  const grant = await handles.findToEnd("spa", new Secret(handle));
  expect([grant?.provider, (await grant?.end())?.reveal()]).toEqual(["main", "the provider's own token"]);
  // It is known to whoever ends it that nothing of it ends here.
  expect(grant?.stored).toBe(false);
});

describe("is not a handle:", () => {
  test.each([
    ["one with a bit flipped", wrap(flipped(Buffer.from(body, "base64url"), 160))],
    ["one cut short", handle.slice(0, -4)],
    ["one without its prefix", body],
    ["one with another prefix", `cambio_at_${body}`],
    ["one with padding", `${handle}=`],
    ["one with a space inside", `${handle.slice(0, 30)} ${handle.slice(30)}`],
    ["one in the other base64 alphabet", `cambio_rt_${Buffer.from(body, "base64url").toString("base64")}`],
    ["a value sealed for another purpose under the same key", wrap(createSealer([masterKey("a")], "pending-state").seal(json(), ["spa"]))],
    ["one made with other key bytes under the same id", wrap(createSealer([masterKey("a", 9)], "refresh-handle").seal(json(), ["spa"]))],
    ["a sealed value that is not JSON", wrap(sealer.seal(Buffer.from("{"), ["spa"]))],
    ["a sealed value of another shape", wrap(sealer.seal(Buffer.from('{"provider":"main"}'), ["spa"]))],
    ["a provider's raw refresh token", "the provider's own token"],
    ["the bare prefix", "cambio_rt_"],
    ["nothing", ""],
    ["more than 16 KiB", `cambio_rt_${"A".repeat(16 * 1024)}`],
  ])("%s", async (_, text) => {
    expect(await handles.find("spa", new Secret(text))).toBeUndefined();
    expect(await handles.findToEnd("spa", new Secret(text))).toBeUndefined();
  });

  test("anything random", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expect(await handles.find("spa", new Secret(wrap(bytes)))).toBeUndefined();
      }),
    );
  });
});

test("a handle still works after a new first key was added, and not after its own was taken out", async () => {
  const both = createRefreshHandles(createSealer([masterKey("b"), masterKey("a")], "refresh-handle"), clock);
  expect((await both.find("spa", new Secret(handle)))?.provider).toBe("main");
  expect(await handles.find("spa", await both.issue("spa", "main", tokens))).toBeUndefined();
  expect(
    await createRefreshHandles(createSealer([masterKey("b")], "refresh-handle"), clock).find("spa", new Secret(handle)),
  ).toBeUndefined();
});

test("a refresh token so long that its handle could not come back is refused, not handed out", async () => {
  expect((await rotated(await ofLength(12_000))).sent[0]?.length).toBe(12_000);
  await expect(ofLength(13_000)).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
});

function ofLength(length: number): Promise<Secret> {
  return handles.issue("spa", "main", { ...tokens, refreshToken: new Secret("x".repeat(length)) });
}

function json(): Uint8Array {
  return Buffer.from(JSON.stringify({ provider: "main", refreshToken: "the provider's own token", issuedAt: 1 }));
}

test("a token that came out of an exchange is never sealed without its terms", async () => {
  const terms = { as: "orders", audiences: ["inventory"], origin: "web", meantFor: ["urn:orders"], scopes: [], actors: [] };
  await expect(handles.issue("spa", "main", { ...tokens, terms })).rejects.toThrow("need a database");
});
