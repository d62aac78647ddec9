// A provider as the vault sees it: what `send` comes to. Its refresh tokens are good for one use, and it remembers what it was shown.

import { ExchangeError } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { RefreshedTokens, TokenSet } from "../../src/exchange/tokens.ts";
import type { SendRefresh } from "../../src/exchange/vault-ports.ts";

export const theIssuer = "https://issuer.example";

export interface FakeProvider {
  /** Every refresh token that arrived, in order. */
  readonly presented: string[];
  /** All that it ever gave out: refresh, access and ID tokens. */
  readonly made: string[];
  /** Takes the refresh token that it gave last, once. */
  readonly send: SendRefresh;
  /** What the next calls come to instead, in order. */
  readonly instead: SendRefresh[];
  /** Sends, and only then comes to something else. */
  fails(how: () => RefreshedTokens | Promise<RefreshedTokens>): void;
  /** The next call waits for `answer`, once it has arrived. */
  hold(): { readonly arrived: Promise<void>; answer(): void };
  /** The next tokens, as for a sign-in or a refresh. */
  give(): TokenSet & { readonly refreshToken: Secret };
}

export interface FakeProviderOptions {
  readonly lifeMs?: number;
  /** The access token of its nth answer. Default: an opaque one. */
  readonly accessToken?: (number: number) => Secret;
}

export function fakeProvider(clock: () => number, { lifeMs = 3_600_000, accessToken }: FakeProviderOptions = {}): FakeProvider {
  const presented: string[] = [];
  const made: string[] = [];
  const instead: SendRefresh[] = [];
  const live = new Set<string>();
  let number = 0;

  function token(kind: string): Secret {
    const text = `${kind}-token-${number}-${"abcdefghijklmnop".slice(number % 5)}-of-the-provider`;
    made.push(text);
    return new Secret(text);
  }

  function give(): ReturnType<FakeProvider["give"]> {
    number += 1;
    const refreshToken = token("refresh");
    live.add(refreshToken.reveal());
    return {
      accessToken: accessToken?.(number) ?? token("access"),
      tokenType: "Bearer",
      expiresAtMs: clock() + lifeMs,
      refreshToken,
      idToken: token("id"),
      scopes: ["openid", "orders:read"],
      issuer: theIssuer,
      subject: "alice",
    };
  }

  function answer(refreshToken: Secret): RefreshedTokens {
    if (!live.delete(refreshToken.reveal())) throw new ExchangeError("REAUTHENTICATION_REQUIRED");
    return give();
  }

  const arrive = (refreshToken: Secret, onSending: () => void) => {
    onSending();
    presented.push(refreshToken.reveal());
  };

  return {
    presented,
    made,
    instead,
    give,
    async send(refreshToken, onSending) {
      const other = instead.shift();
      if (other !== undefined) return other(refreshToken, onSending);
      arrive(refreshToken, onSending);
      return answer(refreshToken);
    },
    fails(how) {
      instead.push(async (refreshToken, onSending) => {
        arrive(refreshToken, onSending);
        return how();
      });
    },
    hold() {
      const [arrived, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      instead.push(async (refreshToken, onSending) => {
        arrive(refreshToken, onSending);
        arrived.resolve();
        await released.promise;
        return answer(refreshToken);
      });
      return { arrived: arrived.promise, answer: released.resolve };
    },
  };
}
