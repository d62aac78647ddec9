// A Keycloak realm as tests use it, real or not: users' tokens, an operator's hands, and where it is. Two files make one of these,
// keycloak-world.ts and fake-world.ts, so that a test is written once and runs against both.

import { askForm, type Provider } from "./requests.ts";
import type { Realm } from "./realm.ts";

export interface World extends Provider {
  readonly name: string;
  /** What tokens say in `iss`. */
  readonly issuer: string;
  readonly operator: Operator;
  /** A user who signs in at a client, now. Scopes beside the client's default ones. */
  token(user: string, client: string, scopes?: readonly string[]): Promise<UserTokens>;
  /** Grows with whatever reaches it. */
  heard(): number;
  /** It is away: connections are refused. */
  stop(): Promise<void>;
  /** It is back, at the same address, with all that it knew. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface UserTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Only with the scope `openid`. */
  readonly idToken: string | undefined;
  readonly sessionId: string;
}

export interface Operator {
  disable(client: string): Promise<void>;
  enable(client: string): Promise<void>;
  disableUser(user: string): Promise<void>;
  enableUser(user: string): Promise<void>;
  /** How long the access tokens of a client live from now on. */
  lifespan(client: string, seconds: number): Promise<void>;
  mayExchange(client: string, allowed: boolean): Promise<void>;
  mayHaveRefreshTokens(client: string, allowed: boolean): Promise<void>;
  /** Tokens of that client, or of all, from before that instant (epoch seconds) do not count. */
  notBefore(seconds: number, client?: string): Promise<void>;
  /** Ends a session with all that came of it. */
  logout(sessionId: string): Promise<void>;
  /** A new signing key; what the old ones signed is still good. */
  addKey(): Promise<void>;
  /** A new signing key; the old ones are gone. */
  rotateKeys(): Promise<void>;
  /** Undoes what was changed so far, except for what has ended and the keys. */
  restore(): Promise<void>;
}

/** What an administration offers: members of Keycloak's representations that are to change. */
export interface Administration {
  client(id: string, change: { enabled?: boolean; notBefore?: number; attributes?: Readonly<Record<string, string>> }): Promise<void>;
  user(name: string, change: { enabled: boolean }): Promise<void>;
  realm(change: { notBefore: number }): Promise<void>;
  session(id: string, change: "end"): Promise<void>;
}

/** The public name under which both worlds' tokens are issued: nothing listens there. */
export const outside = "https://login.example.test";

const lifespan = "access.token.lifespan";
const exchangeAllowed = "standard.token.exchange.enabled";
const refreshAllowed = "standard.token.exchange.enableRefreshRequestedTokenType";

export function createOperator(administration: Administration, realm: Realm, keys: Pick<Operator, "addKey" | "rotateKeys">): Operator {
  const clients = new Set<string>();
  const users = new Set<string>();
  let allNotBefore = 0;

  function client(...[id, change]: Parameters<Administration["client"]>): Promise<void> {
    clients.add(id);
    return administration.client(id, change);
  }
  function user(name: string, enabled: boolean): Promise<void> {
    users.add(name);
    return administration.user(name, { enabled });
  }
  async function everybody(seconds: number): Promise<void> {
    allNotBefore = seconds;
    await administration.realm({ notBefore: seconds });
  }

  return {
    disable: (id) => client(id, { enabled: false }),
    enable: (id) => client(id, { enabled: true }),
    disableUser: (name) => user(name, false),
    enableUser: (name) => user(name, true),
    lifespan: (id, seconds) => client(id, { attributes: { [lifespan]: String(seconds) } }),
    mayHaveRefreshTokens: (id, allowed) => client(id, { attributes: { [refreshAllowed]: allowed ? "SAME_SESSION" : "NO" } }),
    mayExchange: (id, allowed) => client(id, { attributes: { [exchangeAllowed]: String(allowed) } }),
    notBefore: (seconds, id) => (id === undefined ? everybody(seconds) : client(id, { notBefore: seconds })),
    logout: (sessionId) => administration.session(sessionId, "end"),
    ...keys,
    async restore() {
      for (const { clientId, enabled, attributes = {} } of realm.clients.filter((one) => clients.has(one.clientId))) {
        const before = {
          [lifespan]: attributes[lifespan] ?? "",
          [exchangeAllowed]: attributes[exchangeAllowed] ?? "false",
          [refreshAllowed]: attributes[refreshAllowed] ?? "NO",
        };
        await administration.client(clientId, { enabled, notBefore: 0, attributes: before });
      }
      for (const name of users) await administration.user(name, { enabled: true });
      if (allNotBefore > 0) await everybody(0);
      clients.clear();
      users.clear();
    },
  };
}

/** Signing in is a plain request, and the same one in both worlds. */
export function createSignIn({ address, realm }: Provider): World["token"] {
  return async (username, clientId, scopes = []) => {
    const password = realm.users.find((user) => user.username === username)?.credentials[0]?.value ?? "";
    const form = {
      grant_type: "password",
      username,
      password,
      client_id: clientId,
      ...(scopes.length > 0 ? { scope: scopes.join(" ") } : {}),
    };
    const { status, body } = await askForm(`${address}/protocol/openid-connect/token`, form);
    if (status !== 200) throw new Error(`${username} cannot sign in at ${clientId}: ${JSON.stringify(body)}`);
    const answer = body as { access_token: string; refresh_token: string; id_token?: string; session_state: string };
    return {
      accessToken: answer.access_token,
      refreshToken: answer.refresh_token,
      idToken: answer.id_token,
      sessionId: answer.session_state,
    };
  };
}
