import { describe, expect, it } from "vitest";
import type { Provider } from "../../src/exchange/ports.ts";
import { chooseProvider } from "../../src/exchange/provider-choice.ts";
import { clientOf, grantOf, refusal } from "./fixtures.ts";

const provider = (name: string): Provider => ({
  name,
  issuer: `https://${name}.example`,
  pkce: "S256",
  prepare: () => Promise.reject(new Error("choosing asks nobody")),
});
const main = provider("main");
const second = provider("second");
const providers = new Map([main, second, provider("third")].map((one) => [one.name, one]));

const grants = (...names: string[]) => new Map(names.map((name) => [name, grantOf({ scopes: [name] })]));

describe("the provider of a call", () => {
  it("is the one that is named, with this client's grant there", () => {
    const client = clientOf({ kind: "browser", providers: grants("main", "second") });
    expect(chooseProvider(providers, client, "second")).toEqual({ provider: second, grant: grantOf({ scopes: ["second"] }) });
  });

  it("is the client's only one where none is named", () => {
    expect(chooseProvider(providers, clientOf({ kind: "browser", providers: grants("main") }), "").provider).toBe(main);
  });

  it.each([
    ["nobody knows it", grants("main"), "nowhere", "PROVIDER_UNKNOWN"],
    ["a property that every object has is named", grants("main"), "__proto__", "PROVIDER_UNKNOWN"],
    ["this client may not use it", grants("main"), "second", "CALLER_NOT_ALLOWED"],
    ["this client may use none", grants(), "main", "CALLER_NOT_ALLOWED"],
    ["none is named and this client may use none", grants(), "", "CALLER_NOT_ALLOWED"],
    ["none is named and there are several to choose from", grants("main", "second"), "", "MALFORMED_REQUEST"],
    ["the name is in another case", grants("main"), "Main", "PROVIDER_UNKNOWN"],
  ] as const)("is refused where %s", (_name, granted, wanted, reason) => {
    expect(() => chooseProvider(providers, clientOf({ kind: "service", providers: granted }), wanted)).toThrow(refusal(reason));
  });
});
