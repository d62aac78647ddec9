// A requirement as guards of plain HTTP: middleware of Express and its kin, a hook of Fastify, and around a handler of Request and
// Response. All do the same: check, then hand on the claims or answer the refusal.

import type { TokenClaims } from "./claims.ts";
import type { Decision, Refusal } from "./decision.ts";
import type { RefusalAnswer } from "./refusal.ts";

/** @param headers every `authorization` header of the request */
export type Check = (headers: readonly string[]) => Promise<Decision>;

export interface HttpGuardDeps {
  readonly check: Check;
  readonly answer: (refusal: Refusal) => RefusalAnswer;
}

/** A request of Node: `http`, and `http2` in its compatible form. */
export interface NodeRequest {
  readonly rawHeaders: readonly string[];
}

export interface NodeResponse {
  writeHead(status: number, headers: Record<string, string>): unknown;
  end(body: string): unknown;
}

export interface FastifyLikeReply {
  code(status: number): unknown;
  headers(headers: Record<string, string>): unknown;
  send(body: string): unknown;
}

export type Middleware = (request: NodeRequest, response: NodeResponse, next: (error?: unknown) => void) => Promise<void>;

export type FastifyHook = (request: { readonly raw: NodeRequest }, reply: FastifyLikeReply) => Promise<unknown>;

export type GuardedHandler<Rest extends readonly unknown[]> = (
  request: Request,
  claims: TokenClaims,
  ...rest: Rest
) => Response | Promise<Response>;

const claimsByRequest = new WeakMap<object, TokenClaims>();

/** @throws Error where no guard let this request through */
export function claimsOf(request: object): TokenClaims {
  const claims = claimsByRequest.get(request);
  if (claims === undefined) throw new Error("No guard has let this request through.");
  return claims;
}

export function handOn(request: object, claims: TokenClaims): void {
  claimsByRequest.set(request, claims);
  Reflect.set(request, "auth", claims);
}

export function createMiddleware({ check, answer }: HttpGuardDeps): Middleware {
  return async (request, response, next) => {
    let decision: Decision;
    try {
      decision = await check(authorizationOf(request));
    } catch (failure) {
      // Not every server that takes middleware waits for it.
      next(failure);
      return;
    }
    if (decision.kind === "allowed") {
      handOn(request, decision.claims);
      next();
      return;
    }
    const { status, headers, body } = answer(decision);
    response.writeHead(status, { ...headers });
    response.end(body);
  };
}

export function createFastifyHook({ check, answer }: HttpGuardDeps): FastifyHook {
  return async (request, reply) => {
    const decision = await check(authorizationOf(request.raw));
    if (decision.kind === "allowed") {
      handOn(request, decision.claims);
      return undefined;
    }
    const { status, headers, body } = answer(decision);
    reply.code(status);
    reply.headers({ ...headers });
    reply.send(body);
    // Tells Fastify that the request is answered.
    return reply;
  };
}

export function createFetchGuard({ check, answer }: HttpGuardDeps) {
  return <Rest extends readonly unknown[]>(handler: GuardedHandler<Rest>) =>
    async (request: Request, ...rest: Rest): Promise<Response> => {
      const header = request.headers.get("authorization");
      const decision = await check(header === null ? [] : [header]);
      if (decision.kind === "allowed") return handler(request, decision.claims, ...rest);
      const { status, headers, body } = answer(decision);
      return new Response(body, { status, headers });
    };
}

export function authorizationOf(request: NodeRequest): readonly string[] {
  return valuesOf(request, "authorization");
}

/** As they came: Node's parsed headers keep only the first of several. */
export function valuesOf({ rawHeaders }: NodeRequest, name: string): readonly string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}
