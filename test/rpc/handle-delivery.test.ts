import { describe, expect, it } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import { deliver, handleInCookie, takeBack } from "../../src/rpc/handle-delivery.ts";
import { sessionInCookie } from "../../src/rpc/session-cookie.ts";
import { clientOf, refusal } from "../exchange/fixtures.ts";

const cookie = "__Secure-cambio-refresh";
const page = clientOf({ kind: "browser", refreshCookie: cookie });
const plain = clientOf({ kind: "browser" });
const answering = () => ({ responseHeader: new Headers() });
const tokens = (refreshToken?: string): TokenSet => ({
  accessToken: new Secret("access"),
  tokenType: "Bearer",
  expiresAtMs: undefined,
  refreshToken: refreshToken === undefined ? undefined : new Secret(refreshToken),
  idToken: undefined,
  scopes: undefined,
  issuer: "https://cambio.example.com",
});

describe("a handle on its way to a client", () => {
  it("with a cookie travels in it, and not in the message as well", () => {
    const context = answering();
    const delivered = deliver(tokens("cambio_rt_x"), page, { context, lifeMs: 60_000 });
    expect(delivered.refreshToken).toBeUndefined();
    expect(delivered.accessToken.reveal()).toBe("access");
    expect(context.responseHeader.getSetCookie()).toEqual([expect.stringMatching(/^__Secure-cambio-refresh=cambio_rt_x; .*Max-Age=60$/)]);
  });

  it("without a cookie travels in the message, and in no cookie", () => {
    const context = answering();
    expect(deliver(tokens("cambio_rt_x"), plain, { context, lifeMs: 60_000 }).refreshToken?.reveal()).toBe("cambio_rt_x");
    expect(context.responseHeader.getSetCookie()).toEqual([]);
  });

  it("leaves an older one alone where there is no new one", () => {
    const context = answering();
    deliver(tokens(), page, { context, lifeMs: 60_000 });
    expect(context.responseHeader.getSetCookie()).toEqual([]);
  });

  it("is taken back from the cookie of whoever has one", () => {
    const [its, none] = [answering(), answering()];
    takeBack(page, its);
    takeBack(plain, none);
    expect(its.responseHeader.getSetCookie()).toEqual([expect.stringMatching(/^__Secure-cambio-refresh=; .*Max-Age=0$/)]);
    expect(none.responseHeader.getSetCookie()).toEqual([]);
  });
});

describe("a handle on its way back", () => {
  it("is the cookie's value", () => {
    expect(handleInCookie(page, `x=y; ${cookie}=cambio_rt_x`, "credential").reveal()).toBe("cambio_rt_x");
  });

  it.each([
    ["there is no cookie", null],
    ["it is another client's", "__Secure-other=cambio_rt_x"],
    ["there are two", `${cookie}=cambio_rt_x; ${cookie}=cambio_rt_y`],
    ["it was taken back", `${cookie}=`],
  ])("is none where %s: the user must sign in again", (_what, header) => {
    expect(() => handleInCookie(page, header, "credential")).toThrow(refusal("REAUTHENTICATION_REQUIRED"));
  });

  it("is missing from the message of a client that has no cookie, whatever cookies it sends", () => {
    expect(() => handleInCookie(plain, `${cookie}=cambio_rt_x`, "credential")).toThrow(
      refusal("MALFORMED_REQUEST", { cause: { kind: "rule", field: "credential" } }),
    );
  });
});

describe("a session in a cookie", () => {
  const site = { cookieName: "better-auth.session_token" };
  const header = "better-auth.session_token=token.signature";

  it("is shown by a browser, byte for byte, and told apart from one in a message", () => {
    const shown = sessionInCookie(page, header)(site);
    expect([shown?.token.reveal(), shown?.from]).toEqual(["token.signature", "cookie"]);
  });

  it.each(["service", "native"] as const)("of a %s client is none: whoever is no browser has somebody's", (kind) => {
    expect(sessionInCookie(clientOf({ kind }), header)(site)).toBeUndefined();
  });

  it.each([
    ["of another provider", "__Secure-better-auth.session_token=token.signature"],
    ["that is longer than any", `better-auth.session_token=${"a".repeat(4_097)}`],
    ["in no header", undefined],
  ])("%s is none", (_what, given) => {
    expect(sessionInCookie(page, given)(site)).toBeUndefined();
  });
});
