// Reads Cambio's answers for the demo: what must be in them, and what of it is shown. Tokens are cut to their first characters.

import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema, type ErrorDetail, type ErrorReason, ErrorReasonSchema } from "../gen/cambio/v1/error_pb.ts";
import { type TokenSet, ValidationSourceSchema } from "../gen/cambio/v1/token_pb.ts";
import type { ValidateCrossClientResponse } from "../gen/cambio/v1/token_exchange_service_pb.ts";
import { expect, type Facts, short } from "./demo-report.ts";

export interface Refused {
  readonly error: ConnectError;
  readonly detail: ErrorDetail;
}

type ReasonName = keyof typeof ErrorReason;

/** The error that a call must fail with. */
export async function refusal(call: () => Promise<unknown>, reason: ReasonName): Promise<Refused> {
  const error = await call().then(
    () => undefined,
    (failure: unknown) => ConnectError.from(failure),
  );
  if (error === undefined) throw new Error(`it was not refused; expected ${reason}`);
  const [detail] = error.findDetails(ErrorDetailSchema);
  if (detail === undefined) throw new Error(`an error without its detail: ${error.message}`);
  expect(nameOf(detail) === reason, `the reason is ${nameOf(detail)}; expected ${reason}`);
  return { error, detail };
}

function nameOf(detail: ErrorDetail): string {
  return ErrorReasonSchema.value[detail.reason]?.localName ?? "a reason of a newer version";
}

/** As the Connect protocol spells it: `failed_precondition`. */
function codeName(code: Code): string {
  return Code[code].replaceAll(/(?<=.)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

export function refusalFacts({ error, detail }: Refused): Facts {
  return [
    ["refused", `${nameOf(detail)} (code ${codeName(error.code)}, OAuth ${detail.oauthError})`],
    ["message", error.rawMessage],
    ["request id", detail.requestId],
  ];
}

export function tokenFacts(tokens: TokenSet | undefined): Facts {
  const { accessToken, tokenType, expiresIn, expiresAt, refreshToken, idToken, scopes } = given(tokens);
  expect(expiresIn > 0, "the access token has no time to live");
  return [
    ["access token", short(accessToken)],
    ["token type", tokenType],
    ["expires in", `${expiresIn} s, at ${instant(expiresAt)}`],
    ["refresh token", short(refreshToken)],
    ["id token", short(idToken)],
    ["scopes", scopes.join(" ")],
  ];
}

export function claimFacts({ claims, source, validUntil }: ValidateCrossClientResponse): Facts {
  expect(claims?.subject === "alice", "the token's subject is not the user who signed in");
  return [
    ["subject", `${claims?.subject}, by ${claims?.issuer}`],
    ["issued to", `${claims?.clientId}, for ${claims?.audiences.join(" ")}`],
    ["scopes", String(claims?.scopes.join(" "))],
    ["rests on", ValidationSourceSchema.value[source]?.localName ?? "a source of a newer version"],
    ["good until", instant(validUntil)],
  ];
}

export function given(tokens: TokenSet | undefined): TokenSet {
  if (tokens === undefined) throw new Error("the answer holds no tokens");
  return tokens;
}

export function instant(timestamp: Timestamp | undefined): string {
  return timestamp === undefined ? "unknown" : timestampDate(timestamp).toISOString();
}
