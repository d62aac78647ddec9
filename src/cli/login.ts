// `cambio login`: a whole sign-in from a shell, as a native client of a running Cambio (RFC 8252, RFC 7636). This is the command: the
// steps in their order, the time limit, Ctrl-C and the exit status.

import { createHash, randomBytes } from "node:crypto";
import { ConfigurationError } from "../config/mistakes.ts";
import type { Callback } from "./login-callback.ts";
import { createLoginCalls, type SignedIn } from "./login-calls.ts";
import { LoginFailure } from "./login-failure.ts";
import { listen } from "./login-listener.ts";
import { loginTable, refusalSentence, tokensJson } from "./login-report.ts";
import { loginTarget } from "./login-target.ts";
import { loginUsage, type LoginWords, readLoginWords } from "./login-words.ts";
import type { Output } from "./output.ts";

export interface LoginDeps {
  readonly defaultFile: string;
  /** Ctrl-C. */
  readonly interrupted: AbortSignal;
  readonly openBrowser: (url: string) => void;
}

/** What a shell expects of a program that SIGINT ended. */
const interruptedStatus = 130;

/** @param words behind `login` @returns the exit status: 0 signed in, 1 failed, 2 not understood, 130 interrupted */
export async function loginCommand(words: readonly string[], output: Output, deps: LoginDeps): Promise<number> {
  const asked = readLoginWords(words);
  if (asked === "help") {
    output.out(loginUsage);
    return 0;
  }
  if ("problem" in asked) {
    output.error(`${asked.problem}\n\n${loginUsage}`);
    return 2;
  }
  const timeout = AbortSignal.timeout(asked.timeoutMs);
  try {
    const signedIn = await signIn(asked, { output, deps, signal: AbortSignal.any([deps.interrupted, timeout]) });
    output.error(`signed in\n${loginTable(asked.provider, signedIn)}`);
    if (asked.showTokens) output.out(`${tokensJson(signedIn)}\n`);
    return 0;
  } catch (failure) {
    if (deps.interrupted.aborted) {
      output.error("interrupted\n");
      return interruptedStatus;
    }
    if (failure === timeout.reason) output.error("not signed in: the time for it is over (--timeout)\n");
    else if (failure instanceof LoginFailure) output.error(`not signed in: ${failure.message}\n`);
    else if (failure instanceof ConfigurationError) output.error(`${failure.message}\n`);
    else throw failure;
    return 1;
  }
}

interface SignInParts {
  readonly output: Output;
  readonly deps: LoginDeps;
  readonly signal: AbortSignal;
}

async function signIn(asked: LoginWords, { output, deps, signal }: SignInParts): Promise<SignedIn> {
  // 1. Who, where, and by which redirect URI.
  const target = loginTarget(asked, deps.defaultFile);
  const calls = createLoginCalls(target, signal);
  const { provider, scopes, audiences } = asked;

  // 2. The port first: it is part of the redirect URI that the state is bound to.
  const listener = await listen(target.redirect);
  const { redirectUri } = listener;
  const codeVerifier = randomBytes(32).toString("base64url");
  let callback: Callback;
  let state: string;
  try {
    // 3. Where the user goes, with a challenge whose verifier stays here.
    const codeChallenge = createHash("sha256").update(codeVerifier).digest("base64url");
    const begun = await calls.createAuthorizationUrl({ provider, redirectUri, scopes, audiences, codeChallenge });
    state = begun.state;
    const returning = listener.callback(state, signal);

    // 4. The user's turn.
    const address = new URL(begun.authorizationUrl).href;
    output.error(`Sign in at this address:\n\n  ${address}\n\n`);
    if (asked.browser) deps.openBrowser(address);
    callback = await returning;
  } finally {
    // 5. Nothing listens while, or after, the code is redeemed.
    await listener.close();
  }
  if (callback.kind === "refused") throw new LoginFailure(refusalSentence(callback));

  // 6. The code for tokens.
  const { code, issuer } = callback;
  return calls.exchange({ provider, authorizationCode: { code, redirectUri, codeVerifier, state, issuer }, audiences });
}
