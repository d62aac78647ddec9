// What keys demand of each other, for all but clients and routes (client-rules.ts), browsers' cookies (browser-rules.ts), the proofs of
// services (caller-rules.ts), providers (provider-rules.ts, session-provider-rules.ts), tokens that are issued here (mint-rules.ts),
// signing keys (signing-rules.ts), what is kept (vault-rules.ts) and files of certificates (tls-files.ts). Values that are wrong by themselves are the schema's matter.

import { plainMediaType } from "../exchange/token/claim-shapes.ts";
import { isHttpsOrLoopback } from "./addresses.ts";
import { checkRefreshCookies } from "./browser-rules.ts";
import { checkCallerProofs } from "./caller-rules.ts";
import { checkClients, checkRoutes } from "./client-rules.ts";
import { checkMinting } from "./mint-rules.ts";
import type { Path, Report } from "./mistakes.ts";
import { checkProviders, verifiesTokens } from "./provider-rules.ts";
import { checkTokenProvider, own } from "./rule-input.ts";
import type { RuleInput } from "./rule-input.ts";
import type { Configuration, ProviderConfiguration } from "./schema.ts";
import { checkSigning } from "./signing-rules.ts";
import { checkSessionProviders } from "./session-provider-rules.ts";
import { checkTlsFiles } from "./tls-files.ts";
import { checkVault } from "./vault-rules.ts";

export function checkRules(input: RuleInput): void {
  checkTlsFiles(input);
  checkSealing(input);
  checkSigning(input);
  checkLimits(input);
  checkTraces(input);
  checkProviders(input);
  checkSessionProviders(input);
  checkAudiences(input);
  checkMinting(input);
  checkCallerProofs(input);
  checkClients(input);
  checkRefreshCookies(input);
  checkRoutes(input);
  checkVault(input);
}

function checkSealing({ configuration, redisNamed, databaseNamed, report }: RuleInput): void {
  const ids = new Set<string>();
  for (const [index, { id }] of (configuration.sealing?.keys ?? []).entries()) {
    if (ids.has(id)) report(["sealing", "keys", index, "id"], "stands for another key as well", "Give each key an id of its own.");
    ids.add(id);
  }
  // Keys made at start differ from replica to replica: none could see which codes the others have used.
  if (redisNamed && configuration.sealing === undefined) {
    report(["sealing"], "is missing although Redis is shared", "Give all replicas the same keys under sealing.keys.");
  }
  // What was sealed under a key of this process would be lost with it, and the database outlives it.
  if (databaseNamed && configuration.sealing === undefined) {
    report(["sealing"], "is missing although there is a database", "Give a key under sealing.keys, and keep it as long as the database.");
  }
}

/** A few addresses must not spend what all users of a client have. */
function checkLimits({ configuration: { limits }, report }: RuleInput): void {
  if (limits.address_failures * 10 <= limits.client_failures) return;
  report(
    ["limits", "address_failures"],
    "is more than a tenth of client_failures",
    "Lower it: a few addresses must not pause a client for all.",
  );
}

function checkTraces({ configuration: { traces }, report }: RuleInput): void {
  if (traces === undefined || traces.allow_http || isHttpsOrLoopback(traces.otlp_url)) return;
  report(["traces", "otlp_url"], "is plain http beyond loopback", "Use https, or set allow_http: true for a closed network.");
}

function checkAudiences(input: RuleInput): void {
  for (const [name, audience] of Object.entries(input.configuration.audiences)) {
    for (const [provider, { identifiers }] of Object.entries(audience.accepts)) {
      const path = ["audiences", name, "accepts", provider];
      checkTokenProvider(provider, path, input);
      const settings = own(input.configuration.providers, provider);
      if (settings?.kind === "better-auth") continue;
      if (settings !== undefined && !verifiesTokens(settings)) {
        input.report(
          path,
          "accepts tokens of a provider whose access tokens nobody but that provider can read",
          "Remove it; see mint.from.",
        );
        continue;
      }
      checkIdentifiers([...path, "identifiers"], identifiers, {
        provider: settings,
        actingAs: actingAt(provider, input.configuration),
        report: input.report,
      });
    }
  }
}

/** Clients at a provider that audiences are there. */
function actingAt(provider: string, { audiences }: Configuration): readonly string[] {
  return Object.values(audiences).flatMap(({ accepts }) => own(accepts, provider)?.exchange_as?.id ?? []);
}

interface IdentifierCheck {
  readonly provider: ProviderConfiguration | undefined;
  readonly actingAs: readonly string[];
  readonly report: Report;
}

/** The `aud` of an ID token is a client id: where no type tells the two apart, it would open the audience. */
function checkIdentifiers(path: Path, identifiers: readonly string[], { provider, actingAs, report }: IdentifierCheck): void {
  if (provider === undefined || provider.tokens.payload_type !== undefined) return;
  if (!provider.tokens.header_types.some((type) => plainMediaType(type) === "jwt")) return;
  const clientIds = [provider.client.id, ...actingAs];
  const index = identifiers.findIndex((identifier) => clientIds.includes(identifier));
  if (index === -1) return;
  report(
    [...path, index],
    "is a client id there, which is the aud of ID tokens, and their type is JWT too",
    "Set tokens.payload_type of that provider, or use another identifier.",
  );
}
