import type { HandlerContext } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { TokenExchangeService } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { createAuthenticate } from "../../src/callers/authenticate.ts";
import { type Client, type Method, methods } from "../../src/exchange/clients.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { Call } from "../../src/rpc/call.ts";
import {
  type CallerLimits,
  type Callers,
  callOf as callIn,
  createGate,
  enter,
  type Entrance,
  type ShownProof,
  spendProof,
} from "../../src/rpc/caller.ts";
import { clientOf, outcomeOf, recordingAudit, refusal } from "../exchange/fixtures.ts";
import { callOf, callersOf, contextOf, entranceOf } from "./fixtures.ts";

const page = clientOf({
  id: "page",
  kind: "browser",
  origins: new Set(["https://app.example"]),
  methods: new Set<Method>(["Exchange", "Refresh"]),
});
const orders = clientOf({ id: "orders", kind: "service", methods: new Set<Method>(["ValidateCrossClient"]) });
const proved = (client: Client) =>
  createAuthenticate(
    {
      clock: () => 0,
      issuer: undefined,
      usedAssertions: { claim: () => Promise.resolve(true) },
      workloadIssuers: new Map(),
    },
    [{ client, secrets: [new Secret("orders-secret")], assertions: undefined, workloads: [], certificates: [] }],
  );
const callers: Callers = { ...callersOf(page, orders), authenticate: proved(orders) };

const proof = `Basic ${Buffer.from("orders:orders-secret").toString("base64")}`;
const forged = `Basic ${Buffer.from("orders:guess").toString("base64")}`;

interface Arrival {
  readonly method: string;
  readonly authorization?: string | undefined;
  readonly typeName?: string;
  readonly repeated?: boolean;
}

async function arrive(
  call: Call,
  { method, authorization, typeName, repeated = false }: Arrival,
  entrance = entranceOf(callers),
): Promise<void> {
  const service = { typeName: typeName ?? TokenExchangeService.typeName };
  const context = { ...contextOf(call), service, method: { name: method } } as unknown as HandlerContext;
  await createGate(entrance, TokenExchangeService.typeName)(context, { authorization, repeated });
}

const asked = (clientId: string, method: Method = "Exchange") => ({ clientId, method });

const full: Entrance["takePlace"] = () => {
  throw new ExchangeError("OVERLOADED");
};

/** Limits that write down what they are asked, and refuse where `refusing` says. */
function countingLimits(refusing?: keyof CallerLimits): { readonly counted: string[]; readonly limits: CallerLimits } {
  const counted: string[] = [];
  const count = (name: keyof CallerLimits) => {
    return (...who: readonly string[]) => {
      counted.push([name, ...who].join(" "));
      if (name === refusing) throw new ExchangeError("RATE_LIMITED");
    };
  };
  const limits = {
    ofUnproven: count("ofUnproven"),
    ofService: count("ofService"),
    ofPublicClient: count("ofPublicClient"),
  };
  return { counted, limits };
}

