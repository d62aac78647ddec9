// The part of the configuration's shape that is about applications which keep their users' sessions themselves. The whole is schema.ts;
// providers that speak OAuth are provider-schema.ts.

import { z } from "zod";
import { completeSessionProvider } from "./defaults.ts";
import { basePath, cookieName, duration, issuer, subjectPrefix, url } from "./fields.ts";

export const sessionProvider = z
  .strictObject({
    kind: z.enum(["better-auth"]).describe("better-auth: an application that keeps its users' sessions by Better Auth."),
    issuer: issuer.describe("The application's base URL (`baseURL` there), byte for byte as it stands in `iss` of its JWTs."),
    back_channel_url: url
      .refine((text) => !/[?#]/.test(text), "leave out the query and the fragment")
      .optional()
      .describe("Where this service reaches the application, if not at the issuer's address."),
    base_path: basePath.default("/api/auth").describe("Where Better Auth is mounted there (`basePath`)."),
    session_cookie: cookieName
      .optional()
      .describe(
        "Name of its session cookie. Default: __Secure-better-auth.session_token; where the issuer is plain http: better-auth.session_token.",
      ),
    bearer: z
      .boolean()
      .default(false)
      .describe("true: its bearer plugin is on, and sessions that come in messages are sent as `Authorization: Bearer`. Else by cookie."),
    impersonation: z
      .enum(["refuse", "act"])
      .default("refuse")
      .describe("What becomes of a session in which an administrator looks through the user's eyes. act: it counts, and tokens say so."),
    jwt: z
      .boolean()
      .default(false)
      .describe("true: JWTs of its JWT plugin are accepted as subject tokens, verified by the keys that it publishes."),
    allow_http: z.boolean().default(false).describe("true: plain http beyond loopback. For closed networks only."),
    timeout: duration("100ms", "1m").prefault("10s").describe("Total time for one call to the application."),
    subject_prefix: subjectPrefix.optional().describe("Put before `sub` in tokens that are minted for its users."),
  })
  .transform(completeSessionProvider);
