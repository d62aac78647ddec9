import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { explainCommand } from "../../src/cli/explain.ts";
import { maxTokenLength } from "../../src/exchange/token/compact.ts";

const folder = mkdtempSync(join(tmpdir(), "cambio-explain-"));
afterAll(() => rmSync(folder, { recursive: true }));

const canary = "canary-0123456789abcdef";
const written = {
  providers: {
    main: { kind: "oidc", issuer: "https://main.example", client: { id: "cambio", secret: `${canary}-provider` } },
    corporate: {
      kind: "keycloak",
      issuer: "https://corporate.example/realms/one",
      client: { id: "cambio", secret: `${canary}-corporate` },
      tokens: { issuer_check: false },
    },
    site: { kind: "better-auth", issuer: "https://site.example", jwt: true },
    chat: { kind: "discord", client: { id: "157", secret: `${canary}-chat` }, accounts: false },
    closed: { kind: "better-auth", issuer: "https://closed.example" },
  },
  audiences: {
    orders: {
      accepts: {
        site: { identifiers: ["https://site.example"], clients: ["https://site.example"] },
        main: {
          identifiers: ["https://orders.example"],
          clients: ["web"],
          exchange_as: { id: "orders", secret: `${canary}-exchange` },
        },
        corporate: { identifiers: ["orders"], clients: ["web"] },
      },
    },
    trial: { accepts: { main: { identifiers: ["https://orders.example"], clients: ["web"], report_only: true } } },
    payroll: { accepts: { main: { identifiers: ["https://payroll.example"], clients: ["web"] } } },
  },
  clients: {
    web: {
      kind: "browser",
      origins: ["https://app.example"],
      methods: ["Exchange", "Refresh", "CreateAuthorizationUrl", "Revoke"],
      providers: { main: { redirect_uris: ["https://app.example/callback"], scopes: ["openid", "orders:read"], audiences: ["orders"] } },
    },
    tried: {
      kind: "native",
      methods: ["Exchange"],
      report_only: ["methods", "scopes", "audiences"],
      providers: { main: { redirect_uris: ["http://127.0.0.1/callback"] } },
    },
    gone: {
      kind: "native",
      disabled: true,
      methods: ["Exchange"],
      providers: { main: { redirect_uris: ["http://127.0.0.1/callback"] } },
    },
    both: {
      kind: "service",
      secrets: [`${canary}-both`],
      methods: ["Exchange", "CreateAuthorizationUrl"],
      providers: {
        main: { redirect_uris: ["https://both.example/a", "https://both.example/b"] },
        corporate: { redirect_uris: ["https://both.example/c"] },
      },
    },
    orders: {
      kind: "service",
      secrets: [`${canary}-orders`],
      methods: ["ValidateCrossClient", "Revoke", "Exchange"],
      audiences: ["orders", "trial"],
      providers: { main: { audiences: ["payroll"], scopes: ["a", "b"] } },
    },
  },
};
const file = join(folder, "cambio.yaml");
writeFileSync(file, stringify(written));

const nowMs = Date.parse("2026-03-01T12:00:00Z");
const now = nowMs / 1_000;
const good = { iss: "https://main.example", sub: "alice", aud: "https://orders.example", client_id: "web", iat: now - 60, exp: now + 600 };

interface Told {
  readonly status: number;
  readonly out: string;
  readonly error: string;
  /** Verdict and rule of each step. */
  readonly steps: readonly string[];
}

async function explain(words: string, input: string | Uint8Array = ""): Promise<Told> {
  let out = "";
  let error = "";
  const status = await explainCommand(words.replace("CONFIG", file).split(" "), {
    out: (text) => (out += text),
    error: (text) => (error += text),
    input: (async function* () {
      yield typeof input === "string" ? Buffer.from(input) : input;
    })(),
    clock: () => nowMs,
  });
  const steps = [...out.matchAll(/^ {2}(holds|refuses|would refuse) +([^:\n]+)/gm)].map(([, verdict, rule]) => `${verdict} ${rule}`);
  expect(out + error).not.toContain(canary);
  return { status, out, error, steps };
}

