// Tokens as Cambio mints them, with the keys that it publishes for them, for programs that verify such tokens elsewhere.

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";

export interface Minted {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
  /** What tokens by shared secret are signed with. */
  readonly secret: string;
  /** A token of that algorithm, with a published key. */
  withPublishedKey(algorithm: string, subject: string): Promise<string>;
  /** An HS256 token: no audience in it. */
  withSharedSecret(subject: string): Promise<string>;
  close(): Promise<void>;
}

export async function startMinting(): Promise<Minted> {
  const keys = new Map<string, { readonly privateKey: CryptoKey; readonly jwk: JWK }>();
  for (const algorithm of ["ES256", "EdDSA", "RS256"]) {
    const { privateKey, publicKey } = await generateKeyPair(algorithm);
    const jwk = await exportJWK(publicKey);
    keys.set(algorithm, { privateKey, jwk: { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: algorithm, use: "sig" } });
  }
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "application/jwk-set+json");
    response.end(JSON.stringify({ keys: [...keys.values()].map(({ jwk }) => jwk) }));
  }).listen(0, "localhost");
  await once(server, "listening");
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
  const audience = "https://api.example.com";
  const secret = "shared-secret-canary-0123456789abcdef";
  const claims = (sub: string): JWTPayload => ({ iss: issuer, sub, jti: crypto.randomUUID() });
  return {
    issuer,
    audience,
    jwksUrl: `${issuer}/.well-known/jwks.json`,
    secret,
    async withPublishedKey(algorithm, subject) {
      const key = keys.get(algorithm);
      if (key === undefined) throw new Error(`no key for ${algorithm}`);
      return expiring({ ...claims(subject), aud: audience, client_id: "web", scope: "orders.read" })
        .setProtectedHeader({ alg: algorithm, kid: key.jwk.kid ?? "", typ: "at+jwt" })
        .sign(key.privateKey);
    },
    withSharedSecret: (subject) =>
      expiring(claims(subject)).setProtectedHeader({ alg: "HS256", typ: "JWT" }).sign(new TextEncoder().encode(secret)),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function expiring(payload: JWTPayload): SignJWT {
  return new SignJWT(payload).setIssuedAt().setExpirationTime("15m");
}
