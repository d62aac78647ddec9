import { describe, expect, it } from "vitest";
import { createConfiguredKeys } from "../../src/callers/configured-keys.ts";
import { createWorkloads } from "../../src/callers/workload.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { createAccessTokenVerifier } from "../../src/keys/access-token-verifier.ts";
import { createKeySet } from "../../src/keys/key-set.ts";
import { refusal } from "../exchange/fixtures.ts";
import { assertionOf, billing, cambio, cluster, createRig, keys, now, nowMs, orders, refusedFor, workloadOf } from "./rig.ts";

const ordersSubject = "system:serviceaccount:shop:orders";
const billingSubject = "system:serviceaccount:shop:billing";

describe("a service proves itself by its platform's token", () => {
  it.each<[string, string]>([
    ["as Kubernetes makes it", workloadOf()],
    ["whose audience is one text", workloadOf({ aud: "cambio" })],
    ["of type JWT", workloadOf({}, { typ: "JWT" })],
    ["that lives for a day", workloadOf({ iat: now, exp: now + 86_400 })],
    ["that names no key, where one alone fits", workloadOf({}, { kid: undefined })],
  ])("%s", async (_name, authorization) => {
    expect(await createRig().prove(authorization)).toBe(orders);
  });

  it("again and again, also for calls that issue: it is made to be", async () => {
    const { prove, used } = createRig();
    expect(await prove(workloadOf(), { issues: true })).toBe(orders);
    expect(await prove(workloadOf(), { issues: true })).toBe(orders);
    expect(used.claims).toEqual([]);
  });

  it("and another service by its own", async () => {
    expect(await createRig().prove(workloadOf({ sub: billingSubject, aud: ["cambio-billing"] }))).toBe(billing);
  });
});

describe("an attacker does not become a service by a token", () => {
  it.each<[string, string, string]>([
    ["of another service account", workloadOf({ sub: "system:serviceaccount:shop:mallory" }), "subject"],
    ["of the account's name in another namespace", workloadOf({ sub: "system:serviceaccount:evil:orders" }), "subject"],
    ["of the account, spelled another way", workloadOf({ sub: `${ordersSubject} ` }), "subject"],
    ["of a subject that every object has", workloadOf({ sub: "__proto__" }), "subject"],
    ["of a list of accounts", workloadOf({ sub: [ordersSubject] }), "subject"],
    ["of nobody", workloadOf({ sub: undefined }), "subject"],
    ["of the account, with the audience of another", workloadOf({ aud: ["cambio-billing"] }), "subject"],
    ["of another account, with the audience of this", workloadOf({ sub: billingSubject }), "subject"],
    ["for the cluster itself, which every pod holds", workloadOf({ aud: [cluster] }), "audience"],
    ["for another recipient too, which could show it here", workloadOf({ aud: ["cambio", "other"] }), "audience"],
    ["for another recipient", workloadOf({ aud: ["other"] }), "audience"],
    ["for nobody in particular", workloadOf({ aud: undefined }), "audience"],
    ["for a number", workloadOf({ aud: 7 }), "audience"],
    ["of the old kind, without an end", workloadOf({ exp: undefined }), "times"],
    ["without a beginning", workloadOf({ iat: undefined }), "times"],
    ["that has expired", workloadOf({ iat: now - 60, exp: now }), "expired"],
    ["that lives for more than a day", workloadOf({ iat: now, exp: now + 86_401 }), "lifetime"],
    ["from the future", workloadOf({ iat: now + 31, nbf: undefined }), "not_yet_valid"],
    ["that is not valid yet", workloadOf({ nbf: now + 31 }), "not_yet_valid"],
    ["that is an access token", workloadOf({}, { typ: "at+jwt" }), "type"],
    ["bound to a key that is not shown", workloadOf({ cnf: { "x5t#S256": "x" } }), "bound"],
  ])("%s, and no key is asked for", async (_name, authorization, problem) => {
    const { prove, asked } = createRig();
    await expect(prove(authorization)).rejects.toThrow(refusedFor("workload", problem));
    expect(asked).toEqual([]);
  });

  it.each<[string, string]>([
    ["signed by a service in its platform's name", workloadOf({}, {}, keys.billing)],
    ["signed by a service under a key id of the platform", workloadOf({}, { kid: "cluster-1" }, keys.billing)],
    ["with an algorithm that the issuer's configuration does not list", workloadOf({}, {}, keys.orders)],
    ["whose key comes along in its header", workloadOf({}, { jwk: keys.billing.jwk, kid: "mine" }, keys.billing)],
  ])("%s", async (_name, authorization) => {
    await expect(createRig().prove(authorization)).rejects.toThrow(refusedFor("workload", "signature"));
  });

  it("of an issuer that is not trusted, and nobody is asked for its keys", async () => {
    const { prove, asked } = createRig();
    for (const iss of ["https://evil.example", `${cluster}/`, cluster.toUpperCase(), "cluster", "__proto__", undefined, [cluster]]) {
      await expect(prove(workloadOf({ iss }))).rejects.toThrow(refusedFor("assertion", "unknown_issuer"));
    }
    expect(asked).toEqual([]);
  });

  it("of the platform, in the form of an assertion: whose token it is decides how it is judged", async () => {
    const claims = { iss: "orders", sub: "orders", aud: cambio, iat: now, exp: now + 60, jti: "x" };
    await expect(createRig().prove(assertionOf(claims, {}, keys.cluster))).rejects.toThrow(refusedFor("assertion", "signature"));
    await expect(createRig().prove(workloadOf({ sub: "orders", aud: cambio }, {}, keys.orders))).rejects.toThrow(
      refusedFor("workload", "audience"),
    );
  });
});

