// Revoke of a connection: it ends here at once, and at its provider as soon as that answers (RFC 7009). One that is not the caller's to
// name succeeds, as an unknown one does: whoever guesses learns nothing.

import type { Decide } from "./decision.ts";
import { ExchangeError } from "./errors.ts";
import type { UpstreamRevocations } from "./ports.ts";
import { type ConnectionQuestion, isNamed } from "./refresh-connection.ts";
import type { RevokeAnswer } from "./revoke.ts";
import type { ProveUser } from "./user-proof.ts";
import type { Connection, Connections } from "./vault-ports.ts";

export interface RevokeConnectionDeps {
  readonly decide: Decide;
  /** Undefined: none are kept. */
  readonly connections: Pick<Connections, "find"> | undefined;
  readonly proveUser: ProveUser;
  readonly upstream: UpstreamRevocations;
}

export function createRevokeConnection(deps: RevokeConnectionDeps) {
  return async function revokeConnection(question: ConnectionQuestion, signal: AbortSignal): Promise<RevokeAnswer> {
    // 1. Who the user is, whose connection it is, and may this client end it.
    const { trail } = question;
    const owns = await deps.proveUser(question, signal);
    const connection = await deps.connections?.find(question.connectionId);
    if (connection === undefined || !isNamed(question, connection)) return { upstreamPending: false };
    if (!mayEnd(question, connection) || !(await owns(connection))) return { upstreamPending: false };
    const { id, clientId: owner, provider, subject } = connection;
    const whose = owner === question.client.id ? {} : { originClient: owner };
    trail.note({ provider, connection: id, ...whose, ...(subject === undefined ? {} : { subject }) });

    // 2. On record, before anything ends.
    if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");
    await trail.intent();

    // 3. Here, at once.
    const token = await connection.end("revoked");

    // 4. Upstream: now, or as soon as the provider answers.
    return { upstreamPending: token !== undefined && (await deps.upstream.tell({ provider, token, hint: "refresh_token" }, signal)) };
  };

  /** Policy never refuses a sign-out of what is the client's own, whatever was taken from it since. */
  function mayEnd({ client }: ConnectionQuestion, { provider, clientId: owner }: Connection): boolean {
    return owner === client.id || deps.decide({ kind: "connection", client, provider, owner }).refusal === undefined;
  }
}

export type RevokeConnection = ReturnType<typeof createRevokeConnection>;
