import { describe, expect, it } from "vitest";
import type { Provider } from "../../src/exchange/provider-ports.ts";
import { chooseProvider } from "../../src/exchange/provider-choice.ts";
import { clientOf, grantOf, refusal } from "./fixtures.ts";

const provider = (name: string): Provider => ({
  name,
  issuer: `https://${name}.example`,
  clientId: "cambio",
  pkce: "S256",
  accounts: false,
  lostAnswer: "reauthenticate",
  prepare: () => Promise.reject(new Error("choosing asks nobody")),
});
const main = provider("main");
const second = provider("second");
const providers = new Map([main, second, provider("third")].map((one) => [one.name, one]));

const grants = (...names: string[]) => new Map(names.map((name) => [name, grantOf({})]));

describe("the provider of a call", () => {
  it("is the one that is named, whether or not this client may use it: that is for policy to say", () => {
    expect(chooseProvider(providers, clientOf({ kind: "browser", providers: grants("main", "second") }), "second")).toBe(second);
    expect(chooseProvider(providers, clientOf({ kind: "browser" }), "second")).toBe(second);
  });

  it("is the client's only one where none is named", () => {
    expect(chooseProvider(providers, clientOf({ kind: "browser", providers: grants("main") }), "")).toBe(main);
  });

  it.each([
    ["nobody knows it", grants("main"), "nowhere", "PROVIDER_UNKNOWN"],
    ["a property that every object has is named", grants("main"), "__proto__", "PROVIDER_UNKNOWN"],
    ["none is named and this client may use none", grants(), "", "CALLER_NOT_ALLOWED"],
    ["none is named and there are several to choose from", grants("main", "second"), "", "MALFORMED_REQUEST"],
    ["this client's only one does not exist", grants("nowhere"), "", "PROVIDER_UNKNOWN"],
    ["the name is in another case", grants("main"), "Main", "PROVIDER_UNKNOWN"],
  ] as const)("is refused where %s", (_name, granted, wanted, reason) => {
    expect(() => chooseProvider(providers, clientOf({ kind: "service", providers: granted }), wanted)).toThrow(refusal(reason));
  });
});
