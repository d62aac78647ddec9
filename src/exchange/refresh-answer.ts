// What a refresh is answered by, whatever was refreshed.

import type { TokenSet } from "./tokens.ts";

export interface RefreshAnswer {
  readonly tokens: TokenSet;
  /** Who issued the access token. */
  readonly issuance: "PASSTHROUGH" | "MINTED";
}
