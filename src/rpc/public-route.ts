// The gate of plain HTTP routes, which each serve one public client: it decides before a byte of a body is read, as that of RPCs does.

import { ExchangeError } from "../exchange/errors.ts";
import type { Call } from "./call.ts";
import { admit, type Entrance } from "./caller.ts";

export interface ShownToRoute {
  /** The header; undefined: none. */
  readonly authorization: string | undefined;
  /** More than one of them was sent. */
  readonly repeated: boolean;
  readonly call: Call;
}

/** @throws ExchangeError as `admit`; CALLER_UNAUTHENTICATED also where a proof was shown, be it good */
export async function admitPublic(entrance: Entrance, { authorization, repeated, call }: ShownToRoute, signal: AbortSignal): Promise<void> {
  call.audited = "Exchange";
  await admit(entrance, call, { method: "Exchange", authorization: undefined, repeated }, { signal });
  // The route's client is public: whoever proves to be somebody is not it.
  if (authorization !== undefined || call.service !== undefined) throw new ExchangeError("CALLER_UNAUTHENTICATED", { field: "CALLER" });
}
