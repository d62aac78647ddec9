import { describe, expect, it } from "vitest";
import type { JsonValue } from "../../src/exchange/token/strict-json.ts";
import type { UserReading } from "../../src/providers/definition.ts";
import { readUserAnswer } from "../../src/providers/user-answer.ts";

/** As a configuration with these members makes it. */
const reading: UserReading = {
  id: "account.id",
  idShape: "any",
  username: ["account.login"],
  displayName: ["account.display.name", "account.login"],
  email: ["contact.email"],
  emailVerified: "contact.verified",
  avatar: { kind: "address", members: ["account.avatar"] },
};
const account = { id: "user_01", login: "grace", display: { name: "Grace" }, avatar: "https://cdn.example.com/grace.png" };
const answer = { account, contact: { email: "grace@example.com", verified: true } };

describe("an answer of a user endpoint", () => {
  it("is read along the paths that were configured", () => {
    expect(readUserAnswer(answer, reading)).toEqual({
      providerUserId: "user_01",
      username: "grace",
      displayName: "Grace",
      email: "grace@example.com",
      emailVerified: true,
      avatarUrl: "https://cdn.example.com/grace.png",
    });
  });

  it("with nothing but an id is a user of whom nothing is known", () => {
    expect(readUserAnswer({ account: { id: 7 } }, reading)).toEqual({
      providerUserId: "7",
      username: "",
      displayName: "",
      email: "",
      emailVerified: false,
      avatarUrl: "",
    });
  });

  it.each<[string, JsonValue]>([
    ["none", null],
    ["an empty one", ""],
    ["one of more than 256 characters", "x".repeat(257)],
    ["one with a null character", "a\u0000b"],
    ["one with a line's end", "a\r\nb"],
    ["one with a mark that turns the writing around", "a\u202eb"],
    ["one with a line separator", "a\u2028b"],
    ["half a character", "\ud800"],
    ["a truth", true],
    ["a list", ["user_01"]],
    ["an object", { value: "user_01" }],
    ["a number that lost its last digits", 2 ** 53],
    ["a fraction", 0.5],
    ["zero", 0],
    ["a negative number", -1],
  ])("is nobody's with a hostile id: %s", (_name, id) => {
    expect(readUserAnswer({ ...answer, account: { ...account, id } }, reading)).toBeUndefined();
  });

  it.each<[string, JsonValue | undefined]>([
    ["nothing", undefined],
    ["null", null],
    ["a text", "user_01"],
    ["a list", [answer]],
    ["no such member", { id: "user_01" }],
    ["a text where members should be", { account: "user_01" }],
  ])("is nobody's where it is %s", (_name, value) => {
    expect(readUserAnswer(value, reading)).toBeUndefined();
  });

  it("never finds what every object inherits", () => {
    expect(readUserAnswer(answer, { ...reading, id: "constructor.name" })).toBeUndefined();
    expect(readUserAnswer(answer, { ...reading, username: ["account.constructor.name"] })).toMatchObject({ username: "" });
  });

  it.each<[string, object, object]>([
    ["a name that is a number", { display: { name: 7 } }, { displayName: "grace" }],
    ["a name without end", { display: { name: "x".repeat(2_049) } }, { displayName: "grace" }],
    ["a picture that is a script", { avatar: "javascript:alert(1)" }, { avatarUrl: "" }],
    ["a picture that is its own data", { avatar: "data:image/png;base64,AAAA" }, { avatarUrl: "" }],
    ["a picture that is no address", { avatar: "https://" }, { avatarUrl: "" }],
    ["a login in a list", { login: ["grace"] }, { username: "" }],
  ])("does without %s", (_name, changes, expected) => {
    expect(readUserAnswer({ ...answer, account: { ...account, ...changes } }, reading)).toMatchObject(expected);
  });

  it.each<[JsonValue | undefined]>([["true"], [1], [null], [undefined], [false]])("vouches for no address by %o", (verified) => {
    const contact = { email: "grace@example.com", ...(verified === undefined ? {} : { verified }) };
    expect(readUserAnswer({ account, contact }, reading)).toMatchObject({ email: "grace@example.com", emailVerified: false });
  });

  it("vouches for no address where nothing is configured to", () => {
    expect(readUserAnswer(answer, { ...reading, emailVerified: undefined })).toMatchObject({ emailVerified: false });
  });
});
