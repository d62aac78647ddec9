// What the backend answers to the bearer of a token, or of none: the same for a request and for an upgrade.

import type { Checked } from "./token-check.ts";

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly userId?: string;
  readonly reason?: string;
}

/** RFC 6750 §3: no error code where no token was sent. */
export function answerTo(checked: Checked): Answer {
  switch (checked.kind) {
    case "believed":
      return { status: 200, body: { message: "You have reached the protected backend.", user_id: checked.userId }, userId: checked.userId };
    case "missing":
      return {
        status: 401,
        body: { error: "unauthorized", error_description: "This endpoint needs a bearer token." },
        headers: { "www-authenticate": 'Bearer realm="backend"' },
        reason: "token_missing",
      };
    case "expired":
      return {
        ...invalidToken(`The token expired at ${checked.expiredAt}.`, { expired_at: checked.expiredAt }),
        reason: "token_expired",
      };
    case "invalid":
      return { ...invalidToken("The token is not one that this backend accepts."), reason: "token_invalid" };
    case "undecided":
      return {
        status: 503,
        body: { error: "temporarily_unavailable", error_description: "The keys that tokens are checked by cannot be reached." },
        headers: { "retry-after": "5" },
        reason: "keys_unavailable",
      };
  }
}

function invalidToken(description: string, more: Readonly<Record<string, string>> = {}): Answer {
  return {
    status: 401,
    body: { error: "invalid_token", error_description: description, ...more },
    headers: { "www-authenticate": `Bearer realm="backend", error="invalid_token", error_description="${description}"` },
  };
}