describe("the gate before the body", () => {
  it.each([
    ["anonymous", "Exchange", undefined, undefined],
    ["anonymous", "Refresh", undefined, undefined],
    ["anonymous", "ValidateCrossClient", undefined, "CALLER_UNAUTHENTICATED"],
    ["anonymous", "CreateAuthorizationUrl", undefined, "CALLER_UNAUTHENTICATED"],
    ["a proved service", "ValidateCrossClient", proof, undefined],
    ["a proved service", "Exchange", proof, "CALLER_NOT_ALLOWED"],
    ["a guesser", "ValidateCrossClient", forged, "CALLER_UNAUTHENTICATED"],
    ["a guesser, although anonymous would pass", "Exchange", forged, "CALLER_UNAUTHENTICATED"],
    ["an empty header, although anonymous would pass", "Exchange", "", "CALLER_UNAUTHENTICATED"],
    ["a bearer token, although anonymous would pass", "Exchange", "Bearer x", "CALLER_UNAUTHENTICATED"],
    ["two proofs, although each would pass", "ValidateCrossClient", `${proof}, ${proof}`, "CALLER_UNAUTHENTICATED"],
    ["anonymous, to a method that no public client may call", "Revoke", undefined, "CALLER_UNAUTHENTICATED"],
    ["a proved service, to a method that it may not call", "Revoke", proof, "CALLER_NOT_ALLOWED"],
    ["anonymous, to a method that does not exist", "Forget", undefined, "CALLER_NOT_ALLOWED"],
    ["a proved service, to a method that does not exist", "Forget", proof, "CALLER_NOT_ALLOWED"],
  ] as const)("%s to %s", async (_who, method, authorization, reason) => {
    const outcome = await arrive(callOf(), { method, authorization }).catch((failure: unknown) => failure);
    expect(outcome).toEqual(reason === undefined ? undefined : refusal(reason, { field: "CALLER" }));
  });

  it("notes the proved service for the log, refused or not, and nobody who only claims to be it", async () => {
    const calls = [callOf(), callOf(), callOf()] as const;
    await arrive(calls[0], { method: "ValidateCrossClient", authorization: proof });
    await expect(arrive(calls[1], { method: "Exchange", authorization: proof })).rejects.toThrow(refusal("CALLER_NOT_ALLOWED"));
    await expect(arrive(calls[2], { method: "Exchange", authorization: forged })).rejects.toThrow(refusal("CALLER_UNAUTHENTICATED"));
    expect(calls.map((call) => [call.caller, call.service])).toEqual([
      ["orders", orders],
      ["orders", orders],
      ["", undefined],
    ]);
  });

  it("puts a call to any method of the contract on the audit trail, refused or not, and notes the rule that refused it", async () => {
    const calls = [callOf(), callOf()] as const;
    await expect(arrive(calls[0], { method: "Exchange", authorization: forged })).rejects.toThrow(refusal("CALLER_UNAUTHENTICATED"));
    await expect(arrive(calls[1], { method: "Exchange", authorization: proof })).rejects.toThrow(refusal("CALLER_NOT_ALLOWED"));
    expect(calls.map((call) => call.audited)).toEqual(["Exchange", "Exchange"]);
    expect(calls[1].notes).toEqual({ rule: "clients.orders.methods" });
  });

  it("lets no disabled service through, whatever it lists and however well it proves itself", async () => {
    const disabled = clientOf({ ...orders, disabled: true, reportOnly: new Set(["methods"]) });
    const entrance = entranceOf({ ...callersOf(page, disabled), authenticate: proved(disabled) });
    for (const method of methods) {
      const call = callOf();
      await expect(arrive(call, { method, authorization: proof }, entrance)).rejects.toThrow(refusal("CALLER_NOT_ALLOWED"));
      expect(call.notes.rule).toBe("clients.orders.disabled");
    }
  });

  it("leaves health and reflection open, off the audit trail, and does not look at who asks", async () => {
    const call = callOf();
    await arrive(call, { method: "Check", authorization: forged, typeName: "grpc.health.v1.Health" });
    expect([call.service, call.audited]).toEqual([undefined, undefined]);
  });

  it("knows every method of the service, and no other", () => {
    expect(TokenExchangeService.methods.map((method) => method.name).toSorted()).toEqual(methods.toSorted());
  });

  it.each([
    ["ValidateCrossClient", false],
    ["Exchange", true],
    ["Refresh", true],
    ["Revoke", true],
    ["CreateAuthorizationUrl", true],
  ])("says of %s whether it spends a proof that is good once: %j", async (method, issues) => {
    const shown: ShownProof[] = [];
    const authenticate = (one: ShownProof) => {
      shown.push(one);
      return orders;
    };
    await arrive(callOf(), { method, authorization: proof }, entranceOf({ ...callers, authenticate })).catch(() => undefined);
    expect(shown).toEqual([{ authorization: proof, certificate: undefined, issues }]);
  });
});

