import { expect, it } from "vitest";
import type { Provider } from "../../src/exchange/ports.ts";
import { createProviderRegistry } from "../../src/providers/registry.ts";

function named(name: string): Provider {
  return { name, issuer: `https://${name}.example`, pkce: "S256", prepare: () => Promise.reject(new Error("not asked for")) };
}

it("finds providers by their exact name and nothing by any other, inherited names included", () => {
  const registry = createProviderRegistry([named("main"), named("corporate")]);
  expect(registry.get("corporate")?.issuer).toBe("https://corporate.example");
  for (const name of ["", "Main", "main ", "constructor", "__proto__"]) expect(registry.get(name)).toBeUndefined();
});

it("does not start with two providers of one name", () => {
  expect(() => createProviderRegistry([named("main"), named("main")])).toThrow("main");
});
