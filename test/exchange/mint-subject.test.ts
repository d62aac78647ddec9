import { describe, expect, it } from "vitest";
import { subjectOfSession, subjectOfToken } from "../../src/exchange/mint-subject.ts";
import type { Session, SessionProvider } from "../../src/exchange/session-ports.ts";
import { verification } from "../cache/fixtures.ts";
import { refusal } from "./fixtures.ts";

const session: Session = {
  account: {
    providerUserId: "u1",
    username: "alice",
    displayName: "Alice",
    email: "alice@example.com",
    emailVerified: true,
    avatarUrl: "https://app.example.com/alice.png",
  },
  startedAt: 1_000,
  expiresAtMs: 5_000_000,
  impersonator: undefined,
};
const site = (impersonation: "refuse" | "act"): SessionProvider => ({
  name: "site",
  issuer: "https://app.example.com",
  cookieName: "session",
  impersonation,
  accepts: () => true,
  readSession: () => Promise.reject(new Error("nothing is read here")),
});

describe("the subject of a session", () => {
  it("is the provider's own id of the user, for as long as the session lasts, without a scope or anybody who acts", () => {
    expect(subjectOfSession(site("act"), session)).toEqual({
      credential: "SESSION",
      provider: "site",
      subject: "u1",
      expiresAtMs: 5_000_000,
      scopes: [],
      actors: [],
      mayAct: undefined,
      attributes: {
        name: "Alice",
        preferred_username: "alice",
        email: "alice@example.com",
        email_verified: true,
        picture: "https://app.example.com/alice.png",
      },
    });
  });

  it("is acted for by whoever looks through the user's eyes, where that is let in", () => {
    const { actors } = subjectOfSession(site("act"), { ...session, impersonator: "admin" });
    expect(actors).toEqual([{ issuer: "https://app.example.com", subject: "admin", clientId: "" }]);
  });

  it("is refused as if there were no session where that is not let in, and never taken for the user's own", () => {
    const cause = { kind: "policy", rule: "providers.site.impersonation" };
    expect(() => subjectOfSession(site("refuse"), { ...session, impersonator: "admin" })).toThrow(
      refusal("SESSION_INVALID", { field: "SESSION", cause }),
    );
  });
});

describe("the subject of a token", () => {
  const gateway = { issuer: "", subject: "gateway", clientId: "gw" };
  const { claims } = verification();

  it("is what the token says, for as long as the token lasts, whatever was remembered of it for how long", () => {
    const { attributes, ...subject } = subjectOfToken(verification({ validUntilMs: 1 }));
    expect(subject).toEqual({
      credential: "SUBJECT_TOKEN",
      provider: "main",
      subject: "user-1",
      expiresAtMs: claims.expiresAt * 1_000,
      scopes: claims.scopes,
      actors: claims.actors,
      mayAct: undefined,
    });
    expect(attributes).toEqual({ name: claims.name, preferred_username: claims.preferredUsername, email: claims.email });
  });

  it("keeps those who act for it, by the issuer whose word that is", () => {
    const { actors } = subjectOfToken(verification({ claims: { ...claims, actors: [gateway] } }));
    expect(actors).toEqual([{ ...gateway, issuer: claims.issuer }]);
  });

  it.each([
    ["of its own issuer, by that issuer's name", { issuer: "", subject: "robot", clientId: "" }, claims.issuer],
    ["of another issuer, by that name", { issuer: "https://b.example", subject: "", clientId: "agent" }, "https://b.example"],
    ["nobody, as nobody", { issuer: "", subject: "", clientId: "" }, ""],
    ["nobody of some issuer, as nobody", { issuer: "https://b.example", subject: "", clientId: "" }, "https://b.example"],
  ])("keeps who alone may act for it: %s", (_what, mayAct, issuer) => {
    expect(subjectOfToken(verification({ claims: { ...claims, mayAct } })).mayAct).toEqual({ ...mayAct, issuer });
  });
});
