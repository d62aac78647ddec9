// What `make dev` prints: addresses, and lines to copy into another terminal in the repository's folder. Each line works as printed.

import { basic, newPkce } from "./clients.ts";
import type { Stack } from "./stack.ts";

/** A demo's token for copying; the provider would give the page one for an hour too. */
const tokenSeconds = 3600;

export async function banner(stack: Stack): Promise<string> {
  const { url, web, identityProvider, secrets } = stack;
  const service = `${url}/cambio.v1.TokenExchangeService`;
  const { challenge } = await newPkce();
  const token = await demoToken(stack);
  const startFlow = JSON.stringify({ client_id: "web", redirect_uri: web.redirectUri, audiences: ["orders"], code_challenge: challenge });
  const badCode = JSON.stringify({ code: "invalid", code_verifier: "test", redirect_uri: web.redirectUri });
  return `
Cambio is up. Ctrl-C stops everything; its log appears below. PORT, PROVIDER_PORT, PAGE_PORT choose the ports.

  Page             ${web.origin}   walk the code flow by hand and see each message
  Cambio           ${url}   gRPC, gRPC-Web, Connect and plain HTTP
  OpenID provider  ${identityProvider.issuer}   any name, any password

Lines to copy. buf needs no schema at hand: it asks Cambio by server reflection.

# What there is to call
node_modules/.bin/buf curl ${url} --list-methods

# As the service "orders": is this token of the web page good for me? (TOKEN is good for an hour)
TOKEN=${token}
node_modules/.bin/buf curl --protocol grpc -H 'authorization: ${basic("orders", secrets.orders)}' \\
  -d '{"token": {"value": "'$TOKEN'"}}' ${service}/ValidateCrossClient

# As the page "web": where shall the user sign in?
node_modules/.bin/buf curl -H 'origin: ${web.origin}' \\
  -d '${startFlow}' ${service}/CreateAuthorizationUrl

# The plain route with a code that does not exist: 400, invalid_grant
curl -sS -i -X POST ${url}/api/auth/exchange -H 'content-type: application/json' \\
  -d '${badCode}'
`;
}

function demoToken({ identityProvider }: Stack): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + tokenSeconds;
  return identityProvider.sign({
    sub: "alice",
    aud: "https://orders.example",
    client_id: "storefront",
    scope: "orders:read",
    exp,
    jti: "copied",
  });
}
