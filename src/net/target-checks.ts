// Where outbound requests may go: a pipe of named checks over one address. Used before every request, and on every endpoint
// that discovery names, so that a bad one is found before anything is spent. Name resolution is the operating system's.

import { isLoopbackHost } from "../exchange/loopback.ts";

export interface TargetRules {
  /** Scheme, host and port, as `URL.origin` spells them. Empty: nowhere. */
  readonly allowedOrigins: ReadonlySet<string>;
  /** Plain http beyond loopback, for closed networks. */
  readonly allowHttp: boolean;
}

export type TargetFault = "not_an_address" | "carries_credentials" | "plain_http" | "origin_not_allowed";

export type Target = { readonly kind: "allowed"; readonly url: URL } | { readonly kind: "refused"; readonly fault: TargetFault };

type Check = (url: URL, rules: TargetRules) => TargetFault | undefined;

const checks: readonly Check[] = [checkCredentials, checkScheme, checkOrigin];

export function checkTarget(address: string, rules: TargetRules): Target {
  const url = URL.parse(address);
  if (url === null) return { kind: "refused", fault: "not_an_address" };
  for (const check of checks) {
    const fault = check(url, rules);
    if (fault !== undefined) return { kind: "refused", fault };
  }
  return { kind: "allowed", url };
}

// `https://known.example@evil.example/` reads like the one and goes to the other.
function checkCredentials(url: URL): TargetFault | undefined {
  return url.username !== "" || url.password !== "" ? "carries_credentials" : undefined;
}

function checkScheme(url: URL, rules: TargetRules): TargetFault | undefined {
  if (url.protocol === "https:") return undefined;
  if (url.protocol !== "http:") return "not_an_address";
  return rules.allowHttp || isLoopbackHost(url.hostname) ? undefined : "plain_http";
}

function checkOrigin(url: URL, rules: TargetRules): TargetFault | undefined {
  return rules.allowedOrigins.has(url.origin) ? undefined : "origin_not_allowed";
}
