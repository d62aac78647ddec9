// Signing in with Discord, by Cambio's code flow: PKCE and state in this tab, tokens for the backend, the refresh handle in a cookie
// that no script reads. Whether somebody has signed in this way is remembered by a word; the token is in memory only.

import { ApiError } from "../../../src/client/index.ts";
import { type Account, audience, cambioRpc, clientId, ErrorReason, failureOf, nameOf, provider, type RpcFailure } from "./cambio-rpc.ts";

export interface BackendToken {
  readonly token: string;
  /** Seconds. */
  readonly expiresIn: number;
  readonly userId: string;
}

export type Finished =
  | { readonly kind: "signed-in"; readonly token: BackendToken }
  | { readonly kind: "refused"; readonly sentence: string };

const begun = "cambio-dashboard.discord";
const signedIn = "cambio-dashboard.signed-in-by";
const refreshToken = "urn:ietf:params:oauth:token-type:refresh_token";

export function isSignedInByDiscord(): boolean {
  return localStorage.getItem(signedIn) === provider;
}

export function forgetDiscord(): void {
  localStorage.removeItem(signedIn);
}

/** On to Discord's consent page. @returns why not */
export async function beginSignIn(): Promise<string> {
  const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  try {
    const codeChallenge = base64url(new Uint8Array(digest));
    const asked = { clientId, provider, codeChallenge };
    const { authorizationUrl, state } = await cambioRpc.createAuthorizationUrl(asked);
    sessionStorage.setItem(begun, JSON.stringify({ verifier, state }));
    location.assign(authorizationUrl);
    return "";
  } catch (thrown) {
    return sentenceFor(failureOf(thrown));
  }
}

/** @param query what Discord sent along to the redirect URI */
export async function finishSignIn(query: URLSearchParams): Promise<Finished> {
  const { verifier, state } = recall();
  if (state === "" || query.get("state") !== state) {
    return refused("This sign-in did not begin in this tab, or it was finished already. Begin again.");
  }
  if (query.get("error") === "access_denied") return refused("You cancelled at Discord. Nothing was changed.");
  const code = query.get("code") ?? "";
  if (code === "") return refused("Discord did not let you in. Try again.");
  try {
    const value = { code, codeVerifier: verifier, state };
    const subject = { case: "authorizationCode", value } as const;
    const { tokens } = await cambioRpc.exchange({ clientId, provider, subject, audiences: [audience] });
    localStorage.setItem(signedIn, provider);
    return { kind: "signed-in", token: backendToken(tokens) };
  } catch (thrown) {
    return refused(sentenceFor(failureOf(thrown)));
  }
}

/** By the handle in the cookie. @throws ApiError */
export async function renewToken(signal: AbortSignal): Promise<BackendToken> {
  try {
    const { tokens } = await cambioRpc.refresh({ clientId }, { signal });
    return backendToken(tokens);
  } catch (thrown) {
    throw apiErrorOf(failureOf(thrown));
  }
}

/** @param fresh true: as Discord knows the user now, and not as it was kept @throws ApiError */
export async function fetchAccount(token: string, fresh: boolean): Promise<Account> {
  try {
    const subject = { case: "token", value: { value: token } } as const;
    const { account } = await cambioRpc.getAccount({ clientId, provider, subject, fresh });
    if (account === undefined) throw new ApiError(0, { source: "exchange" });
    return account;
  } catch (thrown) {
    throw thrown instanceof ApiError ? thrown : apiErrorOf(failureOf(thrown));
  }
}

/** @returns why somebody is still signed in; undefined: done */
export async function endDiscord(): Promise<string | undefined> {
  try {
    await cambioRpc.revoke({ clientId, target: { case: "token", value: { value: "", type: refreshToken } } });
  } catch (thrown) {
    const { status } = failureOf(thrown);
    // Nothing to be ended is ended.
    if (status === 0 || status >= 409) return "Cambio does not answer. Nothing was changed; try again in a moment.";
  }
  forgetDiscord();
  return undefined;
}

function refused(sentence: string): Finished {
  return { kind: "refused", sentence };
}

/** Single-use: gone once it was looked at. */
function recall(): { readonly verifier: string; readonly state: string } {
  const kept = sessionStorage.getItem(begun);
  sessionStorage.removeItem(begun);
  return kept === null ? { verifier: "", state: "" } : (JSON.parse(kept) as { verifier: string; state: string });
}

function backendToken(tokens: { readonly accessToken: string; readonly expiresIn: number } | undefined): BackendToken {
  const { accessToken = "", expiresIn = 0 } = tokens ?? {};
  return { token: accessToken, expiresIn, userId: subjectOf(accessToken) };
}

/** Of Cambio's own token, for this page to know whose it is. Believing it is the backend's matter. */
export function subjectOf(token: string): string {
  try {
    const claims = atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"));
    const { sub } = JSON.parse(claims) as { sub?: unknown };
    return typeof sub === "string" ? sub : "";
  } catch {
    return "";
  }
}

function apiErrorOf({ status, reason, requestId, reauthenticate }: RpcFailure): ApiError {
  // Without a reason it was not Cambio who answered, but the front in its place.
  const away = reason === ErrorReason.UNSPECIFIED && status === 503 ? { part: "cambio" } : {};
  const body = { reason: nameOf(reason), request_id: requestId, ...away };
  return new ApiError(reauthenticate ? 401 : status, { source: "exchange", body });
}

function sentenceFor({ reason, status }: RpcFailure): string {
  switch (reason) {
    case ErrorReason.GRANT_INVALID:
      return "Discord did not accept this sign-in: it was used already, or took too long. Begin again.";
    case ErrorReason.OUTCOME_UNKNOWN:
      return "Discord did not answer in time, and nobody knows whether it heard the question. You are not signed in: begin again.";
    case ErrorReason.ACCOUNT_DISABLED:
      return "This account was disabled here.";
    case ErrorReason.RATE_LIMITED:
    case ErrorReason.UPSTREAM_RATE_LIMITED:
    case ErrorReason.OVERLOADED:
      return "Too many attempts. Wait a moment before the next one.";
    case ErrorReason.UPSTREAM_REJECTED_CLIENT:
      return "Discord does not know this application: its id or its secret is wrong. That is for whoever runs it.";
    case ErrorReason.UPSTREAM_UNAVAILABLE:
    case ErrorReason.UPSTREAM_TIMEOUT:
    case ErrorReason.UPSTREAM_INVALID_RESPONSE:
      return "Discord does not answer. You are not signed in; try again in a moment.";
    default:
      return status === 503 || status === 0 ? "Cambio does not answer. Try again in a moment." : "The sign-in failed. Begin again.";
  }
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCodePoint(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
