// What a user endpoint says about a user → an account, by the map in the provider's definition. The id is read strictly, as it is the
// key of an account here: two spellings must never meet, and one must never be cut. The rest informs, or is not known.

import { type Account, informing, informingAddress } from "../exchange/account.ts";
import { isText } from "../exchange/token/claim-shapes.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../exchange/token/strict-json.ts";
import type { UserReading } from "./definition.ts";

/** Characters: the longest `sub` that OpenID Connect Core §2 allows has 255. */
const maxIdLength = 256;

/** Undefined: it is not an answer about a user. */
export function readUserAnswer(answer: JsonValue | undefined, reading: UserReading): Account | undefined {
  if (!isJsonObject(answer)) return undefined;
  const id = idOf(memberAt(answer, reading.id), reading.idShape);
  if (id === undefined) return undefined;
  const first = (members: readonly string[]): string =>
    members.map((member) => informing(memberAt(answer, member))).find((text) => text !== "") ?? "";
  return {
    providerUserId: id,
    username: first(reading.username),
    displayName: first(reading.displayName),
    email: first(reading.email),
    emailVerified: reading.emailVerified !== undefined && memberAt(answer, reading.emailVerified) === true,
    avatarUrl: avatarOf(answer, id, reading.avatar),
  };
}

function idOf(value: JsonValue | undefined, shape: UserReading["idShape"]): string | undefined {
  // Beyond 2^53 a number has lost its last digits, and is somebody else's.
  if (typeof value === "number") return shape !== "digits" && Number.isSafeInteger(value) && value > 0 ? String(value) : undefined;
  if (shape === "number" || !isText(value)) return undefined;
  if (shape === "digits") return /^[0-9]{1,20}$/.test(value) ? value : undefined;
  return value.length <= maxIdLength && !/[\p{C}\p{Zl}\p{Zp}]/u.test(value) ? value : undefined;
}

function avatarOf(answer: JsonObject, id: string, avatar: UserReading["avatar"]): string {
  if (avatar.kind === "hash") return avatar.address(id, informing(memberAt(answer, avatar.member)));
  return avatar.members.map((member) => informingAddress(memberAt(answer, member))).find((text) => text !== "") ?? "";
}

/** @param path names with dots between them */
function memberAt(answer: JsonObject, path: string): JsonValue | undefined {
  return path
    .split(".")
    .reduce<JsonValue | undefined>((at, name) => (isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : undefined), answer);
}