const explainToken = (claims: object, more = "") => explain(`CONFIG --caller orders --claims -${more}`, JSON.stringify(claims));
const lastLines = ({ out }: Told) => out.trimEnd().split("\n").slice(-2);

describe("a call that is allowed", () => {
  it.each([
    "--caller web",
    "--caller web --method Exchange --provider main --audience orders --redirect-uri https://app.example/callback",
    "--caller web --origin https://app.example --method CreateAuthorizationUrl --scope openid --scope orders:read --audience orders",
    "--caller web --method Refresh --scope openid",
    "--caller web --method Revoke",
    "--caller both --provider corporate",
    "--caller tried --method Exchange --redirect-uri http://127.0.0.1:49152/callback",
    "--caller orders --method Revoke --provider main",
  ])("says so, with every rule that holds: %s", async (words) => {
    const told = await explain(`CONFIG ${words}`);
    expect([told.status, told.error, lastLines(told)[1]]).toEqual([0, "", "allowed"]);
    expect(told.steps.filter((step) => !step.startsWith("holds"))).toEqual([]);
  });

  it("shows the rules in the order in which the service looks at them", async () => {
    const { steps } = await explain("CONFIG --caller web --method CreateAuthorizationUrl --origin https://app.example --audience orders");
    expect(steps).toEqual([
      "holds clients.web",
      "holds clients.web.disabled",
      "holds clients.web.origins",
      "holds clients.web.methods",
      "holds clients.web.disabled",
      "holds clients.web.providers.main",
      "holds clients.web.providers.main.redirect_uris",
      "holds clients.web.providers.main.scopes",
      "holds clients.web.providers.main.audiences",
      "holds audiences.orders.accepts.main",
    ]);
  });

  it("only because rules are on trial says which would refuse", async () => {
    const told = await explain("CONFIG --caller tried --method CreateAuthorizationUrl --scope admin --audience orders");
    expect([told.status, lastLines(told)[1]]).toEqual([0, "allowed"]);
    expect(told.steps.filter((step) => !step.startsWith("holds"))).toEqual([
      "would refuse clients.tried.methods",
      "would refuse clients.tried.providers.main.scopes",
      "would refuse clients.tried.providers.main.audiences",
    ]);
  });
});

describe("a call that is refused", () => {
  it.each([
    ["--caller nobody", "clients", "CALLER_UNAUTHENTICATED"],
    ["--caller __proto__", "clients", "CALLER_UNAUTHENTICATED"],
    ["--caller gone", "clients.gone.disabled", "CALLER_NOT_ALLOWED"],
    ["--caller orders --method Refresh", "clients.orders.methods", "CALLER_NOT_ALLOWED"],
    ["--caller web --origin https://evil.example", "clients.web.origins", "ORIGIN_NOT_ALLOWED"],
    ["--caller web --method CreateAuthorizationUrl", "clients.web.origins", "ORIGIN_NOT_ALLOWED"],
    ["--caller web --provider nowhere", "providers", "PROVIDER_UNKNOWN"],
    ["--caller web --provider corporate", "clients.web.providers.corporate", "CALLER_NOT_ALLOWED"],
    ["--caller both", "clients.both.providers", "MALFORMED_REQUEST"],
    ["--caller both --provider main", "clients.both.providers.main.redirect_uris", "MALFORMED_REQUEST"],
    ["--caller web --redirect-uri https://evil.example/", "clients.web.providers.main.redirect_uris", "REDIRECT_URI_NOT_ALLOWED"],
    ["--caller web --scope admin", "clients.web.providers.main.scopes", "SCOPE_NOT_ALLOWED"],
    ["--caller web --method Refresh --scope admin", "clients.web.providers.main.scopes", "SCOPE_NOT_ALLOWED"],
    ["--caller web --audience payroll", "clients.web.providers.main.audiences", "TARGET_NOT_ALLOWED"],
    ["--caller tried --audience nowhere", "audiences.nowhere.accepts.main", "TARGET_NOT_ALLOWED"],
  ])("says by which rule, and what that means: %s", async (words, rule, reason) => {
    const told = await explain(`CONFIG ${words}`);
    const [verdict, meaning] = lastLines(told);
    expect([told.status, told.error, verdict]).toEqual([1, "", `refused: ${reason}`]);
    expect(told.steps.filter((step) => step.startsWith("refuses"))).toEqual([`refuses ${rule}`]);
    expect(told.steps.at(-1)).toBe(`refuses ${rule}`);
    expect(meaning).toMatch(/^[A-Z].{20,}\.$/);
    expect(meaning).not.toContain("lies outside");
  });

  it.each([
    ["--caller nobody", 'none has the name "nobody"'],
    ["--caller web --provider nowhere", 'none has the name "nowhere"'],
    ["--caller web --audience nowhere", 'No audience has the name "nowhere".'],
    ["--caller both", "the call does not say its provider"],
    ["--caller both --provider main", "the call does not say its redirect_uri"],
  ])("says plainly what is not there: %s", async (words, said) => {
    expect((await explain(`CONFIG ${words}`)).out).toContain(said);
  });
});

