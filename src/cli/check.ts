// `cambio check`: what a configuration holds, in one line. Its mistakes are found where it is read.

import type { Configuration } from "../config/schema.ts";

export function summary({ providers, audiences, clients, routes }: Configuration): string {
  const allRoutes = [...routes.exchange, ...routes.backend_token];
  return [count(providers, "provider"), count(audiences, "audience"), count(clients, "client"), count(allRoutes, "route")].join(", ");
}

function count(things: object, thing: string): string {
  const number = Object.keys(things).length;
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}
