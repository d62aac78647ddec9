// What clients and routes demand of each other and of what they name; how services prove themselves is in caller-rules.ts.
// Nothing is granted here: that a client may do something is read from the same configuration by policy/.

import type { Method } from "../exchange/clients.ts";
import { isHttps, isHttpsOrLoopback, isNativeLoopback, isPrivateUse } from "./addresses.ts";
import { checkBackendTokenRoutes } from "./browser-rules.ts";
import { checkConnections, checkRouteConnections } from "./connection-rules.ts";
import type { Path, Report } from "./mistakes.ts";
import { checkName, checkTokenProvider, own } from "./rule-input.ts";
import type { RuleInput } from "./rule-input.ts";
import type { ClientConfiguration, Configuration } from "./schema.ts";
import { checkSessionGrant, exchangesSessions } from "./session-provider-rules.ts";

export function checkClients(input: RuleInput): void {
  for (const [id, client] of Object.entries(input.configuration.clients)) {
    const path = ["clients", id];
    checkOrigins(path, client, input.report);
    checkNeeds(path, client, input);
    checkGrants(path, client, input);
    for (const [index, name] of client.audiences.entries()) {
      checkName(name, { path: [...path, "audiences", index], kind: "audiences" }, input);
    }
  }
}

function checkOrigins(path: Path, { kind, origins }: ClientConfiguration, report: Report): void {
  if (kind === "browser" && origins.length === 0) {
    report([...path, "origins"], "is missing: a browser client is known by its origin", "List the origins of its pages.");
  }
  if (kind !== "browser" && origins.length > 0) {
    report([...path, "origins"], `is not for a ${kind} client: no call of a page is its own`, "Remove it, or make the client browser.");
  }
}

/** A method that can only ever be refused is an oversight. */
function checkNeeds(path: Path, client: ClientConfiguration, input: RuleInput): void {
  const { report } = input;
  for (const [index, method] of client.methods.entries()) {
    const need = method === "ValidateCrossClient" ? validationNeed(client) : providerNeed(method, client, input.configuration);
    if (need !== undefined) report([...path, "methods", index], ...need);
  }
}

type Need = readonly [problem: string, fix: string] | undefined;

function validationNeed({ kind, audiences }: ClientConfiguration): Need {
  if (kind !== "service") return ["is for services: its request names no public client", "Remove it, or make the client a service."];
  if (audiences.length === 0) return ["needs an audience, and the client has none", "List its own audiences under audiences."];
  return undefined;
}

function providerNeed(method: Method, client: ClientConfiguration, configuration: Configuration): Need {
  const grants = Object.values(client.providers);
  if (grants.length === 0) return ["needs a provider, and the client has none", "List one under providers."];
  if (needsNoCode.has(method) || grants.some((grant) => grant.redirect_uris.length > 0)) return undefined;
  const exchanges = [exchangesTokens, exchangesSessions, exchangesHere];
  if (method === "Exchange" && exchanges.some((does) => does(client, configuration))) return undefined;
  return ["needs a redirect URI, and the client lists none", "List redirect_uris under one of its providers."];
}

/** They are about what is there already. */
const needsNoCode: ReadonlySet<Method> = new Set<Method>(["Refresh", "Revoke", "GetAccount"]);

/** Tokens that it received for an audience of its own. */
function exchangesTokens({ audiences, providers }: ClientConfiguration, configuration: Configuration): boolean {
  const accepted = audiences.flatMap((name) => Object.entries(own(configuration.audiences, name)?.accepts ?? {}));
  return accepted.some(([provider, rule]) => rule.exchange_as !== undefined && own(providers, provider) !== undefined);
}

/** Whatever is shown, of a provider or of our own: a token for one of these audiences is issued here in its place. */
function exchangesHere({ providers }: ClientConfiguration, configuration: Configuration): boolean {
  return Object.entries(providers).some(([provider, grant]) =>
    grant.audiences.some((name) => {
      const audience = own(configuration.audiences, name);
      // Not at hand: it has a mistake of its own, and what it would give nobody can say.
      return audience === undefined || own(audience.mint?.from ?? {}, provider) !== undefined;
    }),
  );
}