/** Claims by which each rule for tokens refuses, in the order in which they are looked at. */
const wrong = [
  ["providers.main.tokens.payload_type", { nonce: "n" }, "TOKEN_TYPE_MISMATCH"],
  ["token exp, iat, nbf", { nbf: "soon" }, "TOKEN_INVALID"],
  ["providers.main.tokens.max_lifetime", { iat: now - 100_000 }, "TOKEN_INVALID"],
  ["providers.main.tokens.expiry_buffer", { exp: now + 30 }, "TOKEN_EXPIRED"],
  ["providers.main.tokens.clock_tolerance", { nbf: now + 60 }, "TOKEN_NOT_YET_VALID"],
  ["token cnf", { cnf: { jkt: "x" } }, "PROOF_REQUIRED"],
  ["token sub", { sub: 7 }, "TOKEN_INVALID"],
  ["providers.main.tokens.client_claims", { client_id: undefined }, "TOKEN_INVALID"],
  ["token aud", { aud: [7] }, "TOKEN_INVALID"],
  ["token scope", { scope: ["a"] }, "TOKEN_INVALID"],
  ["token jti", { jti: 7 }, "TOKEN_INVALID"],
  ["token act", { act: "x" }, "TOKEN_INVALID"],
] as const;

// Strict typ is what tells kinds of tokens apart; here the same rules with a provider whose types do not.
const typed = join(folder, "typed.yaml");
writeFileSync(
  typed,
  stringify({ ...written, providers: { ...written.providers, main: { ...written.providers.main, tokens: { header_types: ["JWT"] } } } }),
);

