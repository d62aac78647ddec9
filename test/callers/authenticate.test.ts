import { describe, expect, it } from "vitest";
import type { ShownProof } from "../../src/callers/authenticate.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { assertionOf, basic, billing, certificateOf, createRig, keys, orders, refusedFor, secrets, workloadOf } from "./rig.ts";

const ofBilling = { uris: ["spiffe://example.com/billing"], dnsNames: [] };
const proofs = { secret: basic("orders", secrets.orders), assertion: assertionOf(), "workload token": workloadOf() };

describe("who shows", () => {
  it("nothing is nobody in particular", async () => {
    expect(await createRig().prove(undefined)).toBeUndefined();
  });

  it("an empty header does show something, and it does not hold", async () => {
    await expect(createRig().prove("")).rejects.toThrow(refusedFor("basic", "malformed"));
  });

  it.each(Object.entries(proofs))("a %s is its service, whichever others it could show", async (_name, authorization) => {
    expect(await createRig().prove(authorization)).toBe(orders);
    expect(await createRig().prove(authorization, { issues: true })).toBe(orders);
  });

  it("a secret or a certificate has its answer without waiting for anything", () => {
    const { authenticate } = createRig();
    // A signal costs something to make: whoever does not wait asks for none.
    const patience = {
      get signal(): AbortSignal {
        throw new Error("nobody waits here");
      },
    };
    expect(authenticate({ authorization: proofs.secret, certificate: undefined, issues: true }, patience)).toBe(orders);
    expect(authenticate({ authorization: undefined, certificate: certificateOf(), issues: true }, patience)).toBe(orders);
  });

  it("a service that is disabled is still itself: that it may do nothing is decided where all is decided", async () => {
    const client = { ...orders, disabled: true };
    const service = { client, secrets: [], workloads: [], certificates: [{ dns: "orders.internal" }] };
    expect(await createRig({}, [service]).prove(undefined, { certificate: certificateOf() })).toBe(client);
  });
});

describe("two credentials", () => {
  it.each(Object.entries(proofs))("that agree are as good as one: a certificate and a %s", async (_name, authorization) => {
    expect(await createRig().prove(authorization, { certificate: certificateOf() })).toBe(orders);
  });

  it.each(Object.entries(proofs))("that disagree are none: one service's certificate and another's %s", async (_name, authorization) => {
    const { prove, used } = createRig();
    const shown = prove(authorization, { certificate: certificateOf(ofBilling), issues: true });
    await expect(shown).rejects.toThrow(refusedFor("certificate", "disagrees"));
    // A thief's certificate must not use up what its service has yet to send.
    expect(used.claims).toEqual([]);
  });

  it.each(Object.entries(proofs))("of which the certificate does not hold are none, however good the %s", async (_name, authorization) => {
    const { prove } = createRig();
    for (const given of [{ authorized: false, problem: "CERT_HAS_EXPIRED" }, { validToMs: 0 }, { uris: [], dnsNames: ["stranger"] }]) {
      await expect(prove(authorization, { certificate: certificateOf(given) })).rejects.toThrow(
        expect.objectContaining({ reason: "CALLER_UNAUTHENTICATED", cause: expect.objectContaining({ proof: "certificate" }) }),
      );
    }
  });

  it.each([
    ["secret", basic("orders", secrets.billing)],
    ["assertion", assertionOf({}, {}, keys.stranger)],
    ["workload token", workloadOf({ sub: "system:serviceaccount:shop:mallory" })],
    ["header", ""],
    ["other scheme", "Negotiate x"],
  ])("of which the %s does not hold are none, however good the certificate", async (_name, authorization) => {
    await expect(createRig().prove(authorization, { certificate: certificateOf() })).rejects.toThrow(
      expect.objectContaining({ reason: "CALLER_UNAUTHENTICATED" }),
    );
  });
});

it("no refusal is told from another by what leaves the process", async () => {
  const { prove } = createRig();
  const shown: readonly [string | undefined, Partial<ShownProof>][] = [
    [basic("nobody", "x"), {}],
    [basic("orders", "x"), {}],
    ["Bearer x", {}],
    [assertionOf({ iss: "nobody", sub: "nobody" }), {}],
    [assertionOf({}, {}, keys.stranger), {}],
    [workloadOf({ sub: "x" }), {}],
    [workloadOf({}, {}, keys.billing), {}],
    [undefined, { certificate: certificateOf({ authorized: false }) }],
    [undefined, { certificate: certificateOf({ uris: [], dnsNames: [] }) }],
    [proofs.secret, { certificate: certificateOf(ofBilling) }],
    ["", {}],
  ];
  const told = await Promise.all(
    shown.map(([authorization, more]) =>
      prove(authorization, more).then(
        () => "accepted",
        (failure: unknown) => JSON.stringify([failure, failure instanceof ExchangeError ? failure.message : "another"]),
      ),
    ),
  );
  expect(new Set(told).size).toBe(1);
  expect(told[0]).toContain("CALLER_UNAUTHENTICATED");
});

it("no secret byte of a proof stands in what is thrown", async () => {
  const { prove } = createRig();
  const failure = await prove(basic("orders", "CANARY-secret")).catch((thrown: unknown) => thrown);
  const token = await prove(assertionOf({ aud: "CANARY-aud" })).catch((thrown: unknown) => thrown);
  for (const thrown of [failure, token] as ExchangeError[]) {
    expect(`${thrown.stack} ${JSON.stringify(thrown.cause)}`).not.toContain("CANARY");
  }
});

it("one service's proof never answers for another", async () => {
  const { prove } = createRig();
  expect(await prove(basic("billing", secrets.billing))).toBe(billing);
  await expect(prove(basic("billing", secrets.orders))).rejects.toThrow(refusedFor("basic", "credentials"));
  expect(await prove(undefined, { certificate: certificateOf(ofBilling) })).toBe(billing);
});
