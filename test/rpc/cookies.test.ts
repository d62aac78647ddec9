import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import { endedRefreshCookie, readCookie, refreshCookie } from "../../src/rpc/cookies.ts";

const name = "__Secure-session";

describe("a cookie that is read", () => {
  it.each<[string, string, string]>([
    ["alone", "__Secure-session=a.b", "a.b"],
    ["among others", "theme=dark; __Secure-session=a.b; __Secure-sessions=no", "a.b"],
    ["with spaces and tabs around it, which are nobody's", "\t__Secure-session \t=  a.b\t ; x=y", "a.b"],
    ["without spaces between cookies", "x=y;__Secure-session=a.b;z", "a.b"],
    ["with further equals signs in its value", "__Secure-session=a=b==", "a=b=="],
    ["as it is spelled, not decoded", "__Secure-session=a%2Fb%3D", "a%2Fb%3D"],
    ["with quotes, which are a part of it", '__Secure-session="a"', '"a"'],
    ["beside pairs that are none", ";;=; =x; junk; __Secure-session=a", "a"],
  ])("is found %s", (_what, header, value) => {
    expect(readCookie(header, name)).toBe(value);
  });

  it.each<[string, string | null | undefined]>([
    ["no header", undefined],
    ["no header, as the other kind of headers says it", null],
    ["an empty header", ""],
    ["a name without a value", "__Secure-session"],
    ["an empty value", "__Secure-session="],
    ["another case", "__secure-session=a"],
    ["a longer name", "__Secure-session2=a"],
    ["a shorter name", "__Secure-sessio=a"],
    ["a name inside another's value", "x=__Secure-session=a"],
    ["a name behind a comma, as some proxies join headers", "x=y, __Secure-session=a"],
  ])("is not found in %s", (_what, header) => {
    expect(readCookie(header, name)).toBeUndefined();
  });

  it.each(["\u00a0", "\u0085", "\ufeff", "\u2003", "\u3000", "\v", "\f"])(
    "is not the one that a neighbour planted under a name that only looks the same: %j is no space to a browser",
    (space) => {
      for (const planted of [`${space}${name}=planted`, `${name}${space}=planted`, `x=y;${space} ${name}=planted`]) {
        expect(readCookie(planted, name)).toBeUndefined();
        expect(readCookie(`${planted}; ${name}=own`, name)).toBe("own");
      }
    },
  );

  it.each([
    ["from a neighbour", "__Secure-session=own; __Secure-session=planted"],
    ["the same twice", "__Secure-session=own; __Secure-session=own"],
    ["once without a value", "__Secure-session=own; __Secure-session="],
  ])("that is there twice is neither of them: %s", (_what, header) => {
    expect(readCookie(header, name)).toBeUndefined();
  });

  it("is not looked for in a header that no browser sends", () => {
    const cookie = `; ${name}=a`;
    expect(readCookie("x".repeat(16_384 - cookie.length) + cookie, name)).toBe("a");
    expect(readCookie("x".repeat(16_385 - cookie.length) + cookie, name)).toBeUndefined();
  });

  it("is read back as it was written, whatever stands beside it", () => {
    const word = fc.stringMatching(/^[A-Za-z0-9._%=-]{1,20}$/);
    fc.assert(
      fc.property(word, fc.array(fc.tuple(word, word)), (value, others) => {
        const beside = others.map(([key, other]) => `x${key.replaceAll("=", "")}=${other}`);
        expect(readCookie([...beside, `${name}=${value}`].join("; "), name)).toBe(value);
      }),
    );
  });
});

describe("the refresh cookie", () => {
  const attributes = ["Path=/cambio.v1.TokenExchangeService/", "HttpOnly", "Secure", "SameSite=Strict"];

  it("goes to no script, no other site, no other path and over no plain http, and to no other host: it names none", () => {
    const [pair, ...rest] = refreshCookie("__Secure-r", new Secret("cambio_rt_x"), 90_000_999).split("; ");
    expect(pair).toBe("__Secure-r=cambio_rt_x");
    expect(rest).toEqual([...attributes, "Max-Age=90000"]);
  });

  it("that no other host can plant is kept by a browser only for all paths of this one", () => {
    const written = refreshCookie("__Host-r", new Secret("cambio_rt_x"), 60_000);
    expect(written.split("; ")).toEqual(["__Host-r=cambio_rt_x", "Path=/", ...attributes.slice(1), "Max-Age=60"]);
    expect(endedRefreshCookie("__Host-r").split("; ")).toEqual(["__Host-r=", "Path=/", ...attributes.slice(1), "Max-Age=0"]);
  });

  it("is taken back under the same name and path, or a browser would keep it", () => {
    expect(endedRefreshCookie("__Secure-r").split("; ")).toEqual(["__Secure-r=", ...attributes, "Max-Age=0"]);
  });
});
