// Refresh of a handle that stands for a connection: the tokens that follow on those which the handle's holder was given, or one more of
// this service's own.

import type { Client } from "./clients.ts";
import type { Decide } from "./decision.ts";
import type { ConnectionStanding } from "./connection-standing.ts";
import type { ConnectionTokens } from "./connection-tokens.ts";
import { endByHandle, ifThatIsKnown } from "./ended-sign-in.ts";
import { ExchangeError } from "./errors.ts";
import { checkGranted, checkKept } from "./granted.ts";
import type { FollowedTokens, HeldConnection, RefreshHandles } from "./handle-ports.ts";
import { type Mint, noteIssued } from "./mint.ts";
import type { Clock, SingleFlight } from "./ports.ts";
import type { Provider } from "./provider-ports.ts";
import { chooseProvider } from "./provider-choice.ts";
import { checkTerms, permitTerms, type TermsDeps } from "./refresh-terms.ts";
import { planRenewal } from "./renew-minted.ts";
import type { Secret } from "./secret.ts";
import type { RefreshAnswer } from "./refresh-answer.ts";
import type { TokenSet } from "./tokens.ts";
import { permit, type Trail } from "./trail.ts";
import type { Connection, Connections, KeptAccount } from "./vault-ports.ts";
import { untilItsEnd, waitFor } from "./waiting.ts";

export interface RefreshHeldQuestion {
  readonly client: Client;
  readonly refreshToken: Secret;
  readonly grant: HeldConnection;
  /** Empty: as granted. */
  readonly scopes: readonly string[];
  readonly trail: Trail;
}

export interface RefreshHeldDeps extends TermsDeps {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly decide: Decide;
  /** Undefined: none are kept. */
  readonly connections: Pick<Connections, "findOfHandle"> | undefined;
  readonly standing: ConnectionStanding;
  readonly tokensOf: ConnectionTokens;
  readonly mint: Mint;
  readonly handles: Pick<RefreshHandles, "findToEnd">;
  readonly flights: SingleFlight;
  readonly clock: Clock;
  readonly fingerprint: (secret: Secret, purpose: string) => string;
  /** Of this configuration, and of no other: an answer under an earlier one is nobody's who asks under this. */
  readonly edition: string;
}

export function createRefreshHeld(deps: RefreshHeldDeps) {
  return async function refreshHeld(question: RefreshHeldQuestion, signal: AbortSignal): Promise<RefreshAnswer> {
    // 1. The connection behind the handle, and whose it is.
    const { client, refreshToken, grant, scopes, trail } = question;
    const connection = await deps.connections?.findOfHandle(grant.id);
    if (connection === undefined || connection.clientId !== client.id || connection.provider !== grant.provider) throw over();
    const provider = chooseProvider(deps.providers, client, connection.provider);
    trail.note({ provider: provider.name, ...(connection.subject === undefined ? {} : { subject: connection.subject }) });

    // 2. Policy decides, and the account stands.
    const { terms, issue } = connection;
    trail.note({ connection: connection.id, ...(issue === undefined ? {} : { targets: [issue.audience] }) });
    const held = terms === undefined ? undefined : { terms, client, provider: provider.name, subject: connection.subject, trail };
    const wanted = issue === undefined ? scopes : [];
    permit(deps.decide({ kind: "use", client, provider: provider.name, redirectUri: undefined, scopes: wanted, audiences: [] }), trail);
    if (held !== undefined) permitTerms(deps, held, scopes);
    const account = await deps.standing.accountOf(connection);
    if (deps.standing.isEnded(connection, account)) await endByHandle(deps.handles, client, refreshToken);

    // 3. On record first.
    await trail.intent();
    if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");

    // 4. Once for everyone who asks with this handle now. Nobody has to leave empty-handed who comes back: what was answered is kept.
    const at = { provider, connection, account };
    const key = deps.fingerprint(refreshToken, `follow ${deps.edition} ${client.id} ${provider.name} ${JSON.stringify(scopes)}`);
    const shared = deps.flights(key, untilItsEnd, (limit) => rotate(question, at, limit));
    const fresh = await waitFor(shared, signal);
    trail.note({ issuer: fresh.issuer });

    // 5. Not ended while the provider answered, and within what the client may have.
    if (ifThatIsKnown(() => deps.standing.isEnded(connection, account))) await endByHandle(deps.handles, client, refreshToken);
    if (issue !== undefined) {
      noteIssued(trail, fresh);
      return { tokens: fresh, issuance: "MINTED" };
    }
    const granted = held === undefined ? fresh : await checkTerms(deps, held, fresh, signal);
    checkGranted(deps, { client, provider: provider.name, trail }, granted);
    return { tokens: fresh, issuance: "PASSTHROUGH" };
  };

  /** @returns what the client is handed, with the successor of its handle */
  async function rotate(question: RefreshHeldQuestion, at: Behind, signal: AbortSignal): Promise<TokenSet> {
    const { grant, scopes, trail } = question;
    const { provider, connection } = at;
    if (connection.issue !== undefined) return rotateMinted(question, at, signal);
    return grant.rotate(async (beyond) => {
      const { tokens, generation } = await deps.tokensOf({ connection, provider, scopes, beyond, trail }, signal);
      // The provider's own refresh token stays here.
      return { ...tokens, refreshToken: undefined, connection: { id: connection.id, generation } };
    }, signal);
  }

  async function rotateMinted(question: RefreshHeldQuestion, at: Behind, signal: AbortSignal): Promise<TokenSet> {
    let renewed = false;
    const renew = async (): Promise<FollowedTokens> => {
      const { plan, connection } = await planned(question, at, signal);
      renewed = true;
      return { ...(await deps.mint.issue(plan)), connection };
    };
    const answer = await question.grant.rotate(renew, signal);
    // What another one was answered before is answered again only where policy would still grant it.
    if (!renewed) await planned({ ...question, scopes: answer.scopes ?? [] }, at, signal);
    return answer;
  }

  async function planned({ client, scopes, trail }: RefreshHeldQuestion, { provider, connection, account }: Behind, signal: AbortSignal) {
    const { id, issue } = connection;
    if (account === undefined || issue === undefined) throw over();
    const { tokens, generation } = await deps.tokensOf({ connection, provider, scopes: [], beyond: undefined, trail }, signal);
    checkKept(deps, { client, provider: provider.name, trail }, tokens);
    return { plan: planRenewal(deps.mint, { client, account, issue, tokens, scopes, trail }), connection: { id, generation } };
  }
}

export type RefreshHeld = ReturnType<typeof createRefreshHeld>;

interface Behind {
  readonly provider: Provider;
  readonly connection: Connection;
  readonly account: KeptAccount | undefined;
}

function over(): ExchangeError {
  return new ExchangeError("REAUTHENTICATION_REQUIRED");
}
