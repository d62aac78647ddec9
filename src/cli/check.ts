// `cambio check`: what a configuration holds, in one line. Its mistakes are found where it is read.

import type { Configuration } from "../config/schema.ts";

export function summary({ providers, audiences, clients, routes }: Configuration): string {
  return [count(providers, "provider"), count(audiences, "audience"), count(clients, "client"), count(routes.exchange, "route")].join(", ");
}

function count(things: object, thing: string): string {
  const number = Object.keys(things).length;
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}
