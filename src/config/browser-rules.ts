// What a browser's cookies demand of the configuration: routes that turn a session into a token, and refresh handles in a cookie.

import type { Path } from "./mistakes.ts";
import { checkName, own } from "./rule-input.ts";
import type { RuleInput } from "./rule-input.ts";
import type { ClientConfiguration } from "./schema.ts";

export function checkRefreshCookies({ configuration, report }: RuleInput): void {
  for (const [id, client] of Object.entries(configuration.clients)) {
    if (client.refresh_cookie === undefined) continue;
    const path = ["clients", id, "refresh_cookie"];
    if (client.kind !== "browser") report(path, `is not for a ${client.kind} client: it has no cookies`, "Remove it.");
    if (client.raw_refresh_tokens) report(path, "would carry a provider's own refresh tokens", "Remove raw_refresh_tokens.");
    const taken = Object.values(configuration.providers).some(
      (one) => one.kind === "better-auth" && one.session_cookie === client.refresh_cookie,
    );
    if (taken) report(path, "is the name of a provider's session cookie", "Choose another name.");
  }
}

/** @param checkPath reports a path that is taken */
export function checkBackendTokenRoutes(input: RuleInput, checkPath: (path: Path, route: string) => void): void {
  const { configuration, report } = input;
  for (const [index, route] of configuration.routes.backend_token.entries()) {
    const path = ["routes", "backend_token", index];
    checkPath([...path, "path"], route.path);
    const known = [
      checkName(route.provider, { path: [...path, "provider"], kind: "providers" }, input),
      checkName(route.audience, { path: [...path, "audience"], kind: "audiences" }, input),
      checkName(route.client, { path: [...path, "client"], kind: "clients" }, input),
    ];
    const provider = own(configuration.providers, route.provider);
    const audience = own(configuration.audiences, route.audience);
    const client = own(configuration.clients, route.client);
    // One that is written down and not at hand has a mistake of its own.
    if (known.includes(false) || provider === undefined || client === undefined || audience === undefined) continue;
    if (provider.kind !== "better-auth") report([...path, "provider"], "keeps no sessions", "Name a provider of kind better-auth.");
    if (own(audience.mint?.from ?? {}, route.provider) === undefined)
      report([...path, "audience"], "gets no tokens for that provider's users", `Add mint.from.${route.provider} to the audience.`);
    checkRouteClient([...path, "client"], client, route);
  }

  function checkRouteClient(path: Path, client: ClientConfiguration, { provider, audience }: { provider: string; audience: string }): void {
    if (client.kind !== "browser") report(path, "is not a browser client, and only browsers have cookies", "Name a browser client.");
    if (!client.methods.includes("Exchange")) report(path, "may not call Exchange", "Add Exchange to the client's methods.");
    const grant = own(client.providers, provider);
    if (grant === undefined) report(path, "may not use the route's provider", "Add the provider to the client's providers.");
    else if (!grant.audiences.includes(audience))
      report(path, "may not ask tokens for the route's audience", "Add the audience to that provider of the client.");
  }
}
