import { describe, expect, it } from "vitest";
import { chooseRedirectUri, isRegistered } from "../../src/exchange/redirect-uri.ts";
import { clientOf, grantOf, refusal } from "./fixtures.ts";

const browser = clientOf({ kind: "browser" });
const service = clientOf({ kind: "service" });
const native = clientOf({ kind: "native" });

describe("the redirect URI that is meant", () => {
  it("is the one that was sent, registered or not: that is for policy to say", () => {
    const grant = grantOf({ redirectUris: ["https://app.example/a", "https://app.example/b"] });
    expect(chooseRedirectUri(grant, "https://app.example/b")).toBe("https://app.example/b");
    expect(chooseRedirectUri(grant, "https://evil.example/")).toBe("https://evil.example/");
  });

  it("is the only registered one where none was sent", () => {
    expect(chooseRedirectUri(grantOf({ redirectUris: ["https://app.example/callback"] }), "")).toBe("https://app.example/callback");
  });

  it("is refused where none was sent and several are registered, rather than guessed", () => {
    const grant = grantOf({ redirectUris: ["https://app.example/a", "https://app.example/b"] });
    expect(() => chooseRedirectUri(grant, "")).toThrow(refusal("MALFORMED_REQUEST"));
  });

  it("is refused where none was sent and none is registered", () => {
    expect(() => chooseRedirectUri(grantOf({}), "")).toThrow(refusal("REDIRECT_URI_NOT_ALLOWED"));
  });
});

describe("a redirect URI", () => {
  it.each([browser, service, native])("of a $kind client is a registered one, byte for byte", (client) => {
    const grant = grantOf({ redirectUris: ["https://app.example/a", "https://app.example/callback?x=1"] });
    expect(isRegistered(client, grant, "https://app.example/callback?x=1")).toBe(true);
  });

  it.each(["", "https://app.example/callback"])("is not registered where none is (%j)", (wanted) => {
    for (const client of [browser, service, native]) expect(isRegistered(client, grantOf({}), wanted)).toBe(false);
  });

  it.each([
    ["a prefix", "https://app.example/call"],
    ["a suffix added", "https://app.example/callback/more"],
    ["a trailing slash", "https://app.example/callback/"],
    ["a query added", "https://app.example/callback?next=https://evil.example"],
    ["a fragment added", "https://app.example/callback#x"],
    ["dot segments that lead to it", "https://app.example/x/../callback"],
    ["dot segments that lead away", "https://app.example/callback/../x"],
    ["a percent-encoded letter", "https://app.example/c%61llback"],
    ["the default port", "https://app.example:443/callback"],
    ["another port", "https://app.example:444/callback"],
    ["another scheme", "http://app.example/callback"],
    ["another case", "https://APP.example/callback"],
    ["user information", "https://user@app.example/callback"],
    ["the registered host as user information", "https://app.example@evil.example/callback"],
    ["a longer host", "https://app.example.evil.example/callback"],
    ["a subdomain", "https://evil.app.example/callback"],
    ["a line break behind", "https://app.example/callback\n"],
    ["a space before", " https://app.example/callback"],
    ["a null byte behind", "https://app.example/callback\0"],
  ])("that differs by %s is not registered, for any kind of client", (_name, wanted) => {
    const grant = grantOf({ redirectUris: ["https://app.example/callback"] });
    for (const client of [browser, service, native]) {
      expect(isRegistered(client, grant, wanted)).toBe(false);
    }
  });
});

describe("a native client's loopback redirect URI", () => {
  it.each([
    ["http://127.0.0.1/callback", "http://127.0.0.1:49152/callback"],
    ["http://127.0.0.1:8000/callback", "http://127.0.0.1:8001/callback"],
    ["http://127.0.0.1:8000/callback", "http://127.0.0.1/callback"],
    ["http://[::1]/callback", "http://[::1]:65535/callback"],
    ["http://localhost/callback?a=b", "http://localhost:1/callback?a=b"],
    ["http://127.0.0.1", "http://127.0.0.1:49152"],
  ])("%s may come back at %s", (registered, wanted) => {
    expect(isRegistered(native, grantOf({ redirectUris: [registered] }), wanted)).toBe(true);
  });

  it.each([
    ["user information that looks like a port", "http://127.0.0.1:1@evil.example/callback"],
    ["user information before the address", "http://evil.example@127.0.0.1:1/callback"],
    ["a password", "http://127.0.0.1:1:x@evil.example/callback"],
    ["a longer host", "http://127.0.0.1.evil.example:1/callback"],
    ["a longer host without a dot", "http://127.0.0.1evil.example:1/callback"],
    ["another host", "http://evil.example:1/callback"],
    ["another loopback address", "http://127.0.0.2:1/callback"],
    ["another name of the same host", "http://localhost:1/callback"],
    ["a number that means the same address", "http://2130706433:1/callback"],
    ["an IPv4 address inside IPv6", "http://[::ffff:127.0.0.1]:1/callback"],
    ["https", "https://127.0.0.1:1/callback"],
    ["another case", "HTTP://127.0.0.1:1/callback"],
    ["a longer path", "http://127.0.0.1:1/callback/more"],
    ["a shorter path", "http://127.0.0.1:1/call"],
    ["a query", "http://127.0.0.1:1/callback?x"],
    ["a fragment", "http://127.0.0.1:1/callback#x"],
    ["a backslash", "http://127.0.0.1:1\\@evil.example/callback"],
    ["a question mark for the path", "http://127.0.0.1:1?/callback"],
    ["no port behind the colon", "http://127.0.0.1:/callback"],
    ["a port that is none", "http://127.0.0.1:99999/callback"],
    ["the first port beyond the last", "http://127.0.0.1:65536/callback"],
    ["a port of six digits", "http://127.0.0.1:000080/callback"],
    ["a negative port", "http://127.0.0.1:-1/callback"],
    ["two ports", "http://127.0.0.1:1:2/callback"],
    ["a line break behind", "http://127.0.0.1:1/callback\n"],
    ["text before", "xhttp://127.0.0.1:1/callback"],
    ["a letter beyond ASCII", "http://127.0.0.1:1/c\u{430}llback"],
  ])("does not come back with %s", (_name, wanted) => {
    const grant = grantOf({ redirectUris: ["http://127.0.0.1/callback"] });
    expect(isRegistered(native, grant, wanted)).toBe(false);
  });

  it.each([browser, service])("exception does not hold for a $kind client", (client) => {
    const grant = grantOf({ redirectUris: ["http://127.0.0.1/callback"] });
    expect(isRegistered(client, grant, "http://127.0.0.1:1/callback")).toBe(false);
  });

  it("exception does not free the port of a host that is not loopback", () => {
    const grant = grantOf({ redirectUris: ["http://app.example/callback", "http://127.0.0.1/other"] });
    expect(isRegistered(native, grant, "http://app.example:1/callback")).toBe(false);
  });

  it("may be a private-use scheme, byte for byte", () => {
    const grant = grantOf({ redirectUris: ["com.example.app:/callback"] });
    expect(isRegistered(native, grant, "com.example.app:/callback")).toBe(true);
    expect(isRegistered(native, grant, "com.example.app:/callback2")).toBe(false);
  });
});
