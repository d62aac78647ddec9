// The rules by which a token may be issued here: to this client, for that audience, with these scopes, and with an actor in it. That
// a scope is opened by the subject, and that an actor is listed, no mode lifts.

import type { MintQuestion } from "../exchange/decision.ts";
import { fitsActor, type Minting, openedScopes } from "../exchange/minting.ts";
import { audiencesBeyond, scopesBeyond } from "../exchange/narrowing.ts";
import { granted, reports, type Rule } from "./rule.ts";

export function rulesOfMint(question: MintQuestion, minting: Minting, rules: Rule[]): void {
  const { client, provider, audience, scopes, subjectScopes, actor, refreshToken } = question;
  const at = `clients.${client.id}.providers.${provider}`;
  const grant = client.providers.get(provider);
  rules.push(granted(at, grant));
  if (grant === undefined) return;
  rules.push({
    path: `${at}.audiences`,
    holds: audiencesBeyond(grant, [audience]).length === 0,
    reason: "TARGET_NOT_ALLOWED",
    reportOnly: reports(client, "audiences"),
  });
  const rule = minting.get(audience);
  const source = rule?.from.get(provider);
  rules.push({ path: `audiences.${audience}.mint.from.${provider}`, holds: source !== undefined, reason: "TARGET_NOT_ALLOWED" });
  if (rule === undefined || source === undefined) return;
  rules.push({
    path: `${at}.scopes`,
    holds: scopesBeyond(grant, scopes).length === 0,
    reason: "SCOPE_NOT_ALLOWED",
    reportOnly: reports(client, "scopes"),
  });
  const opened = openedScopes(source, { provider, scopes: subjectScopes });
  rules.push({
    path: `audiences.${audience}.mint.from.${provider}.scopes`,
    holds: scopes.every((scope) => opened.includes(scope)),
    reason: "SCOPE_NOT_ALLOWED",
  });
  if (actor !== undefined) {
    const listed = rule.actors.some((one) => fitsActor(one, actor, provider));
    rules.push({ path: `audiences.${audience}.mint.actors`, holds: listed, reason: "DELEGATION_NOT_ALLOWED", field: "ACTOR_TOKEN" });
  }
  if (!refreshToken) return;
  rules.push({
    path: `${at}.exchanged_refresh_tokens`,
    holds: grant.exchangedRefreshTokens,
    reason: "CALLER_NOT_ALLOWED",
    field: "CALLER",
  });
}
