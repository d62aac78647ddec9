import { createHmac } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import { refusal } from "../exchange/fixtures.ts";
import { type BetterAuthServer, startBetterAuth } from "../support/better-auth.ts";
import { createSessionRig, type SessionRig } from "../support/session-rig.ts";

const password = "a-long-password-01";
const noSession = (code: string) =>
  refusal("SESSION_INVALID", { field: "SESSION", cause: { kind: "upstream", endpoint: "session", status: 200, code } });
const notAsked = refusal("SESSION_INVALID", { field: "SESSION", cause: { kind: "rule", field: "session" } });

let site: BetterAuthServer;
let rig: SessionRig;
let users = 0;
beforeAll(async () => {
  site = await startBetterAuth({ plugins: ["admin", "twoFactor", "username", "jwt"], cookieCache: true });
});
afterAll(() => site.stop());
beforeEach(() => {
  rig = createSessionRig(site.url);
});
afterEach(() => rig.close());

const newUser = (more: { readonly username?: string; readonly image?: string } = {}) => {
  users += 1;
  return site.signUp({ name: `User ${users}`, email: `user-${users}@example.com`, password, ...more });
};
const secret = (text: string) => new Secret(text);
const patience = () => AbortSignal.timeout(5_000);
const idOf = (value: string) => decodeURIComponent(value).split(".")[0] ?? "";
const signedBy = (key: string, id: string) => `${id}.${createHmac("sha256", key).update(id).digest("base64")}`;
const valueOf = (cookie: string) => cookie.slice(cookie.indexOf("=") + 1);
const askedSince = (count: number) => site.requests.slice(count);

describe("a session that stands", () => {
  it("says whose it is and until when", async () => {
    const { cookie, userId } = await newUser({ username: "jo.doe", image: "https://example.com/jo.png" });
    const session = await rig.read(cookie);
    expect(session).toEqual({
      account: {
        providerUserId: userId,
        username: "jo.doe",
        displayName: `User ${users}`,
        email: `user-${users}@example.com`,
        emailVerified: false,
        avatarUrl: "https://example.com/jo.png",
      },
      startedAt: expect.any(Number),
      expiresAtMs: expect.any(Number),
      impersonator: undefined,
    });
    expect(Math.abs(session.startedAt - rig.time.nowMs / 1_000)).toBeLessThan(60);
    expect(session.expiresAtMs - rig.time.nowMs).toBeGreaterThan(6 * 86_400_000);
  });

  it("has a verified address where the application has seen it", async () => {
    const { cookie, userId } = await newUser();
    site.database.prepare("UPDATE user SET emailVerified = 1 WHERE id = ?").run(userId);
    expect((await rig.read(cookie)).account).toMatchObject({ emailVerified: true, username: "", avatarUrl: "" });
  });

  it("is read by one GET with one cookie, past the cookie cache and without lengthening it", async () => {
    const { cookie } = await newUser();
    const before = site.requests.length;
    await rig.read(cookie);
    const [request, ...others] = askedSince(before);
    expect([request?.path, others]).toEqual(["/api/auth/get-session?disableCookieCache=true&disableRefresh=true", []]);
    expect(request?.headers.cookie).toBe(cookie);
    expect(request?.headers.authorization).toBeUndefined();
  });

  it("is the same in a message, decoded or as it stands in the header", async () => {
    const { cookie, userId } = await newUser();
    for (const shown of [cookie, decodeURIComponent(cookie)]) {
      expect((await rig.read(shown, "message")).account.providerUserId).toBe(userId);
    }
  });

  it("says who looks through the user's eyes", async () => {
    const [administrator, user] = [await newUser(), await newUser()];
    site.promote(administrator.userId);
    const looking = await site.impersonate(administrator.cookie, user.userId);
    const session = await rig.read(looking.cookie);
    expect([session.account.providerUserId, session.impersonator]).toEqual([user.userId, administrator.userId]);
    expect((await rig.read(user.cookie)).impersonator).toBeUndefined();
  });
});

