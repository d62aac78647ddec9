import { describe, expect, it } from "vitest";
import type { Client } from "../../src/exchange/clients.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import { clientOf, grantOf } from "../exchange/fixtures.ts";

const keeping = new Map([["main", grantOf({ connections: true })]]);
const web = clientOf({ id: "web", kind: "browser", providers: keeping });
const worker = clientOf({
  id: "worker",
  kind: "service",
  providers: new Map([["main", grantOf({ connectionsOf: new Set(["web"]) })]]),
});

function decisionOf(client: Client, owner: string, others: readonly Client[] = [web, worker], provider = "main") {
  const decide = createDecide(new Map(), { clients: new Map(others.map((one) => [one.id, one])) });
  const { rule, refusal } = decide({ kind: "connection", client, provider, owner });
  return [rule, refusal?.reason];
}

describe("a connection may be named", () => {
  it("by the client that made it, for as long as that may keep any", () => {
    expect(decisionOf(web, "web")).toEqual(["clients.web.providers.main.connections", undefined]);
    const stopped = { ...web, providers: new Map([["main", grantOf({})]]) };
    expect(decisionOf(stopped, "web")).toEqual(["clients.web.providers.main.connections", "CONNECTION_NOT_FOUND"]);
  });

  it("by a service that lists that client, for as long as it may keep any", () => {
    expect(decisionOf(worker, "web")).toEqual(["clients.web.providers.main.connections", undefined]);
    const stopped = { ...web, providers: new Map() };
    expect(decisionOf(worker, "web", [stopped])).toEqual(["clients.web.providers.main.connections", "CONNECTION_NOT_FOUND"]);
    expect(decisionOf(worker, "web", [{ ...web, disabled: true }])).toEqual(["clients.web.disabled", "CONNECTION_NOT_FOUND"]);
    expect(decisionOf(worker, "web", [])).toEqual(["clients.web.disabled", "CONNECTION_NOT_FOUND"]);
  });

  it("by nobody else, and nobody else is told that it is there", () => {
    const listed = ["clients.web.providers.main.connections_of", "CONNECTION_NOT_FOUND"];
    expect(decisionOf(web, "worker")).toEqual(listed);
    expect(decisionOf(clientOf({ id: "web", kind: "service" }), "other")).toEqual(listed);
    expect(decisionOf(worker, "web", [web, worker], "second")).toEqual([
      "clients.worker.providers.second.connections_of",
      "CONNECTION_NOT_FOUND",
    ]);
  });

  it("by no client that was disabled", () => {
    expect(decisionOf({ ...web, disabled: true }, "web")).toEqual(["clients.web.disabled", "CALLER_NOT_ALLOWED"]);
  });
});
