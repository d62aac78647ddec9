// The kinds of scalars that a configuration is made of, each with the sentence that says how it is written.
// Which key holds which of them stands in schema.ts and its parts. No sentence here repeats what was written.

import { isIP } from "node:net";
import { z } from "zod";
import { Secret } from "../exchange/secret.ts";
import { parseDatabaseUrl } from "./database-url.ts";
import { parseOtlpHeaders } from "./otlp-headers.ts";
import { parsePublicKeys } from "./public-keys.ts";
import { parseRedisNode, parseRedisUrl } from "./redis-url.ts";
import { parseSealingKey } from "./sealing-key.ts";

export const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, "use 1 to 128 letters, digits, dots, dashes or underscores")
  .describe("A name of your choice.");

/** RFC 6749 appendix A.1, without the space. */
export const clientId = z.string().regex(/^[\x21-\x7e]{1,256}$/, "use 1 to 256 printable ASCII characters without spaces");

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `10s`, `250ms`, `5m`, `1h` → milliseconds. */
export function duration(minimum: string, maximum: string) {
  return z
    .string()
    .regex(/^[0-9]{1,9}(ms|s|m|h)$/, "write a number and a unit, such as 250ms, 10s, 5m or 1h")
    .transform(milliseconds)
    .refine((ms) => ms >= milliseconds(minimum) && ms <= milliseconds(maximum), `choose from ${minimum} to ${maximum}`);
}

function milliseconds(text: string): number {
  return Number.parseInt(text, 10) * (unitsMs[text.replace(/^[0-9]+/, "")] ?? Number.NaN);
}

/** `format: password` marks the places that may be read from a file: shape.ts looks for it. */
export const secret = z
  .string()
  .min(1)
  .max(4096)
  .meta({ format: "password" })
  .transform((text) => new Secret(text));

export const sealingKey = secret.transform((text, context) => {
  const parsed = parseSealingKey(text);
  if (parsed.kind === "key") return parsed.key;
  context.addIssue({ code: "custom", message: parsed.advice });
  return z.NEVER;
});

export const redisUrl = secret.transform((text, context) => {
  const parsed = parseRedisUrl(text);
  if (parsed.kind === "address") return parsed.address;
  context.addIssue({ code: "custom", message: parsed.advice });
  return z.NEVER;
});

export const redisNode = z
  .string()
  .max(300)
  .transform((text, context) => {
    const node = parseRedisNode(text);
    if (node !== undefined) return node;
    context.addIssue({ code: "custom", message: "write HOST:PORT, such as redis-1.example.com:6379 or [fd00::1]:6379" });
    return z.NEVER;
  });

/** Of Redis' ACL: it has no spaces. */
export const redisUser = z.string().regex(/^[\x21-\x7e]{1,256}$/, "use 1 to 256 printable ASCII characters without spaces");

/** An address with a user name or password in it would put a secret where addresses are logged. */
export const url = z
  .url({ protocol: /^https?$/, error: "write an absolute http or https address, such as https://login.example.com" })
  .max(2048)
  .refine((text) => {
    const parsed = URL.parse(text);
    return parsed === null || (parsed.username === "" && parsed.password === "");
  }, "leave user name and password out of the address");

