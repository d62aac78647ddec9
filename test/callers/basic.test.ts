import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Client } from "../../src/exchange/clients.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { createBasic } from "../../src/callers/basic.ts";
import { clientOf, refusal } from "../exchange/fixtures.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const form = (text: string): string => new URLSearchParams([["", text]]).toString().slice(1);
const basic = (id: string, secret: string): string => `Basic ${base64(`${form(id)}:${form(secret)}`)}`;

const orders = clientOf({ id: "orders", kind: "service" });
const billing = clientOf({ id: "billing", kind: "service" });
const colon = clientOf({ id: "urn:colon client+é", kind: "service" });
const secretOf = {
  orders: "orders-secret-0123456789",
  old: "billing-old-0123456789",
  fresh: "billing-new-0123456789",
  colon: "a:b c+d%e&é:",
};

const proveBySecret = createBasic([
  { client: orders, secrets: [new Secret(secretOf.orders)] },
  { client: billing, secrets: [new Secret(secretOf.old), new Secret(secretOf.fresh)] },
  { client: colon, secrets: [new Secret(secretOf.colon)] },
]);

describe("a service proves itself by HTTP Basic", () => {
  it.each<[string, string, Client]>([
    ["its id and secret", basic("orders", secretOf.orders), orders],
    ["the secret that is being replaced", basic("billing", secretOf.old), billing],
    ["the secret that replaces it", basic("billing", secretOf.fresh), billing],
    ["form-encoded parts with colons, spaces and more in them", basic(colon.id, secretOf.colon), colon],
    ["parts that need no encoding and have none", `Basic ${base64(`orders:${secretOf.orders}`)}`, orders],
    ["percent-encoded letters that need no encoding", `Basic ${base64(`%6frders:${secretOf.orders}`)}`, orders],
    ["the scheme in another case (RFC 9110 §11.1)", basic("orders", secretOf.orders).replace("Basic", "bAsIc"), orders],
    ["several spaces behind the scheme", basic("orders", secretOf.orders).replace(" ", "   "), orders],
  ])("with %s", (_name, header, client) => {
    expect(proveBySecret(header)).toBe(client);
  });

  it.each([
    ["an empty header", ""],
    ["the scheme alone", "Basic"],
    ["the scheme and a space", "Basic "],
    ["a wrong secret", basic("orders", "wrong-secret-0123456789")],
    ["another service's secret", basic("orders", secretOf.fresh)],
    ["a prefix of the secret", basic("orders", secretOf.orders.slice(0, -1))],
    ["the secret and more", basic("orders", `${secretOf.orders}x`)],
    ["the secret in another case", basic("orders", secretOf.orders.toUpperCase())],
    ["an empty secret", basic("orders", "")],
    ["no colon", `Basic ${base64("orders")}`],
    ["an empty id", basic("", secretOf.orders)],
    ["an unknown id", basic("nobody", secretOf.orders)],
    ["an unknown id and an empty secret", basic("nobody", "")],
    ["an id that every object has", basic("__proto__", secretOf.orders)],
    ["a secret with a bare percent sign", `Basic ${base64("orders:100%")}`],
    ["a colon that should have been encoded", `Basic ${base64(`urn:colon client+é:${form(secretOf.colon)}`)}`],
    ["bad base64", "Basic !!!!"],
    ["base64url", `Basic ${base64("orders:???>>>").replaceAll("+", "-").replaceAll("/", "_")}`],
    ["two credentials in one header", `${basic("orders", secretOf.orders)}, ${basic("billing", secretOf.fresh)}`],
    ["text behind the credentials", `${basic("orders", secretOf.orders)} x`],
    ["a line break behind the credentials", `${basic("orders", secretOf.orders)}\n`],
    ["a bearer token", "Bearer eyJhbGciOiJub25lIn0.e30."],
    ["a bearer token that is somebody's basic credentials", basic("orders", secretOf.orders).replace("Basic", "Bearer")],
    ["credentials beyond every bound", `Basic ${base64(`orders:${"x".repeat(16_384)}`)}`],
    ["the right credentials behind padding beyond every bound", `Basic ${" ".repeat(16_384)}${base64(`orders:${secretOf.orders}`)}`],
  ])("but not with %s", (_name, header) => {
    expect(() => proveBySecret(header)).toThrow(refusal("CALLER_UNAUTHENTICATED", { field: "CALLER" }));
  });

  it("whatever id and secret are made of", () => {
    const part = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }).filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(part, part, (id, secret) => {
        const client = clientOf({ id, kind: "service" });
        const own = createBasic([{ client, secrets: [new Secret(secret)] }]);
        expect(own(basic(id, secret))).toBe(client);
        expect(() => own(basic(id, `${secret}x`))).toThrow(refusal("CALLER_UNAUTHENTICATED"));
      }),
    );
  });

  it("and no header whatever makes it fail in another way", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.base64String().map((text) => `Basic ${text}`),
        ),
        (header) => {
          expect(() => proveBySecret(header)).toThrow(refusal("CALLER_UNAUTHENTICATED"));
        },
      ),
    );
  });

  it("where there are no services at all, nobody does", () => {
    expect(() => createBasic([])(basic("orders", secretOf.orders))).toThrow(refusal("CALLER_UNAUTHENTICATED"));
  });

  it("an empty secret proves nothing, even where somebody configured one", () => {
    const own = createBasic([{ client: orders, secrets: [new Secret("")] }]);
    expect(() => own(basic("orders", ""))).toThrow(refusal("CALLER_UNAUTHENTICATED"));
  });

  it("a service without secrets is nobody, whatever is sent", () => {
    const own = createBasic([{ client: orders, secrets: [] }]);
    expect(() => own(basic("orders", secretOf.orders))).toThrow(refusal("CALLER_UNAUTHENTICATED"));
    expect(() => own(basic("orders", ""))).toThrow(refusal("CALLER_UNAUTHENTICATED"));
  });
});
