// What an operator should know at start, and at every reload: settings that are allowed and have a price.

import type { Configuration } from "./config/schema.ts";
import { isLoopbackHost } from "./exchange/loopback.ts";
import { whyOnlyOne } from "./sharing.ts";
import type { Log } from "./telemetry/log.ts";

export function logStart(configuration: Configuration, url: string, log: Log): void {
  const { providers, database, server, traces } = configuration;
  const onlyOne = whyOnlyOne(configuration);
  if (onlyOne.includes("no database and no Redis"))
    log.warn({}, "no database and no Redis: used codes and revocations end with this process, which serves one replica only");
  else if (database === undefined) log.warn({}, "no database: used codes and revocations live in Redis, and a flush forgets them");
  if (onlyOne.includes("a database file")) log.info({}, "the database is a file: this process serves one replica only");
  if (onlyOne.includes("no sealing keys"))
    log.warn({}, "no sealing keys: made at start; refresh handles end with this process, which serves one replica only");
  if (traces?.allow_http === true)
    log.warn({}, "traces.allow_http is on: traces and the collector's key may cross the network in clear text");
  warnOfPrices(configuration, log);
  if (server.tls === undefined && !isLoopbackHost(server.host)) {
    log.warn({}, "no TLS beyond loopback: put a proxy that speaks it in front");
  }
  log.info({ url, providers: Object.keys(providers), reflection: server.reflection }, "listening");
}

/** Settings that take effect with the configuration they are in. */
export function warnOfPrices({ clients, providers, audiences }: Configuration, log: Log): void {
  for (const [provider, settings] of Object.entries(providers)) {
    if (settings.allow_http) log.warn({ provider }, "allow_http is on: credentials may cross the network in clear text");
    if (settings.kind === "better-auth") {
      if (settings.jwt && settings.impersonation === "refuse")
        log.warn(
          { provider },
          "jwt is on: its JWTs do not say when an administrator looks through the user's eyes, so that is not refused there",
        );
      continue;
    }
    if (!settings.tokens.issuer_check)
      log.warn({ provider }, "issuer_check is off: iss is not compared for tokens sent with this provider's name");
    if (settings.pkce === "none") log.warn({ provider }, "pkce is none: a stolen code is enough to redeem it");
  }
  for (const [audience, { accepts }] of Object.entries(audiences)) {
    for (const [provider, rule] of Object.entries(accepts)) {
      if (rule.report_only)
        log.warn({ audience, provider }, "report_only is on: tokens of clients that are not listed are accepted, and reported");
    }
  }
  for (const [client, { report_only }] of Object.entries(clients)) {
    if (report_only.length > 0)
      log.warn({ client, rules: report_only }, "report_only is on: what these rules refuse is allowed, and reported");
  }
  for (const [client, { kind, raw_refresh_tokens }] of Object.entries(clients)) {
    if (kind !== "service" && raw_refresh_tokens)
      log.warn({ client }, "raw_refresh_tokens is on for a public client: whoever steals one uses it at the provider, past this service");
  }
}
