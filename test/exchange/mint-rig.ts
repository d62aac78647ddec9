// The operations that issue tokens here, over the real policy, the real rules of tokens and a cache that remembers; with doubles of
// what lies outside: keys, sessions, handles, the audit trail. Each says what happened, in order, and fails where a test wants it to.

import { createCacheKeys } from "../../src/cache/cache-key.ts";
import { createMemoryTier } from "../../src/cache/memory-tier.ts";
import { createSingleFlight } from "../../src/cache/single-flight.ts";
import { weighVerification } from "../../src/cache/verification-codec.ts";
import { createVerificationCache } from "../../src/cache/verification-cache.ts";
import { configurationSchema } from "../../src/config/schema.ts";
import { createActorToken, type VerifyActor } from "../../src/exchange/actor-token.ts";
import type { Client } from "../../src/exchange/clients.ts";
import { ExchangeError, type Reason } from "../../src/exchange/errors.ts";
import { createExchangeSession, type ExchangeSessionAnswer, type ExchangeSessionQuestion } from "../../src/exchange/exchange-session.ts";
import { createExchangeToken, type ExchangeTokenAnswer, type ExchangeTokenQuestion } from "../../src/exchange/exchange-token.ts";
import type { HeldSession } from "../../src/exchange/handle-ports.ts";
import { createMint, type Mint } from "../../src/exchange/mint.ts";
import type { ClaimValue, SigningChoice } from "../../src/exchange/minting-ports.ts";
import type { Revocations } from "../../src/exchange/ports.ts";
import { createRefreshSession, type RefreshSessionQuestion } from "../../src/exchange/refresh-session.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { Session, SessionProvider } from "../../src/exchange/session-ports.ts";
import { createSessionReading } from "../../src/exchange/session-reading.ts";
import { createSubjectToken } from "../../src/exchange/subject-token.ts";
import { createTokenSubject } from "../../src/exchange/token-subject.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import type { Trail, TrailNotes } from "../../src/exchange/trail.ts";
import { createValidate, type ValidateAnswer, type ValidateQuestion } from "../../src/exchange/validate.ts";
import { compilePolicy, type Policy } from "../../src/policy/compile.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import { type FrozenClock, frozenClock, masterKey } from "../cache/fixtures.ts";
import { mainIssuer, ownIssuer, siteIssuer, type Written, written } from "./mint-written.ts";
import { unsigned, unsignedVerifier } from "./unsigned-tokens.ts";

export type Step = "budget" | "place" | "intent" | "read" | "verify" | "verify actor" | "revocations" | "sign" | "keep" | "rotate";

export interface MintRigOptions {
  readonly change?: (written: Written) => void;
}

export interface Signed {
  readonly claims: Readonly<Record<string, ClaimValue>>;
  readonly by: SigningChoice;
}

export interface MintRig {
  readonly clock: FrozenClock;
  readonly policy: Policy;
  readonly mint: Mint;
  /** What happened, in order. */
  readonly steps: Step[];
  /** The next time that a step comes, it fails for this reason. */
  readonly failing: Partial<Record<Step, Reason>>;
  readonly signed: readonly Signed[];
  /** Ids of tokens, and subjects with `provider subject`, that were ended. */
  readonly revoked: Set<string>;
  /** What stands at the origin of sessions; tests change it. */
  session: Session;
  /** What was shown to the origin of sessions. */
  readonly shown: string[];
  noted(): TrailNotes;
  readonly trail: Trail;
  readonly verifyActor: VerifyActor;
  client(id: "shop" | "orders"): Client;
  /** A token of `main`, for the audience `orders`, with these claims over the usual ones. */
  token(claims?: Readonly<Record<string, unknown>>): string;
  /** The same, issued to `agent`, who may act. */
  agent(claims?: Readonly<Record<string, unknown>>): Secret;
  exchangeSession(given?: Partial<ExchangeSessionQuestion>, signal?: AbortSignal): Promise<ExchangeSessionAnswer>;
  /** As `orders`, for `backend`. */
  exchangeToken(token: string, given?: Partial<ExchangeTokenQuestion>, signal?: AbortSignal): Promise<ExchangeTokenAnswer>;
  /** As `orders`, for `orders`, with a token in its place. */
  validate(token: string, given?: Partial<ValidateQuestion>, signal?: AbortSignal): Promise<ValidateAnswer>;
  /** As `shop`, with a handle that stands for the session. */
  refreshSession(given?: Partial<Omit<RefreshSessionQuestion, "grant">>, held?: Partial<Held>, signal?: AbortSignal): Promise<TokenSet>;
}

