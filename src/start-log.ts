// What an operator should know at start: settings that are allowed and have a price.

import type { Configuration } from "./config/schema.ts";
import type { Log } from "./telemetry/log.ts";

export function logStart(configuration: Configuration, url: string, log: Log): void {
  const { providers, sealing, redis, server } = configuration;
  if (redis === undefined)
    log.warn({}, "no Redis: codes, states and cached tokens are kept in this process, which serves one replica only");
  if (sealing === undefined)
    log.warn({}, "no sealing keys: made at start; refresh handles end with this process, which serves one replica only");
  for (const [provider, { tokens, allow_http, pkce }] of Object.entries(providers)) {
    if (!tokens.issuer_check) log.warn({ provider }, "issuer_check is off: iss is not compared for tokens sent with this provider's name");
    if (allow_http) log.warn({ provider }, "allow_http is on: credentials may cross the network in clear text");
    if (pkce === "none") log.warn({ provider }, "pkce is none: a stolen code is enough to redeem it");
  }
  if (server.tls === undefined && !["127.0.0.1", "::1", "localhost"].includes(server.host)) {
    log.warn({}, "no TLS beyond loopback: put a proxy that speaks it in front");
  }
  log.info({ url, providers: Object.keys(providers), reflection: server.reflection }, "listening");
}