describe("the limits at the gate", () => {
  it("count a proved service by its name, whatever others do at its address", async () => {
    const { counted, limits } = countingLimits("ofUnproven");
    await arrive(callOf(), { method: "ValidateCrossClient", authorization: proof }, entranceOf(callers, { limits }));
    expect(counted).toEqual(["ofService orders"]);
  });

  it.each([
    ["a guesser", forged],
    ["nobody, where only services may call", undefined],
  ])("hold %s against the limit of the address", async (_name, authorization) => {
    const { counted, limits } = countingLimits();
    const arriving = arrive(callOf(), { method: "ValidateCrossClient", authorization }, entranceOf(callers, { limits }));
    await expect(arriving).rejects.toThrow(refusal("CALLER_UNAUTHENTICATED"));
    expect(counted).toEqual(["ofUnproven 192.0.2.1"]);
  });

  it.each([forged, undefined])("tell an address that guesses too often no more than that (%s)", async (authorization) => {
    const entrance = entranceOf(callers, countingLimits("ofUnproven"));
    await expect(arrive(callOf(), { method: "Exchange", authorization }, entrance)).rejects.toThrow(refusal("RATE_LIMITED"));
  });

  it("refuse a proved service that calls too often, even what it may call", async () => {
    const entrance = entranceOf(callers, countingLimits("ofService"));
    const arriving = arrive(callOf(), { method: "ValidateCrossClient", authorization: proof }, entrance);
    await expect(arriving).rejects.toThrow(refusal("RATE_LIMITED"));
  });
});

const enterPage = (entrance: Entrance, call: Call) => enter(entrance, call, asked("page"));
/** Writes down who takes a place, and who gives one back. */
function countedPlaces() {
  const places: string[] = [];
  const takePlace: Entrance["takePlace"] = (method) => {
    places.push(`${method} in`);
    return () => places.push(`${method} out`);
  };
  return { places, entrance: entranceOf(callers, { takePlace }) };
}

describe("a place among the calls of this moment", () => {
  const validate = { method: "ValidateCrossClient", authorization: proof };
  it("is not taken by whoever shows nothing, until the message was decoded, however many calls are open", async () => {
    const { places, entrance } = countedPlaces();
    const calls = Array.from({ length: 1_000 }, () => callOf({ origin: "https://app.example" }));
    await Promise.all(calls.map((call) => arrive(call, { method: "Exchange" }, entrance)));
    expect(places).toEqual([]);
    enterPage(entrance, calls[0] ?? callOf());
    expect(places).toEqual(["Exchange in"]);
  });

  it("is taken once by a service, when it has proved itself, and given back by the call", async () => {
    const { places, entrance } = countedPlaces();
    const call = callOf();
    await arrive(call, validate, entrance);
    enter(entrance, call, asked("", "ValidateCrossClient"));
    call.leave();
    expect(places).toEqual(["ValidateCrossClient in", "ValidateCrossClient out"]);
  });

  it.each([
    ["a guesser", "Exchange", forged, "CALLER_UNAUTHENTICATED"],
    ["a service that may not call this", "Exchange", proof, "CALLER_NOT_ALLOWED"],
  ] as const)("is not taken by %s", async (_name, method, authorization, reason) => {
    const { places, entrance } = countedPlaces();
    await expect(arrive(callOf(), { method, authorization }, entrance)).rejects.toThrow(refusal(reason));
    expect(places).toEqual([]);
  });

  it("is not taken by a service that calls too often", async () => {
    const { places, entrance } = countedPlaces();
    const limited = { ...entrance, ...countingLimits("ofService") };
    await expect(arrive(callOf(), validate, limited)).rejects.toThrow(refusal("RATE_LIMITED"));
    expect(places).toEqual([]);
  });

  it("is not taken by a call whose end was noted meanwhile, as nobody would give it back", async () => {
    const { places, entrance } = countedPlaces();
    await expect(arrive(callOf({ ended: true }), validate, entrance)).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    const left = callOf({ ended: true, origin: "https://app.example" });
    expect(() => enterPage(entrance, left)).toThrow(refusal("DEADLINE_EXCEEDED"));
    expect(places).toEqual([]);
  });

  it("is refused where there is none", async () => {
    const entrance = entranceOf(callers, { takePlace: full });
    await expect(arrive(callOf(), validate, entrance)).rejects.toThrow(refusal("OVERLOADED"));
    expect(() => enterPage(entrance, callOf({ origin: "https://app.example" }))).toThrow(refusal("OVERLOADED"));
  });
});

