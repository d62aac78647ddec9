// `cambio/client/node`: for services. Guards that let a request through where Cambio says that its token is valid for them, and hand
// the handler its claims.

export { createBearerInterceptor, type BearerInterceptor } from "../bearer-interceptor.ts";
export type { Credentials } from "./ask-cambio.ts";
export type { Actor, TokenClaims } from "./claims.ts";
export { tokenClaims } from "./connect-guard.ts";
export type { Decision, Denied, Refusal, Undecided } from "./decision.ts";
export { claimsOf, type FastifyHook, type GuardedHandler, type Middleware } from "./http-guard.ts";
export { createTokenGuard, type RequiredToken, type Requirement, type TokenGuard, type TokenGuardOptions } from "./token-guard.ts";
export type { UpgradeConnection, UpgradeGuard } from "./upgrade-guard.ts";