/** A key in a query would stand where addresses are logged. */
export const collectorUrl = url.refine((text) => !/[?#]/.test(text), "leave out the query and the fragment; a key goes into headers");

export const otlpHeaders = secret.transform((text, context) => {
  const parsed = parseOtlpHeaders(text);
  if (parsed.kind === "headers") return parsed.headers;
  context.addIssue({ code: "custom", message: parsed.advice });
  return z.NEVER;
});

/** RFC 8414 §2. */
export const issuer = url.refine((text) => !/[?#]/.test(text), "an issuer has no query and no fragment");

export const origin = z.string().refine((text) => {
  const parsed = URL.parse(text);
  return parsed !== null && parsed.origin === text && /^https?:$/.test(parsed.protocol);
}, "write scheme, host and port only, such as https://app.example.com");

/** An absolute URI without a fragment (RFC 6749 §3.1.2). */
export const redirectUri = z
  .string()
  .max(2048)
  .refine((text) => URL.canParse(text) && !text.includes("#"), "write an absolute address without a fragment");

/** RFC 6749 §3.3. */
export const scope = z
  .string()
  .regex(/^[\x21\x23-\x5B\x5D-\x7E]{1,128}$/, "a scope is 1 to 128 printable ASCII characters without spaces, quotes or backslashes");

/** What this service itself says in a token, or what others read as proof or type, is not for an attribute. */
const reservedClaims: ReadonlySet<string> = new Set(
  "iss sub aud exp nbf iat jti client_id azp scope scp act may_act cnf typ nonce at_hash c_hash s_hash events auth_time acr amr sid".split(
    " ",
  ),
);

/** Name of a further claim. */
export const mintedClaim = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9_:./-]{0,127}$/,
    "a claim is 1 to 128 letters, digits, dots, slashes, colons, dashes or underscores, and begins with a letter",
  )
  .refine((claim) => !reservedClaims.has(claim), "that claim is this service's own to say, or means a proof or a type to others");

/** Names of cookies with these prefixes are kept from plain http and from other hosts by browsers (RFC 6265bis §4.1.3). */
export const secureCookieName = z
  .string()
  .regex(
    /^__(Host|Secure)-[A-Za-z0-9_.-]{1,64}$/,
    "begin with __Host- or __Secure- and go on with 1 to 64 letters, digits, dots, dashes or underscores",
  );

/** Relative to the configuration file's folder. */
export const filePath = z.string().min(1).max(4096);

export const databaseUrl = secret.transform((text, context) => {
  const parsed = parseDatabaseUrl(text);
  if (parsed.kind === "address") return parsed.address;
  context.addIssue({ code: "custom", message: parsed.advice });
  return z.NEVER;
});

/** No secret, but long: like one it may be read from a file (`jwks_file`). */
export const jwks = z
  .string()
  .min(1)
  .max(65_536)
  .meta({ format: "password" })
  .transform((text, context) => {
    const parsed = parsePublicKeys(new Secret(text));
    if (parsed.kind === "keys") return parsed.keys;
    context.addIssue({ code: "custom", message: parsed.advice });
    return z.NEVER;
  });

/** An address, or a network as address/prefix. */
export const network = z.string().refine((text) => {
  const [address = "", prefix, ...more] = text.split("/");
  const family = isIP(address);
  const bits = family === 4 ? 32 : 128;
  const fits = prefix === undefined || (/^[0-9]{1,3}$/.test(prefix) && Number(prefix) <= bits);
  return family !== 0 && more.length === 0 && fits;
}, "write an address or a network, such as 10.0.0.0/8 or fd00::/8");

/** Exact: no wildcard (RFC 6125 §6.4.3 is for servers). */
export const certificateName = z.union([
  z.strictObject({
    uri: z
      .string()
      .max(2048)
      .refine((text) => URL.canParse(text), "write an absolute URI, such as spiffe://example.com/orders")
      .describe("A URI, such as a SPIFFE id."),
  }),
  z.strictObject({
    dns: z
      .string()
      .regex(/^(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$/, "write a host name, without a wildcard")
      .describe("A DNS name."),
  }),
]);

export const routePath = z
  .string()
  .max(256)
  .regex(/^(\/[A-Za-z0-9_.-]+)+$/, "start with a slash; use letters, digits, dots, dashes and underscores between slashes");

/** Where an application is mounted: no segment that a URL parser would take away. */
export const basePath = routePath.refine((text) => !/\/\.\.?(\/|$)/.test(text), "leave out the segments . and ..");

/** RFC 6265 §4.1.1: a token of RFC 9110 §5.6.2. */
export const cookieName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, "use 1 to 128 letters, digits and !#$%&'*+-.^_`|~ as a cookie's name may have them");

export const subjectPrefix = z
  .string()
  .regex(/^[a-z0-9-]{1,32}:$/, "use 1 to 32 lowercase letters, digits and dashes, and a colon after them");