/** As `orders`, whose proof is by now that of somebody else, or of nobody. */
const spendAs = (now: Client | undefined) => {
  const changed: Callers = { ...callersOf(orders), authenticate: () => now };
  return spendProof(entranceOf(changed), callOf({ service: orders }), "any", new AbortController());
};

describe("a proof that is shown once more, as the call turns out to issue something", () => {
  it("is that of the service that was let in", async () => {
    await expect(spendAs(orders)).resolves.toBeUndefined();
  });

  it.each([
    ["another service, as the configuration was reloaded meanwhile", clientOf({ id: "billing", kind: "service" })],
    ["nobody any more", undefined],
  ])("is refused where it is that of %s", async (_who, now) => {
    await expect(spendAs(now)).rejects.toThrow(refusal("CALLER_UNAUTHENTICATED", { field: "CALLER" }));
  });

  it("is asked for as one that is spent", async () => {
    const shown: ShownProof[] = [];
    const watching: Callers = {
      ...callersOf(orders),
      authenticate(one) {
        shown.push(one);
        return orders;
      },
    };
    await spendProof(entranceOf(watching), callOf({ service: orders }), "Bearer x", new AbortController());
    expect(shown).toEqual([{ authorization: "Bearer x", certificate: undefined, issues: true }]);
  });
});

describe("two authorization headers", () => {
  const both = { method: "ValidateCrossClient", authorization: proof, repeated: true };

  it("are refused whatever is in them, on record as a proof that failed, and held against the address", async () => {
    const { counted, limits } = countingLimits();
    const call = callOf();
    const refused = refusal("CALLER_UNAUTHENTICATED", { field: "CALLER", cause: { kind: "proof", proof: "basic", problem: "repeated" } });
    expect(await arrive(call, both, entranceOf(callers, { limits })).catch((failure: unknown) => failure)).toEqual(refused);
    expect([call.audited, call.caller, counted]).toEqual(["ValidateCrossClient", "", ["ofUnproven 192.0.2.1"]]);
  });

  it("tell an address that guesses too often no more than that", async () => {
    const entrance = entranceOf(callers, countingLimits("ofUnproven"));
    await expect(arrive(callOf(), both, entrance)).rejects.toThrow(refusal("RATE_LIMITED"));
  });
});

