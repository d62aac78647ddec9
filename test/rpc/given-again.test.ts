import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { ValidateCrossClientResponseSchema } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { createGivenAgain, encodingsOf } from "../../src/rpc/given-again.ts";

const answer = () => create(ValidateCrossClientResponseSchema, { cached: true });

it("the same is answered with the same message, which keeps what it is on the wire", () => {
  const givenAgain = createGivenAgain(answer);
  const token = {};
  const first = givenAgain(token);
  const encodings = encodingsOf(first);
  if (encodings !== undefined) encodings.binary = new Uint8Array([1]);
  expect(givenAgain(token)).toBe(first);
  expect(encodingsOf(givenAgain(token))).toEqual({ binary: new Uint8Array([1]) });
});

it("another object has another answer, though it is equal", () => {
  const givenAgain = createGivenAgain(answer);
  expect(givenAgain({})).not.toBe(givenAgain({}));
});

it("an answer that is given once keeps nothing", () => {
  expect(encodingsOf(answer())).toBeUndefined();
});

it("as many answers are kept as are in use at one moment, and no more", () => {
  let made = 0;
  const givenAgain = createGivenAgain(() => {
    made += 1;
    return answer();
  });
  const tokens = Array.from({ length: 5_000 }, () => ({}));
  for (const token of tokens) givenAgain(token);
  for (const token of tokens.slice(-2_000)) givenAgain(token);
  expect(made).toBe(5_000);
  givenAgain(tokens[0] ?? {});
  expect(made).toBe(5_001);
});
