// `cambio explain` of a call that is about a provider and not about somebody's token: what may be asked there, and by whose tokens a code
// is answered.

import type { Configuration } from "../config/schema.ts";
import type { Client } from "../exchange/clients.ts";
import { chooseIssuance, type CodeIssuance } from "../exchange/code-issuance.ts";
import { earlyMintOf } from "../exchange/decision.ts";
import { chooseProvider } from "../exchange/provider-choice.ts";
import { chooseRedirectUri } from "../exchange/redirect-uri.ts";
import type { Policy } from "../policy/compile.ts";
import { shown } from "./explain-sheet.ts";
import type { ExplainWords } from "./explain-words.ts";
import { type Asking, told } from "./explained-step.ts";

export interface AboutUse extends Asking {
  readonly asked: Pick<ExplainWords, "method" | "provider" | "audiences" | "scopes" | "redirectUri">;
  readonly client: Client;
  readonly policy: Policy;
}

/** By whose tokens a code is answered. */
function issuanceOf(
  providers: Configuration["providers"],
  name: string,
  { asked, client, policy, sheet }: Omit<AboutUse, "ask">,
): CodeIssuance {
  const settings = Object.hasOwn(providers, name) ? providers[name] : undefined;
  const accounts = settings !== undefined && settings.kind !== "better-auth" && settings.accounts;
  const wish = { client, provider: { name, accounts }, audiences: asked.audiences };
  return told(sheet, "audiences: one answer is not for all of these", () => chooseIssuance(policy.minting, wish));
}

export function explainUse({ providers }: Configuration, { asked, client, policy, sheet, ask }: AboutUse): void {
  sheet.title("The provider, and what is asked of it");
  const names = new Map(Object.keys(providers).map((name) => [name, name]));
  const at = `clients.${client.id}.providers`;
  const provider =
    asked.provider === "" || names.has(asked.provider)
      ? told(sheet, at, () => chooseProvider(names, client, asked.provider))
      : told(sheet, `providers: none has the name ${shown(asked.provider)}`, () => chooseProvider(names, client, asked.provider));
  const grant = client.providers.get(provider);
  const redirects = asked.method === "Exchange" || asked.method === "CreateAuthorizationUrl";
  const redirectUri =
    redirects && grant !== undefined
      ? told(sheet, `${at}.${provider}.redirect_uris`, () => chooseRedirectUri(grant, asked.redirectUri))
      : undefined;
  const issuance = redirects ? issuanceOf(providers, provider, { asked, client, policy, sheet }) : undefined;
  const audiences = issuance?.kind === "minted" ? [] : asked.audiences;
  ask({ kind: "use", client, provider, redirectUri, scopes: asked.scopes, audiences });
  if (issuance?.kind === "minted") {
    if (asked.method === "Exchange") ask(earlyMintOf({ client, provider, audience: issuance.audience, scopes: [], refreshToken: false }));
    sheet.remark(
      "A token of this service's own is issued. What the provider grants stays here, and its scopes are held against the same list.",
    );
    return;
  }
  if (asked.method === "Revoke" || asked.method === "GetAccount") return;
  sheet.remark("What the provider then grants is held against the same lists, and its life against max_lifetime.");
}