describe("the token of another client", () => {
  it("that is accepted is shown rule by rule, with what the rules looked at, and what they did not", async () => {
    const told = await explainToken({ ...good, scope: "a b" }, " --scope a");
    expect([told.status, lastLines(told)[1]]).toEqual([0, "allowed"]);
    expect(told.steps).toEqual([
      "holds clients.orders",
      "holds clients.orders.disabled",
      "holds clients.orders.origins",
      "holds clients.orders.methods",
      "holds providers.main",
      "holds providers.main.issuer",
      ...wrong.map(([rule]) => `holds ${rule}`),
      "holds clients.orders.disabled",
      "holds clients.orders.audiences",
      "holds audiences.orders.accepts.main",
      "holds audiences.orders.accepts.main.identifiers",
      "holds audiences.orders.accepts.main.clients",
      "holds required_scopes",
    ]);
    expect(told.out).toContain('client_id "web"');
    expect(told.out).toContain("exp 2026-03-01T12:10:00.000Z, now 2026-03-01T12:00:00.000Z");
    expect(told.out).toMatch(/Taken as signed .* as not revoked/);
  });

  it.each(wrong.map(([rule, , reason], index) => ({ rule, reason, index })))(
    "is refused by the first rule that does not hold, and the ones before it hold: $rule",
    async ({ rule, reason, index }) => {
      const claims = Object.assign(
        {},
        good,
        ...wrong
          .slice(index)
          .toReversed()
          .map(([, change]) => change),
      ) as object;
      const told = await explain(`${typed} --caller orders --claims -`, JSON.stringify(claims));
      const expected = [...wrong.slice(0, index).map(([before]) => `holds ${before}`), `refuses ${rule}`];
      expect(told.steps.slice(-expected.length)).toEqual(expected);
      expect([told.status, lastLines(told)[0]]).toEqual([1, `refused: ${reason}`]);
    },
  );

  it.each([
    ["of an unknown issuer", { iss: "https://evil.example" }, "", "providers", "ISSUER_NOT_TRUSTED"],
    ["of no issuer", { iss: undefined }, "", "providers", "ISSUER_NOT_TRUSTED"],
    ["of another issuer than named", {}, " --provider corporate", "providers.corporate.tokens.payload_type", "TOKEN_TYPE_MISMATCH"],
    ["of an unknown provider", {}, " --provider nowhere", "providers", "PROVIDER_UNKNOWN"],
    ["of a provider whose tokens nobody else can read", {}, " --provider chat", "providers.chat.kind", "PROVIDER_UNKNOWN"],
    ["of its issuer", { iss: "https://discord.com" }, "", "providers.chat.kind", "ISSUER_NOT_TRUSTED"],
    ["for an audience that is not the caller's", {}, " --audience payroll", "clients.orders.audiences", "TARGET_NOT_ALLOWED"],
    ["for an audience that nobody knows", {}, " --audience nowhere", "clients.orders.audiences", "TARGET_NOT_ALLOWED"],
    ["meant for somebody else", { aud: "https://else.example" }, "", "audiences.orders.accepts.main.identifiers", "AUDIENCE_MISMATCH"],
    ["of a client that is not listed", { client_id: "evil" }, "", "audiences.orders.accepts.main.clients", "CLIENT_NOT_TRUSTED"],
    ["without a required scope", {}, " --scope orders:write", "required_scopes", "SCOPE_INSUFFICIENT"],
    ["that is expired by then", {}, " --now 2026-03-01T14:00:00+01:00", "providers.main.tokens.expiry_buffer", "TOKEN_EXPIRED"],
  ])("%s is refused", async (_name, change, more, rule, reason) => {
    const told = await explainToken({ ...good, ...change }, more);
    expect([told.status, lastLines(told)[0], told.steps.at(-1)]).toEqual([1, `refused: ${reason}`, `refuses ${rule}`]);
    expect(told.out).not.toContain("lies outside");
  });

  it("of a provider that does not compare issuers says so", async () => {
    const claims = { ...good, iss: "https://public-name.example", typ: "Bearer", azp: "web", aud: "orders" };
    const told = await explainToken(claims, " --provider corporate");
    expect(told.status).toBe(0);
    expect(told.out).toContain('iss "https://public-name.example", not compared: issuer_check is false');
  });

  it("of a client that is on trial is accepted, and it is said that it would not be", async () => {
    const told = await explainToken({ ...good, client_id: "evil" }, " --audience trial");
    expect(told.status).toBe(0);
    expect(told.steps.filter((step) => !step.startsWith("holds"))).toEqual(["would refuse audiences.trial.accepts.main.clients"]);
  });

  it("is not for a public client to ask about, not even one whose methods are on trial", async () => {
    const told = await explain("CONFIG --caller tried --claims -", JSON.stringify(good));
    expect([told.status, told.steps]).toEqual([1, ["refuses clients.tried.kind"]]);
    expect(lastLines(told)[0]).toBe("refused: CALLER_UNAUTHENTICATED");
  });

  it("cannot write on the terminal anything but what it says", async () => {
    const odd = "\u001b[2J\u009b31m\u202e\u0007\r\n\u2028é😀refused: \u0000";
    for (const change of [{ iss: odd }, { sub: odd }, { aud: [odd] }, { client_id: odd }, { scope: odd }, { jti: odd }, { typ: odd }]) {
      const { out, error } = await explainToken({ ...good, ...change });
      expect(out + error).toMatch(/^[\n\x20-\x7e…]*$/);
    }
    const { out } = await explainToken({ ...good, sub: "x".repeat(5_000) });
    expect(out).toContain("(5002 characters)");
    expect(out.length).toBeLessThan(5_000);
  });

  it("may come from a file", async () => {
    const claims = join(folder, "claims.json");
    writeFileSync(claims, JSON.stringify(good, undefined, 2));
    expect((await explain(`CONFIG --caller orders --claims ${claims}`)).status).toBe(0);
  });
});

