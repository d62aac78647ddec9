// The words of `cambio login` → what is asked, or what is wrong with them. Nothing is looked up here.

import { parseArgs } from "node:util";
import { isHttpsOrLoopback } from "../config/addresses.ts";
import { duration } from "../config/fields.ts";
import { type LoopbackParts, loopbackParts } from "../exchange/redirect-uri.ts";

export interface LoginWords {
  readonly provider: string;
  /** Undefined: the usual one. */
  readonly file: string | undefined;
  /** These three are undefined where the configuration is to say them. */
  readonly client: string | undefined;
  readonly url: string | undefined;
  readonly redirect: LoopbackParts | undefined;
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
  readonly browser: boolean;
  readonly showTokens: boolean;
  readonly timeoutMs: number;
}

export const loginUsage = `Usage: cambio login PROVIDER [OPTION]...

Signs you in at a provider by a running Cambio, as a native client with a redirect to this machine (RFC 8252).

  --config FILE       configuration to find the client, its redirect URI and the service in; ./cambio.yaml by default. No secret
                      of it is read, and with --client, --redirect-uri and --url it is not read at all
  --client ID         native client; default: the only one that has the provider
  --redirect-uri URI  default: the client's first on loopback. One without a port gets any free one
  --url URL           where Cambio is; default: as server says
  --scope SCOPE       asked for; default: all that the client may have
  --audience NAME     whom the access token shall be for
  --no-browser        print the address only
  --show-tokens       print the tokens, as JSON, on standard output; all else goes to standard error
  --timeout TIME      how long you have: 1s to 1h, 5m by default

--scope and --audience may be repeated. Exit status: 0 signed in, 1 failed, 2 not understood, 130 interrupted.
`;

/** Long enough to find a password and a second factor. */
const usualTimeout = "5m";

export function readLoginWords(words: readonly string[]): LoginWords | { readonly problem: string } | "help" {
  const parsed = parse(words);
  if (parsed === undefined) return { problem: "these words are not understood" };
  const { values, positionals } = parsed;
  if (values.help === true) return "help";
  const [provider = "", ...more] = positionals;
  if (provider === "" || more.length > 0) return { problem: "name one provider" };
  const empty = (["config", "client", "url", "redirect-uri"] as const).find((name) => values[name] === "");
  if (empty !== undefined) return { problem: `--${empty} is empty` };
  const url = values.url === undefined ? undefined : serviceUrl(values.url);
  if (url === null) return { problem: "--url is an https address without a query; plain http is for this machine only" };
  const redirectUri = values["redirect-uri"];
  const redirect = redirectUri === undefined ? undefined : redirectOf(redirectUri);
  if (redirect === null) return { problem: "--redirect-uri is http on 127.0.0.1, [::1] or localhost, without a fragment" };
  const timeout = duration("1s", "1h").safeParse(values.timeout ?? usualTimeout);
  if (!timeout.success) return { problem: "--timeout is a number and a unit, from 1s to 1h" };
  return {
    provider,
    file: values.config,
    client: values.client,
    url,
    redirect,
    scopes: values.scope ?? [],
    audiences: values.audience ?? [],
    browser: values["no-browser"] !== true,
    showTokens: values["show-tokens"] === true,
    timeoutMs: timeout.data,
  };
}

function parse(words: readonly string[]) {
  const text = { type: "string" } as const;
  const list = { type: "string", multiple: true } as const;
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        config: text,
        client: text,
        url: text,
        "redirect-uri": text,
        scope: list,
        audience: list,
        "no-browser": flag,
        "show-tokens": flag,
        timeout: text,
        help: { type: "boolean", short: "h" },
      },
    });
  } catch {
    return undefined;
  }
}

/** Code, verifier and tokens go there. Without a slash at its end; null: not such an address. */
export function serviceUrl(text: string): string | null {
  const url = URL.parse(text);
  if (url === null || !isHttpsOrLoopback(text) || /[?#]/.test(text) || url.username !== "" || url.password !== "") return null;
  return url.href.replace(/\/+$/, "");
}

/** Null: not one that can be listened on. */
export function redirectOf(uri: string): LoopbackParts | null {
  const parts = uri.includes("#") ? undefined : loopbackParts(uri);
  return parts ?? null;
}
