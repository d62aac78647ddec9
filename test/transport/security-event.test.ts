import { describe, expect, it } from "vitest";
import { type Circumstance, ExchangeError, type Reason, reasons } from "../../src/exchange/errors.ts";
import { securityEvent } from "../../src/transport/security-event.ts";

const failure = (reason: Reason, cause?: Circumstance) => new ExchangeError(reason, { cause });

describe("a security team wants to see at once", () => {
  it.each<[string, ExchangeError]>([
    ["untrusted_issuer", failure("ISSUER_NOT_TRUSTED")],
    ["revoked_token_shown", failure("TOKEN_REVOKED")],
    ["disabled_account_shown", failure("ACCOUNT_DISABLED")],
    ["origin_refused", failure("ORIGIN_NOT_ALLOWED")],
    ["one_time_credential_reused", failure("GRANT_INVALID", { kind: "code", problem: "reused" })],
    ["one_time_credential_reused", failure("REAUTHENTICATION_REQUIRED", { kind: "handle", problem: "reused" })],
    ...(["basic", "assertion", "workload", "certificate"] as const).map((proof): [string, ExchangeError] => [
      `${proof}_failed`,
      failure("CALLER_UNAUTHENTICATED", { kind: "proof", proof, problem: "signature" }),
    ]),
  ])("%s", (event, shown) => {
    expect(securityEvent(shown)).toBe(event);
  });
});

describe("nothing to look into is", () => {
  it("a call that did not fail", () => {
    expect(securityEvent(undefined)).toBeUndefined();
  });

  it("a caller that shows nothing: it pretends to be nobody", () => {
    expect(securityEvent(failure("CALLER_UNAUTHENTICATED"))).toBeUndefined();
  });

  const telling = new Set<Reason>(["ISSUER_NOT_TRUSTED", "TOKEN_REVOKED", "ACCOUNT_DISABLED", "ORIGIN_NOT_ALLOWED"]);
  it.each(reasons.filter((reason) => !telling.has(reason)))("%s by itself", (reason) => {
    expect(securityEvent(failure(reason))).toBeUndefined();
  });
});
