// An identity provider as a process of its own, so lean that it is not what is measured: Keycloak's token format, real RS256 keys,
// discovery, keys, and an exchange of tokens (RFC 8693) that answers after a fixed delay. It is no model of a provider's checks:
// what it is sent was verified before. `POST /mint?count=N` makes tokens of N users.

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { createSigningKeys } from "../test/support/signing-keys.ts";

const lifeSeconds = 3_600;
const delayMs = Number(process.argv[2]);
const keys = await createSigningKeys();
const signing = { alg: "RS256", typ: "JWT" } as const;
let minted = 0;

const server = createServer((request, response) => {
  void answer(request).then(
    (body) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body)),
    () => response.writeHead(400, { "content-type": "application/json" }).end('{"error":"invalid_request"}'),
  );
});
server.listen(0, "127.0.0.1", () => process.send?.({ url: issuer() }));
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
      // The signing is part of the delay, so that every answer takes the same time.
      const [exchanged] = await Promise.all([exchange(new URLSearchParams(await text(request))), sleep(delayMs)]);
      return exchanged;
    }
    case "/mint":
      return Promise.all(Array.from({ length: Number(url.searchParams.get("count")) }, mint));
    default:
      throw new Error("no such endpoint");
  }
}

function at(path: string): string {
  return issuer() + path;
}

function mint(): Promise<string> {
  minted += 1;
  const iat = Math.floor(Date.now() / 1_000);
  return keys.sign(
    {
      iss: issuer(),
      sub: `user-${minted}`,
      aud: ["orders"],
      azp: "storefront",
      typ: "Bearer",
      scope: "openid orders:read",
      iat,
      exp: iat + lifeSeconds,
      jti: crypto.randomUUID(),
    },
    signing,
  );
}

async function exchange(parameters: URLSearchParams): Promise<unknown> {
  const [, payload = ""] = (parameters.get("subject_token") ?? "").split(".");
  const subject: { sub: string; iat: number; exp: number } = JSON.parse(Buffer.from(payload, "base64url").toString());
  const scope = parameters.get("scope") ?? "";
  const token = await keys.sign(
    // Its times are those of the subject token: a simulated clock may run ahead of this process's.
    {
      iss: issuer(),
      sub: subject.sub,
      aud: parameters.getAll("audience"),
      azp: "orders",
      typ: "Bearer",
      scope,
      iat: subject.iat,
      exp: subject.exp,
      jti: crypto.randomUUID(),
    },
    signing,
  );
  return {
    access_token: token,
    token_type: "Bearer",
    issued_token_type: parameters.get("requested_token_type"),
    expires_in: subject.exp - subject.iat,
    scope,
  };
}
