// A provider as refreshes see it that send a refresh token themselves: its tokens are good for one use, and it remembers what it was shown.

import type { Clock } from "../../src/exchange/ports.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";

export interface OneTimeUpstream {
  /** Every refresh token that arrived, in order. */
  readonly shown: string[];
  /** Answers with the next tokens, where this is the token of the last answer. */
  readonly send: (refreshToken: Secret) => Promise<TokenSet>;
  /** What the next calls come to instead, in order. */
  readonly instead: ((refreshToken: Secret) => Promise<TokenSet>)[];
  /** The next call waits for `answer`, once it has arrived. */
  hold(): { readonly arrived: Promise<void>; answer(): void };
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token as validation takes it, unsigned: nothing here verifies it. */
export function accessToken(id: string, expiresAt: number): Secret {
  return new Secret(`${part({ alg: "RS256" })}.${part({ jti: id, exp: expiresAt })}.c2ln`);
}

export function tokenSet(number: number, clock: Clock): TokenSet & { readonly refreshToken: Secret } {
  const expiresAt = Math.floor(clock() / 1_000) + 300;
  return {
    accessToken: accessToken(`access-${number}`, expiresAt),
    tokenType: "Bearer",
    expiresAtMs: expiresAt * 1_000,
    refreshToken: new Secret(`upstream-${number}`),
    idToken: undefined,
    scopes: ["openid", "orders:read"],
    issuer: "https://issuer.example",
    subject: "alice",
  };
}

export function oneTimeUpstream(clock: Clock): OneTimeUpstream {
  const shown: string[] = [];
  const instead: OneTimeUpstream["instead"] = [];
  let last = 0;

  function answer(refreshToken: Secret): TokenSet {
    if (refreshToken.reveal() !== `upstream-${last}`) throw new ExchangeError("REAUTHENTICATION_REQUIRED");
    last += 1;
    return tokenSet(last, clock);
  }

  return {
    shown,
    instead,
    async send(refreshToken) {
      shown.push(refreshToken.reveal());
      const other = instead.shift();
      return other === undefined ? answer(refreshToken) : other(refreshToken);
    },
    hold() {
      const [arrived, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      instead.push(async (refreshToken) => {
        arrived.resolve();
        await released.promise;
        return answer(refreshToken);
      });
      return { arrived: arrived.promise, answer: released.resolve };
    },
  };
}
