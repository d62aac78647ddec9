import { inspect } from "node:util";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ExchangeError } from "../../../src/exchange/errors.ts";
import { maxTokenLength, parseCompact, unverifiedIssuer } from "../../../src/exchange/token/compact.ts";
import { failureOf, reasonOf } from "./failure-of.ts";

const encode = (content: string | Uint8Array): string => Buffer.from(content).toString("base64url");
const compact = (header: string | Uint8Array, payload: string | Uint8Array = "{}", signature: string | Uint8Array = "signature"): string =>
  [header, payload, signature].map(encode).join(".");
const withHeader = (members: object): string => compact(JSON.stringify({ alg: "RS256", ...members }));

const good = withHeader({ kid: "2026-01", typ: "at+jwt" });
const [goodHeader = "", goodPayload = "", goodSignature = ""] = good.split(".");

/** A token whose signature fills it up to this length. */
function padded(length: number): string {
  const bare = `${withHeader({ fill: "a".repeat((length + 1) % 4) })
    .split(".", 2)
    .join(".")}.`;
  return bare + "A".repeat(length - bare.length);
}

const malformed = { reason: "TOKEN_MALFORMED", field: "SUBJECT_TOKEN", expiredAt: undefined, retryAfterMs: undefined };

function caughtFrom(call: () => unknown): unknown {
  try {
    call();
  } catch (failure) {
    return failure;
  }
  return undefined;
}

