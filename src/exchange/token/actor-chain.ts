// The actors of a token (RFC 8693 §4.1): who acts for its subject, the current one first, earlier ones nested inside.

import type { Actor } from "../claims.ts";
import { isText } from "./claim-shapes.ts";
import { isJsonObject, type JsonValue } from "./strict-json.ts";

/** Delegation longer than this is nobody's design; the chain is never cut, so the token is refused. */
const maxActors = 4;

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

function isTextOrAbsent(value: JsonValue | undefined): value is string | undefined {
  return value === undefined || isText(value);
}
