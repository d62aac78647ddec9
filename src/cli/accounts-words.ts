// What `cambio accounts` says: a table of accounts or a JSON line for each, and what came of an order. It decides nothing. What
// providers said of their users comes out as printable ASCII, so that none of it speaks to a terminal or looks like another line.

import { asciiJson } from "../audit/ascii-json.ts";
import type { AccountIdentity, AccountView, DisableAnswer, EnableAnswer, ForgetAnswer } from "../vault/account-orders.ts";
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
  forget ID [CONFIG]     deletes the account and ends its connections: its user's next sign-in makes another one, of another id
    --now                  do it: nothing brings an id back. For one that cannot be read, as its sealing key is gone for good

  --provider NAME --user PROVIDER_USER_ID   in place of ID, to disable or enable: whom the provider knows by that id

None is told to the provider, and none is in the audit trail.
`;

export interface Said {
  readonly status: number;
  readonly text: string;
  /** Whose account was changed. */
  readonly account: AccountIdentity | undefined;
}

const headings = ["ID", "PROVIDER", "USER", "USERNAME", "NAME", "READABLE", "CREATED", "UPDATED", "DISABLED"];

export function table(accounts: readonly AccountView[]): string {
  return aligned([headings, ...accounts.map(row)]);
}

function row({ id, provider, user, readable, createdAtMs, updatedAtMs, disabledAtMs }: AccountView): readonly string[] {
  const texts = [id, provider, user.providerUserId, user.username, user.displayName].map(cell);
  return [...texts, readable ? "yes" : "no", ...[createdAtMs, updatedAtMs, disabledAtMs].map((ms) => instant(ms) ?? "-")];
}

export function jsonLines(accounts: readonly AccountView[]): string {
  return accounts.map((account) => `${asciiJson(jsonOf(account))}\n`).join("");
}

function jsonOf({ id, provider, issuer, user, readable, createdAtMs, updatedAtMs, disabledAtMs }: AccountView): object {
  const { providerUserId, ...attributes } = user;
  const [created, updated, disabledAt] = [createdAtMs, updatedAtMs, disabledAtMs].map(instant);
  return { id, provider, issuer, providerUserId, ...attributes, readable, created, updated, disabled: disabledAt ?? null };
}

/** Empty: all could be read. */
export function unread(accounts: readonly AccountView[]): string {
  const count = accounts.filter(({ readable }) => !readable).length;
  const why = "a key is missing from sealing.keys, or they were tampered with";
  return count === 0 ? "" : `${count} could not be read, and nothing is issued for them: ${why}\n`;
}

const unknown: Said = { status: 1, text: "there is no such account: look at cambio accounts list\n", account: undefined };

export function disabled(answer: DisableAnswer): Said {
  if (answer.kind === "unknown") return unknown;
  const { account } = answer;
  const { id } = account;
  const already = `${cell(id)} was disabled before; replicas were told once more to refuse its tokens\n`;
  const text = answer.kind === "disabled" ? `disabled: ${cell(id)}. Within a second every replica refuses its tokens\n` : already;
  return { status: 0, text, account };
}

export function enabled(answer: EnableAnswer): Said {
  if (answer.kind === "unknown") return unknown;
  const { account } = answer;
  const { id } = account;
  if (answer.kind === "not_disabled") return { status: 1, text: `${cell(id)} is not disabled\n`, account: undefined };
  return { status: 0, text: `enabled: ${cell(id)}. Its user may sign in again; what was issued before stays refused\n`, account };
}

/** Whoever did not say so may not know it. */
export const notNow: Said = {
  status: 1,
  text: "nothing was done. Its user keeps nothing of it, and no sealing key brings it back: if it is to be so, say --now\n",
  account: undefined,
};

export function forgotten(answer: ForgetAnswer): Said {
  if (answer.kind === "unknown") return unknown;
  const { account } = answer;
  const id = cell(account.id);
  const back = `${id} is disabled: by a new account its user would be back. Enable it first, if that is meant\n`;
  if (answer.kind === "disabled") return { status: 1, text: back, account: undefined };
  return { status: 0, text: `forgotten: ${id}. Its connections have ended; its user's next sign-in makes another account\n`, account };
}

/** Whose issuer's user it is nobody can say. */
export const providerUnknown = "that provider is not in the configuration: name the account by its id, see cambio accounts list\n";

/** Its tokens were issued here under a name that nobody knows any more. */
export const providerGone =
  "its provider is not in the configuration: tokens that were issued here under its subject_prefix are not refused until they expire\n";

/** The user's own id is somebody else's there. */
export const issuerGone =
  "its provider's name is another issuer's by now: of what was issued for it only tokens by the account's own id are refused\n";