describe("a compact token", () => {
  it("is taken apart into what is compared, what is claimed and what was signed", () => {
    const token = compact('{"typ":"at+jwt","alg":"ES256","kid":"a b","x":1}', '{"iss":"https://issuer.example","sub":"é"}', "\x00\xff");
    const parsed = parseCompact(token);
    expect(parsed.header).toEqual({ alg: "ES256", kid: "a b", typ: "at+jwt" });
    expect({ ...parsed.payload }).toEqual({ iss: "https://issuer.example", sub: "é" });
    expect(parsed.signingInput).toBe(token.slice(0, token.lastIndexOf(".")));
    expect(parsed.signature).toEqual(Buffer.from("\x00\xff"));
    expect(unverifiedIssuer(parsed)).toBe("https://issuer.example");
  });

  it("may leave out kid, typ and iss", () => {
    const parsed = parseCompact(withHeader({}));
    expect(parsed.header).toEqual({ alg: "RS256", kid: undefined, typ: undefined });
    expect(unverifiedIssuer(parsed)).toBeUndefined();
  });

  it("has no issuer where `iss` is not a string", () => {
    expect(unverifiedIssuer(parseCompact(compact('{"alg":"RS256"}', '{"iss":["https://issuer.example"]}')))).toBeUndefined();
  });

  it("may be 16 KiB long, and not one byte more", async () => {
    expect(padded(maxTokenLength)).toHaveLength(16_384);
    expect(parseCompact(padded(maxTokenLength)).signature.length).toBeGreaterThan(12_000);
    expect(await failureOf(() => parseCompact(padded(maxTokenLength + 4)))).toEqual(malformed);
    expect(await failureOf(() => parseCompact(padded(maxTokenLength + 1)))).toEqual(malformed);
  });

  it.each<[string, string]>([
    ["an encrypted token (five parts)", `${good}.AAAA.AAAA`],
    ["four parts", `${good}.AAAA`],
    ["two parts", `${goodHeader}.${goodPayload}`],
    ["a missing signature", `${goodHeader}.${goodPayload}.`],
    ["a missing payload", `${goodHeader}..${goodSignature}`],
    ["an empty text", ""],
    ["only dots", ".".repeat(10_000)],
    ["the JSON serialization", JSON.stringify({ protected: goodHeader, payload: goodPayload, signature: goodSignature })],
    ["a blank in front", ` ${good}`],
    ["a line break at the end", `${good}\n`],
    ["a blank inside a part", `${goodHeader} .${goodPayload}.${goodSignature}`],
    ["an opaque token", "dGhpcyBpcyBvcGFxdWU"],
  ])("is refused: %s", async (_, token) => {
    expect(await failureOf(() => parseCompact(token))).toEqual(malformed);
  });

  it.each<[string, string]>([
    ["padded with =", `${goodHeader}.${goodPayload}.AA==`],
    ["stray bits after the last byte", `${goodHeader}.${goodPayload}.AB`],
    ["a single left-over character", `${goodHeader}.${goodPayload}.AAAAA`],
    ["the alphabet of plain base64", `${goodHeader}.${goodPayload}.+/+/`],
    ["a foreign character", `${goodHeader}.${goodPayload}.AA!A`],
    ["a character beyond ASCII", `${goodHeader}.${goodPayload}.AAA\u0100`],
    ["stray bits in the header", `${encode('{"alg":"RS256"} ').replace(/A$/, "B")}.${goodPayload}.${goodSignature}`],
  ])("has one spelling: %s", async (_, token) => {
    expect(await reasonOf(() => parseCompact(token))).toBe("TOKEN_MALFORMED");
  });

  it("has one spelling: whatever else decodes to the same bytes is refused", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc.nat(),
        fc.constantFrom(...Array.from("=+/ \n.-_AQgw~")),
        (bytes, where, extra) => {
          const written = encode(bytes);
          const at = where % (written.length + 1);
          const other = written.slice(0, at) + extra + written.slice(at);
          const token = `${goodHeader}.${goodPayload}.`;
          expect(parseCompact(token + written).signature).toEqual(Buffer.from(bytes));
          const misread = caughtFrom(() => expect(Buffer.from(parseCompact(token + other).signature).equals(bytes)).toBe(true));
          expect(misread).toBeDefined();
        },
      ),
    );
  });

  it.each<[string, string]>([
    ["unsigned (none)", withHeader({ alg: "none" })],
    ["unsigned, spelled to slip through", withHeader({ alg: "nOnE" })],
    ["without alg", compact('{"kid":"a"}')],
    ["with an alg that is no string", withHeader({ alg: ["RS256"] })],
    ["with an empty alg", withHeader({ alg: "" })],
    ["with a critical extension", withHeader({ crit: ["exp"], exp: 1 })],
    ["with an empty list of critical extensions", withHeader({ crit: [] })],
    ["with an unencoded payload (b64)", withHeader({ b64: false })],
    ["with b64 spelled out", withHeader({ b64: true })],
    ["with enc of an encrypted token", withHeader({ enc: "A256GCM" })],
    ["compressed", withHeader({ zip: "DEF" })],
    ["with a typ that is no string", withHeader({ typ: 1 })],
    ["with a null typ", withHeader({ typ: null })],
  ])("is refused by its header: %s", async (_, token) => {
    expect(await failureOf(() => parseCompact(token))).toEqual(malformed);
  });

  it.each<[string, unknown]>([
    ["a line break", "a\nb"],
    ["a NUL", "a\0"],
    ["an escape sequence", "\u001b[2J"],
    ["a character beyond ASCII", "sch\u00fcssel"],
    ["257 characters", "a".repeat(257)],
    ["no characters", ""],
    ["a number", 7],
    ["null", null],
    ["an object", { toString: "a" }],
  ])("is refused by its key id: %s", async (_, kid) => {
    expect(await reasonOf(() => parseCompact(withHeader({ kid })))).toBe("TOKEN_MALFORMED");
  });

  it("takes a key id of 256 printable characters for what it is: a key of a map", () => {
    const kid = "../../etc/passwd' OR 1=1 --".padEnd(256, "~");
    expect(parseCompact(withHeader({ kid })).header.kid).toBe(kid);
  });

  it("gives away nothing of a key that the token brings along", () => {
    const token = withHeader({ jwk: { kty: "RSA" }, x5c: ["MIIB"], jku: "https://evil.example", x5u: "https://evil.example", x5t: "AA" });
    expect(Object.keys(parseCompact(token).header).toSorted()).toEqual(["alg", "kid", "typ"]);
  });

  it.each<[string, string]>([
    ["a repeated `sub`", '{"sub":"alice","sub":"mallory"}'],
    ["a repeated `sub`, escaped", '{"sub":"alice","s\\u0075b":"mallory"}'],
    ["nested nine deep", `${'{"a":'.repeat(9)}1${"}".repeat(9)}`],
    ["an array", "[]"],
    ["null", "null"],
    ["a string", '"{}"'],
    ["two values", "{}{}"],
    ["a byte order mark", "\ufeff{}"],
    ["a comment", "{}//"],
    ["nothing", " "],
  ])("is refused by its payload or header: %s", async (_, text) => {
    expect(await reasonOf(() => parseCompact(compact('{"alg":"RS256"}', text)))).toBe("TOKEN_MALFORMED");
    expect(await reasonOf(() => parseCompact(compact(text.replace("{", '{"alg":"RS256",'))))).toBe("TOKEN_MALFORMED");
  });

  it("is refused when its payload is not UTF-8", async () => {
    const overlong = Buffer.from([...Buffer.from('{"sub":"'), 0xc1, 0xa1, ...Buffer.from('"}')]);
    expect(await reasonOf(() => parseCompact(compact('{"alg":"RS256"}', overlong)))).toBe("TOKEN_MALFORMED");
  });

  it("never fails in another way, whatever comes", () => {
    const part = fc.oneof(
      fc.string(),
      fc.base64String(),
      fc.json().map(encode),
      fc.jsonValue().map((value) => encode(JSON.stringify({ alg: value }))),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        const failure = caughtFrom(() => parseCompact(parts.join(".")));
        expect(failure === undefined || (failure instanceof ExchangeError && failure.reason === "TOKEN_MALFORMED")).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it("is in no error: nothing of it is kept as message or cause", () => {
    const failure = caughtFrom(() => parseCompact(compact('{"alg":"RS256"}', '{"canary')));
    expect(failure).toBeInstanceOf(ExchangeError);
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain("canary");
  });
});
