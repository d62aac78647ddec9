// The result's subject is the input's subject (OpenID Connect Core §12.2), wherever tokens are refreshed.

import { ExchangeError } from "./errors.ts";
import type { RefreshedTokens } from "./tokens.ts";

/**
 * @param expected who signed in; undefined: that was not said
 * @throws ExchangeError OUTCOME_UNKNOWN: what was asked with is spent by now
 */
export function checkSameSubject(expected: string | undefined, fresh: Pick<RefreshedTokens, "subject">): void {
  const differs = expected !== undefined && fresh.subject !== undefined && fresh.subject !== expected;
  if (differs) throw new ExchangeError("OUTCOME_UNKNOWN");
}
