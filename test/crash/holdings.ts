// What is kept of sign-ins while replicas die: made by the code flow, each for a user of its own, refreshed by several at once over all
// replicas, and made anew once one is over. Whether one may be over is verdicts.ts.

import type { Random } from "../../bench/random.ts";
import { newPkce } from "../../examples/clients.ts";
import { anyPlace, type Ask } from "./asking.ts";
import { type FakeProviders, type ProviderName, redirectUriOf } from "./vault-configuration.ts";

export interface Holding {
  readonly kind: "kept" | "handle";
  readonly provider: ProviderName;
  readonly user: string;
  /** Of the connection's row. */
  readonly connection: string;
  /** Of a `handle`: the one that is good next. */
  handle: string;
  refreshes: number;
  /** Why it is over: what its holder was told. */
  over?: string;
}

export interface HoldingsDeps {
  readonly ask: Ask;
  readonly providers: FakeProviders;
  readonly random: Random;
  /** Ids of connections that only a handle stands for. */
  readonly handleConnections: () => Promise<readonly string[]>;
}

export interface Holdings {
  /** All that there ever were. */
  readonly all: readonly Holding[];
  signIn(kind: Holding["kind"], provider: ProviderName): Promise<Holding>;
  /** So many at once. @returns false: it is over */
  refresh(holding: Holding, times: number): Promise<boolean>;
  /** How often a code was lost with its replica. */
  begunAnew(): number;
}

export function createHoldings({ ask, providers, random, handleConnections }: HoldingsDeps): Holdings {
  const all: Holding[] = [];
  let users = 0;
  let begunAnew = 0;
  /** One handle is made at a time: no answer says which connection stands behind it. */
  let turn: Promise<unknown> = Promise.resolve();

  async function codeFlow(kind: Holding["kind"], provider: ProviderName): Promise<{ user: string; body: Body } | undefined> {
    users += 1;
    const user = `user-${users}`;
    const by = kind === "kept" ? "web" : "app";
    const { verifier, challenge } = await newPkce();
    const started = await ask({ method: "CreateAuthorizationUrl", by, message: { provider, codeChallenge: challenge } }, anyPlace(random));
    if (started.kind !== "answer") throw new Error(`no authorization URL: ${started.reason}`);
    providers[provider].signedIn(user);
    const { code, state } = await providers[provider].login(String(started.body["authorizationUrl"]), { user });
    const authorizationCode = { code, state, codeVerifier: verifier, redirectUri: redirectUriOf(provider) };
    const redeemed = await ask({ method: "Exchange", by, message: { provider, authorizationCode } }, anyPlace(random));
    return redeemed.kind === "answer" ? { user, body: redeemed.body } : undefined;
  }

  async function once(kind: Holding["kind"], provider: ProviderName): Promise<Holding | undefined> {
    const before = new Set(kind === "handle" ? await handleConnections() : []);
    const done = await codeFlow(kind, provider);
    if (done === undefined) return undefined;
    const { user, body } = done;
    const made = kind === "handle" ? (await handleConnections()).filter((id) => !before.has(id)) : [String(body["connectionId"])];
    const [connection = ""] = made;
    // Two: one more was made for somebody whose answer was lost.
    return made.length === 1 ? { kind, provider, user, connection, handle: handleOf(body), refreshes: 0 } : undefined;
  }

  async function signIn(kind: Holding["kind"], provider: ProviderName): Promise<Holding> {
    for (;;) {
      const holding = await once(kind, provider);
      if (holding !== undefined) {
        all.push(holding);
        return holding;
      }
      begunAnew += 1;
    }
  }

  return {
    all,
    begunAnew: () => begunAnew,
    signIn(kind, provider) {
      if (kind === "kept") return signIn(kind, provider);
      const mine = turn.then(() => signIn(kind, provider));
      turn = mine.catch(() => undefined);
      return mine;
    },
    async refresh(holding, times) {
      const first = anyPlace(random);
      const { kind, connection: connectionId, handle: refreshToken } = holding;
      const askings = Array.from({ length: times }, (_, number) => {
        const by = kind === "handle" ? "app" : number % 2 === 0 ? "web" : "worker";
        const message = kind === "handle" ? { refreshToken } : { connectionId };
        return ask({ method: "Refresh", by, message }, first + number);
      });
      const answers = await Promise.all(askings);
      for (const answer of answers) {
        if (answer.kind === "refusal") holding.over ??= answer.reason;
        else if (kind === "handle") holding.handle = handleOf(answer.body);
      }
      if (holding.over === undefined) holding.refreshes += 1;
      return holding.over === undefined;
    },
  };
}

type Body = Readonly<Record<string, unknown>>;

export function handleOf(body: Body): string {
  return tokensOf(body).refreshToken ?? "";
}

function tokensOf(body: Body): { readonly refreshToken?: string } {
  return body["tokens"] ?? {};
}
