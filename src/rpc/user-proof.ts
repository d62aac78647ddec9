// Proof of a user, as messages carry it beside a connection: decoded here for every method that takes one.

import type { Session, Token } from "../../gen/cambio/v1/token_pb.ts";
import { malformed } from "../exchange/errors.ts";
import { Secret } from "../exchange/secret.ts";
import type { ShownProof } from "../exchange/user-proof.ts";
import { bounds, printable } from "./rules.ts";
import { checkAccessTokenType } from "./token-types.ts";

export type UserProofField =
  | { readonly case: "userToken"; readonly value: Token }
  | { readonly case: "session"; readonly value: Session }
  | { readonly case: undefined; readonly value?: undefined };

/** Undefined: none was sent. */
export function decodeUserProof(field: UserProofField): ShownProof | undefined {
  switch (field.case) {
    case undefined:
      return undefined;
    case "session":
      printable(field.value.token, bounds.session, "session");
      return { kind: "session" };
    case "userToken":
      if (field.value.value === "") throw malformed("user_token");
      checkAccessTokenType(field.value.type, "USER_TOKEN");
      // Its size and its form are decided by the core, with a reason of their own.
      return { kind: "token", token: new Secret(field.value.value) };
  }
}

/** It goes with a connection, and with nothing else: to pass it by would be to let somebody rely on it. */
export function refuseUserProof(field: UserProofField): void {
  if (field.case !== undefined) throw malformed("user_proof");
}
