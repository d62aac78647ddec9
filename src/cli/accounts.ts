// `cambio accounts`: list, disable, enable, forget. Words of the command line → one order → exit status: 0 done, 1 not, 2 not understood. What
// an order does is vault/account-orders.ts; what is said of it accounts-words.ts.

import { parseArgs } from "node:util";
import type { Configuration } from "../config/schema.ts";
import { ExchangeError } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import { accountSubjectsIn } from "../policy/account-subjects.ts";
import { issuerIn } from "../policy/configured-issuer.ts";
import type { AccountsPage } from "../store/account-rows.ts";
import { type AccountName, type AccountOrders, createAccountOrders } from "../vault/account-orders.ts";
import {
  accountsUsage,
  disabled,
  enabled,
  forgotten,
  issuerGone,
  jsonLines,
  notNow,
  providerGone,
  providerUnknown,
  type Said,
  table,
  unread,
} from "./accounts-words.ts";
import { goOn } from "./columns.ts";
import { type Asked, runOrdered } from "./ordered.ts";
import type { Output } from "./output.ts";
import { storeWord, withCurrentDatabase } from "./with-database.ts";

type Order =
  | { readonly command: "list"; readonly page: AccountsPage; readonly json: boolean }
  | { readonly command: "disable" | "enable"; readonly name: Named }
  | { readonly command: "forget"; readonly id: string; readonly now: boolean };

/** As it was written: the issuer is the configured one. */
type Named = { readonly id: string } | { readonly provider: string; readonly providerUserId: string };

type Change = Exclude<Order, { command: "list" }>;

/** @returns the exit status */
export function accountsCommand(
  words: readonly string[],
  output: Output,
  { defaultFile, clock }: { readonly defaultFile: string; readonly clock: Clock },
): Promise<number> {
  const carry = (configuration: Configuration, order: Order) => carryOut(configuration, order, { output, clock });
  return runOrdered(words, output, { usage: accountsUsage, defaultFile, parse, carryOut: carry });
}

function parse(words: readonly string[]): Asked<Order> | undefined {
  try {
    const [text, flag] = [{ type: "string" }, { type: "boolean" }] as const;
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { provider: text, user: text, after: text, limit: text, json: flag, now: flag },
    });
    const [command, ...rest] = positionals;
    const { after, limit, json, now, ...who } = values;
    if (command === "list") return [values.user, now].every((value) => value === undefined) ? parseList(values, rest) : undefined;
    if (![after, limit, json].every((value) => value === undefined)) return undefined;
    if (command === "forget") return Object.keys(who).length === 0 ? parseForget(now === true, rest) : undefined;
    return (command === "disable" || command === "enable") && now === undefined ? parseChange(command, who, rest) : undefined;
  } catch {
    return undefined;
  }
}

interface ListOptions {
  readonly provider?: string | undefined;
  readonly after?: string | undefined;
  readonly limit?: string | undefined;
  readonly json?: boolean | undefined;
}

const maxLimit = 1_000;

function parseList({ provider, after = "", limit = "50", json = false }: ListOptions, files: readonly string[]): Asked<Order> | undefined {
  const count = /^[1-9][0-9]{0,3}$/.test(limit) ? Number(limit) : Infinity;
  if (count > maxLimit || files.length > 1 || provider === "") return undefined;
  return { file: files[0], order: { command: "list", page: { provider, after, limit: count }, json } };
}

interface WhoOptions {
  readonly provider?: string | undefined;
  readonly user?: string | undefined;
}

function parseChange(command: "disable" | "enable", { provider, user }: WhoOptions, rest: readonly string[]): Asked<Order> | undefined {
  if ((provider === undefined) !== (user === undefined) || provider === "" || user === "") return undefined;
  const byUser = provider !== undefined && user !== undefined;
  const [id = "", ...files] = byUser ? ["", ...rest] : rest;
  if (files.length > 1 || (!byUser && id === "")) return undefined;
  return { file: files[0], order: { command, name: byUser ? { provider, providerUserId: user } : { id } } };
}

function parseForget(now: boolean, [id = "", ...files]: readonly string[]): Asked<Order> | undefined {
  return id === "" || files.length > 1 ? undefined : { file: files[0], order: { command: "forget", id, now } };
}

async function carryOut(
  configuration: Configuration,
  order: Order,
  { output, clock }: { readonly output: Output; readonly clock: Clock },
): Promise<number> {
  return withCurrentDatabase(configuration, output, async (database) => {
    const subjectsOf = accountSubjectsIn(configuration);
    const orders = createAccountOrders({ database, keys: configuration.sealing?.keys ?? [], clock, subjectsOf });
    try {
      return order.command === "list" ? await list(orders, order, output) : await change(orders, order, { output, configuration });
    } catch (failure) {
      if (!(failure instanceof ExchangeError)) throw failure;
      const uncertain = order.command === "list" ? "the database cannot be used" : "it is not certain that it was done, try again";
      output.error(`${uncertain}: ${storeWord(failure)}\n`);
      return 1;
    }
  });
}

async function list(orders: AccountOrders, { page, json }: Extract<Order, { command: "list" }>, { out, error }: Output): Promise<number> {
  const accounts = await orders.list(page);
  out(json ? jsonLines(accounts) : table(accounts));
  for (const more of [unread(accounts), goOn(accounts, page.limit)]) if (more !== "") error(more);
  return 0;
}

async function change(
  orders: AccountOrders,
  order: Change,
  { output, configuration }: { readonly output: Output; readonly configuration: Configuration },
): Promise<number> {
  const { status, text, account } = await given(orders, order, configuration);
  if (status === 0) output.out(text);
  else output.error(text);
  if (account === undefined) return status;
  const issuer = issuerIn(configuration, account.provider);
  if (issuer !== account.issuer) output.error(issuer === undefined ? providerGone : issuerGone);
  return status;
}

async function given(orders: AccountOrders, order: Change, configuration: Configuration): Promise<Said> {
  if (order.command === "forget") return order.now ? forgotten(await orders.forget(order.id)) : notNow;
  const name = nameIn(configuration, order.name);
  if (name === undefined) return { status: 1, text: providerUnknown, account: undefined };
  return order.command === "disable" ? disabled(await orders.disable(name)) : enabled(await orders.enable(name));
}

function nameIn(configuration: Configuration, name: Named): AccountName | undefined {
  if ("id" in name) return name;
  const issuer = issuerIn(configuration, name.provider);
  return issuer === undefined ? undefined : { ...name, issuer };
}
