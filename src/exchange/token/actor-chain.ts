// The actors of a token (RFC 8693 §4.1): who acts for its subject, the current one first, earlier ones nested inside.

import type { Actor } from "../claims.ts";
import { isText } from "./claim-shapes.ts";
import { isJsonObject, type JsonValue } from "./strict-json.ts";

/** Delegation longer than this is nobody's design; the chain is never cut, so the token is refused. */
export const maxActors = 4;

/**
 * @param unnamedIssuer what an actor without `iss` gets as its issuer
 * @returns undefined: too long, or not a chain of actors
 */
export function readActors(act: JsonValue | undefined, unnamedIssuer: string): readonly Actor[] | undefined {
  const actors: Actor[] = [];
  for (let next = act; next !== undefined;) {
    if (actors.length === maxActors || !isJsonObject(next)) return undefined;
    const { sub, iss, client_id, act: earlier } = next;
    if (!isText(sub) || !isTextOrAbsent(iss) || !isTextOrAbsent(client_id)) return undefined;
    actors.push({ issuer: iss ?? unnamedIssuer, subject: sub, clientId: client_id ?? "" });
    next = earlier;
  }
  return actors;
}

/**
 * The party that may act for a token's subject (`may_act`, RFC 8693 §4.4). Undefined: the claim is absent. One that names nobody in a way
 * that can be held against a token (by `sub` or `client_id`), or also by anything else, is nobody: empty.
 */
export function readMayAct(claim: JsonValue | undefined): Actor | undefined {
  if (claim === undefined) return undefined;
  const nobody = { issuer: "", subject: "", clientId: "" };
  if (!isJsonObject(claim)) return nobody;
  const { sub, iss, client_id, ...others } = claim;
  if (Object.keys(others).length > 0 || ![sub, iss, client_id].every(isTextOrAbsent)) return nobody;
  return { issuer: isText(iss) ? iss : "", subject: isText(sub) ? sub : "", clientId: isText(client_id) ? client_id : "" };
}

function isTextOrAbsent(value: JsonValue | undefined): value is string | undefined {
  return value === undefined || isText(value);
}
