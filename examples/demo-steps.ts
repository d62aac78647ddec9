// What the demo does, top to bottom, and what must come of each step. Answers are read in demo-answers.ts and printed by
// demo-report.ts; who sends is clients.ts, what it runs against is stack.ts.

import type { TokenSet } from "../gen/cambio/v1/token_pb.ts";
import { HealthCheckResponse_ServingStatus as Serving } from "../gen/health/v1/health_pb.ts";
import type { IdentityProvider } from "../test/support/identity-provider.ts";
import { newPkce, pageClient, serviceClient, type TokenExchangeClient } from "./clients.ts";
import { claimFacts, given, instant, type Refused, refusal, refusalFacts, tokenFacts } from "./demo-answers.ts";
import { expect, type Report, short } from "./demo-report.ts";
import { auditTrail, explainedRefusal, signOut } from "./demo-trust.ts";
import type { Stack } from "./stack.ts";

export interface DemoParts {
  readonly stack: Stack;
  /** A real provider whose issuer Cambio was never told of. */
  readonly stranger: IdentityProvider;
  readonly report: Report;
}

export async function runSteps(parts: DemoParts): Promise<void> {
  const { stack, stranger, report } = parts;
  const web = pageClient(stack.url, stack.web.origin);
  const orders = serviceClient(stack.url, "orders", stack.secrets.orders);
  const backend = serviceClient(stack.url, "backend", stack.secrets.backend);
  try {
    const { tokens, again } = await signInAndExchange(parts, web);
    await report.step("the same code again: refused", () => refusal(again, "GRANT_INVALID"), refusalFacts);
    await validate(parts, orders, tokens.accessToken);
    await report.step(
      "a token of an issuer that is not configured: refused",
      () => foreignToken(stranger, orders.tokens),
      (refused) => {
        const calls = stranger.callsTo("/.well-known/openid-configuration") + stranger.callsTo("/jwks");
        expect(calls === 0, `Cambio called the unknown issuer ${calls} times`);
        return [...refusalFacts(refused), ["calls to it", "none: refused before anything is fetched"]];
      },
    );
    await expiredToken(parts, orders.tokens);
    const refreshed = await refresh(parts, web, tokens);
    await signOut(parts, { web, orders: orders.tokens }, refreshed);
    await exchangeByRoute(parts, web);
    await custody(parts, backend.tokens);
    await auditTrail(parts, await explainedRefusal(parts, orders.tokens));
  } finally {
    orders.close();
    backend.close();
  }
}

async function signInAndExchange({ stack, report }: DemoParts, web: TokenExchangeClient) {
  const { verifier, challenge } = await newPkce();
  const { redirectUri } = stack.web;
  const start = await report.step(
    "web: CreateAuthorizationUrl (Connect, JSON)",
    () => web.createAuthorizationUrl({ clientId: "web", redirectUri, audiences: ["orders"], codeChallenge: challenge }),
    (answer) => [
      ["address", answer.authorizationUrl],
      ["state", short(answer.state)],
      ["sign in until", instant(answer.expiresAt)],
    ],
  );
  const back = await report.step(
    "Alice signs in and consents at the provider's own pages",
    () => stack.identityProvider.login(start.authorizationUrl, { login: "alice" }),
    (result) => {
      expect(result.state === start.state, "the provider came back with another state");
      return [
        ["back at", result.redirectUri],
        ["code", short(result.code)],
        ["iss", result.iss],
      ];
    },
  );
  const authorizationCode = { code: back.code, redirectUri, codeVerifier: verifier, state: back.state, issuer: back.iss };
  const exchange = () =>
    web.exchange({ clientId: "web", subject: { case: "authorizationCode", value: authorizationCode }, audiences: ["orders"] });
  const { tokens } = await report.step("web: Exchange (Connect, JSON): the code becomes tokens", exchange, (answer) =>
    tokenFacts(answer.tokens),
  );
  return { tokens: given(tokens), again: exchange };
}

