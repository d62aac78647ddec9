// An identity provider as a process of its own, so lean that it is not what is measured: Keycloak's token format, real RS256 keys,
// discovery, keys, an exchange of tokens (RFC 8693) and the redemption of any code, both answered after a fixed delay. It is no model of
// a provider's checks: what it is sent was verified before. `POST /mint?count=N` makes tokens of N users, by ES256 with `&alg=ES256`.
// Asked by its parent, it tells how long each of its answers took.

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { createBenchKeys } from "./signing-keys.ts";

const lifeSeconds = 3_600;
const delayMs = Number(process.argv[2]);
const keys = await createBenchKeys();
let minted = 0;
/** Milliseconds that the answer to an exchange took here, by its subject; only since the last time that somebody asked. */
let answerMs: Record<string, number> = {};

const server = createServer((request, response) => {
  void answer(request).then(
    (body) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body)),
    () => response.writeHead(400, { "content-type": "application/json" }).end('{"error":"invalid_request"}'),
  );
});
server.listen(0, "127.0.0.1", () => process.send?.({ url: issuer() }));
process.on("message", () => {
  process.send?.(answerMs);
  answerMs = {};
});
process.once("disconnect", () => process.exit());

function issuer(): string {
  // A TCP server that listens has such an address.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function answer(request: IncomingMessage): Promise<unknown> {
  const url = new URL(request.url ?? "/", issuer());
  switch (url.pathname) {
    case "/.well-known/openid-configuration":
      return { issuer: issuer(), authorization_endpoint: at("/authorize"), token_endpoint: at("/token"), jwks_uri: at("/jwks") };
    case "/jwks":
      return keys.jwks();
    case "/token": {
      const beganMs = performance.now();
      // The signing is part of the delay, so that every answer takes the same time.
      const [{ subject, body }] = await Promise.all([grant(new URLSearchParams(await text(request))), sleep(delayMs)]);
      answerMs[subject] = performance.now() - beganMs;
      return body;
    }
    case "/mint": {
      const alg = url.searchParams.get("alg") === "ES256" ? "ES256" : "RS256";
      return Promise.all(Array.from({ length: Number(url.searchParams.get("count")) }, () => keys.sign(newClaims(), alg)));
    }
    default:
      throw new Error("no such endpoint");
  }
}

function at(path: string): string {
  return issuer() + path;
}

function newClaims() {
  minted += 1;
  const iat = Math.floor(Date.now() / 1_000);
  return {
    iss: issuer(),
    sub: `user-${minted}`,
    aud: ["orders"],
    azp: "storefront",
    typ: "Bearer",
    scope: "openid orders:read",
    iat,
    exp: iat + lifeSeconds,
    jti: crypto.randomUUID(),
  };
}

async function grant(parameters: URLSearchParams): Promise<{ readonly subject: string; readonly body: unknown }> {
  return parameters.get("grant_type") === "authorization_code" ? redeem() : exchange(parameters);
}

async function redeem() {
  const scope = "orders:read";
  const claims = { ...newClaims(), azp: "cambio", scope };
  const body = { access_token: await keys.sign(claims, "RS256"), token_type: "Bearer", expires_in: lifeSeconds, scope };
  return { subject: claims.sub, body };
}

async function exchange(parameters: URLSearchParams) {
  const [, payload = ""] = (parameters.get("subject_token") ?? "").split(".");
  const subject: { sub: string; iat: number; exp: number } = JSON.parse(Buffer.from(payload, "base64url").toString());
  const scope = parameters.get("scope") ?? "";
  // Its times are those of the subject token: a simulated clock may run ahead of this process's.
  const { sub, iat, exp } = subject;
  const claims = { ...newClaims(), sub, aud: parameters.getAll("audience"), azp: "orders", scope, iat, exp };
  const body = {
    access_token: await keys.sign(claims, "RS256"),
    token_type: "Bearer",
    issued_token_type: parameters.get("requested_token_type"),
    expires_in: exp - iat,
    scope,
  };
  return { subject: sub, body };
}
