// A real Better Auth server in this process, on a free port, over a database in memory: sign-up and sign-in by email and password, and
// the plugins that are switched on. No test framework in here.

import { randomBytes } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { DatabaseSync } from "node:sqlite";
import type { BetterAuthOptions, BetterAuthPlugin } from "better-auth";
import { totpNow } from "./totp.ts";

export interface BetterAuthServerOptions {
  readonly plugins?: readonly BetterAuthPluginName[];
  /** Answers about sessions may come out of a cookie for five minutes. */
  readonly cookieCache?: boolean;
  /** Cookies have the prefix `__Secure-`, as with an https address. */
  readonly secureCookies?: boolean;
  /** Default: /api/auth. */
  readonly basePath?: string;
  /** Default: localhost. */
  readonly host?: string;
  /** Default: 0, any free one. */
  readonly port?: number;
  /** Pages whose calls it takes, besides those of its own origin. */
  readonly trustedOrigins?: readonly string[];
  /** Its own limit, in calls within ten seconds. Default: none. */
  readonly callsIn10s?: number;
  /** What its JWTs hold; for the plugin `jwt`. Default: the whole user. */
  readonly jwtPayload?: (user: Readonly<Record<string, unknown>>) => Record<string, unknown>;
}

export type BetterAuthPluginName = "admin" | "bearer" | "jwt" | "twoFactor" | "username";

export interface NewUser {
  readonly name: string;
  readonly email: string;
  readonly password: string;
  /** With the plugin `username`. */
  readonly username?: string;
  readonly image?: string;
}

/** What a browser holds after an answer. */
export interface SignedIn {
  /** The session's cookie as NAME=VALUE; empty: there is no session. */
  readonly cookie: string;
  readonly userId: string;
  /** All cookies that the answer set, by name. */
  readonly jar: ReadonlyMap<string, string>;
  /** `set-auth-token`, with the plugin `bearer`; else empty. */
  readonly bearer: string;
}

export interface BetterAuthServer {
  /** Its base URL, which is the issuer of its JWTs. */
  readonly url: string;
  readonly sessionCookie: string;
  /** Requests that it was sent, in order. */
  readonly requests: readonly { readonly path: string; readonly headers: IncomingHttpHeaders }[];
  /** Its rows, for what no call of it can bring about. */
  readonly database: DatabaseSync;
  signUp(user: NewUser): Promise<SignedIn>;
  signIn(user: Pick<NewUser, "email" | "password">): Promise<SignedIn>;
  signOut(cookie: string): Promise<void>;
  /** With the plugin `admin`: makes an administrator of the user. */
  promote(userId: string): void;
  /** With the plugin `admin`: the session in which that administrator looks through the user's eyes. */
  impersonate(administrator: string, userId: string): Promise<SignedIn>;
  /** With the plugin `twoFactor`: from now on the password alone is not enough. */
  enableTwoFactor(cookie: string, password: string): Promise<void>;
  /** With the plugin `jwt`. */
  token(cookie: string): Promise<string>;
  stop(): Promise<void>;
}

/** It may serve a demonstration for days. */
const maxRequestsKept = 10_000;

