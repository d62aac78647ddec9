// Requests as any client would send them straight to the provider, and answers as they came.

import type { Realm } from "./realm.ts";

/** A realm, and its address by the back channel: discovery lies below it. */
export interface Provider {
  readonly address: string;
  readonly realm: Realm;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string | null;
  /** Parsed where it is JSON; undefined: there is none. */
  readonly body: unknown;
}

export type Form = Readonly<Record<string, string | undefined>> | string;

export interface Sending {
  /** The client that sends it, by Basic. */
  readonly as?: string;
  /** Default: the client's own. */
  readonly secret?: string;
  /** Instead of all that. */
  readonly headers?: Readonly<Record<string, string>>;
}

export const tokenType = (name: string): string => `urn:ietf:params:oauth:token-type:${name}`;

/** Members that are undefined are left out. */
export async function askForm(url: string, form: Form, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const response = await fetch(url, {
    method: "POST",
    // A connection of its own: one from before the provider was away would fail after it is back.
    headers: { accept: "application/json", "content-type": "application/x-www-form-urlencoded", connection: "close", ...headers },
    body: typeof form === "string" ? form : encoded(form),
  });
  const text = await response.text();
  return { status: response.status, contentType: response.headers.get("content-type"), body: text === "" ? undefined : JSON.parse(text) };
}

export function ask(provider: Provider, path: string, form: Form, { as, secret, headers }: Sending = {}): Promise<Answer> {
  const known = provider.realm.clients.find(({ clientId }) => clientId === as)?.secret ?? "no-secret";
  const basic = as === undefined ? {} : { authorization: `Basic ${Buffer.from(`${as}:${secret ?? known}`).toString("base64")}` };
  return askForm(`${provider.address}/protocol/openid-connect${path}`, form, headers ?? basic);
}

/** By the orders service, unless another client sends it. */
export function exchange(provider: Provider, subjectToken: string, form: Exclude<Form, string> = {}, sending: Sending = { as: "orders" }) {
  const usual = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: subjectToken,
    subject_token_type: tokenType("access_token"),
  };
  return ask(provider, "/token", { ...usual, ...form }, sending);
}

export function refresh(provider: Provider, refreshToken: string, form: Exclude<Form, string> = {}, sending: Sending = { as: "orders" }) {
  return ask(provider, "/token", { grant_type: "refresh_token", refresh_token: refreshToken, ...form }, sending);
}

export function introspect(provider: Provider, token: string, sending: Sending = { as: "cambio" }): Promise<Answer> {
  return ask(provider, "/token/introspect", { token }, sending);
}

export function revoke(provider: Provider, token: string, sending: Sending): Promise<Answer> {
  return ask(provider, "/revoke", { token }, sending);
}

/** A member of an answer that has to be text. */
export function memberOf({ status, body }: Answer, member: string): string {
  const value = (body as Readonly<Record<string, unknown>> | undefined)?.[member];
  if (typeof value !== "string") throw new Error(`no ${member} in an answer with ${status}: ${JSON.stringify(body)}`);
  return value;
}

export function encoded(form: Exclude<Form, string>): string {
  const members = Object.entries(form).filter((member): member is [string, string] => member[1] !== undefined);
  return new URLSearchParams(members).toString();
}
