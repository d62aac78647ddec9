// What `cambio accounts` says: a table of accounts or a JSON line for each, and what came of an order. It decides nothing. What
// providers said of their users comes out as printable ASCII, so that none of it speaks to a terminal or looks like another line.

import { asciiJson } from "../audit/ascii-json.ts";
import type { AccountView, DisableAnswer, EnableAnswer } from "../vault/account-orders.ts";
import { aligned, cell, instant } from "./columns.ts";

export const accountsUsage = `Usage: cambio accounts COMMAND

  list [CONFIG]          who has signed in: id, provider, the provider's own id, names, and when
    --provider NAME        of that provider only
    --after ID             those behind that id: the list is in the order of ids
    --limit N              at most so many, 1 to 1000. Default: 50
    --json                 a JSON object on each line, with e-mail address and avatar
  disable ID [CONFIG]    nothing is issued for the account any more, and within a second every replica refuses all its tokens,
                         those that its provider issues later as well
  enable ID [CONFIG]     takes that back. Tokens and sign-ins of before stay refused

  --provider NAME --user PROVIDER_USER_ID   in place of ID: whom the provider knows by that id

Neither is told to the provider, and neither is in the audit trail.
`;

export interface Said {
  readonly status: number;
  readonly text: string;
  /** Whose account was changed. */
  readonly provider: string | undefined;
}

const headings = ["ID", "PROVIDER", "USER", "USERNAME", "NAME", "CREATED", "UPDATED", "DISABLED"];

export function table(accounts: readonly AccountView[]): string {
  return aligned([headings, ...accounts.map(row)]);
}

function row({ id, provider, user, createdAtMs, updatedAtMs, disabledAtMs }: AccountView): readonly string[] {
  const texts = [id, provider, user.providerUserId, user.username, user.displayName].map(cell);
  return [...texts, ...[createdAtMs, updatedAtMs, disabledAtMs].map((ms) => instant(ms) ?? "-")];
}

export function jsonLines(accounts: readonly AccountView[]): string {
  return accounts.map((account) => `${asciiJson(jsonOf(account))}\n`).join("");
}

function jsonOf({ id, provider, user, createdAtMs, updatedAtMs, disabledAtMs }: AccountView): object {
  const { providerUserId, ...attributes } = user;
  const [created, updated, disabledAt] = [createdAtMs, updatedAtMs, disabledAtMs].map(instant);
  return { id, provider, providerUserId, ...attributes, created, updated, disabled: disabledAt ?? null };
}

/** Empty: all could be read. */
export function unread(accounts: readonly AccountView[]): string {
  const count = accounts.filter(({ readable }) => !readable).length;
  const why = "a key is missing from sealing.keys, or they were tampered with";
  return count === 0 ? "" : `the names of ${count} could not be read: ${why}\n`;
}

const unknown: Said = { status: 1, text: "there is no such account: look at cambio accounts list\n", provider: undefined };

export function disabled(answer: DisableAnswer): Said {
  if (answer.kind === "unknown") return unknown;
  const { id, provider } = answer.account;
  const already = `${cell(id)} was disabled before; replicas were told once more to refuse its tokens\n`;
  const text = answer.kind === "disabled" ? `disabled: ${cell(id)}. Within a second every replica refuses its tokens\n` : already;
  return { status: 0, text, provider };
}

export function enabled(answer: EnableAnswer): Said {
  if (answer.kind === "unknown") return unknown;
  const { id, provider } = answer.account;
  if (answer.kind === "not_disabled") return { status: 1, text: `${cell(id)} is not disabled\n`, provider: undefined };
  return { status: 0, text: `enabled: ${cell(id)}. Its user may sign in again; what was issued before stays refused\n`, provider };
}

/** Its tokens were issued here under a name that nobody knows any more. */
export const providerGone =
  "its provider is not in the configuration: tokens that were issued here under its subject_prefix are not refused until they expire\n";
