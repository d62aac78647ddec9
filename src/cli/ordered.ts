// What commands with orders of their own have in common: words of the command line → one order → exit status: 0 done, 1 not, 2 not
// understood. Which orders there are, and what each does, is the command's.

import { ConfigurationError } from "../config/mistakes.ts";
import { readConfiguration } from "../config/read-configuration.ts";
import type { Configuration } from "../config/schema.ts";
import type { Output } from "./output.ts";

export interface Asked<Order> {
  /** Undefined: the default one. */
  readonly file: string | undefined;
  readonly order: Order;
}

export interface OrderedCommand<Order> {
  readonly usage: string;
  readonly defaultFile: string;
  /** Undefined: nothing was understood. */
  readonly parse: (words: readonly string[]) => Asked<Order> | undefined;
  /** @returns the exit status */
  readonly carryOut: (configuration: Configuration, order: Order) => Promise<number>;
}

/** @param words behind the command's name. @returns the exit status */
export async function runOrdered<Order>(words: readonly string[], output: Output, command: OrderedCommand<Order>): Promise<number> {
  if (words.some((word) => word === "--help" || word === "-h")) {
    output.out(command.usage);
    return 0;
  }
  const asked = command.parse(words);
  if (asked === undefined) {
    output.error(command.usage);
    return 2;
  }
  try {
    return await command.carryOut(readConfiguration(asked.file ?? command.defaultFile), asked.order);
  } catch (failure) {
    if (!(failure instanceof ConfigurationError)) throw failure;
    output.error(`${failure.message}\n`);
    return 1;
  }
}
