import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { basic } from "../../examples/clients.ts";
import { eventually } from "../support/eventually.ts";
import { type Answer, type FakeStack, type Instance, reasonOf, startFakeStack } from "../support/fake-stack.ts";
import { expectedErrors } from "./expected-errors.ts";
import { grpcJsCaller } from "./grpc-js-caller.ts";
import { strange } from "./protocol-case.ts";
import {
  type Answered,
  connectBinaryCaller,
  connectJsonCaller,
  fetchCaller,
  grpcWebCaller,
  type ProtocolCaller,
} from "./protocol-callers.ts";
import { assertion, cambio, forged, keys, type Platforms, startPlatforms, withProofs, workload } from "./proof-world.ts";
import { everywhereShared, useServers } from "./replica-rig.ts";

let platforms: Platforms;
let stack: FakeStack;
beforeAll(async () => {
  platforms = await startPlatforms();
  stack = await startFakeStack({ change: withProofs(platforms) });
});
afterAll(async () => {
  await stack.close();
  await platforms.close();
});

const protocols: readonly (readonly [string, (url: string) => ProtocolCaller])[] = [
  ["gRPC", grpcJsCaller],
  ["gRPC-Web", grpcWebCaller],
  ["Connect with JSON", connectJsonCaller],
  ["Connect in binary over HTTP/2", connectBinaryCaller],
  ["a POST with JSON", fetchCaller],
];

const backendSecret = () => stack.authorization("backend");
const now = () => stack.time.nowMs;
const atUrl = { method: "CreateAuthorizationUrl", message: { provider: "main" } } as const;

const good: readonly (readonly [string, () => string])[] = [
  ["a secret", backendSecret],
  ["an assertion", () => assertion(now())],
  ["an assertion that says in its type what it is", () => assertion(now(), { header: { typ: "client-authentication+jwt" } })],
  ["a token of a platform that publishes its keys", () => workload(now(), "cluster")],
  ["a token of a platform whose keys are configured", () => workload(now(), "edge")],
];

/** Everything that its user can see, but for the request's own id. */
function outside(answered: Answered): object {
  if (answered.kind === "ok") return { kind: "ok" };
  const { code, message, details } = answered;
  return { code, message, details: details.map((detail) => ({ ...detail, requestId: undefined })) };
}

/** What is shown → which proof failed, and how: for the log and the audit trail, and for nobody else. */
const bad: readonly (readonly [name: string, shown: () => string | Promise<string>, proof: string, problem: string])[] = [
  ["a wrong secret", () => basic("backend", "wrong-wrong-wrong-wrong"), "basic", "credentials"],
  ["another service's secret", () => basic("backend", "orders-secret-canary-0123456789"), "basic", "credentials"],
  ["a secret of a service that does not exist", () => basic("nobody", "wrong-wrong-wrong-wrong"), "basic", "credentials"],
  ["a secret that is no pair", () => `Basic ${Buffer.from("backend").toString("base64")}`, "basic", "malformed"],
  ["an assertion for another service", () => assertion(now(), { claims: { aud: "https://other.example" } }), "assertion", "audience"],
  [
    "an assertion for several services",
    () => assertion(now(), { claims: { aud: [cambio, "https://other.example"] } }),
    "assertion",
    "audience",
  ],
  ["an assertion for this service's name and more", () => assertion(now(), { claims: { aud: `${cambio}/` } }), "assertion", "audience"],
  ["an assertion that lives too long", () => assertion(now(), { claims: { exp: seconds() + 301 } }), "assertion", "lifetime"],
  ["an assertion that never ends", () => assertion(now(), { claims: { exp: undefined } }), "assertion", "times"],
  ["an assertion that has expired", () => assertion(now(), { claims: { iat: seconds() - 60, exp: seconds() } }), "assertion", "expired"],
  [
    "an assertion of the future",
    () => assertion(now(), { claims: { iat: seconds() + 60, exp: seconds() + 120 } }),
    "assertion",
    "not_yet_valid",
  ],
  ["an assertion without an id", () => assertion(now(), { claims: { jti: undefined } }), "assertion", "id"],
  ["an assertion about another service", () => assertion(now(), { claims: { sub: "orders" } }), "assertion", "subject"],
  ["an assertion that another service signed", () => assertion(now(), { key: keys.orders }), "assertion", "signature"],
  [
    "an assertion under another service's key id",
    () => assertion(now(), { key: keys.orders, header: { kid: "backend-1" } }),
    "assertion",
    "signature",
  ],
  ["an assertion that a platform signed", () => assertion(now(), { key: keys.cluster }), "assertion", "signature"],
  ["an assertion that takes the public key for a secret", () => forged(now(), "HS256"), "assertion", "signature"],
  [
    "an assertion of a service that does not exist",
    () => assertion(now(), { claims: { iss: "nobody", sub: "nobody" } }),
    "assertion",
    "unknown_issuer",
  ],
  ["an assertion of a page", () => assertion(now(), { claims: { iss: "web", sub: "web" } }), "assertion", "unknown_issuer"],
  [
    "an assertion that brings its key along",
    () => assertion(now(), { key: keys.orders, header: { jwk: keys.orders.jwk } }),
    "assertion",
    "signature",
  ],
  ["a user's access token", async () => `Bearer ${await stack.token()}`, "assertion", "unknown_issuer"],
  [
    "a user's access token in the name of a service",
    async () => `Bearer ${await stack.token({ iss: "backend", sub: "backend", aud: cambio })}`,
    "assertion",
    "type",
  ],
  ["two assertions in one header", () => `${assertion(now())}, ${assertion(now())}`, "assertion", "malformed"],
  ["a secret beside an assertion, in one header", () => `${backendSecret()}, ${assertion(now())}`, "basic", "malformed"],
  ["a platform's token for another recipient", () => workload(now(), "cluster", { claims: { aud: ["vault"] } }), "workload", "audience"],
  [
    "a platform's token for several recipients",
    () => workload(now(), "cluster", { claims: { aud: ["cambio", "vault"] } }),
    "workload",
    "audience",
  ],
  [
    "a platform's token of another pod",
    () => workload(now(), "cluster", { claims: { sub: "system:serviceaccount:shop:mallory" } }),
    "workload",
    "subject",
  ],
  ["one platform's token signed by another", () => workload(now(), "cluster", { key: keys.edge }), "workload", "signature"],
  [
    "a platform's token under another's key id",
    () => workload(now(), "cluster", { key: keys.backend, header: { kid: "cluster-1" } }),
    "workload",
    "signature",
  ],
  [
    "a platform's token that has expired",
    () => workload(now(), "edge", { claims: { iat: seconds() - 60, nbf: undefined, exp: seconds() } }),
    "workload",
    "expired",
  ],
  [
    "a platform's token that lives for days",
    () => workload(now(), "edge", { claims: { exp: seconds() + 172_800 } }),
    "workload",
    "lifetime",
  ],
  ["a platform's token that is bound to a key", () => workload(now(), "edge", { claims: { cnf: { jkt: "x" } } }), "workload", "bound"],
];

