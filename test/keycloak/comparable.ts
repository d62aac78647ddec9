// An answer with what differs from run to run taken out or named, so that it can be compared whole: tokens are read, times become
// life times, ids become what they are ids of. Members that nobody expects are a difference.

import type { Answer } from "./requests.ts";
import type { World } from "./world.ts";

type Members = Readonly<Record<string, unknown>>;

const named: Readonly<Record<string, string>> = { sid: "a session", session_state: "a session", reuse_id: "a line", at_hash: "a hash" };
const tokens = ["access_token", "id_token", "refresh_token"];

export function comparable(world: World, { status, contentType, body }: Answer): Members {
  return { status, ...(body === undefined ? {} : { contentType, body: compareMembers(world, body as Members) }) };
}

function compareMembers(world: World, members: Members): Members {
  const lives = typeof members["exp"] === "number" ? { lives: members["exp"] - Number(members["iat"]) } : {};
  const rest = Object.entries(members).filter(([name]) => name !== "exp" && name !== "iat");
  return { ...lives, ...Object.fromEntries(rest.map(([name, value]) => [name, compareValue(world, name, value)])) };
}

function compareValue(world: World, name: string, value: unknown): unknown {
  if (Array.isArray(value)) return (value as string[]).toSorted();
  if (typeof value !== "string") return name === "not-before-policy" && value !== 0 ? "an instant" : value;
  if (tokens.includes(name) && value.split(".").length === 3) return readToken(world, value);
  if (value === world.issuer) return "the realm";
  if (name === "sub") return world.realm.users.find(({ id }) => id === value)?.username ?? "nobody";
  if (name === "jti") return value.includes(":") ? value.split(":")[0] : "an id";
  if (name === "scope") return value.split(" ").toSorted().join(" ");
  return named[name] ?? value;
}

function readToken(world: World, token: string): Members {
  const [header, payload] = token.split(".", 2).map((part) => JSON.parse(Buffer.from(part, "base64url").toString("utf8")) as Members);
  return { alg: header?.["alg"], header: header?.["typ"], ...compareMembers(world, payload ?? {}) };
}
