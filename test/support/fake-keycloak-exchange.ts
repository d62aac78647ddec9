// Standard token exchange (RFC 8693) as Keycloak 26.7 does it: the same checks in the same order, with the same words.

import type { URLSearchParams } from "node:url";
import type { FakeKeycloakTokens, Wanted } from "./fake-keycloak-tokens.ts";
import { type FakeAnswer, refused } from "./fake-keycloak-request.ts";
import { type FakeRealm, type FakeRealmClient, newClientSession } from "./fake-keycloak-realm.ts";
import type { Lie } from "./fake-keycloak-lies.ts";

const type = (name: string): string => `urn:ietf:params:oauth:token-type:${name}`;
const refuse = (error: string, description: string): FakeAnswer => refused(400, error, description);

export function createFakeExchange(realm: FakeRealm, tokens: FakeKeycloakTokens) {
  return async (client: FakeRealmClient, form: URLSearchParams, lie: Lie): Promise<FakeAnswer> => {
    const unsupported = unsupportedReason(client, form);
    if (unsupported !== undefined) return refuse("invalid_request", unsupported);

    const subject = await tokens.readAccess(form.get("subject_token") ?? "");
    const session = realm.session(String(subject?.["sid"]));
    const user = realm.user(session?.username ?? "");
    if (subject === undefined || session === undefined || user === undefined) return refuse("invalid_request", "Invalid token");

    const requested = form.get("requested_token_type") ?? type("access_token");
    if (!mayRequest(client, requested)) return refuse("invalid_request", "requested_token_type unsupported");

    const audiences = form.has("audience") ? form.getAll("audience") : undefined;
    const targets = (audiences ?? [client.clientId]).map((id) => realm.client(id));
    if (targets.includes(undefined)) return refuse("invalid_client", "Audience not found");
    if (targets.some((target) => target?.enabled !== true)) return refuse("invalid_client", "Client disabled");

    const subjectClient = String(subject["azp"]);
    if (subjectClient !== client.clientId && ![subject.aud].flat().includes(client.clientId))
      return refused(403, "access_denied", "Client is not within the token audience");

    const scope = form.get("scope");
    if (scope !== null && !realm.mayAskFor(client, scope)) return refuse("invalid_scope", `Invalid scopes: ${scope}`);
    if (requested === type("saml2")) return refuse("invalid_request", "requested_token_type unsupported");

    const clientSession = session.clients.get(client.clientId) ?? newClientSession();
    if (requested === type("refresh_token")) session.clients.set(client.clientId, clientSession);
    clientSession.from = { client: subjectClient, tokenId: subject.jti ?? "" };
    if (scope !== null) clientSession.askedScope = scope;
    const openid = clientSession.askedScope.split(" ").includes("openid") ? ["openid"] : [];
    const scopes = [...openid, ...realm.scopesFor(client, scope ?? "")];
    const missing = [...new Set(audiences)].filter((one) => !realm.audienceOf(scopes).includes(one));
    if (missing.length > 0) return refuse("invalid_request", `Requested audience not available: ${missing.join(", ")}`);

    const made = session.clients.has(client.clientId) ? "onrtte" : "ntrtte";
    return granted({ client, user, session, clientSession, scopes, audiences, made }, { requested, scope, lie });
  };

  async function granted(wanted: Wanted, asked: { readonly requested: string; readonly scope: string | null; readonly lie: Lie }) {
    const isId = asked.requested === type("id_token");
    const isRefresh = asked.requested === type("refresh_token");
    const withId = !isId && asked.scope?.split(" ").includes("openid") === true;
    return {
      status: 200,
      body: {
        access_token: isId ? await tokens.id(wanted, false) : await tokens.access(wanted, asked.lie),
        expires_in: realm.lifespan(wanted.client),
        refresh_expires_in: isRefresh ? tokens.idleLimit : 0,
        ...(isRefresh ? { refresh_token: await tokens.refresh(wanted) } : {}),
        token_type: isId ? "N_A" : "Bearer",
        ...(withId ? { id_token: await tokens.id(wanted, true) } : {}),
        "not-before-policy": realm.notBefore(wanted.client),
        session_state: wanted.session.id,
        scope: realm.tokenScope(wanted.scopes),
        issued_token_type: asked.requested,
      },
    };
  }
}

function unsupportedReason(client: FakeRealmClient, form: URLSearchParams): string | undefined {
  const foreign = ["requested_subject", "requested_issuer", "subject_issuer"].find((name) => form.has(name));
  if (foreign !== undefined) return `Parameter '${foreign}' is not supported for standard token exchange`;
  if (client.attributes?.["standard.token.exchange.enabled"] !== "true")
    return "Standard token exchange is not enabled for the requested client";
  const missing = ["subject_token", "subject_token_type"].find((name) => !form.has(name));
  if (missing !== undefined) return `Parameter '${missing}' required for standard token exchange`;
  return form.get("subject_token_type") === type("access_token") ? undefined : "Parameter 'subject_token' supports access tokens only";
}

function mayRequest(client: FakeRealmClient, requested: string): boolean {
  if (requested === type("refresh_token"))
    return client.attributes?.["standard.token.exchange.enableRefreshRequestedTokenType"] === "SAME_SESSION";
  return ["access_token", "id_token", "saml2"].map(type).includes(requested);
}
