// Refresh of a connection that is named by its id: by the client that made it, as it was made; or by a service that may use that
// client's connections, which gets the provider's access token. What is not the caller's to name looks like what is not there.

import type { Client } from "./clients.ts";
import type { Decide } from "./decision.ts";
import type { ConnectionStanding } from "./connection-standing.ts";
import type { ConnectionTokens } from "./connection-tokens.ts";
import { ifThatIsKnown } from "./ended-sign-in.ts";
import { ExchangeError } from "./errors.ts";
import { checkGranted, checkKept, scopesOf } from "./granted.ts";
import { type Mint, noteIssued } from "./mint.ts";
import type { Clock } from "./ports.ts";
import type { Provider } from "./provider-ports.ts";
import { planRenewal } from "./renew-minted.ts";
import type { RefreshAnswer } from "./refresh-answer.ts";
import type { TokenSet } from "./tokens.ts";
import { permit, type Trail } from "./trail.ts";
import type { ProveUser, ShownProof } from "./user-proof.ts";
import type { Connection, Connections, KeptAccount } from "./vault-ports.ts";

export interface ConnectionQuestion {
  readonly client: Client;
  /** Configured name; empty: the connection's own. One that is named must be that. */
  readonly provider: string;
  readonly connectionId: string;
  /** Undefined: none was shown. */
  readonly proof: ShownProof | undefined;
  readonly trail: Trail;
}

export interface RefreshConnectionDeps {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly clients: ReadonlyMap<string, Pick<Client, "providers">>;
  readonly decide: Decide;
  /** Undefined: none are kept. */
  readonly connections: Pick<Connections, "find"> | undefined;
  readonly proveUser: ProveUser;
  readonly standing: ConnectionStanding;
  readonly tokensOf: ConnectionTokens;
  readonly mint: Mint;
  readonly clock: Clock;
}

export function createRefreshConnection(deps: RefreshConnectionDeps) {
  return async function refreshConnection(question: ConnectionQuestion, signal: AbortSignal): Promise<RefreshAnswer> {
    // 1. Who the user is, then whose connection it is. A stranger's, another user's and a missing one look alike.
    const { client, trail } = question;
    const owns = await deps.proveUser(question, signal);
    const connection = await deps.connections?.find(question.connectionId);
    if (connection === undefined || !isNamed(question, connection)) throw notFound();
    const { provider: name, clientId: owner } = connection;
    permit(deps.decide({ kind: "connection", client, provider: name, owner }), trail);
    if (!(await owns(connection))) throw notFound();
    const provider = deps.providers.get(name);
    if (provider === undefined) throw new ExchangeError("PROVIDER_UNKNOWN");
    const targets = owner === client.id && connection.issue !== undefined ? { targets: [connection.issue.audience] } : {};
    trail.note({ provider: name, connection: connection.id, ...targets, ...(owner === client.id ? {} : { originClient: owner }) });

    // 2. Its account stands, and nobody has ended all that its user has.
    const account = await deps.standing.accountOf(connection);
    const subject = connection.subject ?? account?.user.providerUserId;
    trail.note(subject === undefined ? {} : { subject });
    if (deps.standing.isEnded(connection, account)) await endSignIn(connection);

    // 3. On record first.
    await trail.intent();
    if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");

    // 4. As they are kept, or refreshed; and not ended meanwhile.
    const { tokens } = await deps.tokensOf({ connection, provider, scopes: [], beyond: undefined, trail }, signal);
    trail.note({ issuer: tokens.issuer });
    if (ifThatIsKnown(() => deps.standing.isEnded(connection, account))) await endSignIn(connection);

    // 5. Within what this client may have, and nothing that it is not to hold.
    return owner === client.id && connection.issue !== undefined
      ? { tokens: await mintFrom(question, { connection, account, tokens }), issuance: "MINTED" }
      : { tokens: handedTo(question, connection, tokens), issuance: "PASSTHROUGH" };
  };

  async function mintFrom({ client, trail }: ConnectionQuestion, { connection, account, tokens }: Behind): Promise<TokenSet> {
    const { issue, provider } = connection;
    if (issue === undefined || account === undefined) throw new ExchangeError("REAUTHENTICATION_REQUIRED");
    checkKept(deps, { client, provider, trail }, tokens);
    const minted = await deps.mint.issue(planRenewal(deps.mint, { client, account, issue, tokens, scopes: [], trail }));
    noteIssued(trail, minted);
    return minted;
  }

  /** Whoever uses another client's connection is told nothing of its user but what the access token opens. */
  function handedTo({ client, trail }: ConnectionQuestion, { provider, clientId }: Connection, tokens: TokenSet): TokenSet {
    // What is not said was granted as it was asked for (RFC 6749 §5.1): by the client that made it, which may ask for all of its own.
    const isSaid = clientId === client.id || tokens.scopes !== undefined || scopesOf(tokens).length > 0;
    const scopes = isSaid ? tokens.scopes : deps.clients.get(clientId)?.providers.get(provider)?.scopes;
    checkGranted(deps, { client, provider, trail }, { ...tokens, scopes });
    return { ...tokens, refreshToken: undefined, idToken: clientId === client.id ? tokens.idToken : undefined };
  }
}

export type RefreshConnection = ReturnType<typeof createRefreshConnection>;

interface Behind {
  readonly connection: Connection;
  readonly account: KeptAccount | undefined;
  /** Of the provider. */
  readonly tokens: TokenSet;
}

export function isNamed({ provider }: Pick<ConnectionQuestion, "provider">, connection: Connection): boolean {
  return provider === "" || provider === connection.provider;
}

/** The revocation is forgotten one day; what it ended must not come back by that. */
async function endSignIn(connection: Connection): Promise<never> {
  await connection.end("revoked");
  throw new ExchangeError("REAUTHENTICATION_REQUIRED");
}

function notFound(): ExchangeError {
  return new ExchangeError("CONNECTION_NOT_FOUND");
}
