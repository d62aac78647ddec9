// What the fake Keycloak knows: its realm (in Keycloak's own format), who is signed in, and what was ended. It decides which scopes and
// audiences a client gets, and knows nothing of tokens or HTTP.

import { randomBytes } from "node:crypto";
import type { Realm, RealmClient, RealmUser } from "../keycloak/realm.ts";

export interface FakeRealmClient extends RealmClient {
  /** Epoch seconds: nothing that it got before counts. */
  readonly notBefore?: number;
}

/** What one client has of a user's session. An exchange for an access token alone makes none. */
export interface ClientSession {
  /** The scope parameter that was last sent for it: an `openid` in it stays until another scope is asked for. */
  askedScope: string;
  /** The token that it was last exchanged from; undefined: the user signed in there. */
  from: { readonly client: string; readonly tokenId: string } | undefined;
  /** Each line of refresh tokens by its `reuse_id`: the one that is good. */
  readonly current: Map<string, string>;
}

export interface Session {
  readonly id: string;
  readonly username: string;
  readonly clients: Map<string, ClientSession>;
}

export type FakeRealm = ReturnType<typeof createFakeRealm>;

export function createFakeRealm(realm: Realm) {
  const clients = new Map<string, FakeRealmClient>(realm.clients.map((client) => [client.clientId, client]));
  const users = new Map<string, RealmUser>(realm.users.map((user) => [user.username, user]));
  const scopes = new Map(realm.clientScopes.map((scope) => [scope.name, scope]));
  const sessions = new Map<string, Session>();
  const revokedIds = new Set<string>();
  let notBefore = 0;

  /** What was exchanged from its tokens goes along; a session without clients is over. */
  function endClientSession(session: Session, clientId: string): void {
    session.clients.delete(clientId);
    for (const [other, { from }] of session.clients) if (from?.client === clientId) session.clients.delete(other);
    if (session.clients.size === 0) sessions.delete(session.id);
  }

  return {
    client: (id: string | null | undefined) => clients.get(id ?? ""),
    user: (username: string) => users.get(username),
    session: (id: string) => sessions.get(id),
    notBefore: (client?: FakeRealmClient) => Math.max(notBefore, client?.notBefore ?? 0),

    startSession(username: string, clientId: string): Session {
      const session: Session = { id: randomBytes(18).toString("base64url"), username, clients: new Map([[clientId, newClientSession()]]) };
      sessions.set(session.id, session);
      return session;
    },
    endClientSession,
    /** The access token, and the parts of its session that were last exchanged from it. */
    revoke(tokenId: string, session: Session | undefined): void {
      revokedIds.add(tokenId);
      for (const [other, { from }] of session?.clients ?? []) if (from?.tokenId === tokenId) session?.clients.delete(other);
    },
    isRevoked: (tokenId: string) => revokedIds.has(tokenId),

    /** Seconds. */
    lifespan: (client: FakeRealmClient) => Number(client.attributes?.["access.token.lifespan"] || realm.accessTokenLifespan),

    mayAskFor: (client: FakeRealmClient, asked: string) =>
      asked.split(" ").every((name) => name === "openid" || client.defaultClientScopes.concat(client.optionalClientScopes).includes(name)),

    /** Default scopes always, optional ones where asked for. */
    scopesFor: (client: FakeRealmClient, asked: string) => [
      ...client.defaultClientScopes,
      ...client.optionalClientScopes.filter((name) => asked.split(" ").includes(name)),
    ],

    /** Those of scopes that stand in tokens. */
    tokenScope: (names: readonly string[]) =>
      names.filter((name) => name === "openid" || scopes.get(name)?.attributes["include.in.token.scope"] === "true").join(" "),

    /** A client that is disabled is nobody's audience. */
    audienceOf: (names: readonly string[]) => [
      ...new Set(
        mappersOf(names, "oidc-audience-mapper")
          .map((config) => config["included.client.audience"] ?? "")
          .filter((id) => clients.get(id)?.enabled === true),
      ),
    ],

    /** Claims about the user, for tokens of one kind. */
    userClaims: (names: readonly string[], user: RealmUser, kind: "access" | "id") =>
      Object.fromEntries(
        mappersOf(names, "oidc-usermodel-attribute-mapper")
          .filter((config) => config[`${kind}.token.claim`] === "true")
          .map((config) => [config["claim.name"], user[config["user.attribute"] as keyof RealmUser]]),
      ),

    /** What an administrator changes, as the admin API takes it. */
    changeClient(id: string, change: Partial<FakeRealmClient>): void {
      const client = clients.get(id);
      if (client === undefined) throw new Error(`no client ${id}`);
      clients.set(id, { ...client, ...change, attributes: { ...client.attributes, ...change.attributes } });
    },
    changeUser(username: string, change: Partial<RealmUser>): void {
      const user = users.get(username);
      if (user === undefined) throw new Error(`no user ${username}`);
      users.set(username, { ...user, ...change });
    },
    changeNotBefore: (seconds: number) => void (notBefore = seconds),
    endSession: (id: string) => void sessions.delete(id),
  };

  function mappersOf(names: readonly string[], kind: string): readonly Readonly<Record<string, string>>[] {
    const mappers = names.flatMap((name) => scopes.get(name)?.protocolMappers ?? []);
    return mappers.filter(({ protocolMapper }) => protocolMapper === kind).map(({ config }) => config);
  }
}

export function newClientSession(): ClientSession {
  return { askedScope: "", from: undefined, current: new Map() };
}
