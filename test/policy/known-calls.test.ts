import { describe, expect, it } from "vitest";
import { methods } from "../../src/exchange/clients.ts";
import { type CallQuestion, type PolicyQuestion, useOf } from "../../src/exchange/decision.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import { rememberCalls } from "../../src/policy/known-calls.ts";
import { clientOf } from "../exchange/fixtures.ts";

const listed = "https://app.example";
const only = { methods: new Set(["Exchange"] as const) };
const clients = [
  clientOf({ id: "page", kind: "browser", origins: new Set([listed]), ...only }),
  clientOf({ id: "tool", kind: "native", ...only }),
  clientOf({ id: "orders", kind: "service", ...only }),
  clientOf({ id: "trial", kind: "service", reportOnly: new Set(["methods"]), ...only }),
  clientOf({ id: "gone", kind: "service", disabled: true, ...only }),
];
const questions: readonly CallQuestion[] = clients.flatMap((client) =>
  methods.flatMap((method) =>
    [undefined, listed, "https://evil.example"].flatMap((origin) =>
      [true, false].map((proofInMessage) => ({ kind: "call", client, method, origin, proofInMessage }) as const),
    ),
  ),
);
const decide = createDecide(new Map());

/** What policy itself was asked. */
function asking() {
  const asked: PolicyQuestion[] = [];
  const remembering = rememberCalls((question) => {
    asked.push(question);
    return decide(question);
  });
  return { asked, remembering };
}

describe("what is remembered of calls", () => {
  it("is what policy says, the first time and every time", () => {
    const { remembering } = asking();
    for (const question of [...questions, ...questions.toReversed(), ...questions]) expect(remembering(question)).toEqual(decide(question));
  });

  it("is asked once for each client, method and place of the proof", () => {
    const { asked, remembering } = asking();
    const quiet = questions.filter(({ origin }) => origin === undefined);
    for (const question of [...quiet, ...quiet]) remembering(question);
    expect(asked).toEqual(quiet);
  });

  it("does not grow with what callers make up: an origin is looked at anew", () => {
    const { asked, remembering } = asking();
    const named = questions.filter(({ origin }) => origin !== undefined);
    for (const question of [...named, ...named]) remembering(question);
    expect(asked).toHaveLength(2 * named.length);
  });

  it("is of one client of one configuration: another one of its name is asked about itself", () => {
    const { remembering } = asking();
    const question = { kind: "call", method: "Exchange", origin: undefined, proofInMessage: false } as const;
    const before = clientOf({ id: "orders", kind: "service", ...only });
    expect(remembering({ ...question, client: before }).refusal).toBeUndefined();
    expect(remembering({ ...question, client: { ...before, disabled: true } }).refusal?.rule).toBe("clients.orders.disabled");
  });

  it("is of calls only: every other question is decided anew", () => {
    const { asked, remembering } = asking();
    const use = useOf(clientOf({ kind: "browser" }), "main");
    for (const question of [use, use]) remembering(question);
    expect(asked).toHaveLength(2);
  });
});
