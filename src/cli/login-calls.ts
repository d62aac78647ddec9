// The two calls of a sign-in at a running Cambio: Connect with JSON, as a native client. What comes back is checked against the
// contract before anybody uses it; what does not fit, or is an error, becomes a sentence.

import { z } from "zod";
import { LoginFailure, terminalText } from "./login-failure.ts";
import type { LoginTarget } from "./login-target.ts";

/** Cambio's own limit for a call is 15 s as a rule. */
const callMs = 30_000;
/** Three tokens of 16 KiB at most, and what lies around them. */
const maxAnswerBytes = 131_072;

const start = z.object({
  authorizationUrl: z.url({ protocol: /^https?$/ }).max(16_384),
  state: z.string().regex(/^[\x21-\x7e]{16,512}$/),
});

const text = z.string().default("");

const signedIn = z.object({
  tokens: z.object({
    accessToken: z.string().min(1),
    tokenType: text,
    expiresIn: z.number().default(0),
    expiresAt: z.iso.datetime({ offset: true }).optional(),
    refreshToken: text,
    idToken: text,
    scopes: z.array(z.string()).default([]),
    issuedTokenType: text,
    issuer: text,
  }),
  issuance: text,
  account: z.object({ id: text, username: text, displayName: text }).optional(),
  connectionId: text,
});

/** What a Connect error looks like in JSON; `debug` is its detail for readers without the schema. */
const failed = z.object({
  code: z.string(),
  message: text,
  details: z
    .array(z.object({ debug: z.object({ reason: z.string().optional(), retryAfter: z.string().optional() }).optional() }))
    .default([]),
});

export type AuthorizationStart = z.output<typeof start>;
export type SignedIn = z.output<typeof signedIn>;

export interface LoginCalls {
  /** @throws LoginFailure, the signal's reason */
  createAuthorizationUrl(message: object): Promise<AuthorizationStart>;
  exchange(message: object): Promise<SignedIn>;
}

export function createLoginCalls({ url, client }: LoginTarget, signal: AbortSignal): LoginCalls {
  async function call<T>(method: string, message: object, answer: z.ZodType<T>): Promise<T> {
    const { status, body } = await post(`${url}/cambio.v1.TokenExchangeService/${method}`, { clientId: client, ...message }, signal);
    if (status === 200) {
      const read = answer.safeParse(body);
      if (read.success) return read.data;
      throw new LoginFailure(`the answer to ${method} makes no sense: is Cambio at ${terminalText(url)}?`);
    }
    const refusal = failed.safeParse(body);
    throw new LoginFailure(
      refusal.success ? refusalText(refusal.data) : `${method} was answered with status ${status}: is Cambio at ${terminalText(url)}?`,
    );
  }

  return {
    createAuthorizationUrl: (message) => call("CreateAuthorizationUrl", message, start),
    exchange: (message) => call("Exchange", message, signedIn),
  };
}

function refusalText({ code, message, details }: z.output<typeof failed>): string {
  const { reason, retryAfter } = details[0]?.debug ?? {};
  const name = terminalText(reason?.replace(/^ERROR_REASON_/, "") ?? code);
  return `${name}: ${terminalText(message)}${retryAfter === undefined ? "" : ` Wait ${terminalText(retryAfter)} before trying again.`}`;
}

async function post(url: string, message: object, signal: AbortSignal): Promise<{ status: number; body: unknown }> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(callMs)]);
  try {
    const response = await fetch(url, {
      method: "POST",
      // Code and verifier go to the address that was named, and to no other.
      redirect: "error",
      headers: { "content-type": "application/json", accept: "application/json", "connect-protocol-version": "1" },
      body: JSON.stringify(message),
      signal: limited,
    });
    return { status: response.status, body: parsed(await readBounded(response)) };
  } catch (failure) {
    signal.throwIfAborted();
    if (failure instanceof LoginFailure) throw failure;
    throw new LoginFailure(
      `Cambio at ${terminalText(url.slice(0, url.lastIndexOf("/cambio.v1.")))} ${limited.aborted ? "took too long" : `does not answer${codeOf(failure)}`}`,
    );
  }
}

async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let read = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxAnswerBytes) throw new LoginFailure("the answer is larger than any of Cambio's");
    read += decoder.decode(chunk, { stream: true });
  }
  return read + decoder.decode();
}

/** Undefined, which no answer is: it is no JSON. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** The system's word for it, which fetch keeps inside. */
function codeOf(failure: unknown): string {
  const cause = failure instanceof Error ? failure.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return /^[A-Z0-9_]{1,60}$/.test(code) ? ` (${code})` : "";
}
