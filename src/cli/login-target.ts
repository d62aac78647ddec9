// Who signs in where: what the words leave open is found in the configuration, which is read only then.

import { readSignInPart } from "../config/read-configuration.ts";
import type { SignInPart } from "../config/sign-in-part.ts";
import type { LoopbackParts } from "../exchange/redirect-uri.ts";
import { LoginFailure, terminalText } from "./login-failure.ts";
import { type LoginWords, redirectOf, serviceUrl } from "./login-words.ts";

export interface LoginTarget {
  /** Of the service, without a slash at its end. */
  readonly url: string;
  readonly client: string;
  readonly redirect: LoopbackParts;
}

/** @throws LoginFailure, ConfigurationError */
export function loginTarget(words: LoginWords, defaultFile: string): LoginTarget {
  const { client, redirect, url } = words;
  if (client !== undefined && redirect !== undefined && url !== undefined) return { client, redirect, url };
  const part = readSignInPart(words.file ?? defaultFile);
  const found = clientOf(words, part);
  return {
    client: found,
    redirect: redirect ?? redirectIn(part.clients.get(found)?.get(words.provider) ?? []),
    url: url ?? urlOf(part.server),
  };
}

function clientOf({ provider, client, redirect }: LoginWords, { clients }: SignInPart): string {
  const able = [...clients].filter(([, providers]) => providers.has(provider)).map(([id]) => id);
  if (client !== undefined) {
    // Whoever names both may know a client that this file does not.
    if (redirect !== undefined || able.includes(client)) return client;
    throw new LoginFailure("the configuration has no native client of that name with that provider");
  }
  const [only, ...others] = able;
  if (only === undefined) throw new LoginFailure("the configuration has no native client with that provider");
  if (others.length > 0)
    throw new LoginFailure(`several native clients have that provider: name one by --client (${able.map(terminalText).join(", ")})`);
  return only;
}

function redirectIn(uris: readonly string[]): LoopbackParts {
  const first = uris.map(redirectOf).find((parts) => parts !== null);
  if (first === undefined)
    throw new LoginFailure("the client has no redirect URI on loopback for that provider: add one, such as http://127.0.0.1/callback");
  return first;
}

/** Addresses that mean all of a machine's, and what reaches them from itself. */
const wildcards: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "[::1]" };

function urlOf({ host, port, tls }: SignInPart["server"]): string {
  if (port === 0) throw new LoginFailure("the configuration has the service take any free port: say by --url where it is");
  const name = wildcards[host] ?? (host.includes(":") ? `[${host}]` : host);
  const url = serviceUrl(`${tls ? "https" : "http"}://${name}:${port}`);
  if (url === null)
    throw new LoginFailure("the service is elsewhere and speaks plain http there: say by --url at which https address it is reached");
  return url;
}
