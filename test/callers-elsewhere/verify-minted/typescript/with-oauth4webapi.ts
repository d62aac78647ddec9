// A resource server in TypeScript: oauth4webapi, which holds a token against RFC 9068. Arguments: algorithm, JWKS URL, issuer, audience;
// the token on standard input.

import { text } from "node:stream/consumers";
import { allowInsecureRequests, validateJwtAccessToken } from "oauth4webapi";

const [algorithm = "", jwks_uri = "", issuer = "", audience = ""] = process.argv.slice(2);
const token = (await text(process.stdin)).trim();
const request = new Request(audience, { headers: { authorization: `Bearer ${token}` } });
const claims = await validateJwtAccessToken({ issuer, jwks_uri }, request, audience, {
  signingAlgorithms: [algorithm],
  // The test's issuer is on this machine, without TLS.
  [allowInsecureRequests]: true,
});
process.stdout.write(`${claims.sub}\n`);
