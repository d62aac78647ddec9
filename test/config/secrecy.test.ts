import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { environment, exampleText, exampleWith, failureOf, load } from "./given.ts";

/** Long enough for a service, good for nothing else. */
const canary = "CANARY-7f3a9c51e8";

const positions = {
  "a provider's secret": (value: unknown) => exampleWith({ "providers/main/client/secret": value }),
  "a sealing key": (value: unknown) => exampleWith({ "sealing/keys": [{ id: "1", key: value }] }),
  "a service's secret": (value: unknown) => exampleWith({ "clients/orders/secrets": [value] }),
  "an audience's secret at a provider": (value: unknown) =>
    exampleWith({ "audiences/orders/accepts/main/exchange_as": { id: "orders", secret: value } }),
  "the address of Redis": (value: unknown) => exampleWith({ "redis/url": value }),
  "the password of Redis": (value: unknown) => exampleWith({ redis: { cluster: { nodes: ["redis:6379"] }, password: value } }),
  "the password of Redis' Sentinels": (value: unknown) =>
    exampleWith({ redis: { sentinel: { master: "main", nodes: ["sentinel:26379"], password: value } } }),
  "a signing key": (value: unknown) => exampleWith({ signing: { keys: [{ private_key: value }] } }),
  "the address of the database": (value: unknown) => exampleWith({ "database/url": value }),
};

/** Ways to get a value wrong; each must be refused, or be harmless. */
const disguises: readonly [name: string, value: unknown][] = [
  ["too short or of a wrong form", canary.slice(0, 12)],
  ["too long", canary.repeat(500)],
  ["a map", { [canary]: canary }],
  ["a list", [canary]],
  ["a map with a file and more", { file: "/nowhere", more: canary }],
  ["a broken reference", `\${${canary} ${canary}`],
  ["a file that is not there", { file: `/run/${canary}` }],
];

function everythingIn(error: Error): string {
  return [error.message, error.stack, String(error.cause), inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error)].join(
    "\n",
  );
}

describe("a secret in a wrong configuration is not in its error", () => {
  const cases = Object.entries(positions).flatMap(([position, at]) =>
    disguises.map(([name, value]) => ({ position, name, text: at(value) })),
  );

  it.each(cases)("$position, written as $name", ({ text }) => {
    // The second mistake makes sure that there is an error to look at.
    const error = failureOf({ text: `${text}\nunknown: ${canary}\n` });
    expect(everythingIn(error)).not.toContain("CANARY");
  });

  it.each([
    ["taken for a tag", "!CANARY"],
    ["taken for an alias", "*CANARY"],
    ["taken for an anchor", "&CANARY &CANARY x"],
    ["with a quote that never ends", '"CANARY'],
    ["with a colon", "CANARY: CANARY: x"],
    ["with an unknown escape", '"\\CANARY"'],
    ["with a reserved character", "@CANARY"],
    ["as a block with a bad head", "|CANARY"],
    ["as a number", "1234567890123456789"],
    ["in braces", "{CANARY-1}"],
  ])("unquoted, %s", (_name, written) => {
    const text = exampleText.replace("secret: ${CAMBIO_CLIENT_SECRET}", `secret: ${written}`);
    const shown = everythingIn(failureOf({ text }));
    expect(shown).not.toContain("CANARY");
    expect(shown).not.toContain("1234567890");
  });

  it("from the environment and from a file", () => {
    const names = Object.keys(environment);
    const env = Object.fromEntries([
      ...names.map((name) => [name, canary.slice(0, 10)]),
      ["REDIS_URL", canary],
      ["PORT", canary],
      ["LOG_LEVEL", canary],
    ]);
    expect(everythingIn(failureOf({ env }))).not.toContain("CANARY");
    const text = exampleWith({
      "sealing/keys": [{ id: "1", key_file: "/s" }],
      "redis/url_file": "/s",
      "clients/orders/secrets": [{ file: "/s" }],
    });
    expect(everythingIn(failureOf({ text, files: { "/s": canary.slice(0, 10) } }))).not.toContain("CANARY");
  });

  it("as a key, after a forgotten colon", () => {
    const text = exampleText.replace("      secret: ${CAMBIO_CLIENT_SECRET}", `      ${canary}: x`);
    expect(everythingIn(failureOf({ text }))).not.toContain("CANARY");
  });
});

it("a right configuration can be printed in every way without its secrets", () => {
  const key = environment["CAMBIO_SEALING_KEY"] ?? "";
  const env = Object.fromEntries(Object.keys(environment).map((name) => [name, name === "CAMBIO_SEALING_KEY" ? key : `${canary}-${name}`]));
  const exchangeAs = { id: "orders", secret: "${ORDERS_SECRET}" };
  const text = exampleWith({ "audiences/orders/accepts/main/exchange_as": exchangeAs });
  const configuration = load({ text, env: { ...env, REDIS_URL: `redis://:${canary}@redis:6379` } });
  const shown = [
    inspect(configuration, { depth: Infinity }),
    inspect(configuration, { depth: Infinity, showHidden: true, customInspect: false, getters: true }),
    JSON.stringify(configuration),
    String(configuration.redis?.target.password),
    String(configuration.clients["orders"]?.secrets),
    String(configuration.audiences["orders"]?.accepts["main"]?.exchange_as?.secret),
  ].join("\n");
  expect(shown).toContain("[redacted]");
  expect(shown).not.toContain("CANARY");
  expect(shown).not.toContain(key);
});
