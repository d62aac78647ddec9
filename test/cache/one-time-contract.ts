// What every one-time store must do, whatever keeps its marks. Each implementation's test runs this suite on its own.

import { describe, expect, test } from "vitest";
import type { OneTimeStore } from "../../src/exchange/one-time-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { pendingState } from "./fixtures.ts";

export interface OneTimeSubject {
  /** Two replicas with one authority; where the process is the authority, the same store twice. */
  stores(): readonly [OneTimeStore, OneTimeStore];
  /** Makes every mark and state as old as 10 minutes. */
  expire(): Promise<void>;
}

const code = (text = "code-1") => new Secret(text);
export function oneTimeContract(subject: OneTimeSubject): void {
  describe("a code", () => {
    test("is claimed once, on whichever replica", async () => {
      const [store, other] = subject.stores();
      expect(await store.claimCode("main", code())).toBeDefined();
      expect(await store.claimCode("main", code())).toBeUndefined();
      expect(await other.claimCode("main", code())).toBeUndefined();
    });

    test("presented fifty times at the same moment has exactly one winner", async () => {
      const [store, other] = subject.stores();
      const claims = await Promise.all(
        Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? store : other).claimCode("main", code())),
      );
      expect(claims.filter((claim) => claim !== undefined).length).toBe(1);
    });

    test("is not confused with the same code of another provider, nor with a moved boundary", async () => {
      const [store] = subject.stores();
      expect(await store.claimCode("main", code())).toBeDefined();
      expect(await store.claimCode("other", code())).toBeDefined();
      expect(await store.claimCode("mainc", code("ode-1"))).toBeDefined();
    });

    test("that was given back can be claimed again, once", async () => {
      const [store, other] = subject.stores();
      const claim = await store.claimCode("main", code());
      await claim?.release();
      expect(await other.claimCode("main", code())).toBeDefined();
      expect(await store.claimCode("main", code())).toBeUndefined();
    });

    test("is not given back by a claim that is no longer the one that holds it", async () => {
      const [store, other] = subject.stores();
      const first = await store.claimCode("main", code());
      await first?.release();
      const second = await other.claimCode("main", code());
      await first?.release();
      expect(await store.claimCode("main", code())).toBeUndefined();
      await second?.release();
      expect(await store.claimCode("main", code())).toBeDefined();
    });

    test("is forgotten after its ten minutes, and an old claim cannot give back a newer one's", async () => {
      const [store] = subject.stores();
      const old = await store.claimCode("main", code());
      await subject.expire();
      expect(await store.claimCode("main", code())).toBeDefined();
      await old?.release();
      expect(await store.claimCode("main", code())).toBeUndefined();
    });
  });

  describe("a state", () => {
    test("comes back once, with everything that was kept, on whichever replica", async () => {
      const [store, other] = subject.stores();
      await store.keepState("state-1", pendingState());
      const taken = await other.takeState("state-1");
      expect(taken).toEqual(pendingState());
      expect(taken?.codeVerifier?.reveal()).toBe("v".repeat(64));
      expect(await store.takeState("state-1")).toBeUndefined();
      expect(await other.takeState("state-1")).toBeUndefined();
    });

    test("of a public client comes back without what was not kept", async () => {
      const [store] = subject.stores();
      const bare = pendingState({ codeChallenge: undefined, codeVerifier: undefined, nonce: undefined });
      await store.keepState("state-1", bare);
      expect(await store.takeState("state-1")).toEqual(bare);
    });

    test("taken fifty times at the same moment is given out once", async () => {
      const [store, other] = subject.stores();
      await store.keepState("state-1", pendingState());
      const taken = await Promise.all(Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? store : other).takeState("state-1")));
      expect(taken.filter((pending) => pending !== undefined).length).toBe(1);
    });

    test("that nobody kept is unknown, also where a code of that name was claimed", async () => {
      const [store] = subject.stores();
      await store.claimCode("main", code("state-1"));
      expect(await store.takeState("state-1")).toBeUndefined();
    });

    test("is gone after its ten minutes", async () => {
      const [store] = subject.stores();
      await store.keepState("state-1", pendingState());
      await subject.expire();
      expect(await store.takeState("state-1")).toBeUndefined();
    });
  });
}
