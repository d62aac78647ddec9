import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { jsonSchema, jsonSchemaText } from "../../src/config/json-schema.ts";
import { exampleText, exampleWith } from "./given.ts";

const committed = new URL("../../cambio.schema.json", import.meta.url);
const accepts = (text: string) => z.fromJSONSchema(jsonSchema()).safeParse(parse(text)).success;

it("the committed cambio.schema.json is what the schema says now", () => {
  expect(readFileSync(committed, "utf8")).toBe(jsonSchemaText());
});

it("the example points editors to it in its first line", () => {
  expect(exampleText.split("\n")[0]).toBe("# yaml-language-server: $schema=./cambio.schema.json");
});

describe("an editor accepts", () => {
  it.each([
    ["the example", {}],
    [
      "references where numbers, booleans, durations, choices and addresses belong",
      {
        "server/port": "${A}",
        "server/reflection": "${B:-true}",
        "server/drain": "${C}",
        "log/level": "${D}",
        "providers/main/kind": "${E}",
        "providers/main/issuer": "${F}/realm",
        "clients/web/methods": ["${G}"],
      },
    ],
    [
      "files for secrets",
      {
        "providers/main/client/secret": undefined,
        "providers/main/client/secret_file": "/s",
        "sealing/keys": [{ id: "1", key_file: "/s" }],
        "redis/url_file": "/s",
        "clients/orders/secrets": ["text", { file: "/s" }],
      },
    ],
    ["the paths of a certificate", { "server/tls": { certificate_file: "/c", key_file: "/k" } }],
  ])("%s", (_name, changes) => {
    expect(accepts(exampleWith(changes))).toBe(true);
  });
});

describe("an editor refuses", () => {
  it.each([
    ["an unknown key", { "providers/main/isuer": "x" }],
    ["a missing key", { "providers/main/issuer": undefined }],
    ["a text where a number belongs", { "server/port": "eighty" }],
    ["a duration without a unit", { "server/drain": "10" }],
    ["a value outside a choice", { "providers/main/kind": "googel" }],
    ["a file for what is no secret", { "providers/main/issuer_file": "/s" }],
    ["a sealing key without a key", { "sealing/keys": [{ id: "1" }] }],
    ["a key and its file", { "sealing/keys": [{ id: "1", key: "x", key_file: "/s" }] }],
    ["a list entry that is neither text nor file", { "clients/orders/secrets": [{ path: "/s" }] }],
  ])("%s", (_name, changes) => {
    expect(accepts(exampleWith(changes))).toBe(false);
  });
});
