import { describe, expect, it } from "vitest";
import { resolveCaller } from "../../src/exchange/caller.ts";
import type { Client } from "../../src/exchange/clients.ts";
import { clientOf, outcomeOf, refusal } from "./fixtures.ts";

const browser = clientOf({ id: "page", kind: "browser" });
const native = clientOf({ id: "tool", kind: "native" });
const service = clientOf({ id: "orders", kind: "service" });
const other = clientOf({ id: "billing", kind: "service" });
const clients: ReadonlyMap<string, Client> = new Map([browser, native, service, other].map((client) => [client.id, client]));

describe("who calls", () => {
  it.each([
    ["a proved service that names nobody", service, "", service],
    ["a proved service that names itself", service, "orders", service],
    ["a proved service that names another service", service, "billing", undefined],
    ["a proved service that names a browser client", service, "page", undefined],
    ["a proved service that names a native client", service, "tool", undefined],
    ["a proved service that names nobody known", service, "nobody", undefined],
    ["nobody proved, a browser client named", undefined, "page", browser],
    ["nobody proved, a native client named", undefined, "tool", native],
    ["nobody proved, a service named", undefined, "orders", undefined],
    ["nobody proved, nobody named", undefined, "", undefined],
    ["nobody proved, nobody known named", undefined, "nobody", undefined],
  ])("%s", (_name, proved, clientId, expected) => {
    const outcome = outcomeOf(() => resolveCaller(clients, proved, clientId));
    expect(outcome).toEqual(expected ?? refusal("CALLER_UNAUTHENTICATED", { field: "CALLER" }));
  });

  it.each(["__proto__", "constructor", "hasOwnProperty", "PAGE", "page ", " page"])("knows no client %j", (clientId) => {
    expect(() => resolveCaller(clients, undefined, clientId)).toThrow(refusal("CALLER_UNAUTHENTICATED"));
  });
});
