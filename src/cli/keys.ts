// `cambio keys`: list, rotate, retire. Words of the command line → one order → exit status: 0 done, 1 not, 2 not understood. What an
// order does is wiring/signing-orders.ts; what is said of it keys-words.ts.

import { parseArgs } from "node:util";
import type { Configuration } from "../config/schema.ts";
import { ExchangeError } from "../exchange/errors.ts";
import { type SigningAlgorithm, signingAlgorithms } from "../exchange/minting-ports.ts";
import type { Clock } from "../exchange/ports.ts";
import { fileKeyIds } from "../wiring/file-keys.ts";
import { createSigningOrders, fileKeyViews, type SigningOrders } from "../wiring/signing-orders.ts";
import { keysUsage, retired, retireFile, rotated, rotateFiles, type Said, table } from "./keys-words.ts";
import { type Asked, runOrdered } from "./ordered.ts";
import type { Output } from "./output.ts";
import { storeWord, withCurrentDatabase } from "./with-database.ts";

type Order =
  | { readonly command: "list" }
  | { readonly command: "rotate"; readonly algorithm: SigningAlgorithm | undefined; readonly now: boolean }
  | { readonly command: "retire"; readonly kid: string; readonly now: boolean };

type Signing = NonNullable<Configuration["signing"]>;

/** @returns the exit status */
export function keysCommand(
  words: readonly string[],
  output: Output,
  { defaultFile, clock }: { readonly defaultFile: string; readonly clock: Clock },
): Promise<number> {
  const carry = (configuration: Configuration, order: Order) => carryOut(configuration, order, { output, clock });
  return runOrdered(words, output, { usage: keysUsage, defaultFile, parse, carryOut: carry });
}

/** A thumbprint (RFC 7638). It may begin with a dash, and is no option for that: none is so long. */
const keyId = /^[A-Za-z0-9_-]{43}$/;

function parse(words: readonly string[]): Asked<Order> | undefined {
  const kid = words[0] === "retire" ? words.find((word) => keyId.test(word)) : undefined;
  const at = kid === undefined ? words.length : words.indexOf(kid);
  try {
    const { values, positionals } = parseArgs({
      args: [...words.slice(0, at), ...words.slice(at + 1)],
      allowPositionals: true,
      options: { algorithm: { type: "string" }, now: { type: "boolean", default: false } },
    });
    const { now, algorithm: named } = values;
    const [command, ...files] = positionals;
    if (files.length > 1) return undefined;
    const [file] = files;
    const algorithm = signingAlgorithms.find((name) => name === named);
    if (command === "rotate" && named === algorithm) return { file, order: { command, algorithm, now } };
    if (named !== undefined) return undefined;
    if (command === "retire" && kid !== undefined) return { file, order: { command, kid, now } };
    return command === "list" && !now ? { file, order: { command } } : undefined;
  } catch {
    return undefined;
  }
}

async function carryOut(
  configuration: Configuration,
  order: Order,
  { output, clock }: { readonly output: Output; readonly clock: Clock },
): Promise<number> {
  const { signing } = configuration;
  if (signing === undefined) return say({ status: 1, text: "there are no signing keys: give a signing section\n" }, output);
  if (signing.keys !== undefined) return say(aboutFiles(signing.keys, order, clock()), output);
  return withCurrentDatabase(configuration, output, async (database) => {
    const orders = createSigningOrders({ configuration, signing, database, clock });
    return say(await aboutStored(orders, order, signing), output);
  });
}

function aboutFiles(keys: NonNullable<Signing["keys"]>, order: Order, nowMs: number): Said {
  if (order.command === "list") return { status: 0, text: table(fileKeyViews(keys, nowMs)) };
  return order.command === "rotate" ? rotateFiles : retireFile(order.kid, fileKeyIds(keys).indexOf(order.kid));
}

async function aboutStored(orders: SigningOrders, order: Order, { algorithm }: Signing): Promise<Said> {
  try {
    if (order.command === "list") return { status: 0, text: table(await orders.list()) };
    if (order.command === "rotate") return rotated(await orders.rotate(order.algorithm ?? algorithm, order.now));
    return retired(order.kid, await orders.retire(order.kid, order.now));
  } catch (failure) {
    if (!(failure instanceof ExchangeError)) throw failure;
    return { status: 1, text: `it is not certain that it was done, look at cambio keys list: ${storeWord(failure)}\n` };
  }
}

function say({ status, text }: Said, { out, error }: Output): number {
  if (status === 0) out(text);
  else error(text);
  return status;
}