function checkGrants(path: Path, client: ClientConfiguration, input: RuleInput): void {
  const { configuration, report } = input;
  checkMixUp(path, client, report);
  for (const [provider, grant] of Object.entries(client.providers)) {
    const at = [...path, "providers", provider];
    checkTokenProvider(provider, at, input);
    checkSessionGrant(at, own(configuration.providers, provider), grant, report);
    // Sealed handles of it could be ended neither here nor at the provider, which takes it back from its own registration only.
    if (grant.exchanged_refresh_tokens && !input.databaseNamed)
      report([...at, "exchanged_refresh_tokens"], "needs a database", "Configure a database, or remove it.");
    checkConnections({ path: at, client, provider, grant }, input);
    for (const [index, uri] of grant.redirect_uris.entries()) {
      if (client.kind === "native" ? isHttps(uri) || isNativeLoopback(uri) || isPrivateUse(uri) : isHttpsOrLoopback(uri)) continue;
      report([...at, "redirect_uris", index], "could carry codes in the clear or to another program", redirectFixes[client.kind]);
    }
    for (const [index, name] of grant.audiences.entries()) {
      const audiencePath = [...at, "audiences", index];
      if (!checkName(name, { path: audiencePath, kind: "audiences" }, input)) continue;
      const audience = own(configuration.audiences, name);
      const takes = own(audience?.accepts ?? {}, provider) !== undefined || own(audience?.mint?.from ?? {}, provider) !== undefined;
      if (audience !== undefined && !takes) {
        report(
          audiencePath,
          "names an audience that takes nothing from this provider",
          `Add accepts.${provider} or mint.from.${provider} to that audience, or remove it here.`,
        );
      }
    }
  }
}

/** What tells the client which provider sent its user back (RFC 9700 §4.4.2): a hostile one could pass on another's code. */
function checkMixUp(path: Path, client: ClientConfiguration, report: Report): void {
  const providers = new Map<string, string>();
  for (const [provider, grant] of Object.entries(client.providers)) {
    for (const [index, uri] of grant.redirect_uris.entries()) {
      const compared = new URL(client.kind === "native" ? withoutLoopbackPort(uri) : uri).href;
      const other = providers.get(compared);
      if (other === undefined || other === provider) providers.set(compared, provider);
      else
        report(
          [...path, "providers", provider, "redirect_uris", index],
          `stands under ${other} as well`,
          "Give each provider a redirect URI of its own.",
        );
    }
  }
}

function withoutLoopbackPort(uri: string): string {
  return isNativeLoopback(uri) ? uri.replace(/^(http:\/\/[^/]*?):[0-9]+(?=\/|$)/, "$1") : uri;
}

const redirectFixes = {
  service: "Use https, or http on loopback.",
  browser: "Use https, or http on loopback.",
  native: "Use http on 127.0.0.1, [::1] or localhost, https, or a scheme after your domain such as com.example.app:/callback.",
} as const;

/** Paths that belong to the service itself and to its RPCs. */
const reserved = /^\/(livez|readyz|metrics|\.well-known|cambio\.v1\..*|grpc\..*)(\/|$)/;

export function checkRoutes(input: RuleInput): void {
  const { configuration, report } = input;
  const taken = new Set<string>();
  const checkPath = (path: Path, route: string): void => {
    if (reserved.test(route) || /\/\.\.?(\/|$)/.test(route))
      report(path, "is a path of the service itself, or leads to one", "Choose another one, such as /api/auth/exchange.");
    if (taken.has(route)) report(path, "is the path of another route as well", "Give each route a path of its own.");
    taken.add(route);
  };
  checkBackendTokenRoutes(input, checkPath);
  for (const [index, route] of configuration.routes.exchange.entries()) {
    const path = ["routes", "exchange", index];
    checkPath([...path, "path"], route.path);
    const providerKnown = checkName(route.provider, { path: [...path, "provider"], kind: "providers" }, input);
    if (!checkName(route.client, { path: [...path, "client"], kind: "clients" }, input)) continue;
    const client = own(input.configuration.clients, route.client);
    if (client === undefined) continue;
    checkRouteClient([...path, "client"], client, input.report);
    if (!providerKnown) continue;
    const provider = own(configuration.providers, route.provider);
    if (provider?.kind === "better-auth") {
      report([...path, "provider"], "keeps sessions, and issues no codes", "Name a provider that speaks OAuth.");
      continue;
    }
    checkRouteGrant([...path, "provider"], own(client.providers, route.provider), input.report);
    checkRouteConnections([...path, "client"], own(client.providers, route.provider), input.report);
    if (provider?.pkce === "none") {
      report([...path, "provider"], "is used without PKCE, and a route takes a code only with its verifier", "Set pkce: S256 there.");
    }
  }
}

function checkRouteClient(path: Path, client: ClientConfiguration, report: Report): void {
  if (client.refresh_cookie !== undefined)
    report(path, "keeps its handles in a cookie, and this route answers them in JSON", "Remove refresh_cookie, or use the Exchange RPC.");
  if (client.kind === "service") {
    report(path, "is a service, and a route has no caller to prove itself", "Name a browser or native client.");
  }
  if (!client.methods.includes("Exchange")) report(path, "may not call Exchange", "Add Exchange to the client's methods.");
}

function checkRouteGrant(path: Path, grant: ClientConfiguration["providers"][string] | undefined, report: Report): void {
  if (grant === undefined) {
    report(path, "is not among the providers of the route's client", "Add it to the client, or choose one of its providers.");
  } else if (grant.redirect_uris.length === 0) {
    report(path, "has no redirect URI for the route's client", "List redirect_uris under that provider of the client.");
  }
}
