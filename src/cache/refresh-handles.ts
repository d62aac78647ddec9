// Refresh handles without a database: a provider's refresh token under seal, so that a public client holds something that only
// this service can use, only for that client. Nothing is stored: the handle is the whole memory, lives as long as its master key,
// and cannot be called back.

import { z } from "zod";
import { decodeBase64url } from "../exchange/base64url.ts";
import { ExchangeError } from "../exchange/errors.ts";
import type { RefreshHandles } from "../exchange/handle-ports.ts";
import type { Clock } from "../exchange/ports.ts";
import { handlePrefix } from "../exchange/refresh-token-custody.ts";
import { Secret } from "../exchange/secret.ts";
import type { TokenSet } from "../exchange/tokens.ts";
import type { Sealer } from "../sealing/sealer.ts";

/** Measured before anything is decoded; also what a handle may come to, so that none goes out that cannot come back. */
const maxHandleLength = 16 * 1024;

const shape = z.strictObject({ provider: z.string(), refreshToken: z.string(), subject: z.string().optional(), issuedAt: z.int() });

interface Grant {
  readonly provider: string;
  readonly refreshToken: Secret;
  readonly subject: string | undefined;
  /** When somebody signed in, in seconds since the epoch; the same in all handles that come out of it. */
  readonly issuedAt: number;
}

/** `sealer`: purpose `refresh-handle`. */
export function createRefreshHandles(sealer: Sealer, clock: Clock): RefreshHandles {
  function seal(clientId: string, { provider, refreshToken, subject, issuedAt }: Grant): Secret {
    const grant = Buffer.from(JSON.stringify({ provider, refreshToken: refreshToken.reveal(), subject, issuedAt }));
    const handle = handlePrefix + Buffer.from(sealer.seal(grant, [clientId])).toString("base64url");
    // No provider's refresh token is that long: what it sent is not one. What it was asked with is spent by now.
    if (handle.length > maxHandleLength) throw new ExchangeError("OUTCOME_UNKNOWN");
    return new Secret(handle);
  }

  function open(clientId: string, handle: Secret): Grant | undefined {
    const text = handle.reveal();
    if (text.length > maxHandleLength || !text.startsWith(handlePrefix)) return undefined;
    const sealed = decodeBase64url(text.slice(handlePrefix.length));
    const opened = sealed === undefined ? undefined : sealer.open(sealed, [clientId]);
    return opened === undefined ? undefined : decode(opened);
  }

  /** Nobody else can be asked who has the same handle: that it goes upstream once is up to the provider. */
  async function rotate(clientId: string, grant: Grant, send: (refreshToken: Secret) => Promise<TokenSet>): Promise<TokenSet> {
    const fresh = await send(grant.refreshToken);
    // An answer without a refresh token leaves the old one in force (RFC 6749 §6).
    const { refreshToken = grant.refreshToken, subject } = fresh;
    return { ...fresh, refreshToken: seal(clientId, { ...grant, refreshToken, subject: grant.subject ?? subject }) };
  }

  return {
    async issue(clientId, provider, { refreshToken, subject, terms, minted }) {
      // The configuration refuses this (config/): such a handle could be ended neither here nor at the provider.
      if (refreshToken === undefined || terms !== undefined || minted !== undefined)
        throw new Error("refresh tokens out of an exchange or a session need a database");
      return seal(clientId, { provider, refreshToken, subject, issuedAt: Math.floor(clock() / 1_000) });
    },
    async find(clientId, handle) {
      const grant = open(clientId, handle);
      if (grant === undefined) return undefined;
      const { provider, subject, issuedAt } = grant;
      return { kind: "token", provider, subject, issuedAt, rotate: (send) => rotate(clientId, grant, send) };
    },
    async findToEnd(clientId, handle) {
      const grant = open(clientId, handle);
      if (grant === undefined) return undefined;
      return { provider: grant.provider, subject: grant.subject, stored: false, end: async () => grant.refreshToken };
    },
  };
}

function decode(opened: Uint8Array): Grant | undefined {
  try {
    const { provider, refreshToken, subject, issuedAt } = shape.parse(JSON.parse(Buffer.from(opened).toString()));
    return { provider, refreshToken: new Secret(refreshToken), subject, issuedAt };
  } catch {
    return undefined;
  }
}