export async function startBetterAuth(options: BetterAuthServerOptions = {}): Promise<BetterAuthServer> {
  const { host = "localhost", basePath = "/api/auth", secureCookies = false } = options;
  const requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];
  const database = new DatabaseSync(":memory:");
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const url = `http://${host}:${(server.address() as AddressInfo).port}`;
  const handle = await createHandler(optionsOf(options, { url, basePath, database }));
  server.on("request", (request, response) => {
    if (requests.length < maxRequestsKept) requests.push({ path: request.url ?? "", headers: request.headers });
    void handle(request, response);
  });

  const sessionCookie = `${secureCookies ? "__Secure-" : ""}better-auth.session_token`;

  async function call(path: string, given: { readonly body?: unknown; readonly cookie?: string }): Promise<Response> {
    const response = await fetch(`${url}${basePath}/${path}`, {
      method: given.body === undefined ? "GET" : "POST",
      headers: { "content-type": "application/json", origin: url, ...(given.cookie === undefined ? {} : { cookie: given.cookie }) },
      ...(given.body === undefined ? {} : { body: JSON.stringify(given.body) }),
    });
    if (!response.ok) throw new Error(`${path} answers ${response.status}: ${await response.text()}`);
    return response;
  }

  async function signedIn(response: Response): Promise<SignedIn> {
    const { user } = (await response.json()) as { readonly user?: { readonly id: string } };
    const jar = cookiesOf(response);
    const value = jar.get(sessionCookie);
    return {
      cookie: value === undefined ? "" : `${sessionCookie}=${value}`,
      userId: user?.id ?? "",
      jar,
      bearer: response.headers.get("set-auth-token") ?? "",
    };
  }

  return {
    url,
    sessionCookie,
    requests,
    database,
    signUp: async (user) => signedIn(await call("sign-up/email", { body: user })),
    signIn: async (user) => signedIn(await call("sign-in/email", { body: user })),
    async signOut(cookie) {
      await call("sign-out", { body: {}, cookie });
    },
    promote: (userId) => void database.prepare("UPDATE user SET role = 'admin' WHERE id = ?").run(userId),
    impersonate: async (administrator, userId) =>
      signedIn(await call("admin/impersonate-user", { body: { userId }, cookie: administrator })),
    async enableTwoFactor(cookie, password) {
      const response = await call("two-factor/enable", { body: { password }, cookie });
      const { totpURI } = (await response.json()) as { readonly totpURI: string };
      await call("two-factor/verify-totp", { body: { code: totpNow(totpURI, Date.now()) }, cookie });
    },
    async token(cookie) {
      const { token } = (await (await call("token", { cookie })).json()) as { readonly token: string };
      return token;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
      database.close();
    },
  };
}

interface Place {
  readonly url: string;
  readonly basePath: string;
  readonly database: DatabaseSync;
}

function optionsOf(options: BetterAuthServerOptions, { url, basePath, database }: Place) {
  const { callsIn10s } = options;
  return {
    wanted: options.plugins ?? [],
    jwtPayload: options.jwtPayload,
    base: {
      database,
      baseURL: url,
      basePath,
      secret: randomBytes(32).toString("base64"),
      emailAndPassword: { enabled: true },
      session: { cookieCache: { enabled: options.cookieCache ?? false } },
      advanced: { useSecureCookies: options.secureCookies ?? false },
      trustedOrigins: [...(options.trustedOrigins ?? [])],
      rateLimit: callsIn10s === undefined ? { enabled: false } : { enabled: true, window: 10, max: callsIn10s },
      logger: { disabled: true },
      telemetry: { enabled: false },
    } satisfies BetterAuthOptions,
  };
}

/** Loaded where it is used: it takes a while. */
async function createHandler({ wanted, jwtPayload, base }: ReturnType<typeof optionsOf>) {
  const [{ betterAuth }, { getMigrations }, { toNodeHandler }, made] = await Promise.all([
    import("better-auth"),
    import("better-auth/db/migration"),
    import("better-auth/node"),
    import("better-auth/plugins"),
  ]);
  const makers: Readonly<Record<BetterAuthPluginName, () => BetterAuthPlugin>> = {
    admin: () => made.admin(),
    bearer: () => made.bearer(),
    jwt: () => made.jwt(jwtPayload === undefined ? {} : { jwt: { definePayload: ({ user }) => jwtPayload(user) } }),
    twoFactor: () => made.twoFactor(),
    username: () => made.username(),
  };
  const options: BetterAuthOptions = { ...base, plugins: wanted.map((name) => makers[name]()) };
  const { runMigrations } = await getMigrations(options);
  await runMigrations();
  return toNodeHandler(betterAuth(options));
}

/** A cookie that is taken back is not among them. */
function cookiesOf(response: Response): ReadonlyMap<string, string> {
  return new Map(
    response.headers.getSetCookie().flatMap((header) => {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(header) ?? [];
      return value === "" || /max-age=0(;|$)/i.test(header) ? [] : [[name, value] as const];
    }),
  );
}
