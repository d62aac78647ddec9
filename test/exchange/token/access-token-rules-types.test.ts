import { describe, expect, it } from "vitest";
import { apply, type Case, keycloak, rfc9068, untyped } from "./access-token-rules-rig.ts";
import { reasonOf } from "./failure-of.ts";

describe("another kind of token is not an access token", () => {
  it.each<[string, Case]>([
    ["an ID token (no type)", { typ: undefined }],
    ["an ID token typed JWT where at+jwt is pinned", { typ: "JWT" }],
    ["a logout token", { typ: "logout+jwt" }],
    ["a security event", { typ: "secevent+jwt" }],
    ["a client's assertion", { typ: "client-authentication+jwt" }],
    ["an empty type", { typ: "" }],
    ["a type that only begins right", { typ: "at+jwt;x" }],
    ["a Keycloak ID token", { rules: keycloak, payload: { typ: "ID" } }],
    ["a Keycloak refresh token", { rules: keycloak, payload: { typ: "Refresh" } }],
    ["a Keycloak offline token", { rules: keycloak, payload: { typ: "Offline" } }],
    ["a Keycloak logout token", { rules: keycloak, payload: { typ: "Logout" } }],
    ["a Keycloak token without its payload type", { rules: keycloak, payload: { typ: undefined } }],
    ["a payload type that is no string", { rules: keycloak, payload: { typ: ["Bearer"] } }],
    ["an ID token by its nonce where types say nothing", { rules: untyped, payload: { nonce: "n" } }],
    ["an ID token by its at_hash", { rules: untyped, payload: { at_hash: "h" } }],
    ["an ID token by its c_hash", { rules: untyped, payload: { c_hash: "h" } }],
    ["a logout token by its events", { rules: untyped, payload: { events: {} } }],
  ])("and is refused: %s", async (_, given) => {
    expect(await reasonOf(() => apply(given))).toBe("TOKEN_TYPE_MISMATCH");
  });

  it.each(["ID", "Refresh", "Offline", "Logout"])("and is refused by its payload type %s, whatever the configuration says", async (typ) => {
    for (const payload of [{ typ }, { typ: typ.toUpperCase() }]) {
      for (const given of [
        { rules: untyped, payload },
        { rules: rfc9068, payload },
        { rules: { ...untyped, payloadType: payload.typ }, payload },
      ]) {
        expect(await reasonOf(() => apply(given))).toBe("TOKEN_TYPE_MISMATCH");
      }
    }
  });

  it("but one that says Bearer, or nothing, is one where no payload type is pinned", () => {
    expect(apply({ rules: untyped, payload: { typ: "Bearer" } }).subject).toBe("alice");
    expect(apply({ rules: untyped }).subject).toBe("alice");
  });

  it("but a typed one may carry a nonce", () => {
    expect(apply({ payload: { nonce: "n" } }).subject).toBe("alice");
    expect(apply({ rules: keycloak, payload: { nonce: "n" } }).subject).toBe("alice");
  });
});
