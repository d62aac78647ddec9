import { expect, it } from "vitest";
import { createCanary } from "./canary.ts";

const secret = "s3cret/+: %&=~-and-some-more";
const token = "eyJhbGciOiJSUzI1NiJ9LXRlc3Q.eyJzdWIiOiJhbGljZSIsIngiOjF9.c2lnbmF0dXJlLXdpdGgtc29tZS1ieXRlcw";

it.each([
  ["as it is", `a line with ${secret} in it`, "secret (as it is) in log"],
  ["in JSON", JSON.stringify({ quoted: `"${secret}"` }), "secret (as it is) in log"],
  ["URL-encoded", `/callback?code=${encodeURIComponent(secret)}&x=1`, "secret (URL-encoded) in log"],
  ["form-encoded", new URLSearchParams({ code: secret }).toString(), "secret (form-encoded) in log"],
  ["in base64, first", Buffer.from(`${secret}.`).toString("base64"), "secret (in base64) in log"],
  ["in base64, after one byte", Buffer.from(`.${secret}`).toString("base64"), "secret (in base64) in log"],
  ["in base64, after a name", Buffer.from(`cambio:${secret}`).toString("base64"), "secret (in base64) in log"],
  ["in base64url", Buffer.from(`xx${secret}`).toString("base64url"), "secret (in base64url) in log"],
  ["in hexadecimal", Buffer.from(secret).toString("hex"), "secret (in hexadecimal) in log"],
])("the canary finds a secret that was written %s", (_name, text, leak) => {
  const canary = createCanary();
  canary.register("secret", secret);
  canary.saw("log", `before ${text} after`);
  expect(canary.leaks()).toContain(leak);
  expect(() => canary.assertSilence()).toThrow(leak);
});

it.each([
  ["header", 0],
  ["payload", 1],
  ["signature", 2],
])("the canary finds a token of which only the %s was written", (_name, index) => {
  const canary = createCanary();
  canary.register("token", token);
  canary.saw("an error", `cannot read ${token.split(".")[index]}`);
  expect(canary.leaks()).toEqual(["token (a part of it) in an error"]);
});

it("the canary names a leak without repeating it", () => {
  const canary = createCanary();
  canary.register("secret", secret);
  canary.saw("log", secret);
  expect(() => canary.assertSilence()).toThrow(/^(?!.*s3cret)/s);
});

it("the canary is silent about texts without secrets, and refuses secrets that it could not tell from chance", () => {
  const canary = createCanary();
  canary.register("secret", secret);
  canary.saw("log", "nothing but words, and s3cret is only the beginning of one");
  expect(canary.leaks()).toEqual([]);
  canary.assertSilence();
  expect(() => canary.register("password", "short")).toThrow("cannot be searched for");
});