const seconds = () => Math.floor(now() / 1_000);

describe.each(protocols)("over %s", (name, open) => {
  let caller: ProtocolCaller;
  beforeAll(() => {
    caller = open(stack.cambio.url);
  });
  afterAll(() => caller.close());

  it.each(good)("%s proves the service, for what issues and for what validates", async (_name, proof) => {
    expect(await caller.call({ ...atUrl, headers: { authorization: proof() } })).toMatchObject({ kind: "ok" });
    const message = { token: { value: await stack.token() } };
    const validated = await caller.call({ method: "ValidateCrossClient", message, headers: { authorization: proof() } });
    expect(validated).toMatchObject({ kind: "ok", message: { claims: { subject: "alice" } } });
  });

  it.each(bad)(
    "an attacker with %s is refused like every other, and told apart in log and audit trail",
    async (_case, shown, proof, problem) => {
      const requestId = crypto.randomUUID();
      const headers = { authorization: await shown(), "x-request-id": requestId };
      const answered = await caller.call({ ...atUrl, headers });
      const { code, oauth } = expectedErrors.CALLER_UNAUTHENTICATED;
      const detail = {
        reason: "ERROR_REASON_CALLER_UNAUTHENTICATED",
        field: "ERROR_FIELD_CALLER",
        oauthError: oauth,
        requestId: undefined,
      };
      expect(outside(answered)).toEqual({ code, message: "The caller did not prove who it is.", details: [detail] });
      if (answered.kind === "failed") stack.canary.saw(`a refused proof over ${name}`, answered.everything);

      await eventually("the refusal is on the trail", () => recordsOf(requestId).length === 2);
      expect(stack.cambio.logLines().filter((line) => line["request_id"] === requestId)).toEqual([
        expect.objectContaining({ reason: "CALLER_UNAUTHENTICATED", security: true, proof, proof_problem: problem }),
      ]);
      expect(recordsOf(requestId)).toEqual([
        expect.objectContaining({ kind: "outcome", method: "CreateAuthorizationUrl", reason: "CALLER_UNAUTHENTICATED" }),
        expect.objectContaining({ kind: "security", event: `${proof}_failed`, reason: "CALLER_UNAUTHENTICATED" }),
      ]);
      expect(recordsOf(requestId).filter((record) => "caller" in record)).toEqual([]);
    },
  );

  it.each([
    ["silent", "UPSTREAM_TIMEOUT"],
    ["nonsense", "UPSTREAM_INVALID_RESPONSE"],
    ["away", "UPSTREAM_UNAVAILABLE"],
  ] as const)("a platform that is %s decides nothing: neither a no nor a yes", async (platform, reason) => {
    for (const method of ["CreateAuthorizationUrl", "ValidateCrossClient"] as const) {
      const message = method === "ValidateCrossClient" ? { token: { value: await stack.token() } } : atUrl.message;
      const answered = await caller.call({ method, message, headers: { authorization: workload(now(), platform) } });
      expect(answered).toMatchObject({
        kind: "failed",
        code: expectedErrors[reason].code,
        details: [{ reason: `ERROR_REASON_${reason}` }],
      });
    }
  });
});