describe("an exchange of a token", () => {
  const asked = (more: string, claims: object = { ...good, scope: "a" }) =>
    explain(`CONFIG --caller orders --method Exchange --claims -${more}`, JSON.stringify(claims));

  it("is told to its end: the token, whose it is, and the exchange", async () => {
    const told = await asked(" --scope a");
    expect(told.status).toBe(0);
    expect(told.steps.slice(-7)).toEqual([
      "holds clients.orders.audiences",
      "holds audiences.orders.accepts.main.exchange_as",
      "holds clients.orders.providers.main",
      "holds clients.orders.providers.main.scopes",
      "holds clients.orders.providers.main.audiences",
      "holds audiences.payroll.accepts.main",
      "holds subject_token scope",
    ]);
  });

  it.each([
    [
      "for an audience that the client does not list",
      " --audience orders",
      good,
      "clients.orders.providers.main.audiences",
      "TARGET_NOT_ALLOWED",
    ],
    [
      "with a refresh token that the client may not have",
      " --refresh-token",
      good,
      "clients.orders.providers.main.exchanged_refresh_tokens",
      "CALLER_NOT_ALLOWED",
    ],
    ["with a scope that the token lacks", " --scope b", { ...good, scope: "a" }, "subject_token scope", "SCOPE_NOT_ALLOWED"],
    ["of a token for somebody else", "", { ...good, aud: "urn:other" }, "audiences.orders.accepts.main.identifiers", "AUDIENCE_MISMATCH"],
    [
      "at a provider where nothing is exchanged",
      " --provider corporate --audience orders",
      { ...good, aud: "orders", azp: "web", typ: "Bearer" },
      "audiences.orders.accepts.corporate.exchange_as",
      "TARGET_NOT_ALLOWED",
    ],
  ] as const)("is refused %s", async (_name, more, claims, rule, reason) => {
    const told = await asked(more, claims);
    expect([told.status, told.steps.at(-1)]).toEqual([1, `refuses ${rule}`]);
    expect(told.out).toContain(`refused: ${reason}`);
  });

  it("can be asked for together with a validation, for the same audience", async () => {
    const told = await explainToken({ ...good, scope: "a" }, " --exchange");
    // Its own audience is not among those that it may ask tokens for.
    expect([told.status, told.steps.at(-1)]).toEqual([1, "refuses clients.orders.providers.main.audiences"]);
  });
});

