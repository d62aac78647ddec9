// Who acts for somebody shows a token that its provider is asked about (RFC 7662): the question is the caller's, as every other of its call.

import { decodeJwt } from "jose";
import { afterAll, beforeAll, expect, it } from "vitest";
import { reasonOf } from "../support/fake-stack.ts";
import { agentClient, type SessionWorld, startSessionWorld } from "../support/session-world.ts";
import { tokensOf } from "./session-answers.ts";

let world: SessionWorld;
beforeAll(async () => {
  world = await startSessionWorld({
    change: (configuration) => {
      const { main } = configuration.providers;
      if (main === undefined) throw new Error("names have changed");
      return { ...configuration, providers: { ...configuration.providers, main: { ...main, introspection: "every" } } };
    },
  });
});
afterAll(() => world.close());

const accessTokenType = "urn:ietf:params:oauth:token-type:access_token";
const token = (claims: Readonly<Record<string, unknown>>) => world.stack.token({ aud: ["https://orders.example"], ...claims });
const subject = () => token({ scope: "openid orders:read" });
const actor = () => token({ sub: "robot", client_id: agentClient, scope: "" });
const exchange = async (subjectToken: string, actorToken: string) =>
  world.asOrders("Exchange", {
    subjectToken: { value: subjectToken, type: accessTokenType },
    audiences: ["backend"],
    actorToken: { value: actorToken, type: accessTokenType },
  });

it("an actor whom the provider vouches for stands in the token", async () => {
  const answer = await exchange(await subject(), await actor());
  expect(answer.status).toBe(200);
  expect(decodeJwt(tokensOf(answer).accessToken)).toMatchObject({ sub: "main:alice", act: { sub: "robot", client_id: agentClient } });
});

it("an actor whose token the provider has ended is refused for that", async () => {
  const ended = await actor();
  world.stack.provider.end(ended);
  expect(reasonOf(await exchange(await subject(), ended))).toBe("TOKEN_REVOKED");
});
