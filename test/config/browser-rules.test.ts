import { describe, expect, it } from "vitest";
import { exampleWith, expectOnlyMistake, failureOf } from "./given.ts";
import { changed, good } from "./issuing-example.ts";

const route = (given: object) => ({ "routes/backend_token": [{ ...good["routes/backend_token"][0], ...given }] });

describe("what is found about a browser's cookies and the routes that read them", () => {
  const at = "routes.backend_token.0";
  const rows: readonly (readonly [name: string, changes: Readonly<Record<string, unknown>>, path: string, words: string])[] = [
    [
      "a cookie of a client that has none",
      { "clients/orders/refresh_cookie": "__Secure-x", "clients/orders/raw_refresh_tokens": false },
      "clients.orders.refresh_cookie",
      "has no cookies",
    ],
    [
      "a cookie that would carry a provider's own refresh tokens",
      { "clients/page/raw_refresh_tokens": true },
      "clients.page.refresh_cookie",
      "would carry a provider's own",
    ],
    [
      "a cookie with the name of the session's",
      { "clients/page/refresh_cookie": "__Secure-better-auth.session_token" },
      "clients.page.refresh_cookie",
      "a provider's session cookie",
    ],
    ...["cambio", "__host-cambio", "__Host-", "__secure-cambio", "__Secure-", "__Secure-a;b", "__Secure-a=b", "__Secure-ä"].map(
      (name) =>
        [
          `a cookie that a browser does not keep from plain http, or that no header carries: ${name}`,
          { "clients/page/refresh_cookie": name },
          "clients.page.refresh_cookie",
          "Begin with __Host- or __Secure-",
        ] as const,
    ),
    ["a route of a provider that there is not", route({ provider: "nowhere" }), `${at}.provider`, "names none of the configured providers"],
    [
      "a route for an audience that there is not",
      route({ audience: "nowhere" }),
      `${at}.audience`,
      "names none of the configured audiences",
    ],
    ["a route for a client that there is not", route({ client: "nobody" }), `${at}.client`, "names none of the configured clients"],
    [
      "a route for an audience that gets no tokens",
      {
        ...route({ audience: "orders" }),
        "audiences/orders/accepts/site": { identifiers: ["urn:o"], clients: ["x"] },
        "providers/site/jwt": true,
        "clients/page/providers/site/audiences": ["backend", "orders"],
      },
      `${at}.audience`,
      "gets no tokens for that provider's users",
    ],
    ["a route for a client that may not exchange", { "clients/page/methods": ["Refresh"] }, `${at}.client`, "may not call Exchange"],
    [
      "a route for a client that may not ask for the audience",
      { "clients/page/providers/site/audiences": [] },
      `${at}.client`,
      "may not ask tokens for the route's audience",
    ],
    [
      "a route on the path of another one",
      { "routes/backend_token": [0, 1].map(() => good["routes/backend_token"][0]) },
      "routes.backend_token.1.path",
      "is the path of another route",
    ],
    [
      "a route on the path of one that redeems codes",
      route({ path: "/api/auth/exchange" }),
      "routes.exchange.0.path",
      "is the path of another route",
    ],
    ["a route on a path of the service itself", route({ path: "/metrics" }), `${at}.path`, "a path of the service itself"],
    ["a route that leads to one", route({ path: "/api/../metrics" }), `${at}.path`, "leads to one"],
  ];
  expectOnlyMistake(rows.map(([name, changes, path, words]) => ({ name, path, words, changes: changed(changes) })));

  it("a route of a client that is no browser, of a provider that keeps no sessions: all of it at once", () => {
    const text = exampleWith(changed(route({ client: "cli", provider: "main" })));
    expect(failureOf({ text }).mistakes.map(({ path, problem }) => [path, problem])).toEqual([
      [`${at}.client`, "is not a browser client, and only browsers have cookies"],
      [`${at}.client`, "may not ask tokens for the route's audience"],
      [`${at}.provider`, "keeps no sessions"],
    ]);
  });

  it("a route of a client that may not use its provider", () => {
    const text = exampleWith(changed(route({ client: "web" })));
    expect(failureOf({ text }).mistakes).toMatchObject([{ path: `${at}.client`, problem: "may not use the route's provider" }]);
  });
});