const recordsOf = (requestId: string) => stack.cambio.auditLines().filter((line) => line["request_id"] === requestId);

it("an unsigned assertion is no token at all", async () => {
  const answer = await stack.cambio.rpc("CreateAuthorizationUrl", atUrl.message, { authorization: forged(now(), "none") });
  expect([answer.status, reasonOf(answer)]).toEqual([401, "CALLER_UNAUTHENTICATED"]);
});

it("a stranger's tokens make this service ask nobody for keys", async () => {
  await stack.cambio.rpc("CreateAuthorizationUrl", atUrl.message, { authorization: workload(now(), "cluster") });
  const before = platforms.asked();
  const claims = [{ iss: "https://evil.example" }, { sub: "mallory" }, { aud: ["vault"] }, { exp: seconds() - 1, iat: seconds() - 60 }];
  for (const one of claims) {
    const header = { kid: crypto.randomUUID() };
    const answer = await stack.cambio.rpc("CreateAuthorizationUrl", atUrl.message, {
      authorization: workload(now(), "cluster", { claims: one, header }),
    });
    expect(reasonOf(answer)).toBe("CALLER_UNAUTHENTICATED");
  }
  expect(platforms.asked()).toBe(before);
});

it("what proves a service is no user's token", async () => {
  for (const proof of [assertion(now()), workload(now(), "cluster"), workload(now(), "edge")]) {
    const token = proof.replace("Bearer ", "");
    for (const provider of ["", "main"]) {
      const answer = await stack.cambio.validate(token, { provider });
      expect(answer.status).toBe(401);
      expect(reasonOf(answer)).toMatch(/^(ISSUER_NOT_TRUSTED|TOKEN_INVALID|TOKEN_TYPE_MISMATCH)$/);
    }
  }
});

const refused = (answer: Answer) => expect([answer.status, reasonOf(answer)]).toEqual([401, "CALLER_UNAUTHENTICATED"]);

describe("an assertion that was shown before", () => {
  const servers = useServers();
  const issuing = [
    ["CreateAuthorizationUrl", { provider: "main" }, 200],
    ["Exchange", { ...strange, clientId: "", redirectUri: "" }, 403],
    ["Refresh", { provider: "main", refreshToken: "refresh-of-nobody" }, 401],
    ["Revoke", { provider: "main", token: { value: "token-of-nobody" } }, 200],
  ] as const;

  it.each(everywhereShared)("is refused on every replica by what issues or revokes, and validates on, with %s", async (_name, where) => {
    const { stack: shared, replicas } = await servers.given(where, { change: withProofs(platforms) });
    const [one, other, third] = replicas;
    const validate = async (at: Instance, authorization: string) =>
      (await at.rpc("ValidateCrossClient", { token: { value: await shared.token() } }, { authorization })).status;

    for (const [method, message] of issuing) {
      const authorization = assertion(shared.time.nowMs);
      expect(await validate(one, authorization)).toBe(200);
      expect(await validate(other, authorization)).toBe(200);
      const first = await one.rpc(method, message, { authorization });
      expect(reasonOf(first)).not.toBe("CALLER_UNAUTHENTICATED");
      for (const [again, said] of issuing) refused(await other.rpc(again, said, { authorization }));
      refused(await third.rpc(method, message, { authorization }));
      refused(await one.rpc(method, message, { authorization }));
      expect(await validate(third, authorization)).toBe(200);
    }
    expect(other.logText()).toContain('"proof":"assertion","proof_problem":"replayed"');
  });

  it.each(everywhereShared)("at the same time on all replicas is good once, with %s", async (_name, where) => {
    const { stack: shared, replicas } = await servers.given(where, { change: withProofs(platforms) });
    const authorization = assertion(shared.time.nowMs);
    const answers = await Promise.all(
      [...replicas, ...replicas, ...replicas].map((at) => at.rpc("CreateAuthorizationUrl", { provider: "main" }, { authorization })),
    );
    expect(answers.map((answer) => reasonOf(answer) ?? "OK").toSorted()).toEqual([
      ...Array.from({ length: 8 }, () => "CALLER_UNAUTHENTICATED"),
      "OK",
    ]);
  });

  it("of one service leaves the same id of another alone", async () => {
    const claims = { jti: "shared-id" };
    const mine = assertion(now(), { claims });
    expect((await stack.cambio.rpc("CreateAuthorizationUrl", atUrl.message, { authorization: mine })).status).toBe(200);
    const theirs = assertion(now(), { claims: { ...claims, iss: "orders", sub: "orders" }, key: keys.orders });
    // It may not do that; who it is was believed.
    expect(reasonOf(await stack.cambio.rpc("CreateAuthorizationUrl", atUrl.message, { authorization: theirs }))).toBe("CALLER_NOT_ALLOWED");
  });
});
