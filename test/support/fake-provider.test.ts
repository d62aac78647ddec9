import { afterAll, beforeAll, expect, it } from "vitest";
import { type FakeProvider, startFakeProvider } from "./fake-provider.ts";

const basic = `Basic ${Buffer.from("cambio:s3cret").toString("base64")}`;
const form = "application/x-www-form-urlencoded";

let fake: FakeProvider;

beforeAll(async () => {
  fake = await startFakeProvider({ clients: [{ id: "cambio", secret: "s3cret", authentication: "basic" }] });
});

afterAll(() => fake.close());

async function ask(body: string, headers: Record<string, string> = {}, url = "/token"): Promise<{ status: number; error: unknown }> {
  const all = { authorization: basic, "content-type": form, accept: "application/json", ...headers };
  const response = await fetch(fake.issuer + url, { method: "POST", headers: all, body });
  return { status: response.status, error: ((await response.json()) as { error?: unknown }).error };
}

it.each([
  ["an unknown parameter", "grant_type=refresh_token&refresh_token=x&extra=1", {}, "/token", "unknown parameter extra"],
  ["a repeated parameter", "grant_type=refresh_token&refresh_token=x&refresh_token=y", {}, "/token", "repeated parameter refresh_token"],
  ["JSON", "{}", { "content-type": "application/json" }, "/token", "content-type application/json"],
  ["parameters in the address", "grant_type=refresh_token&refresh_token=x", {}, "/token?code=x", "parameters in the address"],
  ["two client authentications", "grant_type=refresh_token&refresh_token=x&client_secret=y", {}, "/token", "two client authentications"],
  ["an answer in any format", "grant_type=refresh_token&refresh_token=x", { accept: "*/*" }, "/token", "does not accept JSON"],
])("the fake provider objects to %s", async (_name, body, headers, url, violation) => {
  const before = fake.violations.length;
  expect(await ask(body, headers, url)).toEqual({ status: 400, error: "invalid_request" });
  expect(fake.violations.slice(before)).toContain(violation);
});

it.each([
  ["a wrong secret", `Basic ${Buffer.from("cambio:wrong").toString("base64")}`],
  ["no authentication", ""],
  ["an unescaped percent sign's worth of another client", `Basic ${Buffer.from("c%61mbio:s3cre").toString("base64")}`],
  ["base64 of another alphabet", basic.replace("Y", "_")],
])("the fake provider refuses a client with %s", async (_name, authorization) => {
  expect(await ask("grant_type=refresh_token&refresh_token=x", { authorization })).toEqual({ status: 401, error: "invalid_client" });
});

it("the fake provider answers a proper request about an unknown token with the grant's error", async () => {
  expect(await ask("grant_type=refresh_token&refresh_token=x")).toEqual({ status: 400, error: "invalid_grant" });
});
