import { describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { createKeySet, type KeySet, type KeySetEvent, type KeySetOptions } from "../../src/keys/key-set.ts";
import { failureOf, reasonOf } from "../exchange/token/failure-of.ts";
import { createIssuer, type Issuer, minute } from "./issuer.ts";
import { createSigningKey } from "./signing.ts";

const old = createSigningKey("ES256", "old");
const fresh = createSigningKey("ES256", "fresh");
const down = new ExchangeError("UPSTREAM_UNAVAILABLE");
const patient = AbortSignal.timeout(10_000);

interface Rig {
  readonly issuer: Issuer;
  readonly keySet: KeySet;
  readonly events: readonly KeySetEvent[];
  /** found, unknown, or the reason why it cannot be decided. */
  readonly find: (kid: string | undefined, signal?: AbortSignal) => Promise<string>;
}

function createRig(options: KeySetOptions = {}): Rig {
  const issuer = createIssuer(old.jwk);
  const events: KeySetEvent[] = [];
  const { fetchJwks, clock } = issuer;
  const keySet = createKeySet({ fetchJwks, clock, onEvent: (event) => events.push(event) }, options);
  return {
    issuer,
    keySet,
    events,
    async find(kid, signal = patient) {
      try {
        return (await keySet.find({ kid, alg: "ES256" }, signal)).kind;
      } catch (failure) {
        if (failure instanceof ExchangeError) return failure.reason;
        throw failure;
      }
    },
  };
}

describe("a fresh set", () => {
  it("is fetched when first asked, and then not for ten minutes", async () => {
    const { issuer, find, events } = createRig();
    expect(issuer.fetches).toBe(0);
    expect(await find("old")).toBe("found");
    issuer.pass(10 * minute - 1);
    expect(await find("old")).toBe("found");
    expect(issuer.fetches).toBe(1);
    issuer.pass(1);
    expect(await find("old")).toBe("found");
    expect(issuer.fetches).toBe(2);
    expect(events).toEqual([
      { kind: "fetched", keys: 1, dropped: 0 },
      { kind: "fetched", keys: 1, dropped: 0 },
    ]);
  });

  it("gives the same imported key each time, never a string", async () => {
    const { keySet } = createRig();
    const [one, two] = [await keySet.find({ kid: "old", alg: "ES256" }, patient), await keySet.find({ kid: "old", alg: "ES256" }, patient)];
    expect(one.kind === "found" && one.key.key.type).toBe("public");
    expect(one).toEqual(two);
    expect(one.kind === "found" && two.kind === "found" && one.key.key === two.key.key).toBe(true);
  });

  it("is all that `ready` waits for", async () => {
    const { issuer, keySet } = createRig();
    await keySet.ready(patient);
    await keySet.ready(patient);
    expect(issuer.fetches).toBe(1);
  });

  it("belongs to its issuer: another issuer's key is unknown here", async () => {
    const [mine, other] = [createRig(), createRig()];
    other.issuer.publish(fresh.jwk);
    expect(await other.find("fresh")).toBe("found");
    expect(await mine.find("fresh")).toBe("unknown");
    expect(await mine.find("old")).toBe("found");
  });
});

describe("an unknown key id", () => {
  it("in a hundred tokens causes one fetch", async () => {
    const { issuer, find } = createRig();
    const answers = await Promise.all(Array.from({ length: 100 }, (_, at) => find(`unknown${at}`)));
    expect(new Set(answers)).toEqual(new Set(["unknown"]));
    expect(issuer.fetches).toBe(1);
  });

  it("in a hundred tokens causes one fetch beside a set that is there", async () => {
    const { issuer, find } = createRig();
    await find("old");
    issuer.pass(minute);
    await Promise.all(Array.from({ length: 100 }, (_, at) => find(`unknown${at}`)));
    await Promise.all(Array.from({ length: 100 }, (_, at) => find(`again${at}`)));
    expect(issuer.fetches).toBe(2);
  });

  it("causes one fetch per cool-down, however long the tokens come", async () => {
    const { issuer, find } = createRig();
    for (let second = 0; second < 300; second += 1) {
      expect(await find(`unknown${second}`)).toBe("unknown");
      issuer.pass(1_000);
    }
    expect(issuer.fetches).toBe(10);
  });

  it("is found after the issuer rotated, and its predecessor is then gone", async () => {
    const { issuer, find } = createRig();
    expect(await find("old")).toBe("found");
    issuer.publish(fresh.jwk);
    issuer.pass(30_000);
    expect(await find("fresh")).toBe("found");
    expect(await find("old")).toBe("unknown");
    expect(issuer.fetches).toBe(2);
  });

  it("cannot be decided while the last attempt failed, and known ones still can", async () => {
    const { issuer, find } = createRig();
    await find("old");
    issuer.fail(new ExchangeError("UPSTREAM_TIMEOUT"));
    issuer.pass(30_000);
    expect(await find("fresh")).toBe("UPSTREAM_TIMEOUT");
    issuer.pass(1_000);
    expect(await find("fresh")).toBe("UPSTREAM_TIMEOUT");
    expect(await find("old")).toBe("found");
    expect(issuer.fetches).toBe(2);
  });

  it("does not become a fetch for a token that names none, while exactly one key fits", async () => {
    const { issuer, find } = createRig();
    expect(await find(undefined)).toBe("found");
    expect(issuer.fetches).toBe(1);
    issuer.publish(old.jwk, fresh.jwk);
    issuer.pass(10 * minute);
    expect(await find(undefined)).toBe("unknown");
  });
});

describe("an issuer that does not answer", () => {
  it("leaves the known keys in use for an hour after the last good answer, and not longer", async () => {
    const { issuer, find } = createRig();
    await find("old");
    issuer.fail(down);
    issuer.pass(59 * minute);
    expect(await find("old")).toBe("found");
    issuer.pass(minute - 1);
    expect(await find("old")).toBe("found");
    issuer.pass(1);
    expect(await find("old")).toBe("UPSTREAM_UNAVAILABLE");
    issuer.pass(minute);
    expect(await find("old")).toBe("UPSTREAM_UNAVAILABLE");
  });

  it("is asked once per cool-down while it fails, however many ask", async () => {
    const { issuer, find, events } = createRig();
    issuer.fail(down);
    for (let second = 0; second < 120; second += 1) {
      const answers = await Promise.all([find("old"), find("fresh"), find(undefined)]);
      expect(new Set(answers)).toEqual(new Set(["UPSTREAM_UNAVAILABLE"]));
      issuer.pass(1_000);
    }
    expect(issuer.fetches).toBe(4);
    expect(events).toEqual(Array.from({ length: 4 }, () => ({ kind: "failed", reason: "UPSTREAM_UNAVAILABLE" })));
  });

  it("is asked once per cool-down while its aged keys are in use", async () => {
    const { issuer, find } = createRig();
    await find("old");
    issuer.fail(down);
    issuer.pass(10 * minute);
    for (let second = 0; second < 120; second += 1) {
      expect(await find("old")).toBe("found");
      issuer.pass(1_000);
    }
    expect(issuer.fetches).toBe(1 + 4);
  });

  it("is believed again as soon as it answers", async () => {
    const { issuer, find } = createRig();
    issuer.fail(down);
    expect(await find("old")).toBe("UPSTREAM_UNAVAILABLE");
    issuer.publish(old.jwk);
    issuer.pass(29_999);
    expect(await find("old")).toBe("UPSTREAM_UNAVAILABLE");
    issuer.pass(1);
    expect(await find("old")).toBe("found");
    expect(await find("fresh")).toBe("unknown");
  });

  it("fails `ready` with its reason and the rest of the cool-down, a second at the least", async () => {
    const { issuer, keySet } = createRig();
    issuer.fail(new ExchangeError("UPSTREAM_RATE_LIMITED", { retryAfterMs: 5 }));
    await reasonOf(() => keySet.ready(patient));
    issuer.pass(10_000);
    expect(await failureOf(() => keySet.ready(patient))).toMatchObject({ reason: "UPSTREAM_RATE_LIMITED", retryAfterMs: 20_000 });
    issuer.pass(19_999);
    expect((await failureOf(() => keySet.ready(patient))).retryAfterMs).toBe(1_000);
  });

  it.each<[string, unknown]>([
    ["65 keys", { keys: Array.from({ length: 65 }, () => old.jwk) }],
    ["no keys", { keys: [] }],
    ["only weak keys", { keys: [createSigningKey("RS256", "old", 1_024).jwk] }],
    ["something else", "<html>"],
  ])("is told from one that answers nonsense (%s), which does not replace good keys", async (_, answer) => {
    const { issuer, find } = createRig();
    issuer.answer(answer);
    expect(await find("old")).toBe("UPSTREAM_INVALID_RESPONSE");
    issuer.publish(old.jwk);
    issuer.pass(30_000);
    expect(await find("old")).toBe("found");
    issuer.answer(answer);
    issuer.pass(10 * minute);
    expect(await find("old")).toBe("found");
    expect(await find("fresh")).toBe("UPSTREAM_INVALID_RESPONSE");
  });

  it("is told from a mistake of our own, which is not passed off as the issuer's", async () => {
    const { issuer, find } = createRig();
    issuer.fail(new TypeError("x is not a function"));
    expect(await find("old")).toBe("INTERNAL");
  });
});

describe("one fetch for all", () => {
  it("serves everyone who asks while it is under way", async () => {
    const { issuer, find } = createRig();
    const release = issuer.hold();
    const answers = Promise.all(Array.from({ length: 50 }, (_, at) => find(at % 2 === 0 ? "old" : "unknown")));
    release();
    expect((await answers).filter((answer) => answer === "found")).toHaveLength(25);
    expect(issuer.fetches).toBe(1);
  });

  it("goes on when a waiter gives up at its own signal", async () => {
    const { issuer, find } = createRig();
    const release = issuer.hold();
    const hurried = new AbortController();
    const [leaving, staying] = [find("old", hurried.signal), find("old")];
    hurried.abort();
    expect(await leaving).toBe("DEADLINE_EXCEEDED");
    expect(issuer.signals[0]?.aborted).toBe(false);
    release();
    expect(await staying).toBe("found");
    expect(issuer.fetches).toBe(1);
  });

  it("is not waited for by a call that is over already, but a set at hand still answers it", async () => {
    const { issuer, find } = createRig();
    const release = issuer.hold();
    expect(await find("old", AbortSignal.abort())).toBe("DEADLINE_EXCEEDED");
    release();
    expect(await find("old")).toBe("found");
    expect(await find("old", AbortSignal.abort())).toBe("found");
    expect(issuer.fetches).toBe(1);
  });

  it("that hangs holds up known keys for a moment only, and unknown ones until it is over", async () => {
    const { issuer, find } = createRig({ agedWaitMs: 1 });
    await find("old");
    issuer.publish(fresh.jwk);
    issuer.pass(10 * minute);
    const release = issuer.hold();
    expect(await find("old")).toBe("found");
    const unknown = find("fresh");
    release();
    expect(await unknown).toBe("found");
    expect(await find("old")).toBe("unknown");
    expect(issuer.fetches).toBe(2);
  });

  it("that answers in time is used in place of an aged set: a withdrawn key does not pass", async () => {
    const { issuer, find } = createRig();
    await find("old");
    issuer.publish(fresh.jwk);
    issuer.pass(10 * minute);
    expect(await find("old")).toBe("unknown");
  });
});

describe("a clock that is set back", () => {
  it("makes no set fresh for a day, and no cool-down last for one", async () => {
    const { issuer, find } = createRig();
    await find("old");
    issuer.publish(fresh.jwk);
    issuer.pass(-24 * 60 * minute);
    expect(await find("old")).toBe("unknown");
    expect(issuer.fetches).toBe(2);
  });
});