export type Held = Omit<HeldSession, "rotate">;

const swap = () => Promise.reject(new Error("nothing is swapped here"));
const fingerprint = (secret: Secret, purpose: string) => `${purpose} ${secret.reveal()}`;

export function createMintRig({ change = () => undefined }: MintRigOptions = {}): MintRig {
  const clock = frozenClock();
  const given = written();
  change(given);
  const policy = compilePolicy(configurationSchema.parse(given));
  const decide = createDecide(policy.audiences, policy);
  const steps: Step[] = [];
  const failing: Partial<Record<Step, Reason>> = {};
  const signed: Signed[] = [];
  const revoked = new Set<string>();
  const notes: TrailNotes[] = [];
  let ids = 0;

  function step(name: Step): void {
    steps.push(name);
    const reason = failing[name];
    delete failing[name];
    if (reason !== undefined) throw new ExchangeError(reason);
  }

  const signer = {
    async sign(claims: Signed["claims"], by: SigningChoice) {
      step("sign");
      signed.push({ claims, by });
      return new Secret(unsigned(claims));
    },
    check: () => undefined,
  };
  const onVerified = (clientId: string) => void steps.push(clientId === "agent" ? "verify actor" : "verify");
  const verifiers = [
    unsignedVerifier("cambio", ownIssuer, { clock, onVerified }),
    unsignedVerifier("main", mainIssuer, { clock, onVerified }),
  ];
  const revocations: Pick<Revocations, "check"> = {
    check({ provider, id, subject }) {
      step("revocations");
      if (revoked.has(id) || revoked.has(`${provider} ${subject}`)) throw new ExchangeError("TOKEN_REVOKED", { field: "SUBJECT_TOKEN" });
    },
  };
  const budget = { check: () => step("budget"), spend: () => undefined };
  const places = {
    enter: () => {
      step("place");
      return { [Symbol.dispose]: () => undefined };
    },
    whileWaiting: <T>(_: string, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>) => start(signal),
  };
  const trail: Trail = {
    payer: { client: "shop", address: "192.0.2.1" },
    note: (more) => void notes.push(more),
    intent: async () => step("intent"),
  };
  const keyOf = createCacheKeys(masterKey("k"));
  const flights = createSingleFlight(() => 10_000);
  const verifySubject = createSubjectToken({
    verifiers: {
      byName: (name) => verifiers.find(({ provider }) => provider === name),
      byIssuer: (issuer) => verifiers.find((one) => one.issuer === issuer),
      contentHash: "all",
    },
    cache: createVerificationCache({
      keyOf,
      memory: createMemoryTier(clock, weighVerification, { maxEntries: 256 }),
      clock,
      onHit: () => undefined,
      onMiss: () => undefined,
    }),
    flights,
    budget: { check: () => undefined, spend: () => undefined },
    places,
    clock,
  });
  const { audiences, minting } = policy;
  const freshId = () => `id-${(ids += 1)}`;
  const mint = createMint({ minting, decide, signer, issuer: ownIssuer, clock, freshId });
  const verifyActor = createActorToken({ verifySubject, audiences, decide, revocations });
  const site: SessionProvider = {
    name: "site",
    issuer: siteIssuer,
    cookieName: "session",
    impersonation: given.providers.site["impersonation"] as "refuse" | "act",
    accepts: () => true,
    async readSession({ token }) {
      rig.shown.push(token.reveal());
      step("read");
      return rig.session;
    },
  };
  const sessions = new Map([["site", site]]);
  const handles = {
    issue: async () => {
      step("keep");
      return new Secret("cambio_rt_1");
    },
  };
  const tokenSubject = createTokenSubject({ providers: new Map(), accounts: undefined });
  const issuing = { minting, mint, verifyActor, tokenSubject, connections: undefined };
  const readSession = createSessionReading({ revocations, budget });
  const exchangeSession = createExchangeSession({ sessions, decide, mint, verifyActor, readSession, revocations, handles, budget, places });
  const exchangeToken = createExchangeToken({ verifySubject, swap, audiences, decide, revocations, handles, ...issuing });
  const validate = createValidate({ verifySubject, swap, decide, revocations, ...issuing });
  const refreshSession = createRefreshSession({
    sessions,
    decide,
    mint,
    readSession,
    flights,
    budget,
    places,
    fingerprint,
    edition: "one",
  });
  const seconds = () => clock() / 1_000;

  const rig: MintRig = {
    clock,
    policy,
    mint,
    steps,
    failing,
    signed,
    revoked,
    session: {
      account: {
        providerUserId: "u1",
        username: "",
        displayName: "Alice",
        email: "alice@example.com",
        emailVerified: false,
        avatarUrl: "https://app.example.com/alice.png",
      },
      startedAt: seconds() - 3_600,
      expiresAtMs: clock() + 3_600_000,
      impersonator: undefined,
    },
    shown: [],
    noted: () => Object.assign({}, ...notes) as TrailNotes,
    trail,
    verifyActor,
    client: (id) => policy.clients.get(id) as Client,
    token: (claims) =>
      unsigned({
        iss: mainIssuer,
        sub: "alice",
        aud: "urn:orders",
        client_id: "web",
        scope: "o.read",
        jti: "subject",
        iat: seconds() - 60,
        exp: seconds() + 3_600,
        name: "Alice at main",
        ...claims,
      }),
    agent: (claims) => new Secret(rig.token({ sub: "robot", client_id: "agent", scope: "", jti: "actor", ...claims })),
    exchangeSession: (more = {}, signal = new AbortController().signal) =>
      exchangeSession(
        {
          client: rig.client("shop"),
          provider: "",
          session: () => ({ token: new Secret("shown"), from: "cookie" }),
          audiences: [],
          scopes: [],
          actorToken: undefined,
          refreshToken: false,
          trail,
          ...more,
        },
        signal,
      ),
    exchangeToken: (token, more = {}, signal = new AbortController().signal) =>
      exchangeToken(
        {
          client: rig.client("orders"),
          subjectToken: new Secret(token),
          provider: "",
          audiences: ["backend"],
          scopes: [],
          refreshToken: false,
          jwt: false,
          actorToken: undefined,
          trail,
          ...more,
        },
        signal,
      ),
    validate: async (token, more = {}, signal = new AbortController().signal) =>
      validate(
        {
          client: rig.client("orders"),
          token: new Secret(token),
          provider: "",
          audience: "orders",
          requiredScopes: [],
          exchange: true,
          trail,
          ...more,
        },
        { signal },
      ),
    refreshSession(more = {}, held = {}, signal = new AbortController().signal) {
      const grant: RefreshSessionQuestion["grant"] = {
        kind: "session",
        provider: "site",
        subject: "u1",
        minted: { audience: "backend", scopes: ["read"], from: "cookie" },
        async rotate(send) {
          step("rotate");
          return { ...(await send(new Secret("kept"))), refreshToken: new Secret("cambio_rt_2") };
        },
        ...held,
      };
      return refreshSession(
        { client: rig.client("shop"), refreshToken: new Secret("cambio_rt_1"), grant, scopes: [], trail, ...more },
        signal,
      );
    },
  };
  return rig;
}
