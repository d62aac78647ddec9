import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maxActors, readActors, readMayAct } from "../../../src/exchange/token/actor-chain.ts";
import type { JsonObject, JsonValue } from "../../../src/exchange/token/strict-json.ts";

const chain = (length: number): JsonObject | undefined =>
  Array.from({ length }, (_, index) => index).reduce<JsonObject | undefined>(
    (act, index) => ({ sub: `a${index}`, ...(act === undefined ? {} : { act }) }),
    undefined,
  );

describe("a chain of actors (act)", () => {
  it("is read from the outside in, each with the issuer and the client that it names", () => {
    const act = { sub: "now", iss: "https://one.example", client_id: "c", act: { sub: "before" } };
    expect(readActors(act, "")).toEqual([
      { issuer: "https://one.example", subject: "now", clientId: "c" },
      { issuer: "", subject: "before", clientId: "" },
    ]);
  });

  it("is empty where nobody acts", () => {
    expect(readActors(undefined, "")).toEqual([]);
  });

  it("gives an unnamed issuer the word of whoever reads it", () => {
    expect(readActors({ sub: "now" }, "https://read.example")?.[0]?.issuer).toBe("https://read.example");
  });

  it.each([0, 1, 2, 3, 4])("of %i is read whole", (length) => {
    expect(readActors(chain(length), "")).toHaveLength(length);
  });

  it.each([5, 6, 60])("of %i is refused rather than cut to four", (length) => {
    expect(readActors(chain(length), "")).toBeUndefined();
  });

  it.each<[string, JsonValue]>([
    ["is a text", "gateway"],
    ["is a list", [{ sub: "gateway" }]],
    ["is null", null],
    ["names nobody", {}],
    ["names a client only, as no chain of ours does", { client_id: "gw" }],
    ["names the empty subject", { sub: "" }],
    ["names a number", { sub: 1 }],
    ["has an issuer that is none", { sub: "gateway", iss: 1 }],
    ["has a client that is none", { sub: "gateway", client_id: [] }],
    ["has an empty issuer, which would be read as the token's", { sub: "gateway", iss: "" }],
    ["goes on with something else", { sub: "gateway", act: "batch" }],
    ["goes on with null", { sub: "gateway", act: null }],
    ["has a subject that leaves as another one", { sub: "\ud800" }],
  ])("that %s is no chain, and never an empty one", (_what, act) => {
    expect(readActors(act, "")).toBeUndefined();
  });
});

describe("who may act (may_act)", () => {
  const nobody = { issuer: "", subject: "", clientId: "" };

  it("is not said where the claim is absent", () => {
    expect(readMayAct(undefined)).toBeUndefined();
  });

  it.each<[string, JsonValue, object]>([
    ["a subject", { sub: "robot" }, { subject: "robot" }],
    ["a client", { client_id: "agent" }, { clientId: "agent" }],
    [
      "both, of an issuer",
      { sub: "robot", client_id: "agent", iss: "https://one.example" },
      { issuer: "https://one.example", subject: "robot", clientId: "agent" },
    ],
  ])("is %s", (_what, claim, said) => {
    expect(readMayAct(claim)).toEqual({ ...nobody, ...said });
  });

  it.each<[string, JsonValue]>([
    ["a text", "robot"],
    ["a list, of which one would have to be chosen", [{ sub: "robot" }]],
    ["null", null],
    ["nothing", {}],
    ["something that nobody here can hold against a token as well", { sub: "robot", email: "robot@example.com" }],
    ["a subject of another shape", { sub: 1, client_id: "agent" }],
    ["a client of another shape", { sub: "robot", client_id: null }],
    ["an issuer of another shape", { sub: "robot", iss: {} }],
    ["an empty subject beside a client", { sub: "", client_id: "agent" }],
    ["a chain of its own", { sub: "robot", act: { sub: "batch" } }],
  ])("that is %s means nobody, and never anybody", (_what, claim) => {
    expect(readMayAct(claim)).toEqual(nobody);
  });

  it("is nobody or is named, whatever JSON it is", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (claim) => {
        const { subject, clientId } = readMayAct(claim) ?? nobody;
        const { sub, client_id } = (typeof claim === "object" && claim !== null ? claim : {}) as Record<string, unknown>;
        expect(subject === "" || subject === sub).toBe(true);
        expect(clientId === "" || clientId === client_id).toBe(true);
      }),
    );
  });
});

it("no chain that is read is longer than the longest that may be", () => {
  const acts = fc.letrec<{ act: JsonValue }>((tie) => ({
    act: fc.oneof(
      { maxDepth: 8 },
      fc.jsonValue().map((one) => one as JsonValue),
      fc.record({ sub: fc.string(), act: tie("act") }),
      fc.record({ sub: fc.string({ minLength: 1 }), act: tie("act") }),
    ),
  })).act;
  fc.assert(
    fc.property(acts, (act) => {
      expect(readActors(act, "")?.length ?? 0).toBeLessThanOrEqual(maxActors);
    }),
  );
});
