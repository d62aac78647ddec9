// An account as its provider knows it now: read at the provider's user endpoint by the access token of a connection that the client may
// use, or of a sign-in for which it holds a handle, and kept from then on.

import type { Account } from "./account.ts";
import type { Client } from "./clients.ts";
import type { ConnectionStanding } from "./connection-standing.ts";
import type { ConnectionTokens } from "./connection-tokens.ts";
import type { Decide } from "./decision.ts";
import { type Circumstance, ExchangeError, hasReason, malformed } from "./errors.ts";
import type { FailureBudget, ProviderPlaces } from "./ports.ts";
import type { PreparedProvider, Provider } from "./provider-ports.ts";
import { risksBan } from "./refusal-cost.ts";
import type { Secret } from "./secret.ts";
import type { Trail } from "./trail.ts";
import type { Accounts, Connection, Connections, HeldSignIns, KeptAccount } from "./vault-ports.ts";

export interface FreshQuestion {
  readonly client: Client;
  readonly account: KeptAccount;
  readonly trail: Trail;
}

export interface FreshAccountDeps {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly decide: Decide;
  readonly accounts: Pick<Accounts, "signedIn"> | undefined;
  readonly connections: (Pick<Connections, "findOfAccount"> & HeldSignIns) | undefined;
  readonly standing: ConnectionStanding;
  readonly tokensOf: ConnectionTokens;
  readonly budget: FailureBudget;
  readonly places: Pick<ProviderPlaces, "enter">;
}

type ReadUser = NonNullable<PreparedProvider["readUser"]>;

export function createFreshAccount(deps: FreshAccountDeps) {
  /**
   * @throws ExchangeError CONNECTION_NOT_FOUND: the client may use none of this account; MALFORMED_REQUEST: the provider has no endpoint
   *   that says; REAUTHENTICATION_REQUIRED, UPSTREAM_*, RATE_LIMITED, STORE_UNAVAILABLE, AUDIT_UNAVAILABLE
   */
  return async function freshAccount({ client, account, trail }: FreshQuestion, signal: AbortSignal): Promise<KeptAccount> {
    // 1. A connection of that account which this client may use.
    const provider = deps.providers.get(account.provider);
    if (provider === undefined) throw new ExchangeError("PROVIDER_UNKNOWN");
    const connection = await connectionFor(client, account);
    if (connection === undefined) throw new ExchangeError("CONNECTION_NOT_FOUND");
    trail.note({ connection: connection.id });
    if (deps.standing.isEnded(connection, account)) await end(connection, "revoked");

    // 2. Everything that can fail without harm; on record first, as the token may have to be refreshed.
    deps.budget.check(trail.payer, provider.name);
    const readUser = await prepared(provider, signal);
    await trail.intent();

    // 3. Read. The provider may refuse a token before its time: then it is refreshed, once.
    const user = await readBy(readUser, { connection, provider, trail }, signal);

    // 4. About whom it was asked, and nobody else; then kept.
    if (user.providerUserId !== account.user.providerUserId) {
      const cause: Circumstance = { kind: "rule", field: "provider_user_id" };
      throw new ExchangeError("UPSTREAM_INVALID_RESPONSE", { cause });
    }
    const kept = await deps.accounts?.signedIn(provider, user);
    if (kept === undefined) throw new ExchangeError("ACCOUNT_NOT_FOUND");
    if (kept.disabled) throw new ExchangeError("ACCOUNT_DISABLED");
    return kept;
  };

  /** Kept by its id; else one for which a handle of that very client stands. */
  async function connectionFor(client: Client, { id, provider }: KeptAccount): Promise<Connection | undefined> {
    const kept = await deps.connections?.findOfAccount(id, ownersFor(client, provider));
    return kept ?? deps.connections?.findHeldBy(id, client.id);
  }

  /** Its own, and those that it may use besides. */
  function ownersFor(client: Client, provider: string): readonly string[] {
    const others = client.providers.get(provider)?.connectionsOf ?? [];
    return [client.id, ...others].filter((owner) => deps.decide({ kind: "connection", client, provider, owner }).refusal === undefined);
  }

  async function prepared(provider: Provider, signal: AbortSignal): Promise<ReadUser> {
    using _ = deps.places.enter(provider.name);
    const { readUser } = await provider.prepare(signal);
    if (readUser === undefined) throw malformed("fresh");
    return readUser;
  }

  async function readBy(readUser: ReadUser, at: ReadAt, signal: AbortSignal): Promise<Account> {
    const { connection } = at;
    const wish = { ...at, scopes: [] };
    const { tokens, generation } = await deps.tokensOf({ ...wish, beyond: undefined }, signal);
    const first = await readOnce(readUser, { ...at, accessToken: tokens.accessToken }, signal);
    if (first !== undefined) return first;
    const later = await deps.tokensOf({ ...wish, beyond: generation }, signal);
    return (await readOnce(readUser, { ...at, accessToken: later.tokens.accessToken }, signal)) ?? end(connection, "rejected");
  }

  /** Undefined: the provider does not take the token. */
  async function readOnce(readUser: ReadUser, { provider, trail, accessToken }: ReadAt & Shown, signal: AbortSignal) {
    using _ = deps.places.enter(provider.name);
    return await readUser(accessToken, signal).catch((failure: unknown) => {
      const refused = hasReason(failure, "TOKEN_INVALID");
      if (refused || risksBan(failure)) deps.budget.spend(trail.payer, provider.name);
      if (refused) return undefined;
      throw failure;
    });
  }
}

export type FreshAccount = ReturnType<typeof createFreshAccount>;

interface ReadAt {
  readonly connection: Connection;
  readonly provider: Provider;
  readonly trail: Trail;
}

interface Shown {
  readonly accessToken: Secret;
}

async function end(connection: Connection, reason: "revoked" | "rejected"): Promise<never> {
  await connection.end(reason);
  throw new ExchangeError("REAUTHENTICATION_REQUIRED");
}
