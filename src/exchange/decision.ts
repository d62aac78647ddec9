// What policy answers, and what it is asked. The answer is a value with its reasons; who acts on it is trail.ts (permit), who makes
// it is policy/evaluate.ts. Nothing here knows a message or a file.

import type { Client, Method } from "./clients.ts";
import type { ProposedActor } from "./minting.ts";
import type { CredentialField, Reason } from "./errors.ts";

/** One rule of the configuration that does not hold. */
export interface Refusal {
  /** Its path in the configuration: `clients.web.methods`. */
  readonly rule: string;
  readonly reason: Reason;
  readonly field?: CredentialField;
}

export interface Decision {
  /** The rule that decided: the one that refuses, else the last that held. */
  readonly rule: string;
  /** Undefined: allowed. */
  readonly refusal: Refusal | undefined;
  /** Rules in report-only mode that would have refused. */
  readonly reported: readonly Refusal[];
}

/** May this client call this method, from this page. */
export interface CallQuestion {
  readonly kind: "call";
  readonly client: Client;
  readonly method: Method;
  /** The `Origin` header; undefined: none. */
  readonly origin: string | undefined;
  /** True where everything that proves the right to the answer is in the message (code and verifier, refresh handle). */
  readonly proofInMessage: boolean;
}

/** May this client use this provider for this. */
export interface UseQuestion {
  readonly kind: "use";
  readonly client: Client;
  /** Configured name. */
  readonly provider: string;
  /** Undefined: none is involved. */
  readonly redirectUri: string | undefined;
  readonly scopes: readonly string[];
  /** Configured names. */
  readonly audiences: readonly string[];
}

/** The provider as such, for nothing in particular. */
export function useOf(client: Client, provider: string): UseQuestion {
  return { kind: "use", client, provider, redirectUri: undefined, scopes: [], audiences: [] };
}

/** May this client be handed what the provider granted. */
export interface ResultQuestion {
  readonly kind: "result";
  readonly client: Client;
  readonly provider: string;
  readonly scopes: readonly string[];
  /** Values of `aud`. */
  readonly audiences: readonly string[];
  /** What is left of its life; undefined: the provider does not say. */
  readonly lifetimeMs: number | undefined;
}

/** May this token open this audience of the caller's own. */
export interface TokenQuestion {
  readonly kind: "token";
  readonly client: Client;
  /** Configured name. */
  readonly audience: string;
  readonly provider: string;
  readonly token: { readonly audiences: readonly string[]; readonly clientId: string; readonly scopes: readonly string[] };
  readonly requiredScopes: readonly string[];
}

/** May a token that was accepted for an audience of the caller's own be exchanged at its provider, for these audiences and scopes. */
export interface SwapQuestion {
  readonly kind: "swap";
  readonly client: Client;
  /** Configured name: the caller's own. */
  readonly audience: string;
  readonly provider: string;
  /** Configured names: whom the new token is for. */
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  readonly token: { readonly scopes: readonly string[] };
  /** With a refresh token. */
  readonly refreshToken: boolean;
}

/** May a token be issued here, to a subject that was verified, for this audience and these scopes. */
export interface MintQuestion {
  readonly kind: "mint";
  readonly client: Client;
  /** Who vouches for the subject, by its configured name. */
  readonly provider: string;
  /** Configured name: whom the token is for. */
  readonly audience: string;
  /** Scopes that are asked for; empty: all of those that may be. */
  readonly scopes: readonly string[];
  /** Of the subject's own token; a session has none. */
  readonly subjectScopes: readonly string[];
  /** Somebody who is to act for the subject; undefined: nobody new. */
  readonly actor: ProposedActor | undefined;
  /** With a refresh handle. */
  readonly refreshToken: boolean;
}

/** May this client name a connection there that a client made. */
export interface ConnectionUseQuestion {
  readonly kind: "connection";
  readonly client: Client;
  /** Configured name. */
  readonly provider: string;
  /** Id of the client whose sign-in it was. */
  readonly owner: string;
}

/** Before it is known who the subject is: all that can be decided without it. */
export function earlyMintOf(asked: Omit<MintQuestion, "kind" | "subjectScopes" | "actor">): MintQuestion {
  return { kind: "mint", subjectScopes: [], actor: undefined, ...asked };
}

export type PolicyQuestion =
  | CallQuestion
  | UseQuestion
  | ResultQuestion
  | TokenQuestion
  | SwapQuestion
  | MintQuestion
  | ConnectionUseQuestion;

/** policy/: pure; the same question under the same configuration always gets the same answer. */
export type Decide = (question: PolicyQuestion) => Decision;
