// Who is signed in, by either way; and the session at the application's Better Auth: register, sign in, sign out. Its answers become
// unions here. The other way is discord.ts.

export interface User {
  readonly id: string;
  readonly name: string;
  /** Empty: not known. */
  readonly email: string;
  /** Empty, or not there: the way of signing in knows none. */
  readonly username?: string;
  readonly avatarUrl?: string;
}

export type Session =
  | { readonly kind: "signed-in"; readonly by: "password" | "discord"; readonly user: User }
  | { readonly kind: "anonymous"; readonly why?: string }
  /** Cannot decide, which is not the same as anonymous. */
  | { readonly kind: "unavailable" };

export type FieldName = "name" | "email" | "password";

/** Why somebody is not let in. With a field it is said at that field. */
export interface Refusal {
  readonly field?: FieldName;
  readonly sentence: string;
}

export const shortestPassword = 8;

const timeoutMs = 20_000;

const refusals: Readonly<Record<string, Refusal>> = {
  INVALID_EMAIL_OR_PASSWORD: { sentence: "E-mail or password is wrong. Check both and try again." },
  USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL: { field: "email", sentence: "There is already an account for this address." },
  USER_ALREADY_EXISTS: { field: "email", sentence: "There is already an account for this address." },
  PASSWORD_TOO_SHORT: { field: "password", sentence: `Use at least ${shortestPassword} characters.` },
  PASSWORD_TOO_LONG: { field: "password", sentence: "This password is too long." },
  INVALID_EMAIL: { field: "email", sentence: "This is not an e-mail address." },
};

export async function fetchSession(): Promise<Session> {
  try {
    const response = await fetch("/api/auth/get-session", { cache: "no-store", signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) return { kind: "unavailable" };
    const body = (await response.json()) as { user: User } | null;
    return body === null ? { kind: "anonymous" } : { kind: "signed-in", by: "password", user: body.user };
  } catch {
    return { kind: "unavailable" };
  }
}

/** Undefined: done, and signed in. */
export function register(account: { name: string; email: string; password: string }): Promise<Refusal | undefined> {
  return post("sign-up/email", account);
}

/** Undefined: done. */
export function signIn(credentials: { email: string; password: string }): Promise<Refusal | undefined> {
  return post("sign-in/email", credentials);
}

/** Undefined: done, and the session is over. */
export function endSession(): Promise<Refusal | undefined> {
  return post("sign-out", {});
}

async function post(what: string, body: object): Promise<Refusal | undefined> {
  let response: Response;
  try {
    response = await fetch(`/api/auth/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch {
    return { sentence: "The page cannot reach its server. Check your connection and try again." };
  }
  if (response.ok) return undefined;
  if (response.status === 429) {
    const seconds = response.headers.get("x-retry-after") ?? "";
    return { sentence: `Too many attempts. Try again in ${/^\d+$/.test(seconds) ? `${seconds} seconds` : "a while"}.` };
  }
  if (response.status >= 500) return { sentence: "The sign-in service does not answer. Nothing was changed; try again in a moment." };
  const code = await response.json().then(
    (answer: { code?: string }) => answer.code ?? "",
    () => "",
  );
  return refusals[code] ?? { sentence: "This was refused. Check what you wrote and try again." };
}
