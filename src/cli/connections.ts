// `cambio connections`: list, refresh, revoke. Words of the command line → one order → exit status: 0 done, 1 not, 2 not understood. What
// an order does is vault/connection-orders.ts; what is said of it connections-words.ts.

import { parseArgs } from "node:util";
import type { Configuration } from "../config/schema.ts";
import { ExchangeError } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import { issuerIn } from "../policy/configured-issuer.ts";
import type { ConnectionsPage } from "../store/connection-list.ts";
import { type ConnectionOrders, createConnectionOrders } from "../vault/connection-orders.ts";
import { connectionsUsage, jsonLines, saidOfRefresh, saidOfRevocation, table } from "./connections-words.ts";
import { goOn } from "./columns.ts";
import { type Asked, runOrdered } from "./ordered.ts";
import type { Output } from "./output.ts";
import { storeWord, withCurrentDatabase } from "./with-database.ts";

type Order =
  | { readonly command: "list"; readonly page: ConnectionsPage; readonly json: boolean }
  | { readonly command: "refresh"; readonly id: string; readonly limitMs: number }
  | { readonly command: "revoke"; readonly id: string };

export interface ConnectionsSurroundings {
  readonly defaultFile: string;
  readonly clock: Clock;
  readonly wait: (ms: number) => Promise<unknown>;
}

/** @returns the exit status */
export function connectionsCommand(words: readonly string[], output: Output, around: ConnectionsSurroundings): Promise<number> {
  const carry = (configuration: Configuration, order: Order) => carryOut(configuration, order, { output, ...around });
  return runOrdered(words, output, { usage: connectionsUsage, defaultFile: around.defaultFile, parse, carryOut: carry });
}

const text = { type: "string" } as const;
const ofList = { provider: text, client: text, account: text, ended: { type: "boolean" }, after: text, limit: text } as const;

/** An id that begins with a dash is no option for that: none is so long. */
const connectionId = /^[A-Za-z0-9_-]{22}$/;

function parse(words: readonly string[]): Asked<Order> | undefined {
  const [command, ...rest] = words;
  const id = command === "list" ? undefined : rest.find((word) => connectionId.test(word));
  const at = id === undefined ? rest.length : rest.indexOf(id);
  const args = [...rest.slice(0, at), ...rest.slice(at + 1)];
  try {
    switch (command) {
      case "list": {
        const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { ...ofList, json: { type: "boolean" } } });
        const { json = false, ...asked } = values;
        const page = pageOf(asked);
        return page === undefined || positionals.length > 1 ? undefined : { file: positionals[0], order: { command, page, json } };
      }
      case "refresh": {
        const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { wait: text } });
        const limitMs = millisecondsOf(values.wait ?? "30");
        if (id === undefined || limitMs === undefined || positionals.length > 1) return undefined;
        return { file: positionals[0], order: { command, id, limitMs } };
      }
      case "revoke": {
        const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
        return id === undefined || positionals.length > 1 ? undefined : { file: positionals[0], order: { command, id } };
      }
      case undefined:
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

interface ListOptions {
  readonly provider?: string | undefined;
  readonly client?: string | undefined;
  readonly account?: string | undefined;
  readonly ended?: boolean | undefined;
  readonly after?: string | undefined;
  readonly limit?: string | undefined;
}

const maxLimit = 1_000;

function pageOf({ provider, client, account, ended = false, after = "", limit = "50" }: ListOptions): ConnectionsPage | undefined {
  const count = /^[1-9][0-9]{0,3}$/.test(limit) ? Number(limit) : Infinity;
  if (count > maxLimit || [provider, client, account].includes("")) return undefined;
  return { provider, client, account, ended, after, limit: count };
}

const maxWaitSeconds = 600;

function millisecondsOf(seconds: string): number | undefined {
  const count = /^[0-9]{1,3}$/.test(seconds) ? Number(seconds) : Infinity;
  return count > maxWaitSeconds ? undefined : count * 1_000;
}

interface Surroundings extends Pick<ConnectionsSurroundings, "clock" | "wait"> {
  readonly output: Output;
}

async function carryOut(configuration: Configuration, order: Order, { output, ...around }: Surroundings): Promise<number> {
  const [first, ...others] = configuration.sealing?.keys ?? [];
  return withCurrentDatabase(configuration, output, async (database) => {
    // A database without keys is no configuration that is read.
    if (first === undefined) return 1;
    try {
      return await give(
        createConnectionOrders({ database, keys: [first, ...others], issuerOf: (name) => issuerIn(configuration, name), ...around }),
        order,
        output,
      );
    } catch (failure) {
      if (!(failure instanceof ExchangeError)) throw failure;
      const uncertain = order.command === "revoke" ? "it is not certain that it was done, try again" : "the database cannot be used";
      output.error(`${uncertain}: ${storeWord(failure)}\n`);
      return 1;
    }
  });
}

async function give(orders: ConnectionOrders, order: Order, { out, error }: Output): Promise<number> {
  if (order.command === "list") {
    const connections = await orders.list(order.page);
    out(order.json ? jsonLines(connections) : table(connections));
    error(goOn(connections, order.page.limit));
    return 0;
  }
  const said =
    order.command === "refresh"
      ? saidOfRefresh(await orders.refresh(order.id, order.limitMs))
      : saidOfRevocation(await orders.revoke(order.id));
  if (said.status === 0) out(said.text);
  else error(said.text);
  return said.status;
}
