import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { repository, startChild } from "../support/child.ts";

const steps = [
  ["OpenID provider and Cambio are started", /provider +http:\/\/localhost:\d+/],
  ["web: CreateAuthorizationUrl", /state +cambio_st_/],
  ["Alice signs in and consents", /code +\S+/],
  ["web: Exchange", /refresh token +cambio_rt_/],
  ["the same code again: refused", /refused +GRANT_INVALID \(code failed_precondition, OAuth invalid_grant\)/],
  ["orders: health check", /SERVING/],
  ["orders: ValidateCrossClient", /subject +alice/],
  ["orders: the same token once more: a hit", /cached +yes/],
  ["more times, one after another: all hits", /median +[\d.]+ ms/],
  ["not configured: refused", /refused +ISSUER_NOT_TRUSTED \(code unauthenticated/],
  ["expired five minutes ago (genuine key): refused", /refused +TOKEN_EXPIRED [^]*expired at +\d{4}-\d\d-\d\dT/],
  ["web: Refresh", /handle sent +cambio_rt_[^]*refresh token +cambio_rt_/],
  ["web: Revoke ends the sign-in", /provider +has been told/],
  ["orders: the access token of that sign-in: refused", /refused +TOKEN_REVOKED \(code unauthenticated/],
  ["POST /api/auth/exchange", /status +200[^]*expires_in +\d+ \(a number\)/],
  ["backend: a whole flow", /access token +eyJ/],
  ["a client that it does not trust: refused", /refused +CLIENT_NOT_TRUSTED/],
  [
    "cambio explain: why",
    /holds +clients\.orders\.methods[^]*refuses +audiences\.orders\.accepts\.login\.clients\n +refused: CLIENT_NOT_TRUSTED/,
  ],
  ["cambio audit verify", /intact: \d+ records/],
  [
    "cambio audit show",
    /caller +orders[^]*subject +alice[^]*rule +audiences\.orders\.accepts\.login\.clients[^]*reason +CLIENT_NOT_TRUSTED/,
  ],
] as const;

const headlines = (text: string): string[] => text.split("\n").flatMap((line) => /^ *\d+ {2}ok +(.*?) +[\d.]+ ms$/.exec(line)?.[1] ?? []);

describe("make demo", () => {
  const demo = startChild(["examples/demo.ts"]);

  it("ends with exit status 0 and says that every step went as it should", async () => {
    expect({ status: await demo.ended, errors: demo.errors() }).toEqual({ status: 0, errors: "" });
    expect(demo.output()).toMatch(new RegExp(`^All ${steps.length} steps went as they should, in [\\d.]+ s\\.$`, "m"));
  }, 65_000);

  it.each(steps.map(([title, facts], index) => ({ title, facts, index })))("shows step $index: $title", async ({ title, facts, index }) => {
    await demo.ended;
    const shown = demo.output().split("\n\n")[index + 1] ?? "";
    const [headline = ""] = shown.trimStart().split("\n");
    expect(headline).toMatch(/^\d+ {2}ok .* \d+\.\d ms$/);
    expect(headline).toContain(title);
    expect(shown).toMatch(facts);
  });

  it("prints what the README shows, but for the times", async () => {
    await demo.ended;
    const shown = headlines(readFileSync(join(repository, "README.md"), "utf8"));
    expect(shown.length).toBeGreaterThan(4);
    expect(headlines(demo.output())).toEqual(expect.arrayContaining(shown));
  });

  it("prints plain text within 100 columns, and no whole token", async () => {
    await demo.ended;
    expect(demo.output()).not.toContain("\u001B");
    expect(
      Math.max(
        ...demo
          .output()
          .split("\n")
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(100);
    expect(demo.output()).not.toMatch(/eyJ[\w-]{40,}|[\w-]{43}/);
  });
});
