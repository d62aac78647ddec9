// The other grants of the fake Keycloak: signing in by password, which only tests do, refreshing (RFC 6749 §6), with refresh tokens
// that work once, and codes, none of which is good.

import type { URLSearchParams } from "node:url";
import type { JWTPayload } from "jose";
import type { Lie } from "./fake-keycloak-lies.ts";
import { type FakeRealm, type FakeRealmClient, newClientSession } from "./fake-keycloak-realm.ts";
import { type FakeAnswer, refused } from "./fake-keycloak-request.ts";
import type { FakeKeycloakTokens, Wanted } from "./fake-keycloak-tokens.ts";

const refuse = (error: string, description: string): FakeAnswer => refused(400, error, description);
const isOpenId = (scope: string): boolean => scope.split(" ").includes("openid");

export function createFakeGrants(realm: FakeRealm, tokens: FakeKeycloakTokens) {
  async function password(client: FakeRealmClient, form: URLSearchParams): Promise<FakeAnswer> {
    if (client.directAccessGrantsEnabled !== true) return refuse("unauthorized_client", "Client not allowed for direct access grants");
    const user = realm.user(form.get("username") ?? "");
    if (user === undefined || user.credentials[0]?.value !== form.get("password"))
      return refuse("invalid_grant", "Invalid user credentials");
    if (!user.enabled) return refuse("invalid_grant", "Account disabled");
    const asked = form.get("scope") ?? "";
    if (asked !== "" && !realm.mayAskFor(client, asked)) return refuse("invalid_scope", `Invalid scopes: ${asked}`);
    const session = realm.startSession(user.username, client.clientId);
    const clientSession = session.clients.get(client.clientId) ?? newClientSession();
    clientSession.askedScope = asked;
    const scopes = [...(isOpenId(asked) ? ["openid"] : []), ...realm.scopesFor(client, asked)];
    return granted({ client, user, session, clientSession, scopes, made: "onrtro" });
  }

  async function refresh(client: FakeRealmClient, form: URLSearchParams, lie: Lie): Promise<FakeAnswer> {
    const presented = form.get("refresh_token");
    if (presented === null) return refuse("invalid_request", "No refresh token");
    const claims = await tokens.readRefresh(presented);
    if (claims === undefined) return refuse("invalid_grant", "Invalid refresh token");
    if (claims["azp"] !== client.clientId)
      return refuse("invalid_grant", "Invalid refresh token. Token client and authorized client don't match");

    const session = realm.session(String(claims["sid"]));
    const user = realm.user(session?.username ?? "");
    if (session === undefined || user === undefined) return refuse("invalid_grant", "Session not active");
    if (!user.enabled) return refuse("invalid_grant", "User disabled");
    const clientSession = session.clients.get(client.clientId);
    if (clientSession === undefined) return refuse("invalid_grant", "Session doesn't have required client");
    if ((claims.iat ?? 0) < realm.notBefore(client)) return refuse("invalid_grant", "Stale token");

    const line = String(claims["reuse_id"]);
    if (clientSession.current.get(line) !== claims.jti) {
      realm.endClientSession(session, client.clientId);
      return refuse("invalid_grant", "Maximum allowed refresh token reuse exceeded");
    }
    // Whether a target of the exchange is still enabled nobody asks: it only falls out of the audience.
    const audiences = claims["req-aud"] as readonly string[] | undefined;
    const scopes = scopesOf(client, claims, form.get("scope"));
    return granted({ client, user, session, clientSession, scopes, audiences, made: "onrtrt" }, { line, lie });
  }

  async function granted(wanted: Wanted, { line, lie }: { readonly line?: string; readonly lie?: Lie } = {}): Promise<FakeAnswer> {
    return {
      status: 200,
      body: {
        access_token: await tokens.access(wanted, lie),
        expires_in: realm.lifespan(wanted.client),
        refresh_expires_in: tokens.idleLimit,
        refresh_token: await tokens.refresh(wanted, line),
        token_type: "Bearer",
        ...(isOpenId(wanted.clientSession.askedScope) ? { id_token: await tokens.id(wanted, true) } : {}),
        "not-before-policy": realm.notBefore(wanted.client),
        session_state: wanted.session.id,
        scope: realm.tokenScope(wanted.scopes),
      },
    };
  }

  return { code, password, refresh };
}

/** Asking for more than the refresh token has is no mistake there: it is not heard. */
function scopesOf(client: FakeRealmClient, claims: JWTPayload, asked: string | null): readonly string[] {
  const had = String(claims["scope"]).split(" ");
  if (asked === null) return had;
  return had.filter((name) => client.defaultClientScopes.includes(name) || asked.split(" ").includes(name));
}

/** Nobody gets a code here, so none is good. */
async function code(): Promise<FakeAnswer> {
  return refuse("invalid_grant", "Code not valid");
}
