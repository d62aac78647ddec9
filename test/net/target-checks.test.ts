import { describe, expect, it } from "vitest";
import { checkTarget } from "../../src/net/target-checks.ts";

const rules = { allowedOrigins: new Set(["https://id.example", "http://localhost:8080", "http://id.internal"]), allowHttp: false };

describe("where outbound requests may go", () => {
  it.each([["https://id.example/token"], ["https://ID.example:443/token?x=1"], ["http://localhost:8080/jwks"]])("allows %s", (address) => {
    expect(checkTarget(address, rules).kind).toBe("allowed");
  });

  it.each([
    ["not an address", "not_an_address"],
    ["", "not_an_address"],
    ["/token", "not_an_address"],
    ["file:///etc/passwd", "not_an_address"],
    ["data:application/json,{}", "not_an_address"],
    ["http://id.internal/token", "plain_http"],
    ["http://127.0.0.1.evil.example/", "plain_http"],
    ["http://app.localhost/", "plain_http"],
    ["https://evil.example/token", "origin_not_allowed"],
    ["https://id.example.evil.example/token", "origin_not_allowed"],
    ["https://id.example:8443/token", "origin_not_allowed"],
    ["http://localhost:8081/", "origin_not_allowed"],
    ["http://169.254.169.254/latest/meta-data", "plain_http"],
    ["https://id.example@evil.example/token", "carries_credentials"],
    ["https://user:password@id.example/token", "carries_credentials"],
  ])("refuses %s as %s", (address, fault) => {
    expect(checkTarget(address, rules)).toEqual({ kind: "refused", fault });
  });

  it("allows plain http beyond loopback only by the switch, and then still only listed origins", () => {
    expect(checkTarget("http://id.internal/token", { ...rules, allowHttp: true }).kind).toBe("allowed");
    expect(checkTarget("http://other.internal/token", { ...rules, allowHttp: true }).kind).toBe("refused");
  });

  it("allows nothing where no origin is listed", () => {
    expect(checkTarget("https://id.example/", { allowedOrigins: new Set(), allowHttp: true }).kind).toBe("refused");
  });
});
