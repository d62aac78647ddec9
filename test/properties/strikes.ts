// Faults as data, so that a program that fails can be read and run again: what strikes where, and how it is done to the world.

import { randomUUID } from "node:crypto";
import fc from "fast-check";
import type { Canary } from "../support/canary.ts";
import type { FakeEndpoint } from "../support/fake-provider.ts";
import type { Fault } from "../support/faults.ts";
import type { World } from "./world.ts";
import { payroll } from "./world-configuration.ts";

type Lie = "more-scope" | "other-audience" | "longer-life" | "decoy-endpoints" | "decoy-keys" | "decoy-redirect";

export type Strike =
  | {
      readonly at: "provider";
      readonly endpoint: Exclude<FakeEndpoint, "authorize">;
      readonly fault: Fault | { readonly kind: "lie"; readonly lie: Lie };
      readonly times: number;
      /** What is remembered of it is too old to be used unasked. */
      readonly aged: boolean;
    }
  | { readonly at: "provider-door" }
  | { readonly at: "redis"; readonly how: "hang" | "hang-answer" | "cut" | "reset" | "refuse" | "flush" | "restart" }
  | { readonly at: "postgres"; readonly how: "hang-answer" | "lose-answer" | "cut" | "reset" | "refuse" | "hang" | "restart" }
  | { readonly at: "audit" };

/** More than a body may have. */
const hugeBytes = 1_100_000;

const plain = fc.constantFrom<Fault>(
  { kind: "hang-before-headers" },
  { kind: "hang-after-headers" },
  { kind: "hang-in-body" },
  { kind: "truncate" },
  { kind: "reset" },
  { kind: "drip" },
  { kind: "status", status: 500 },
  { kind: "status", status: 503, body: { error: "temporarily_unavailable" } },
  { kind: "status", status: 429, headers: { "retry-after": "1" } },
  { kind: "status", status: 200, body: {} },
  { kind: "status", status: 200, body: [] },
  { kind: "html" },
  { kind: "html", status: 502 },
  { kind: "redirect" },
  { kind: "redirect", status: 307 },
  { kind: "error-in-200", error: "server_error" },
  { kind: "error-in-200", error: "invalid_request" },
  { kind: "huge", bytes: hugeBytes },
  { kind: "huge", bytes: hugeBytes, chunked: true },
  { kind: "raw", bytes: "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n" },
  { kind: "raw", bytes: "\u0000\u0001 no HTTP at all" },
);

const afterWork = plain.map((answer): Fault => ({ kind: "after-work", answer: answer as Exclude<Fault, { kind: "after-work" }> }));

const lies: Readonly<Record<Exclude<FakeEndpoint, "authorize">, readonly Lie[]>> = {
  discovery: ["decoy-endpoints", "decoy-keys", "decoy-redirect"],
  jwks: ["decoy-redirect"],
  token: ["more-scope", "other-audience", "longer-life", "decoy-redirect"],
  revocation: ["decoy-redirect"],
  introspection: ["decoy-redirect"],
};

const times = fc.constantFrom(1, 1, 1, 2, 5);

const atEndpoint = (endpoint: Exclude<FakeEndpoint, "authorize">, spends: boolean): fc.Arbitrary<Strike> =>
  fc.record({
    at: fc.constant("provider" as const),
    endpoint: fc.constant(endpoint),
    fault: fc.oneof(
      { weight: 3, arbitrary: plain },
      { weight: spends ? 2 : 0, arbitrary: afterWork },
      {
        weight: endpoint === "discovery" ? 5 : 2,
        arbitrary: fc.constantFrom(...lies[endpoint]).map((lie) => ({ kind: "lie" as const, lie })),
      },
    ),
    times,
    aged: endpoint === "discovery" || endpoint === "jwks" ? fc.constantFrom(true, true, false) : fc.constant(false),
  });

const redis = fc.record({
  at: fc.constant("redis" as const),
  how: fc.constantFrom(
    "hang" as const,
    "hang-answer" as const,
    "cut" as const,
    "reset" as const,
    "refuse" as const,
    "flush" as const,
    "restart" as const,
  ),
});
/** To the database. */
export const postgres = fc.record({
  at: fc.constant("postgres" as const),
  how: fc.oneof(
    {
      weight: 8,
      arbitrary: fc.constantFrom("hang-answer" as const, "lose-answer" as const, "cut" as const, "reset" as const, "refuse" as const),
    },
    { weight: 1, arbitrary: fc.constantFrom("hang" as const, "restart" as const) },
  ),
});

/** What happens to calls that spend something. */
export const spendingStrike: fc.Arbitrary<Strike> = fc.oneof(
  { weight: 6, arbitrary: atEndpoint("token", true) },
  { weight: 1, arbitrary: atEndpoint("revocation", true) },
  { weight: 3, arbitrary: atEndpoint("discovery", false) },
  { weight: 1, arbitrary: fc.constant<Strike>({ at: "provider-door" }) },
  { weight: 3, arbitrary: postgres },
  { weight: 2, arbitrary: redis },
  { weight: 1, arbitrary: fc.constant<Strike>({ at: "audit" }) },
);

