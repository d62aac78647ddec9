// What an explanation looks like on a terminal: steps with their verdicts, and texts that came from elsewhere made harmless.
// Which steps there are is explained-call.ts and explained-token.ts.

import { asciiText } from "../audit/ascii-json.ts";
import type { Reason } from "../exchange/errors.ts";
import type { Rule } from "../policy/rule.ts";

export type Verdict = "holds" | "refuses" | "would refuse";

export interface Sheet {
  title(text: string): void;
  /** @param rule path in the configuration, or the name of what was looked at */
  step(verdict: Verdict, rule: string, note?: string): void;
  remark(text: string): void;
}

export function createSheet(out: (text: string) => void): Sheet {
  const width = Math.max(...(["holds", "refuses", "would refuse"] satisfies Verdict[]).map((verdict) => verdict.length));
  return {
    title: (text) => out(`\n${text}\n`),
    step: (verdict, rule, note) => out(`  ${verdict.padEnd(width)}  ${asciiText(rule)}${note === undefined ? "" : `: ${note}`}\n`),
    remark: (text) => out(`  ${text}\n`),
  };
}

export function stepOf(sheet: Sheet, { path, holds, reportOnly }: Rule): void {
  if (holds) sheet.step("holds", path);
  else if (reportOnly === true) sheet.step("would refuse", path, "report_only is set, so this is let pass and reported");
  else sheet.step("refuses", path);
}

/** Characters. A claim may have as many as a token; a line of a terminal shows this much well. */
const maxShown = 160;

/** A value as JSON, in printable ASCII only: claims are anybody's text, and a terminal obeys some characters. */
export function shown(value: unknown): string {
  const text = asciiText(JSON.stringify(value) ?? "absent");
  return text.length <= maxShown ? text : `${text.slice(0, maxShown)}… (${text.length} characters)`;
}

/** For the operator who asks; what a caller is told stands in rpc/error-table.ts. */
const meanings: Partial<Record<Reason, string>> = {
  MALFORMED_REQUEST: "The request leaves something open that has more than one answer here, so it has to name it.",
  CALLER_UNAUTHENTICATED: "Nobody of that name can prove to be the caller of this method.",
  CALLER_NOT_ALLOWED: "The client may not do this: the rule above does not list it, or the client is disabled.",
  ORIGIN_NOT_ALLOWED: "The call does not come from a page that the client lists; only browser clients have pages.",
  REDIRECT_URI_NOT_ALLOWED: "The redirect URI is not, byte for byte, one of those that the client lists for this provider.",
  PROVIDER_UNKNOWN: "No provider of that name is configured.",
  SCOPE_NOT_ALLOWED: "A scope is asked for that the client does not list for this provider, or that the token to exchange lacks.",
  TARGET_NOT_ALLOWED:
    "An audience is asked for that the client does not list, that takes nothing from this provider, or by which nothing is exchanged there.",
  ISSUER_NOT_TRUSTED: "The token's issuer is not, byte for byte, that of a configured provider.",
  TOKEN_TYPE_MISMATCH: "The token is of another kind than this provider's access tokens are configured to be.",
  TOKEN_EXPIRED: "The token is expired; it counts as expired expiry_buffer before its exp.",
  TOKEN_NOT_YET_VALID: "The token begins further ahead than clock_tolerance allows.",
  TOKEN_INVALID: "A claim that must be there is missing, or has another form than an access token's.",
  PROOF_REQUIRED: "The token is bound to a key (cnf), and whoever only carries it proves nothing.",
  AUDIENCE_MISMATCH: "The token's aud does not mean this audience, or the audience takes nothing from this provider.",
  CLIENT_NOT_TRUSTED: "The audience does not list the client that the token was issued to.",
  DELEGATION_NOT_ALLOWED:
    "Nobody may act here, or not this actor for this subject: the audience does not list it, may_act names another, or the chain is full.",
  SCOPE_INSUFFICIENT: "The token lacks a required scope.",
};

export function meaningOf(reason: Reason): string {
  return meanings[reason] ?? "It is refused for a reason that lies outside of what is explained here.";
}
