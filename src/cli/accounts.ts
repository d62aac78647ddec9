// `cambio accounts`: list, disable, enable. Words of the command line → one order → exit status: 0 done, 1 not, 2 not understood. What
// an order does is vault/account-orders.ts; what is said of it accounts-words.ts.

import { parseArgs } from "node:util";
import type { Configuration } from "../config/schema.ts";
import { ExchangeError } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import { accountSubjectsIn } from "../policy/account-subjects.ts";
import type { AccountsPage } from "../store/account-rows.ts";
import { type AccountName, type AccountOrders, createAccountOrders } from "../vault/account-orders.ts";
import { accountsUsage, disabled, enabled, jsonLines, providerGone, table, unread } from "./accounts-words.ts";
import { goOn } from "./columns.ts";
import { type Asked, runOrdered } from "./ordered.ts";
import type { Output } from "./output.ts";
import { storeWord, withCurrentDatabase } from "./with-database.ts";

type Order =
  | { readonly command: "list"; readonly page: AccountsPage; readonly json: boolean }
  | { readonly command: "disable" | "enable"; readonly name: AccountName };

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
    const text = { type: "string" } as const;
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { provider: text, user: text, after: text, limit: text, json: { type: "boolean" } },
    });
    const [command, ...rest] = positionals;
    if (command === "list") return values.user === undefined ? parseList(values, rest) : undefined;
    if (command !== "disable" && command !== "enable") return undefined;
    const { after, limit, json, ...who } = values;
    return [after, limit, json].every((value) => value === undefined) ? parseChange(command, who, rest) : undefined;
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
  { command, name }: Exclude<Order, { command: "list" }>,
  { output, configuration }: { readonly output: Output; readonly configuration: Configuration },
): Promise<number> {
  const answer = command === "disable" ? disabled(await orders.disable(name)) : enabled(await orders.enable(name));
  if (answer.status === 0) output.out(answer.text);
  else output.error(answer.text);
  if (answer.provider !== undefined && !Object.hasOwn(configuration.providers, answer.provider)) output.error(providerGone);
  return answer.status;
}
