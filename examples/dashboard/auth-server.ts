// The application's own sign-in: a real Better Auth server, with e-mail and password, cookie sessions and accounts in SQLite.
// PORT, HOST, AUTH_SECRET, DATABASE_FILE and PUBLIC_URL (what the browser has in its address bar) configure it.

import { createServer, type Server } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { betterAuth, type BetterAuthOptions } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { createJsonLog, type Log, requestIdOf } from "./json-log.ts";
import { required, serveProcess } from "./serve.ts";

export interface AuthServerOptions {
  readonly publicUrl: string;
  readonly secret: string;
  /** A path, or `:memory:`. */
  readonly databaseFile: string;
}

/** Enough for somebody who mistypes; too few to guess with. */
const signIns = { window: 60, max: 20 };
/** Enough for a class that shares an address. */
const signUps = { window: 60, max: 60 };

export async function createAuthServer({ publicUrl, secret, databaseFile }: AuthServerOptions, log: Log): Promise<Server> {
  const options = {
    appName: "Cambio dashboard",
    baseURL: publicUrl,
    trustedOrigins: [publicUrl],
    secret,
    database: new DatabaseSync(databaseFile),
    emailAndPassword: { enabled: true, minPasswordLength: 8 },
    // No cookie cache: an ended session ends at once.
    session: { cookieCache: { enabled: false } },
    advanced: { ipAddress: { ipAddressHeaders: ["x-forwarded-for"] } },
    rateLimit: {
      enabled: true,
      window: 60,
      max: 100,
      customRules: {
        "/sign-in/email": signIns,
        "/sign-up/email": signUps,
        // Cambio asks this for everybody, from one address; who asks too often is Cambio's matter.
        "/get-session": false,
      },
    },
    // Its own sentences may name an address of a user; ours go by status.
    logger: { level: "error", log: (level) => log({ level: level === "error" ? "error" : "info", msg: "better-auth reported a problem" }) },
    telemetry: { enabled: false },
  } satisfies BetterAuthOptions;
  const { runMigrations } = await getMigrations(options);
  await runMigrations();
  const handle = toNodeHandler(betterAuth(options));
  return createServer((request, response) => {
    const started = performance.now();
    const request_id = requestIdOf(request);
    response.setHeader("x-request-id", request_id);
    response.once("close", () => {
      const path = URL.parse(request.url ?? "", publicUrl)?.pathname ?? "";
      // Whoever looks after it asks every few seconds.
      if (path === "/api/auth/ok") return;
      const duration_ms = Math.round(performance.now() - started);
      log({ msg: "request", request_id, method: request.method, path, status: response.statusCode, duration_ms });
    });
    handle(request, response).catch(() => response.destroy());
  });
}

if (import.meta.main) {
  const log = createJsonLog("auth");
  const options = { publicUrl: required("PUBLIC_URL"), secret: required("AUTH_SECRET"), databaseFile: required("DATABASE_FILE") };
  await serveProcess(await createAuthServer(options, log), log);
}
