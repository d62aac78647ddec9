// What becomes of a sign-in at OpenAI by the answers that a refresh gets: answers that leave things out, and answers that end it.

import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Answer, reasonOf } from "../support/fake-stack.ts";
import { openAiError, without } from "../support/fake-openai.ts";
import { tokensOf, type VaultStack } from "../support/vault-stack.ts";
import { useVaultStacks } from "../support/vault-stacks.ts";

const stacks = useVaultStacks("the file");
const lifeMs = 3_600_000;
let stack: VaultStack;

const byWorker = (connectionId: unknown): Promise<Answer> => stack.as("worker", "Refresh", { connectionId });
/** Of this test. */
let before = 0;
const refreshes = () =>
  stack.openai.requests.slice(before).filter(({ endpoint, body }) => endpoint === "token" && body?.["grant_type"] === "refresh_token");

describe.each(["SQLite", "PostgreSQL"] as const)("with what is kept in %s, a refresh", (kept) => {
  beforeAll(async () => {
    stack = await stacks.start(kept);
  }, 60_000);
  beforeEach(() => {
    before = stack.openai.requests.length;
  });

  it("is a JSON object with the parameters that OpenAI takes, and nothing else", async () => {
    const { connectionId } = (await stack.signIn("cli")).body;
    stack.time.nowMs += lifeMs;
    expect((await byWorker(connectionId)).status).toBe(200);
    const [sent] = refreshes();
    expect(sent?.headers["content-type"]).toMatch(/^application\/json/);
    expect(Object.keys(sent?.body ?? {}).toSorted()).toEqual(["client_id", "grant_type", "refresh_token"]);
    expect(stack.openai.violations).toEqual([]);
  });

  it("whose answer has no refresh token leaves the old one in place, which is good the next time", async () => {
    const { connectionId } = (await stack.signIn("cli")).body;
    const seen = new Set<unknown>();
    for (let round = 0; round < 3; round += 1) {
      stack.time.nowMs += lifeMs;
      stack.openai.faults.next("token", without("refresh_token"));
      seen.add(tokensOf(await byWorker(connectionId))["accessToken"]);
    }
    expect([seen.size, new Set(refreshes().map(({ body }) => body?.["refresh_token"])).size]).toEqual([3, 1]);
    expect(stack.openai.presentedTwice).toEqual([]);
  });

  it.each([
    ["access token", "access_token", "accessToken"],
    ["ID token", "id_token", "idToken"],
  ] as const)("whose answer has no %s keeps the old one, and the refresh token that came", async (_, member, name) => {
    const first = await stack.signIn("tool");
    stack.openai.faults.next("token", without(member));
    const second = await stack.as("tool", "Refresh", { refreshToken: tokensOf(first)["refreshToken"] });
    expect(tokensOf(second)[name]).toBe(tokensOf(first)[name]);
    const third = await stack.as("tool", "Refresh", { refreshToken: tokensOf(second)["refreshToken"] });
    expect(third.status).toBe(200);
    expect(tokensOf(third)[name]).not.toBe(tokensOf(first)[name]);
    expect(new Set(refreshes().map(({ body }) => body?.["refresh_token"])).size).toBe(2);
  });

  it("of a connection whose answer has no access token goes on to ask, since the old one has run out", async () => {
    const { connectionId } = (await stack.signIn("cli")).body;
    stack.time.nowMs += lifeMs;
    stack.openai.faults.next("token", without("access_token"));
    const answers = [await byWorker(connectionId), await byWorker(connectionId)];
    expect([answers.map(({ status }) => status), stack.openai.presentedTwice]).toEqual([[200, 200], []]);
  });

  it.each([
    ["401 with a body of any kind", { kind: "status", status: 401, body: { anything: "else" } }],
    ["401 with a page", { kind: "html", status: 401 }],
    ["refresh_token_expired", openAiError("refresh_token_expired", "object", 400)],
    ["refresh_token_reused", openAiError("refresh_token_reused", "object", 400)],
    ["refresh_token_invalidated", openAiError("refresh_token_invalidated", "object", 400)],
    ["refresh_token_expired as a text", openAiError("refresh_token_expired", "string", 400)],
    ["refresh_token_reused as a text", openAiError("refresh_token_reused", "string", 403)],
    ["refresh_token_invalidated as a text", openAiError("refresh_token_invalidated", "string", 401)],
    ["invalid_grant as a text", openAiError("invalid_grant", "string", 400)],
  ] as const)("that is answered by %s ends it, and OpenAI is not asked again", async (_, fault) => {
    const { connectionId } = (await stack.signIn("cli")).body;
    stack.time.nowMs += lifeMs;
    stack.openai.faults.always("token", fault);
    for (let time = 0; time < 3; time += 1) {
      const answer = await byWorker(connectionId);
      expect([reasonOf(answer), answer.status]).toEqual(["REAUTHENTICATION_REQUIRED", 401]);
    }
    expect(refreshes()).toHaveLength(1);

    stack.openai.faults.clear();
    const { connectionId: next } = (await stack.signIn("cli")).body;
    expect((await byWorker(next)).status).toBe(200);
    expect(refreshes()).toHaveLength(1);
  });

  it("that is answered by a pause costs nothing: the next one gets its tokens", async () => {
    const { connectionId } = (await stack.signIn("cli")).body;
    stack.time.nowMs += lifeMs;
    stack.openai.faults.next("token", { kind: "status", status: 429, headers: { "retry-after": "1" } });
    expect(reasonOf(await byWorker(connectionId))).toBe("UPSTREAM_RATE_LIMITED");
    stack.time.nowMs += 2_000;
    expect((await byWorker(connectionId)).status).toBe(200);
    expect(stack.openai.presentedTwice).toEqual([]);
  });
});
