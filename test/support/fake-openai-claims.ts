// What stands in the tokens of the fake OpenAI: the members that its clients read, under its own claim names.

import { randomUUID } from "node:crypto";
import type { JWTPayload } from "jose";
import type { FakeOpenAiUser } from "./fake-openai.ts";
import type { FakeAuthorization } from "./fake-upstream-grants.ts";

interface Facts {
  readonly issuer: string;
  readonly authorization: FakeAuthorization;
  readonly user: FakeOpenAiUser;
  /** Seconds since 1970. */
  readonly now: number;
  /** Of the access token; seconds. */
  readonly expiresIn: number;
}

const idTokenSeconds = 3_600;

export function idTokenClaims({ issuer, authorization, user, now }: Facts): JWTPayload {
  const has = (scope: string): boolean => authorization.scopes.includes(scope);
  return {
    iss: issuer,
    sub: user.id,
    aud: [authorization.clientId],
    iat: now,
    exp: now + idTokenSeconds,
    jti: randomUUID(),
    ...(has("email") ? { email: user.email, email_verified: user.email_verified } : {}),
    ...(has("profile") ? { name: user.name } : {}),
    ...(authorization.nonce === undefined ? {} : { nonce: authorization.nonce }),
    "https://api.openai.com/auth": accountOf(user),
  };
}

export function accessTokenClaims({ issuer, authorization, user, now, expiresIn }: Facts): JWTPayload {
  return {
    iss: issuer,
    sub: user.id,
    aud: ["https://api.openai.com/v1"],
    client_id: authorization.clientId,
    iat: now,
    nbf: now,
    exp: now + expiresIn,
    jti: randomUUID(),
    scp: authorization.scopes,
    "https://api.openai.com/auth": accountOf(user),
    "https://api.openai.com/profile": { email: user.email, email_verified: user.email_verified },
  };
}

function accountOf(user: FakeOpenAiUser): Readonly<Record<string, unknown>> {
  return { chatgpt_account_id: user.accountId, chatgpt_plan_type: user.plan, chatgpt_user_id: user.id, user_id: user.id };
}
