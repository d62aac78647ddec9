import { expect, it } from "vitest";
import type { Exchanged } from "../../src/client/exchange.ts";
import { createTokenSource } from "../../src/client/token-source.ts";

const exchanged = (token: string): Exchanged => ({ token, lifeMs: 900_000, userId: "alice" });

it("an exchange that answers although it was called off brings no old token back", async () => {
  const [first, second] = [Promise.withResolvers<Exchanged>(), Promise.withResolvers<Exchanged>()];
  const answers = [first.promise, second.promise];
  const tokens = createTokenSource({
    exchange: () => answers.shift() ?? Promise.reject(new Error("asked too often")),
    now: () => 0,
    onUserChanged: () => undefined,
  });
  const waiting = tokens.get();
  tokens.clear();
  second.resolve(exchanged("new"));
  expect(await tokens.get()).toMatchObject({ token: "new" });
  first.resolve(exchanged("old"));
  expect(await waiting).toMatchObject({ token: "new" });
  expect(await tokens.get()).toMatchObject({ token: "new" });
});
