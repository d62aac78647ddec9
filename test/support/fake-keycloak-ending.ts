// Asking the fake Keycloak whether a token still counts (RFC 7662), and telling it that one shall not (RFC 7009, and its sign-out).

import type { URLSearchParams } from "node:url";
import type { FakeRealm, FakeRealmClient } from "./fake-keycloak-realm.ts";
import { type FakeAnswer, refused } from "./fake-keycloak-request.ts";
import type { FakeKeycloakTokens } from "./fake-keycloak-tokens.ts";

export function createFakeEnding(realm: FakeRealm, tokens: FakeKeycloakTokens) {
  /** Only who stands in the audience of a token hears about it. */
  async function introspect(client: FakeRealmClient, form: URLSearchParams): Promise<FakeAnswer> {
    if (client.publicClient) return refused(403, "invalid_request", "Client not allowed.");
    const token = form.get("token");
    if (token === null) return refused(400, "invalid_request", "Token not provided.");
    if (!["access_token", "refresh_token"].includes(form.get("token_type_hint") ?? "access_token"))
      return refused(400, "invalid_request", "Unsupported token type.");
    const claims = await tokens.readAccess(token);
    if (claims === undefined || ![claims.aud].flat().includes(client.clientId)) return { status: 200, body: { active: false } };
    const { scope, ...rest } = claims;
    const issuedTo = realm.client(String(claims["azp"]));
    // What an exchange left out of the audience is told again here: it is made anew from the client's scopes.
    const anew = issuedTo === undefined ? [] : realm.audienceOf(realm.scopesFor(issuedTo, String(scope)));
    const aud = [...new Set([claims.aud ?? [], anew].flat())];
    const session = realm.session(String(claims["sid"]));
    return {
      status: 200,
      body: {
        ...rest,
        aud: aud.length === 1 ? aud[0] : aud,
        ...(scope === "" ? {} : { scope }),
        client_id: claims["azp"],
        username: session?.username,
        token_type: "Bearer",
        active: true,
      },
    };
  }

  async function revoke(client: FakeRealmClient, form: URLSearchParams): Promise<FakeAnswer> {
    const token = form.get("token");
    if (token === null) return refused(400, "invalid_request", "Token not provided");
    const refresh = await tokens.readRefresh(token);
    const claims = refresh ?? (await tokens.readAccess(token));
    // An error in a success, and Keycloak's way to say that an unknown token needs no revoking.
    if (claims === undefined) return refused(200, "invalid_token", "Invalid token");
    if (claims["azp"] !== client.clientId) return refused(400, "invalid_request", "Unmatching clients");
    const session = realm.session(String(claims["sid"]));
    if (refresh === undefined) realm.revoke(claims.jti ?? "", session);
    else if (session !== undefined) realm.endClientSession(session, client.clientId);
    return { status: 200 };
  }

  async function logout(client: FakeRealmClient, form: URLSearchParams): Promise<FakeAnswer> {
    const claims = await tokens.readRefresh(form.get("refresh_token") ?? "");
    if (claims === undefined || claims["azp"] !== client.clientId) return refused(400, "invalid_grant", "Invalid refresh token");
    realm.endSession(String(claims["sid"]));
    return { status: 204 };
  }

  return { introspect, revoke, logout };
}
