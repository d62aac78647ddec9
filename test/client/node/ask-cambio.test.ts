import type { Transport } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { createAskCambio, keyOf, type Question } from "../../../src/client/node/ask-cambio.ts";

const question: Question = { token: "t", audience: "a", provider: "p", scopes: ["r", "w"] };

it.each([
  { ...question, token: "ta", audience: "" },
  { ...question, audience: "" },
  { ...question, audience: "p", provider: "a" },
  { ...question, provider: "" },
  { ...question, provider: "pr", scopes: ["w"] },
  { ...question, scopes: ["rw"] },
  { ...question, scopes: ["r"] },
  { ...question, scopes: ["r", "w", ""] },
  { ...question, token: "t1:a", audience: "" },
])("%j is remembered apart from another question", (other) => {
  expect(keyOf(other)).not.toBe(keyOf(question));
});

it("the order of scopes makes no other question, and the token is not in the key", () => {
  expect(keyOf({ ...question, scopes: ["w", "r", "w"] })).toBe(keyOf(question));
  expect(keyOf({ ...question, token: "secret-token" })).toMatch(/^[\w-]{43}$/);
});

const never = () => new Promise<never>(() => undefined);

it("a transport that looks at no time limit is left at the time limit", async () => {
  const transport: Transport = { unary: never, stream: never };
  expect(await createAskCambio(transport, undefined, 20)(question)).toMatchObject({ kind: "undecided", reason: "DeadlineExceeded" });
});
