// Validation with real keys over real sockets, in front of one trusted provider and one stranger, with a clock that stands
// still. Around each verifier is a wrapper that counts: the verifying itself is the real one.

import { createHash } from "node:crypto";
import { createCacheKeys } from "../../src/cache/cache-key.ts";
import { createMemoryTier } from "../../src/cache/memory-tier.ts";
import { createSingleFlight } from "../../src/cache/single-flight.ts";
import { createVerificationCache } from "../../src/cache/verification-cache.ts";
import { type Configuration, configurationSchema } from "../../src/config/schema.ts";
import type { Client } from "../../src/exchange/clients.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { AccessTokenVerifier } from "../../src/exchange/ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { weighVerification } from "../../src/cache/verification-codec.ts";
import { createSubjectToken } from "../../src/exchange/subject-token.ts";
import { createValidate, type Validate, type ValidateAnswer, type ValidateQuestion } from "../../src/exchange/validate.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { createProviderPool, usesOf } from "../../src/wiring/provider.ts";
import { type FrozenClock, frozenClock, masterKey } from "../cache/fixtures.ts";
import { type FakeProvider, startFakeProvider } from "../support/fake-provider.ts";
import { recordingAudit, nothingMinted, roomyPlaces, silentTrail } from "./fixtures.ts";

const clients = {
  orders: { kind: "service", secrets: ["orders-secret-0123"], methods: ["ValidateCrossClient"], audiences: ["orders", "reports"] },
  billing: { kind: "service", secrets: ["billing-secret-012"], methods: ["ValidateCrossClient"], audiences: ["billing"] },
  nothing: { kind: "service", secrets: ["nothing-secret-012"], methods: ["ValidateCrossClient"] },
};

// `reports` takes the same identifier from other clients: one verification, two decisions.
const audiences = {
  orders: { accepts: { main: { identifiers: ["urn:orders", "https://orders.example"], clients: ["web", "tool"] } } },
  reports: { accepts: { main: { identifiers: ["https://orders.example"], clients: ["tool"] } } },
  billing: {
    accepts: {
      main: { identifiers: ["https://billing.example"], clients: ["web"] },
      lenient: { identifiers: ["https://billing.example"], clients: ["web"] },
    },
  },
};

export interface ValidateRig {
  readonly configuration: Configuration;
  readonly clock: FrozenClock;
  /** Trusted under the name `main`, and once more under `lenient`, where `iss` is not compared. */
  readonly fake: FakeProvider;
  readonly stranger: FakeProvider;
  client(id: keyof typeof clients): Client;
  /** A service that remembers nothing yet. */
  fresh(): Validate;
  /** How often a signature and its claims were checked. */
  verified(): number;
  /** From now on tokens are held against the same configuration with these key ids denied. */
  deny(keyIds: readonly string[]): void;
  /** From now on the token with this `jti` counts as revoked. */
  revoke(tokenId: string): void;
  question(token: string, given?: Partial<ValidateQuestion>): ValidateQuestion;
  /** Of one service that remembers, or of another. */
  ask(token: string, given?: Partial<ValidateQuestion>, of?: Validate): Promise<ValidateAnswer>;
  readonly close: () => Promise<void>;
}

export async function startValidateRig(): Promise<ValidateRig> {
  const clock = frozenClock();
  const [fake, stranger] = await Promise.all([startFakeProvider({ clock }), startFakeProvider({ clock })]);
  const metrics = createMetrics();
  const observers = { clock, metrics, log: createLog({ level: "error" }), audit: recordingAudit() };
  const configured = (denied: readonly string[]): Configuration =>
    configurationSchema.parse({
      providers: {
        main: { kind: "oidc", issuer: fake.issuer, client: fake.client, tokens: { deny_kids: denied } },
        lenient: { kind: "oidc", issuer: fake.issuer, client: fake.client, tokens: { issuer_check: false } },
      },
      audiences,
      clients,
    });
  const configuration = configured([]);
  const policy = compilePolicy(configuration);
  const pool = createProviderPool(observers);
  const taken: ReturnType<typeof pool.take>[] = [];
  let verified = 0;

  function verifierOf(name: string, from: Configuration): AccessTokenVerifier {
    const wired = pool.take(usesOf(from, policy).filter(([one]) => one === name));
    taken.push(wired);
    const verifier = wired.get(name)?.verifier;
    if (verifier === undefined) throw new Error(`no provider ${name}`);
    return verifier;
  }

  function counting(verifier: AccessTokenVerifier): AccessTokenVerifier {
    return {
      ...verifier,
      verifyAtHand: (token, parsed) => {
        verified += 1;
        const verification = verifier.verifyAtHand(token, parsed);
        // Not at hand: nothing was checked.
        if (verification === undefined) verified -= 1;
        return verification;
      },
      verify: (token, signal) => {
        verified += 1;
        return verifier.verify(token, signal);
      },
    };
  }

  let main = counting(verifierOf("main", configuration));
  const lenient = counting(verifierOf("lenient", configuration));
  const hash = createHash("sha256").update(main.contentHash).update(lenient.contentHash).digest("hex");
  const verifiers = {
    byName: (name: string) =>
      new Map([
        ["main", main],
        ["lenient", lenient],
      ]).get(name),
    byIssuer: (issuer: string) => (issuer === fake.issuer ? main : undefined),
    contentHash: hash,
  };
  const keyOf = createCacheKeys(masterKey("k"));
  const decide = createDecide(policy.audiences);
  const revoked = new Set<string>();
  const revocations = {
    check({ id }: { readonly id: string }) {
      if (revoked.has(id)) throw new ExchangeError("TOKEN_REVOKED", { field: "SUBJECT_TOKEN" });
    },
  };
  const fresh = () => {
    // Room for every token of a test, and little enough to be made anew for each question.
    const memory = createMemoryTier(clock, weighVerification, { maxEntries: 256 });
    const cache = createVerificationCache({
      keyOf,
      memory,
      clock,
      onHit: (tier) => metrics.cacheHit("verification", tier),
      onMiss: () => metrics.cacheMiss("verification"),
    });
    const budget = { check: () => undefined, spend: () => undefined };
    const verifySubject = createSubjectToken({
      verifiers,
      cache,
      flights: createSingleFlight(() => 10_000),
      budget,
      places: roomyPlaces,
      clock,
    });
    // Of exchanges there is a rig of its own.
    return createValidate({ verifySubject, swap: () => Promise.reject(new Error("no exchange")), decide, revocations, ...nothingMinted });
  };
  const validate = fresh();

  const rig: ValidateRig = {
    configuration,
    clock,
    fake,
    stranger,
    client: (id) => policy.clients.get(id) as Client,
    fresh,
    verified: () => verified,
    deny(keyIds) {
      // Under the old hash: an entry that was made before lies where it will be found.
      main = { ...counting(verifierOf("main", configured(keyIds))), contentHash: main.contentHash };
    },
    revoke: (tokenId) => void revoked.add(`jti:${tokenId}`),
    question: (token, given = {}) => ({
      client: rig.client("orders"),
      token: new Secret(token),
      provider: "",
      audience: "",
      requiredScopes: [],
      exchange: false,
      trail: silentTrail(),
      ...given,
    }),
    ask: async (token, given, of = validate) => of(rig.question(token, given), { signal: AbortSignal.timeout(10_000) }),
    close: async () => {
      // The providers first: a call that hangs there ends with them.
      await Promise.all([fake.close(), stranger.close()]);
      await Promise.all(taken.map((one) => pool.release(one)));
      metrics.close();
    },
  };
  return rig;
}