const userIssuer = "https://login.example.com";
const verifierOf = (issuer: string, key: typeof keys.cluster) =>
  createAccessTokenVerifier(
    { keySet: createConfiguredKeys([key.jwk]), clock: () => nowMs },
    {
      provider: "main",
      issuer,
      issuerCheck: true,
      algorithms: ["RS256", "ES256"],
      denyKeyIds: [],
      headerTypes: ["at+jwt"],
      payloadType: undefined,
      clientClaims: ["client_id"],
      expiryBufferMs: 0,
      clockToleranceMs: 30_000,
      maxLifetimeMs: 86_400_000,
      keySource: issuer,
    },
  );

describe("a proof of a service and a token of a user are never one for the other", () => {
  const signal = AbortSignal.timeout(10_000);

  it("an attacker who stole a user's token does not become a service with it", async () => {
    const claims = { iss: userIssuer, sub: "alice", client_id: "web", aud: ["cambio"], iat: now, exp: now + 300 };
    const token = keys.billing.token(claims, { typ: "at+jwt" });
    await expect(verifierOf(userIssuer, keys.billing).verify(new Secret(token), signal)).resolves.toBeDefined();
    await expect(createRig().prove(`Bearer ${token}`)).rejects.toThrow(refusedFor("assertion", "unknown_issuer"));
  });

  it.each([
    ["workload token", workloadOf(), keys.cluster],
    ["assertion", assertionOf(), keys.orders],
  ])("a service does not become a user with its own %s", async (_name, authorization, key) => {
    const token = new Secret(authorization.replace("Bearer ", ""));
    expect(await createRig().prove(authorization)).toBe(orders);
    await expect(verifierOf(userIssuer, keys.billing).verify(token, signal)).rejects.toThrow(refusal("ISSUER_NOT_TRUSTED"));
    // Not even where somebody had made its signer a provider: its type is not that of an access token.
    const issuer = key === keys.cluster ? cluster : "orders";
    await expect(verifierOf(issuer, key).verify(token, signal)).rejects.toThrow(refusal("TOKEN_TYPE_MISMATCH"));
  });
});

function rigOver(fetchJwks: () => Promise<unknown>) {
  const keySet = createKeySet({ fetchJwks, clock: () => nowMs });
  return createRig({ workloadIssuers: new Map([["cluster", { issuer: cluster, algorithms: ["RS256"], keySet }]]) });
}

describe("while the platform's keys cannot be had", () => {
  it("nobody is accepted, and nobody is told that the proof is wrong", async () => {
    const { prove } = rigOver(() => Promise.reject(new ExchangeError("UPSTREAM_UNAVAILABLE")));
    await expect(prove(workloadOf())).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE"));
  });

  it("they are fetched once for all calls, and kept", async () => {
    let fetches = 0;
    const { prove } = rigOver(async () => {
      fetches += 1;
      return { keys: [keys.cluster.jwk] };
    });
    expect(await Promise.all([prove(workloadOf()), prove(workloadOf()), prove(workloadOf())])).toEqual([orders, orders, orders]);
    expect(await prove(workloadOf())).toBe(orders);
    expect(fetches).toBe(1);
  });
});

it("a service that names an issuer that is not there is a mistake at start", () => {
  const service = { client: orders, workloads: [{ issuer: "cluster", subject: "s", audience: "a" }] };
  expect(() => createWorkloads({ clock: () => nowMs, workloadIssuers: new Map() }, [service])).toThrow(/cluster is not configured/);
});
