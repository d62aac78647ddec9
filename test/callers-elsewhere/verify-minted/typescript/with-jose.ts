// A resource server in TypeScript: jose and the published keys. Arguments: algorithm, JWKS URL, issuer, audience; the token on standard input.

import { text } from "node:stream/consumers";
import { createRemoteJWKSet, jwtVerify } from "jose";

const [algorithm = "", jwksUrl = "", issuer = "", audience = ""] = process.argv.slice(2);
const token = (await text(process.stdin)).trim();
const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(jwksUrl)), {
  algorithms: [algorithm],
  issuer,
  audience,
  typ: "at+jwt",
  requiredClaims: ["sub", "exp", "iat"],
});
process.stdout.write(`${payload.sub}\n`);
