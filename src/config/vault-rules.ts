// What the keys about connections demand beyond their own shape.

import { isHttpsOrLoopback } from "./addresses.ts";
import type { RuleInput } from "./rule-input.ts";

/** 32 characters that nobody can guess are as many bytes as the signature has (RFC 2104 §3). */
const minSecretLength = 32;

export function checkVault({ configuration: { vault }, report }: RuleInput): void {
  if (vault.webhook === undefined) return;
  const { url, secret } = vault.webhook;
  if (!isHttpsOrLoopback(url)) report(["vault", "webhook", "url"], "is plain http beyond loopback", "Use https.");
  if (secret.reveal().length < minSecretLength)
    report(["vault", "webhook", "secret"], `is shorter than ${minSecretLength} characters`, "Make one with: openssl rand -base64 32.");
}
