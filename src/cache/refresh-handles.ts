// Refresh handles: a provider's refresh token under seal, so that a public client holds something that only this service can
// use, only for that client. Nothing is stored: the handle is the whole memory, and lives as long as its master key.

import { z } from "zod";
import { decodeBase64url } from "../exchange/base64url.ts";
import { ExchangeError } from "../exchange/errors.ts";
import type { RefreshHandles } from "../exchange/ports.ts";
import { Secret } from "../exchange/secret.ts";
import type { Sealer } from "../sealing/sealer.ts";

/** Lets secret scanners and readers tell what leaked. */
const prefix = "cambio_rt_";
/** Measured before anything is decoded; also what a handle may come to, so that none goes out that cannot come back. */
const maxHandleLength = 16 * 1024;

const shape = z.strictObject({ provider: z.string(), refreshToken: z.string(), subject: z.string().optional() });

/** `sealer`: purpose `refresh-handle`. */
export function createRefreshHandles(sealer: Sealer): RefreshHandles {
  return {
    seal(clientId, { provider, refreshToken, subject }) {
      const grant = Buffer.from(JSON.stringify({ provider, refreshToken: refreshToken.reveal(), subject }));
      const handle = prefix + Buffer.from(sealer.seal(grant, [clientId])).toString("base64url");
      // No provider's refresh token is that long: what it sent is not one. What it was asked with is spent by now.
      if (handle.length > maxHandleLength) throw new ExchangeError("OUTCOME_UNKNOWN");
      return new Secret(handle);
    },
    open(clientId, handle) {
      const text = handle.reveal();
      if (text.length > maxHandleLength || !text.startsWith(prefix)) return undefined;
      const sealed = decodeBase64url(text.slice(prefix.length));
      const opened = sealed === undefined ? undefined : sealer.open(sealed, [clientId]);
      return opened === undefined ? undefined : decode(opened);
    },
  };
}

function decode(opened: Uint8Array) {
  try {
    const { provider, refreshToken, subject } = shape.parse(JSON.parse(Buffer.from(opened).toString()));
    return { provider, refreshToken: new Secret(refreshToken), subject };
  } catch {
    return undefined;
  }
}