describe("the client of a decoded call", () => {
  it("is the one that the message names, and is noted", () => {
    const call = callOf({ origin: "https://app.example" });
    const { limits, counted } = countingLimits();
    const { client, trail } = enter(entranceOf(callers, { limits }), call, asked("page"));
    expect([client, call.caller, trail.payer]).toEqual([page, "page", { client: "page", address: "192.0.2.1" }]);
    expect(counted).toEqual(["ofPublicClient page 192.0.2.1"]);
  });

  it("is the service that proved itself at the gate, which answers for its failures wherever it calls from", () => {
    const call = callOf({ service: orders });
    const { limits, counted } = countingLimits();
    const { client, trail } = enter(entranceOf(callers, { limits }), call, asked("", "ValidateCrossClient"));
    expect([client, trail.payer]).toEqual([orders, { client: "orders", address: undefined }]);
    expect(counted).toEqual([]);
  });

  it("is no service that was taken out of the configuration while its message came", () => {
    const call = callOf({ service: orders });
    const without = { ...callers, clients: new Map([...callers.clients].filter(([id]) => id !== orders.id)) };
    expect(() => enter(entranceOf(without), call, asked("", "ValidateCrossClient"))).toThrow(refusal("CALLER_UNAUTHENTICATED"));
  });

  it("is the service as the configuration has it by then: one that was disabled meanwhile may do nothing", () => {
    const call = callOf({ service: orders });
    const disabled = { ...callers, clients: new Map(callers.clients).set(orders.id, { ...orders, disabled: true }) };
    expect(() => enter(entranceOf(disabled), call, asked("", "ValidateCrossClient"))).toThrow(refusal("CALLER_NOT_ALLOWED"));
  });

  it("is not the service whose id an anonymous caller puts into the message", () => {
    const call = callOf();
    const entering = () => enter(entranceOf(callers), call, asked("orders", "ValidateCrossClient"));
    expect(entering).toThrow(refusal("CALLER_UNAUTHENTICATED"));
    expect(call.caller).toBe("");
  });

  it("is refused where it calls too often from that address", () => {
    const entrance = entranceOf(callers, countingLimits("ofPublicClient"));
    expect(() => enter(entrance, callOf({ origin: "https://app.example" }), asked("page"))).toThrow(refusal("RATE_LIMITED"));
  });

  it("is looked up with the origin that the call came with", () => {
    const call = callOf({ origin: "https://evil.example" });
    expect(() => enter(entranceOf(callers), call, asked("page"))).toThrow(refusal("ORIGIN_NOT_ALLOWED", { field: "CALLER" }));
    expect(call.notes.rule).toBe("clients.page.origins");
  });

  it("is asked for the method that is called, not for one that it may call", () => {
    const call = callOf({ origin: "https://app.example" });
    expect(() => enter(entranceOf(callers), call, asked("page", "Revoke"))).toThrow(refusal("CALLER_NOT_ALLOWED"));
  });

  it.each(methods)("is not a disabled one: %s", (method) => {
    const entrance = entranceOf(callersOf(clientOf({ ...page, methods: new Set(methods), disabled: true })));
    const outcome = outcomeOf(() => enter(entrance, callOf({ origin: "https://app.example" }), asked("page", method)));
    expect(outcome).toEqual(refusal("CALLER_NOT_ALLOWED", { cause: { kind: "policy", rule: "clients.page.disabled" } }));
  });

  it("is held against the configuration of now, and not of when the service started", () => {
    let now = callers;
    const entrance = entranceOf(() => now);
    const origin = "https://app.example";
    expect(enter(entrance, callOf({ origin }), asked("page")).client).toBe(page);
    now = callersOf(clientOf({ ...page, disabled: true }));
    expect(() => enter(entrance, callOf({ origin }), asked("page"))).toThrow(refusal("CALLER_NOT_ALLOWED"));
  });
});

describe("the trail of a call", () => {
  it("adds up what report-only rules would have refused, and what the operation notes", () => {
    const tried = clientOf({ ...page, reportOnly: new Set(["methods"]) });
    const call = callOf({ origin: "https://app.example" });
    const { trail } = enter(entranceOf(callersOf(tried)), call, { clientId: "page", method: "Revoke" });
    trail.note({ reported: ["clients.page.methods", "audiences.orders.accepts.main.clients"], provider: "main" });
    trail.note({ subject: "alice" });
    expect(call.notes).toEqual({
      rule: "clients.page.methods",
      reported: ["clients.page.methods", "audiences.orders.accepts.main.clients"],
      provider: "main",
      subject: "alice",
    });
  });

  it("puts an intent on record with all that is known so far, the credential as a hash only", async () => {
    const audit = recordingAudit();
    const entrance = entranceOf(callers, { recorder: { audit, tokenHash: (credential) => `hash of ${credential.reveal().length}` } });
    const call = callOf({ origin: "https://app.example", audited: "Exchange" });
    const { trail } = enter(entrance, call, { clientId: "page", method: "Exchange" });
    trail.note({ provider: "main", credential: new Secret("the code") });
    await trail.intent();
    expect(audit.entries).toEqual([
      {
        kind: "intent",
        requestId: "r1",
        method: "Exchange",
        protocol: "connect",
        address: "192.0.2.1",
        caller: "page",
        rule: "clients.page.methods",
        provider: "main",
        token: "hash of 8",
      },
    ]);
  });
});

it("a call that did not pass the transport is a mistake of ours, and no caller's", () => {
  const { values } = contextOf(callOf());
  expect(callIn(values)).toMatchObject({ requestId: "r1" });
  expect(() => callIn({ ...values, get: () => undefined } as never)).toThrow(/without passing the transport/);
});
