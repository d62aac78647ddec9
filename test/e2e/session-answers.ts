// Answers that carry tokens, read for assertions.

import type { Answer } from "../support/fake-stack.ts";

export interface AnsweredTokens {
  readonly accessToken: string;
  readonly tokenType?: string;
  readonly expiresIn?: number;
  readonly refreshToken?: string;
  readonly scopes?: readonly string[];
}

/** @throws Error with the answer where it has none */
export function tokensOf({ status, body }: Answer): AnsweredTokens {
  const tokens = body["tokens"] as AnsweredTokens | undefined;
  if (tokens === undefined) throw new Error(`no tokens: ${status} ${JSON.stringify(body)}`);
  return tokens;
}
