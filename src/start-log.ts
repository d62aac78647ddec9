// What an operator should know at start: settings that are allowed and have a price.

import type { Configuration } from "./config/schema.ts";
import { isLoopbackHost } from "./exchange/loopback.ts";
import type { Log } from "./telemetry/log.ts";

export function logStart(configuration: Configuration, url: string, log: Log): void {
  const { clients, providers, sealing, redis, server } = configuration;
  if (redis === undefined)
    log.warn({}, "no Redis: codes, states and cached tokens are kept in this process, which serves one replica only");
  if (sealing === undefined)
    log.warn({}, "no sealing keys: made at start; refresh handles end with this process, which serves one replica only");
  for (const [provider, { tokens, allow_http, pkce }] of Object.entries(providers)) {
    if (!tokens.issuer_check) log.warn({ provider }, "issuer_check is off: iss is not compared for tokens sent with this provider's name");
    if (allow_http) log.warn({ provider }, "allow_http is on: credentials may cross the network in clear text");
    if (pkce === "none") log.warn({ provider }, "pkce is none: a stolen code is enough to redeem it");
  }
  for (const [client, { kind, raw_refresh_tokens }] of Object.entries(clients)) {
    if (kind !== "service" && raw_refresh_tokens)
      log.warn({ client }, "raw_refresh_tokens is on for a public client: whoever steals one uses it at the provider, past this service");
  }
  if (server.tls === undefined && !isLoopbackHost(server.host)) {
    log.warn({}, "no TLS beyond loopback: put a proxy that speaks it in front");
  }
  log.info({ url, providers: Object.keys(providers), reflection: server.reflection }, "listening");
}
