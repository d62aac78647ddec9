// The tokens of the fake Keycloak: what stands in them, and which of them still count. Access and ID tokens are signed by the realm's
// RS256 key, refresh tokens by a secret of its own, as Keycloak does it.

import { randomBytes, randomUUID } from "node:crypto";
import { createLocalJWKSet, exportJWK, generateKeyPair, type JWK, type JWTPayload, jwtVerify, SignJWT } from "jose";
import type { RealmUser } from "../keycloak/realm.ts";
import type { ClientSession, FakeRealm, FakeRealmClient, Session } from "./fake-keycloak-realm.ts";
import type { Lie } from "./fake-keycloak-lies.ts";
import { createSigningKeys } from "./signing-keys.ts";

/** How long a session lasts that nobody uses (Keycloak's default), in seconds. */
const idleLimit = 1_800;

/** What a token is made for. */
export interface Wanted {
  readonly client: FakeRealmClient;
  readonly user: RealmUser;
  readonly session: Session;
  readonly clientSession: ClientSession;
  /** Names of scopes, `openid` among them. */
  readonly scopes: readonly string[];
  /** Only these, where given. */
  readonly audiences?: readonly string[] | undefined;
  /** The beginning of its id: how the session is kept, and by which grant it came. */
  readonly made: "onrtro" | "onrtte" | "ntrtte" | "onrtrt";
}

export type FakeKeycloakTokens = Awaited<ReturnType<typeof createFakeKeycloakTokens>>;

export async function createFakeKeycloakTokens(realm: FakeRealm, issuer: string, clock: () => number) {
  const keys = await createSigningKeys("realm");
  const strangersKeys = await createSigningKeys("realm");
  const refreshSecret = randomBytes(64);
  const encryption = await encryptionKey();
  let passiveKeys: readonly JWK[] = [];
  let verificationKeys = createLocalJWKSet(published());

  /** Keycloak's own has a key for encryption beside the one for signatures. */
  function published() {
    return { keys: [encryption, ...signingKeys()] };
  }

  function signingKeys(): readonly JWK[] {
    return [...keys.jwks().keys.filter(({ alg }) => alg === "RS256"), ...passiveKeys];
  }

  const nowSeconds = (): number => Math.floor(clock() / 1000);

  function common({ client, user, session }: Wanted): JWTPayload {
    const iat = nowSeconds();
    return { exp: iat + realm.lifespan(client), iat, jti: randomUUID(), iss: issuer, sub: user.id, azp: client.clientId, sid: session.id };
  }

  function audienceOf({ scopes, audiences }: Wanted): readonly string[] {
    const all = realm.audienceOf(scopes);
    return audiences === undefined ? all : all.filter((one) => audiences.includes(one));
  }

  /** As a provider, or as one that lies. */
  async function access(wanted: Wanted, lie: Lie = {}): Promise<string> {
    if (lie.opaque === true) return randomBytes(32).toString("base64url");
    const aud = audienceOf(wanted);
    const base = common(wanted);
    const claims = {
      ...base,
      jti: `${wanted.made}:${base.jti}`,
      ...(aud.length === 0 && wanted.audiences === undefined ? {} : { aud: aud.length === 1 ? aud[0] : aud }),
      typ: "Bearer",
      scope: realm.tokenScope(wanted.scopes),
      ...realm.userClaims(wanted.scopes, wanted.user, "access"),
      ...lie.claims,
    };
    const told = Object.entries(claims).filter(([, value]) => value !== undefined);
    return (lie.byStranger === true ? strangersKeys : keys).sign(Object.fromEntries(told), { typ: "JWT" });
  }

  /** @param withHash of the access token that it comes with */
  function id(wanted: Wanted, withHash: boolean): Promise<string> {
    const claims = { ...common(wanted), aud: wanted.client.clientId, typ: "ID", ...realm.userClaims(wanted.scopes, wanted.user, "id") };
    return keys.sign({ ...claims, ...(withHash ? { at_hash: randomBytes(16).toString("base64url") } : {}) }, { typ: "JWT" });
  }

  /** @param reuseId of the line of tokens that it goes on */
  function refresh(wanted: Wanted, reuseId: string = randomUUID()): Promise<string> {
    const claims = common(wanted);
    wanted.clientSession.current.set(reuseId, claims.jti ?? "");
    const audience = audienceOf(wanted);
    return new SignJWT({
      ...claims,
      exp: (claims.iat ?? 0) + idleLimit,
      aud: issuer,
      typ: "Refresh",
      scope: wanted.scopes.join(" "),
      aud_x: audience.length === 1 ? audience[0] : audience,
      prov: "default",
      reuse_id: reuseId,
      ...(wanted.audiences === undefined ? {} : { "req-aud": wanted.audiences }),
    })
      .setProtectedHeader({ alg: "HS512", typ: "JWT", kid: "refresh" })
      .sign(refreshSecret);
  }

  /** Keycloak takes a token for the whole of the second that `exp` names. */
  const verifying = () => ({ issuer, currentDate: new Date(clock()), clockTolerance: 1 });

  /** Its claims, if it counts: for exchange and introspection alike. */
  async function readAccess(token: string): Promise<JWTPayload | undefined> {
    const claims = await verified(() => jwtVerify(token, verificationKeys, { ...verifying(), algorithms: ["RS256"] }));
    if (claims?.["typ"] !== "Bearer") return undefined;
    const client = realm.client(String(claims["azp"]));
    const session = realm.session(String(claims["sid"]));
    if (client?.enabled !== true || session === undefined || realm.user(session.username)?.enabled !== true) return undefined;
    if ((claims.iat ?? 0) < realm.notBefore(client) || realm.isRevoked(claims.jti ?? "")) return undefined;
    return claims.jti?.startsWith("nt") === true || session.clients.has(client.clientId) ? claims : undefined;
  }

  /** Its claims, if it is one of this realm and not expired. Whether it still counts, its own grant asks. */
  async function readRefresh(token: string): Promise<JWTPayload | undefined> {
    const claims = await verified(() => jwtVerify(token, refreshSecret, { ...verifying(), algorithms: ["HS512"], audience: issuer }));
    return claims?.["typ"] === "Refresh" ? claims : undefined;
  }

  return {
    access,
    id,
    refresh,
    readAccess,
    readRefresh,
    published,
    idleLimit,
    /** A new signing key; without the old ones what they signed is worth nothing. Refresh tokens have another. */
    async newKey(old: "keep the old" | "drop the old"): Promise<void> {
      const passive = old === "keep the old" ? signingKeys() : [];
      await keys.rotate();
      passiveKeys = passive;
      verificationKeys = createLocalJWKSet(published());
    },
  };
}

async function verified(verify: () => Promise<{ readonly payload: JWTPayload }>): Promise<JWTPayload | undefined> {
  try {
    return (await verify()).payload;
  } catch {
    return undefined;
  }
}

async function encryptionKey() {
  const { publicKey } = await generateKeyPair("RSA-OAEP", { extractable: true });
  return { ...(await exportJWK(publicKey)), kid: "realm-encryption", alg: "RSA-OAEP", use: "enc" };
}
