// The two ways of being signed in: by a session cookie of the application's own, or with Discord by Cambio. Each has a client of its own
// for tokens; there is one at a time, and everybody else asks here.

import { ApiError, type CambioClient, createCambioClient } from "../../../src/client/index.ts";
import type { Account } from "./cambio-rpc.ts";
import { type BackendToken, endDiscord, fetchAccount, forgetDiscord, isSignedInByDiscord, renewToken, subjectOf } from "./discord.ts";
import { endSession, fetchSession, type Session, type User } from "./session.ts";

export interface SignInsOptions {
  /** Another tab signed out. */
  readonly onSignedOut: () => void;
  readonly onUserChanged: () => void;
}

export interface SignIns {
  readonly client: () => CambioClient;
  fetch(): Promise<Session>;
  /** A token of whoever was signed in before must not be used for whoever signs in now. */
  byPassword(): void;
  byDiscord(token: BackendToken): void;
  /** As Discord knows the user now. @returns or why not */
  reloadProfile(): Promise<User | string>;
  /** @returns why it did not happen */
  signOut(): Promise<string | undefined>;
}

/** What no further attempt mends: nobody is signed in this way any more. */
const over: ReadonlySet<number> = new Set([400, 401, 403, 404]);

export function createSignIns(options: SignInsOptions): SignIns {
  let isDiscord = isSignedInByDiscord();
  /** What the sign-in itself brought. */
  let brought: BackendToken | undefined;
  let client = open();

  function open(): CambioClient {
    return createCambioClient({ apiBaseUrl: "", ...options, ...(isDiscord ? { exchange } : {}) });
  }

  async function exchange(signal: AbortSignal): Promise<BackendToken> {
    const token = brought ?? (await renewToken(signal));
    brought = undefined;
    return token;
  }

  function change(toDiscord: boolean): void {
    client.close();
    isDiscord = toDiscord;
    client = open();
  }

  async function accountOf(fresh: boolean): Promise<User> {
    const token = await client.getToken();
    return userOf(await fetchAccount(token, fresh), subjectOf(token));
  }

  async function fetchDiscordSession(): Promise<Session> {
    // A token that was good a minute ago may have been revoked meanwhile: the handle knows.
    for (const isLast of [false, true]) {
      try {
        return { kind: "signed-in", by: "discord", user: await accountOf(false) };
      } catch (failure) {
        if (!(failure instanceof ApiError) || !over.has(failure.status)) return { kind: "unavailable" };
        if (isLast || failure.status === 403) return ended(failure);
        client.clearTokenCache();
      }
    }
    return { kind: "unavailable" };
  }

  async function ended({ status }: ApiError): Promise<Session> {
    forgetDiscord();
    change(false);
    if (status === 403) return { kind: "anonymous", why: "This account was disabled here." };
    return fetchSession();
  }

  return {
    client: () => client,
    async fetch() {
      // Another tab may have changed it.
      if (isSignedInByDiscord() !== isDiscord) change(!isDiscord);
      return isDiscord ? fetchDiscordSession() : fetchSession();
    },
    byPassword() {
      forgetDiscord();
      change(false);
    },
    byDiscord(token) {
      brought = token;
      change(true);
    },
    async reloadProfile() {
      try {
        return await accountOf(true);
      } catch (failure) {
        const status = failure instanceof ApiError ? failure.status : 0;
        return over.has(status)
          ? "Discord does not know this sign-in any more. Sign in again."
          : "Discord does not answer. Try again in a moment.";
      }
    },
    async signOut() {
      const why = isDiscord ? await endDiscord() : (await endSession())?.sentence;
      if (why === undefined) client.announceSignOut();
      return why;
    },
  };
}

function userOf({ displayName, username, email, avatarUrl }: Account, id: string): User {
  return { id, name: displayName || username || "somebody", email, username, avatarUrl };
}
