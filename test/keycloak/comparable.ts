// An answer with what differs from run to run taken out or named, so that it can be compared whole: tokens are read, times become
// life times, ids become what they are ids of. Members that nobody expects are a difference.

import type { Answer } from "./requests.ts";
import type { World } from "./world.ts";

type Members = Readonly<Record<string, unknown>>;

const named: Readonly<Record<string, string>> = { sid: "a session", session_state: "a session", reuse_id: "a line", at_hash: "a hash" };
const tokens = ["access_token", "id_token", "refresh_token"];

/** What a busy machine may take between signing a token and saying how long it lives, in seconds. */
const answeringTakes = 5;

export function comparable(world: World, { status, contentType, body }: Answer): Members {
  if (body === undefined) return { status };
  const members = compareMembers(world, body as Members);
  const lives = { expires_in: "access_token", refresh_expires_in: "refresh_token" };
  const settled = Object.entries(lives).map(([name, token]) => [name, settledLife(members[name], members[token])]);
  const known = settled.filter(([name]) => Object.hasOwn(members, name as string));
  return { status, contentType, body: { ...members, ...Object.fromEntries(known) } };
}

/** The whole life of the token, where the answer says that or a moment less. */
function settledLife(said: unknown, token: unknown): unknown {
  const whole = (token as Members | undefined)?.["lives"];
  if (typeof said !== "number" || typeof whole !== "number") return said;
  return said <= whole && said >= whole - answeringTakes ? whole : said;
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