describe("a session that does not stand", () => {
  it("is noticed at once when the user has signed out, although the cookie cache still says yes", async () => {
    const { cookie, jar } = await newUser();
    await rig.read(cookie);
    await site.signOut(cookie);
    await expect(rig.read(cookie)).rejects.toThrow(noSession("none"));
    const all = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const cached = await fetch(`${site.url}/api/auth/get-session`, { headers: { cookie: all } });
    expect(await cached.json()).not.toBeNull();
  });

  it("has expired, by the application's clock", async () => {
    const { cookie, userId } = await newUser();
    site.database.prepare("UPDATE session SET expiresAt = ? WHERE userId = ?").run(new Date(Date.now() - 1_000).toISOString(), userId);
    await expect(rig.read(cookie)).rejects.toThrow(noSession("none"));
  });

  it("has expired by our clock, whatever the application's says", async () => {
    const { cookie } = await newUser();
    rig.time.nowMs = (await rig.read(cookie)).expiresAtMs;
    await expect(rig.read(cookie)).rejects.toThrow(noSession("expired"));
  });

  it.each<[string, (value: string) => string]>([
    ["forged with another key", (value) => signedBy("another secret", idOf(value))],
    ["tampered with", (value) => value.replace(/^./, (first) => (first === "a" ? "b" : "a"))],
    ["another session's token under this one's signature", (value) => `${"x".repeat(32)}${value.slice(32)}`],
  ])("is refused by the application: %s", async (_what, change) => {
    const { cookie } = await newUser();
    const before = site.requests.length;
    await expect(rig.read(change(valueOf(cookie)))).rejects.toThrow(noSession("none"));
    expect(askedSince(before)).toHaveLength(1);
  });

  it("is none after half of a sign-in with two factors, and neither is the cookie that stands for that half", async () => {
    const { cookie } = await newUser();
    const email = `user-${users}@example.com`;
    await site.enableTwoFactor(cookie, password);
    const half = await site.signIn({ email, password });
    expect(half.cookie).toBe("");
    await expect(rig.read(half.jar.get("better-auth.two_factor") ?? "")).rejects.toThrow(noSession("none"));
  });

  it("is not the administrator's own that is set aside while looking through a user's eyes", async () => {
    const [administrator, user] = [await newUser(), await newUser()];
    site.promote(administrator.userId);
    const { jar } = await site.impersonate(administrator.cookie, user.userId);
    await expect(rig.read(jar.get("better-auth.admin_session") ?? "")).rejects.toThrow(notAsked);
  });

  it("is a banned user's, also where the ban did not end it", async () => {
    const { cookie, userId } = await newUser();
    const ban = site.database.prepare("UPDATE user SET banned = 1, banExpires = ? WHERE id = ?");
    ban.run(null, userId);
    await expect(rig.read(cookie)).rejects.toThrow(noSession("banned"));
    ban.run(new Date(Date.now() + 60_000).toISOString(), userId);
    await expect(rig.read(cookie)).rejects.toThrow(noSession("banned"));
    ban.run(new Date(Date.now() - 60_000).toISOString(), userId);
    expect((await rig.read(cookie)).account.providerUserId).toBe(userId);
  });
});

describe("nothing but the session goes to the application", () => {
  it.each<[string, (value: string) => string]>([
    ["nothing", () => ""],
    ["an unsigned token", (value) => idOf(value)],
    ["an empty signature", (value) => `${idOf(value)}.`],
    ["a second cookie", (value) => `${value}; better-auth.session_data=x`],
    ["a second cookie after a comma", (value) => `${value},better-auth.session_data=x`],
    ["a second cookie, encoded", (value) => `${value}%3B%20better-auth.session_data=x`],
    ["a header of its own", (value) => `${value}\r\nx-forwarded-for: 127.0.0.1`],
    ["a header of its own, encoded", (value) => `${value}%0D%0Ax-forwarded-for:%20127.0.0.1`],
    ["quotes around it", (value) => `"${value}"`],
    ["a space before it", (value) => ` ${value}`],
    ["a zero byte", (value) => `${value}\0`],
    ["another script's letters", (value) => value.replace(/^./, "ѕ")],
    ["encoded twice", (value) => encodeURIComponent(value.includes("%") ? value : encodeURIComponent(value))],
    ["half an escape", (value) => `${value}%2`],
    ["more than a browser keeps", (value) => `${"x".repeat(5_000)}.${value}`],
    ["the scheme of a header", (value) => `Bearer ${value}`],
  ])("and what cannot be one is refused without a call: %s", async (_what, change) => {
    const { cookie } = await newUser();
    const before = site.requests.length;
    for (const from of ["cookie", "message"] as const)
      await expect(rig.provider.readSession({ token: secret(change(valueOf(cookie))), from }, patience())).rejects.toThrow(notAsked);
    expect(askedSince(before)).toEqual([]);
  });

  it("so that cached data of an ended session, shown in its place, proves nobody", async () => {
    const { jar, cookie } = await newUser();
    await site.signOut(cookie);
    await expect(rig.read(jar.get("better-auth.session_data") ?? "")).rejects.toThrow(notAsked);
  });

  it("and it ends with the call that asked", async () => {
    const { cookie } = await newUser();
    await expect(rig.read(cookie, "cookie", AbortSignal.abort())).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
  });
});

