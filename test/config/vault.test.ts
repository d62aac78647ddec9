import { describe, expect, it } from "vitest";
import { exampleWith, failureOf, load } from "./given.ts";

const secret = "0123456789abcdef0123456789abcdef";
const webhook = (given: object) => exampleWith({ vault: { webhook: { url: "https://backend.example.com/hook", secret, ...given } } });

describe("the webhook", () => {
  it("is told over https, or on this machine", () => {
    const { vault } = load({ text: webhook({}) });
    expect(vault.webhook?.secret.reveal()).toBe(secret);
    expect(load({ text: webhook({ url: "http://127.0.0.1:9000/hook" }) }).vault.webhook?.url).toBe("http://127.0.0.1:9000/hook");
  });

  it.each([
    ["over plain http beyond this machine", { url: "http://backend.example.com/hook" }, "url", "Use https."],
    ["with a secret that could be guessed", { secret: secret.slice(1) }, "secret", "openssl rand"],
  ])("%s stops the start", (_, given, key, words) => {
    const { mistakes, message } = failureOf({ text: webhook(given) });
    expect(mistakes.map(({ path }) => path)).toEqual([`vault.webhook.${key}`]);
    expect(message).toContain(words);
    expect(message).not.toContain(secret.slice(1));
  });
});
