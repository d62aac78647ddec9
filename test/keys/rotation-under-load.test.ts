import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import type { Secret } from "../../src/exchange/secret.ts";
import { frozenClock } from "../cache/fixtures.ts";
import { onEachDatabase } from "../store/database-rig.ts";
import { hour, rules, signingReplica } from "../store/signing-rig.ts";
import { judged } from "./own-keys.ts";

const minute = 60_000;
const es256 = { kind: "published", algorithm: "ES256" } as const;
/** Far longer than a replica waits between two looks: what holds here holds for a machine that hardly keeps up. */
const stepMs = 10 * minute;
const tokenMs = 24 * hour;
/** Two rotations, and the old keys' end. */
const steps = (2 * rules.rotateEveryMs + 30 * hour) / stepMs;

interface Issued {
  readonly token: Secret;
  readonly atMs: number;
}

onEachDatabase((_, open) => {
  describe("key rotation under load", () => {
    it("no token that was valid is refused, no verifier sees an unknown key", { timeout: 60_000 }, async () => {
      const clock = frozenClock();
      const replicas = [signingReplica(await open(), clock), signingReplica(await open(), clock)] as const;
      for (const { keeper } of replicas) await keeper.start();

      /** A cache in front of the published set gives out what is ten minutes old; who asks it does so once an hour. */
      let cached = JSON.parse(JSON.stringify(replicas[0].ring.publicKeys())) as JSONWebKeySet;
      let polled = createLocalJWKSet(cached);
      const kids = new Set<string>();
      const issued: Issued[] = [];

      const verifyElsewhere = async ({ token }: Issued) => {
        const { protectedHeader } = await jwtVerify(token.reveal(), polled, { currentDate: new Date(clock()), algorithms: ["ES256"] });
        kids.add(protectedHeader.kid ?? "");
      };
      /** Right after it was signed, in the middle of its life, and in its last minutes. */
      const ages = [0, tokenMs / 2, tokenMs - stepMs];

      for (let step = 0; step < steps; step += 1) {
        // One replica looks before its calls, the other one after: they never know the same at the same time.
        await replicas[0].look();
        const claims = { iat: clock() / 1_000, exp: (clock() + tokenMs) / 1_000 };
        const tokens = await Promise.all(replicas.map(({ signer }) => signer.sign(claims, es256)));
        issued.push(...tokens.map((token) => ({ token, atMs: clock() })));
        if (step % 6 === 5) polled = createLocalJWKSet(cached);
        cached = JSON.parse(JSON.stringify(replicas[step % 2]?.ring.publicKeys())) as JSONWebKeySet;
        for (const one of issued.filter(({ atMs }) => ages.includes(clock() - atMs))) {
          for (const { ring } of replicas) expect((await judged(ring.keySet, one.token)).kind).toBe("good");
          await verifyElsewhere(one);
        }
        await replicas[1].look();
        clock.advance(stepMs);
      }

      expect(kids.size).toBe(3);
      expect(replicas.flatMap(({ events }) => events.map(({ kind }) => kind))).toEqual(["created", "created", "created"]);
      // The keys before are gone by now: what is published does not only grow.
      expect(replicas[0].ring.publicKeys().keys).toHaveLength(1);
    });
  });
});