describe("an application with secure cookies", () => {
  let secure: BetterAuthServer;
  beforeAll(async () => {
    secure = await startBetterAuth({ plugins: ["bearer"], secureCookies: true });
  });
  afterAll(() => secure.stop());

  it("is shown the cookie by the name with the prefix, and by no other", async () => {
    const { cookie, userId } = await secure.signUp({ name: "Ann", email: "ann@example.com", password });
    const named = (cookieName: string) => createSessionRig(secure.url, { cookieName });
    const [prefixed, bare] = [named("__Secure-better-auth.session_token"), named("better-auth.session_token")];
    expect((await prefixed.read(cookie)).account.providerUserId).toBe(userId);
    // A neighbour's page can set the bare name; the application does not take it for its own.
    await expect(bare.read(cookie)).rejects.toThrow(noSession("none"));
    await Promise.all([prefixed.close(), bare.close()]);
  });

  it("takes sessions of messages as bearer tokens where its plugin is on, and those of browsers by cookie", async () => {
    const bearing = createSessionRig(secure.url, { bearer: true, cookieName: "__Secure-better-auth.session_token" });
    for (const one of Array.from({ length: 8 }, (_, index) => index)) {
      const { cookie, bearer, userId } = await secure.signUp({ name: "Bea", email: `bea-${one}@example.com`, password });
      for (const shown of [cookie, decodeURIComponent(cookie), bearer])
        expect((await bearing.read(shown, "message")).account.providerUserId).toBe(userId);
      const last = secure.requests.at(-1)?.headers;
      expect([last?.cookie, last?.authorization?.slice(0, 7)]).toEqual([undefined, "Bearer "]);
      await bearing.read(cookie);
      expect(secure.requests.at(-1)?.headers).toMatchObject({ cookie });
      expect(secure.requests.at(-1)?.headers.authorization).toBeUndefined();
    }
    await bearing.close();
  });

  it("would take an unsigned token for a session, so that it is never sent one", async () => {
    const { cookie, userId } = await secure.signUp({ name: "Cyd", email: "cyd@example.com", password });
    const bare = idOf(valueOf(cookie));
    const asked = await fetch(`${secure.url}/api/auth/get-session`, { headers: { authorization: `Bearer ${bare}` } });
    expect(await asked.json()).toMatchObject({ user: { id: userId } });
    const bearing = createSessionRig(secure.url, { bearer: true });
    await expect(bearing.read(bare, "message")).rejects.toThrow(notAsked);
    await expect(bearing.read(signedBy("another secret", bare), "message")).rejects.toThrow(noSession("none"));
    await bearing.close();
  });
});

it("a limit of the application's own is told with the wait that it asks for", async () => {
  const limited = await startBetterAuth({ callsIn10s: 3 });
  const asking = createSessionRig(limited.url);
  const { cookie } = await limited.signUp({ name: "Dan", email: "dan@example.com", password });
  for (const _ of [1, 2, 3]) await asking.read(cookie);
  const failure = await asking.read(cookie).catch((thrown: unknown) => thrown);
  expect(failure).toEqual(refusal("UPSTREAM_RATE_LIMITED", { retryAfterMs: expect.any(Number) }));
  await asking.close();
  await limited.stop();
});