/** What happens to calls that only read. */
export const readingStrike: fc.Arbitrary<Strike> = fc.oneof(
  { weight: 3, arbitrary: atEndpoint("jwks", false) },
  { weight: 2, arbitrary: atEndpoint("discovery", false) },
  { weight: 1, arbitrary: atEndpoint("revocation", true) },
  { weight: 2, arbitrary: postgres },
  { weight: 4, arbitrary: redis },
  { weight: 1, arbitrary: fc.constant<Strike>({ at: "audit" }) },
);

export const anyStrike: fc.Arbitrary<Strike> = fc.oneof(spendingStrike, readingStrike);

export async function strike(world: World, what: Strike): Promise<void> {
  switch (what.at) {
    case "provider": {
      const fault = what.fault.kind === "lie" ? await lieOf(world, what.fault.lie) : what.fault;
      if (what.aged) world.stack.time.nowMs += what.endpoint === "discovery" ? 3_600_001 : 600_001;
      return world.stack.provider.faults.next(what.endpoint, fault, what.times);
    }
    case "provider-door":
      return world.holdProvider();
    case "audit":
      world.audit.broken = true;
      return;
    case "redis":
      return strikeRedis(world, what.how);
    case "postgres":
      return strikePostgres(world, what.how);
  }
}

async function strikeRedis({ redis: { proxy, server } }: World, how: Extract<Strike, { at: "redis" }>["how"]): Promise<void> {
  switch (how) {
    case "hang":
      return proxy.always({ kind: "hang", at: "request" });
    case "hang-answer":
      return proxy.next({ kind: "hang", at: "answer" });
    case "cut":
      return proxy.next({ kind: "cut", at: "answer" });
    case "reset":
      return proxy.resetAll();
    case "refuse":
      proxy.refuse();
      return proxy.resetAll();
    case "flush":
      return server.flush();
    case "restart":
      await server.kill();
      return server.start();
  }
}

async function strikePostgres({ postgres: { proxy, server } }: World, how: Extract<Strike, { at: "postgres" }>["how"]): Promise<void> {
  switch (how) {
    // The statement was carried out, and nobody learns of it.
    case "hang-answer":
      return proxy.next({ kind: "hang", at: "answer" });
    case "lose-answer":
      return proxy.next({ kind: "reset", at: "answer" });
    case "cut":
      return proxy.next({ kind: "cut", at: "request" }, 2);
    case "reset":
      return proxy.resetAll();
    case "refuse":
      proxy.refuse();
      return proxy.resetAll();
    case "hang":
      return proxy.always({ kind: "hang", at: "request" });
    case "restart":
      return server.restart();
  }
}

/** An answer that looks right and gives more than it may, or leads elsewhere. */
async function lieOf({ stack: { provider, canary }, decoy }: World, lie: Lie): Promise<Fault> {
  const truth = {
    issuer: provider.issuer,
    authorization_endpoint: `${provider.issuer}/authorize`,
    token_endpoint: `${provider.issuer}/token`,
    jwks_uri: `${provider.issuer}/jwks`,
  };
  switch (lie) {
    case "decoy-redirect":
      return { kind: "status", status: 307, body: {}, headers: { location: `${decoy}/` } };
    case "decoy-endpoints":
      return {
        kind: "status",
        status: 200,
        body: { ...truth, token_endpoint: `${decoy}/token`, authorization_endpoint: `${decoy}/authorize` },
      };
    case "decoy-keys":
      return { kind: "status", status: 200, body: { ...truth, jwks_uri: `${decoy}/jwks`, revocation_endpoint: `${decoy}/revoke` } };
    case "more-scope":
      return generous(canary, await provider.mint({ client_id: "cambio", scope: "openid orders:admin" }), { scope: "openid" });
    case "other-audience":
      return generous(canary, await provider.mint({ client_id: "cambio", scope: "openid", aud: ["https://orders.example", payroll] }), {});
    case "longer-life": {
      const { exp } = JSON.parse(Buffer.from((await provider.mint()).split(".")[1] ?? "", "base64url").toString()) as { exp: number };
      return generous(canary, await provider.mint({ client_id: "cambio", scope: "openid", exp: exp + 3_600 }), { expires_in: 3_600 });
    }
  }
}

/** The provider spends what it was shown; the refresh token in its answer is one that it does not know. */
function generous(canary: Canary, accessToken: string, more: object): Fault {
  const refreshToken = canary.register("refresh token", `refresh-${randomUUID()}`);
  const body = { access_token: accessToken, token_type: "Bearer", expires_in: 3_600, refresh_token: refreshToken, ...more };
  return { kind: "after-work", answer: { kind: "status", status: 200, body } };
}