async function validate({ report }: DemoParts, orders: ReturnType<typeof serviceClient>, accessToken: string): Promise<void> {
  // It opens the connection, so that the next two times compare.
  await report.step(
    "orders: health check (gRPC over h2c)",
    () => orders.health.check({ service: "" }),
    (answer) => {
      expect(answer.status === Serving.SERVING, "Cambio does not say that it is serving");
      return [["status", "SERVING"]];
    },
  );
  const ask = () =>
    orders.tokens.validateCrossClient({ token: { value: accessToken }, audience: "orders", requiredScopes: ["orders:read"] });
  await report.step("orders: ValidateCrossClient (gRPC) of web's token: a miss", ask, (answer) => {
    expect(!answer.cached, "the first validation came from the cache");
    return claimFacts(answer);
  });
  await report.step("orders: the same token once more: a hit", ask, (answer) => {
    expect(answer.cached, "the second validation did not come from the cache");
    return [["cached", `yes, until ${instant(answer.validUntil)}`]];
  });
  await report.step(
    `orders: ${moreHits} more times, one after another: all hits`,
    async () => {
      const answers = [];
      for (let call = 0; call < moreHits; call += 1) {
        const started = performance.now();
        const { cached } = await ask();
        answers.push({ cached, ms: performance.now() - started });
      }
      return answers;
    },
    (answers) => {
      expect(
        answers.every(({ cached }) => cached),
        "one of them did not come from the cache",
      );
      const times = answers.map(({ ms }) => ms).toSorted((one, other) => one - other);
      return [["median", `${times[moreHits / 2]?.toFixed(1)} ms, with this process being client and server`]];
    },
  );
}

/** The first calls of a process are slow; after this many the times say something. Even, for the median's sake. */
const moreHits = 30;

async function foreignToken(stranger: IdentityProvider, orders: TokenExchangeClient): Promise<Refused> {
  const now = Math.floor(Date.now() / 1000);
  const value = await stranger.sign({
    sub: "alice",
    aud: "https://orders.example",
    client_id: "storefront",
    exp: now + 3600,
    jti: "stranger",
  });
  return refusal(() => orders.validateCrossClient({ token: { value } }), "ISSUER_NOT_TRUSTED");
}

async function expiredToken({ stack, report }: DemoParts, orders: TokenExchangeClient): Promise<void> {
  const exp = Math.floor(Date.now() / 1000) - 300;
  // The provider would have to be waited for: its key signs a token here that looks as one from an hour ago would.
  const claims = { sub: "alice", aud: "https://orders.example", client_id: "storefront", iat: exp - 3600, exp, jti: "expired" };
  const value = await stack.identityProvider.sign(claims);
  await report.step(
    "orders: a token that expired five minutes ago (genuine key): refused",
    () => refusal(() => orders.validateCrossClient({ token: { value } }), "TOKEN_EXPIRED"),
    (refused) => {
      expect(refused.detail.expiredAt?.seconds === BigInt(exp), "the error does not carry the token's exp");
      return [...refusalFacts(refused), ["expired at", instant(refused.detail.expiredAt)]];
    },
  );
}

async function refresh({ report }: DemoParts, web: TokenExchangeClient, old: TokenSet): Promise<TokenSet> {
  const { tokens } = await report.step(
    "web: Refresh (Connect, JSON): handle in, new handle out",
    () => web.refresh({ clientId: "web", credential: { case: "refreshToken", value: old.refreshToken } }),
    (answer) => {
      expect(answer.tokens?.accessToken !== old.accessToken, "the access token is the old one");
      expect(answer.tokens?.refreshToken !== old.refreshToken, "the handle is the old one");
      return [["handle sent", short(old.refreshToken)], ...tokenFacts(answer.tokens)];
    },
  );
  return given(tokens);
}

async function exchangeByRoute({ stack, report }: DemoParts, web: TokenExchangeClient): Promise<void> {
  const { verifier, challenge } = await newPkce();
  const { redirectUri } = stack.web;
  const start = await web.createAuthorizationUrl({ clientId: "web", redirectUri, codeChallenge: challenge });
  const back = await stack.identityProvider.login(start.authorizationUrl, { login: "bob" });
  await report.step(
    "POST /api/auth/exchange (plain JSON) with the code of another sign-in",
    async () => {
      const response = await fetch(`${stack.url}/api/auth/exchange`, {
        method: "POST",
        headers: { "content-type": "application/json", origin: stack.web.origin },
        body: JSON.stringify({ code: back.code, code_verifier: verifier, redirect_uri: redirectUri, state: back.state }),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    },
    ({ status, body }) => {
      expect(status === 200, `the status is ${status}, the error ${String(body["error"])}`);
      return [
        ["status", String(status)],
        ["access_token", short(String(body["access_token"]))],
        ["token_type", String(body["token_type"])],
        ["expires_in", `${String(body["expires_in"])} (a ${typeof body["expires_in"]})`],
        ["refresh_token", short(String(body["refresh_token"]))],
      ];
    },
  );
}

async function custody({ stack, report }: DemoParts, backend: TokenExchangeClient): Promise<void> {
  await report.step(
    "backend: a whole flow (gRPC) where Cambio keeps verifier and nonce",
    async () => {
      const start = await backend.createAuthorizationUrl({});
      const { code, state } = await stack.identityProvider.login(start.authorizationUrl, { login: "carol" });
      return backend.exchange({ subject: { case: "authorizationCode", value: { code, state } } });
    },
    (answer) => tokenFacts(answer.tokens),
  );
}
