// What docs/custom-provider.md walks through, with its own files and strict fakes: one provider of forms, and one of JSON.

import { beforeEach, describe, expect, it } from "vitest";
import { startFakeDiscord } from "../support/fake-discord.ts";
import { type FakeJsonProvider, jsonRateLimit, startFakeJsonProvider } from "../support/fake-json-provider.ts";
import { reasonOf } from "../support/fake-stack.ts";
import { asService, environments, type Example, tokensOf, useExamples } from "./provider-example.ts";

const run = useExamples();

describe("examples/providers/custom-form.yaml", () => {
  it("signs in, reads the user by the claims that are configured, and renews by a handle", async () => {
    const redirectUris = ["http://localhost:5173/callback"];
    const community = await startFakeDiscord({ clock: run.clock, redirectUris });
    const { id, secret = "" } = community.client;
    const example = await run.start("custom-form", community, { COMMUNITY_CLIENT_ID: id, COMMUNITY_CLIENT_SECRET: secret });
    const page = { origin: "http://localhost:5173" };
    const signedIn = await example.signIn({ clientId: "web" }, { headers: page });
    expect(signedIn.body["account"]).toMatchObject({ providerUserId: "80351110224678912", displayName: "Nelly", emailVerified: true });
    run.time.nowMs += 8 * 86_400_000;
    const fresh = await example.rpc("Refresh", { clientId: "web", refreshToken: tokensOf(signedIn)["refreshToken"] }, page);
    expect(fresh).toMatchObject({ status: 200, body: { issuance: "ISSUANCE_PASSTHROUGH" } });
    expect(tokensOf(fresh)["accessToken"]).not.toBe(tokensOf(signedIn)["accessToken"]);
    expect(community.violations).toEqual([]);
  });
});

describe("examples/providers/custom-json.yaml", () => {
  let models: FakeJsonProvider;
  let example: Example;
  beforeEach(async () => {
    models = await startFakeJsonProvider({ clock: run.clock, redirectUris: ["http://localhost:8976/callback"] });
    example = await run.start("custom-json", models, { MODELS_CLIENT_ID: environments["custom-json"]["MODELS_CLIENT_ID"] ?? "" });
  });

  it("speaks JSON with the state in the body, and refreshes each single-use token once however many ask", async () => {
    const signedIn = await example.signIn({ clientId: "cli" });
    expect(signedIn.body["account"]).toMatchObject({
      providerUserId: "user_01",
      username: "grace",
      displayName: "Grace",
      emailVerified: true,
    });
    const { connectionId } = signedIn.body;
    run.time.nowMs += 28_800_000;
    const answers = await Promise.all(Array.from({ length: 8 }, () => example.rpc("Refresh", { connectionId }, asService("worker"))));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map((answer) => tokensOf(answer)["accessToken"])).size).toBe(1);
    expect(models.callsTo("token")).toBe(2);
    expect(models.presentedTwice).toEqual([]);
    expect(models.violations).toEqual([]);
  });

  it("hands on the pause that the token endpoint asks for, and has lost nothing by it", async () => {
    const { connectionId } = (await example.signIn({ clientId: "cli" })).body;
    run.time.nowMs += 28_800_000;
    models.faults.next("token", jsonRateLimit(7));
    const paused = await example.rpc("Refresh", { connectionId }, asService("worker"));
    expect(reasonOf(paused)).toBe("UPSTREAM_RATE_LIMITED");
    run.time.nowMs += 7_000;
    expect((await example.rpc("Refresh", { connectionId }, asService("worker"))).status).toBe(200);
  });
});