describe("claims that are none", () => {
  const quoted = "canary-of-a-token";
  it.each([
    ["nothing", "", "not one JSON object"],
    ["a list", "[1]", "not one JSON object"],
    ["text behind the object", "{} x", "not one JSON object"],
    ["a member twice", `{"sub":"${quoted}","sub":"b"}`, "not one JSON object"],
    ["nesting without an end", "[".repeat(10_000), "not one JSON object"],
    ["a whole token", `${quoted}.eyJzdWIiOiJhIn0.c2ln\n`, "a whole token"],
    ["a token without a signature", `${quoted}.eyJzdWIiOiJhIn0.`, "a whole token"],
    ["more than any token holds", JSON.stringify({ sub: quoted.repeat(maxTokenLength) }), "too long"],
    ["other bytes than UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), "cannot be read"],
  ])("are not understood, and not repeated: %s", async (_name, input, said) => {
    const told = await explain("CONFIG --caller orders --claims -", input);
    expect([told.status, told.out]).toEqual([2, ""]);
    expect(told.error).toContain(said);
    expect(told.error).not.toContain(quoted);
  });

  it("are not understood where the file is not there", async () => {
    const told = await explain("CONFIG --caller orders --claims /nowhere/claims.json");
    expect([told.status, told.error]).toEqual([2, "the claims cannot be read: the file does not exist\n"]);
  });
});

describe("words that are not understood", () => {
  it.each([
    ["--caller web", "name one configuration"],
    ["CONFIG", "name the caller"],
    ["CONFIG other.yaml --caller web", "name one configuration"],
    ["CONFIG --caller web --method exchange", "--method is one of Exchange"],
    ["CONFIG --caller web --method __proto__", "--method is one of Exchange"],
    ["CONFIG --caller orders --method ValidateCrossClient", "--claims FILE"],
    ["CONFIG --caller web --method Refresh --claims -", "--claims has no meaning with Refresh"],
    ["CONFIG --caller web --method Exchange --refresh-token", "--refresh-token has no meaning without --claims"],
    ["CONFIG --caller web --method Refresh --refresh-token", "--refresh-token has no meaning with Refresh"],
    ["CONFIG --caller web --method Exchange --exchange", "--exchange has no meaning with Exchange"],
    ["CONFIG --caller web --method Exchange --claims - --redirect-uri x", "--redirect-uri has no meaning with --claims"],
    ["CONFIG --caller web --method Refresh --redirect-uri x", "--redirect-uri has no meaning with Refresh"],
    ["CONFIG --caller web --method Revoke --scope x", "--scope has no meaning with Revoke"],
    ["CONFIG --caller web --now 2026-03-01T12:00:00Z", "--now has no meaning without --claims"],
    ["CONFIG --caller orders --claims - --audience a --audience b", "one --audience"],
    ["CONFIG --caller orders --claims - --now tomorrow", "--now is an instant"],
    ["CONFIG --caller orders --claims - --now 2026-03-01T12:00:00", "--now is an instant"],
    ["CONFIG --caller orders --claims - --now 2026-13-01T12:00:00Z", "--now is an instant"],
    ["CONFIG --caller web --explode", "these words are not understood"],
  ])("%s", async (words, said) => {
    const told = await explain(words, "{}");
    expect([told.status, told.out]).toEqual([2, ""]);
    expect(told.error).toContain(said);
    expect(told.error).toContain("Usage: cambio explain CONFIG");
  });

  it("are a configuration with mistakes, all of which are told", async () => {
    const broken = join(folder, "broken.yaml");
    writeFileSync(broken, stringify({ ...written, clients: { web: { kind: "robot" } } }));
    const told = await explain(`${broken} --caller web`);
    expect([told.status, told.out]).toEqual([2, ""]);
    expect(told.error).toContain("clients.web.kind");
  });
});

it.each(["--help", "-h", "CONFIG --help"])("prints its usage: %s", async (words) => {
  const told = await explain(words);
  expect([told.status, told.error]).toEqual([0, ""]);
  expect(told.out).toMatch(/^Usage: cambio explain CONFIG/);
});

describe("a token of an application that keeps sessions", () => {
  const jwt = { iss: "https://site.example", aud: "https://site.example", sub: "u1", iat: now - 60, exp: now + 600 };

  it("is explained by its claims, as nothing of them but the issuer is configured", async () => {
    const told = await explainToken(jwt);
    expect([told.status, lastLines(told)[1]]).toEqual([0, "allowed"]);
    expect(told.steps).toContain("holds providers.site.issuer");
    expect(told.steps.filter((step) => step.includes("providers.site.tokens"))).toEqual([]);
  });

  it("is refused where it names a client, which makes it another kind", async () => {
    const told = await explainToken({ ...jwt, azp: "web" });
    expect([told.status, told.steps.at(-1)]).toEqual([1, "refuses token client"]);
  });

  it.each([
    ["", "ISSUER_NOT_TRUSTED"],
    [" --provider closed", "PROVIDER_UNKNOWN"],
  ])("is refused where that application's are not accepted%s", async (more, reason) => {
    const told = await explainToken({ ...jwt, iss: "https://closed.example" }, more);
    expect([told.status, told.steps.at(-1)]).toEqual([1, "refuses providers.closed.jwt"]);
    expect(told.out).toContain(reason);
  });
});
