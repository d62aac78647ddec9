// Proof of a user: whoever names a connection shows a token of the account whose connection it is. A token in which somebody acts for
// the user is that somebody's, and proves nothing here. What was shown is checked before any connection is looked for, so that nothing
// is learned of one by showing something bad.

import { acceptShown } from "./accepted-token.ts";
import type { AccountSubjects } from "./account-subjects.ts";
import type { Verification } from "./claims.ts";
import type { Audiences, Client } from "./clients.ts";
import { type Decide, useOf } from "./decision.ts";
import { aboutField, ExchangeError, malformed } from "./errors.ts";
import { ownProvider } from "./minting.ts";
import type { Revocations } from "./ports.ts";
import type { Provider } from "./provider-ports.ts";
import type { Secret } from "./secret.ts";
import { checkTokenSize, type VerifySubject } from "./subject-token.ts";
import { permit, quiet, type Trail } from "./trail.ts";
import type { Accounts, Connection } from "./vault-ports.ts";

export type ShownProof = { readonly kind: "token"; readonly token: Secret } | { readonly kind: "session" };

export interface UserProofQuestion {
  readonly client: Client;
  /** Undefined: none was shown. */
  readonly proof: ShownProof | undefined;
  readonly trail: Trail;
}

/** Whether a connection is the proven user's. */
export type Owns = (connection: Connection) => Promise<boolean>;

export interface UserProofDeps {
  readonly verifySubject: VerifySubject;
  readonly decide: Decide;
  readonly audiences: Audiences;
  readonly providers: ReadonlyMap<string, Pick<Provider, "issuer" | "clientId">>;
  readonly revocations: Pick<Revocations, "check">;
  readonly subjects: Pick<AccountSubjects, "find">;
  readonly accounts: Pick<Accounts, "find"> | undefined;
}

const field = "USER_TOKEN";

export function createUserProof(deps: UserProofDeps) {
  /**
   * A service answers for its users by itself; a proof that it sends all the same is checked as any other.
   * @throws ExchangeError MALFORMED_REQUEST: a public client shows none; as for a subject token, about this one; DELEGATION_NOT_ALLOWED;
   *   SESSION_INVALID
   */
  return async function proveUser({ client, proof, trail }: UserProofQuestion, signal: AbortSignal): Promise<Owns> {
    if (proof === undefined) {
      if (client.kind !== "service") throw malformed("user_proof");
      return async () => true;
    }
    // No provider that keeps sessions has connections, so none of its users owns one.
    if (proof.kind === "session") throw new ExchangeError("SESSION_INVALID", { field: "SESSION" });
    const verification = await verified({ client, token: proof.token, trail }, signal).catch((failure: unknown) => {
      throw aboutField(failure, field);
    });
    return (connection) => owns(verification, connection);
  };

  async function verified({ client, token, trail }: Shown, signal: AbortSignal): Promise<Verification> {
    checkTokenSize(token);
    // The trail is the connection's: the proof is no credential that the call is about.
    const quietly = quiet(trail);
    const mayAsk = (provider: string) => permit(deps.decide(useOf(client, provider)), trail);
    const { verification } = await deps.verifySubject({ token, provider: "", trail: quietly, mayAsk }, { signal });
    acceptShown(deps, { client, trail: quietly }, verification);
    if (verification.claims.actors.length > 0) throw new ExchangeError("DELEGATION_NOT_ALLOWED", { field });
    return verification;
  }

  async function owns({ provider, claims }: Verification, { provider: at, accountId }: Connection): Promise<boolean> {
    if (accountId === undefined) return false;
    if (provider === ownProvider) return (await deps.subjects.find(claims.subject))?.id === accountId;
    if (provider !== at) return false;
    const account = await deps.accounts?.find(accountId);
    return account?.issuer === deps.providers.get(provider)?.issuer && account?.user.providerUserId === claims.subject;
  }
}

export type ProveUser = ReturnType<typeof createUserProof>;

interface Shown {
  readonly client: Client;
  readonly token: Secret;
  readonly trail: Trail;
}
