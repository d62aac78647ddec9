// The words of `cambio explain` → what is asked, or what is wrong with them. Nothing is looked up here.

import { parseArgs } from "node:util";
import { type Method, methods } from "../exchange/clients.ts";

export interface ExplainWords {
  readonly file: string;
  readonly caller: string;
  readonly method: Method;
  readonly claimsFile: string | undefined;
  readonly actorFile: string | undefined;
  readonly session: boolean;
  readonly exchange: boolean;
  readonly refreshToken: boolean;
  readonly provider: string;
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  readonly redirectUri: string;
  readonly origin: string | undefined;
  /** Undefined: the clock's. */
  readonly nowMs: number | undefined;
}

export const explainUsage = `Usage: cambio explain CONFIG --caller ID [--method METHOD] [OPTION]...

Says rule by rule how a call would be decided; starts nothing and connects to nothing.

  --caller ID          client that calls; a service is taken as having proved itself
  --method METHOD      Exchange (default), Refresh, CreateAuthorizationUrl, Revoke, GetAccount; or ValidateCrossClient (default with
                       --claims)
  --claims FILE        payload of the token to validate or, with Exchange, to exchange, as JSON; - for standard input
  --session            with Exchange: a session is exchanged, which stands
  --actor FILE         with Exchange and --claims or --session: payload of the token of whoever is to act, as JSON
  --exchange           with ValidateCrossClient: also get another token in its place
  --refresh-token      with Exchange and --claims or --session: also get a refresh token
  --now INSTANT        when it is validated, such as 2026-03-01T12:00:00Z; now by default
  --provider NAME      default: the client's only one, or the one of the token's issuer
  --audience NAME      asked for; with ValidateCrossClient, the caller's own (default: its first)
  --scope SCOPE        asked for; with ValidateCrossClient, required of the token
  --redirect-uri URI   default: the client's only one
  --origin ORIGIN      page that calls; none by default

--audience and --scope may be repeated. Exit status: 0 allowed, 1 refused, 2 not understood.
`;

/** What a method has no use for: said rather than passed over, as whoever wrote it expects it to count. */
const unused: Record<
  Method,
  readonly ("claims" | "session" | "actor" | "exchange" | "refresh-token" | "now" | "audience" | "scope" | "redirect-uri")[]
> = {
  Exchange: ["exchange"],
  Refresh: ["claims", "session", "actor", "exchange", "refresh-token", "now", "audience", "redirect-uri"],
  CreateAuthorizationUrl: ["claims", "session", "actor", "exchange", "refresh-token", "now"],
  Revoke: ["claims", "session", "actor", "exchange", "refresh-token", "now", "audience", "scope", "redirect-uri"],
  ValidateCrossClient: ["session", "actor", "refresh-token", "redirect-uri"],
  GetAccount: ["claims", "session", "actor", "exchange", "refresh-token", "now", "audience", "scope", "redirect-uri"],
};

export function readWords(words: readonly string[]): ExplainWords | { readonly problem: string } | "help" {
  const parsed = parse(words);
  if (parsed === undefined) return { problem: "these words are not understood" };
  const { values, positionals } = parsed;
  if (values.help === true) return "help";
  const [file, ...more] = positionals;
  const caller = values.caller;
  if (file === undefined || more.length > 0) return { problem: "name one configuration" };
  if (caller === undefined || caller === "") return { problem: "name the caller: --caller ID" };
  const asked = values.method ?? (values.claims === undefined ? "Exchange" : "ValidateCrossClient");
  const method = methods.find((name) => name === asked);
  if (method === undefined) return { problem: `--method is one of ${methods.join(", ")}` };
  const surplus = unused[method].find((name) => values[name] !== undefined);
  if (surplus !== undefined) return { problem: `--${surplus} has no meaning with ${method}` };
  if (method === "Exchange") {
    if (values.claims !== undefined && values.session === true) return { problem: "give --claims or --session: one thing is exchanged" };
    // A code has no claims, and nothing else has a redirect URI.
    const isCode = values.claims === undefined && values.session !== true;
    const early = (["now", "refresh-token", "actor"] as const).find((name) => values[name] !== undefined);
    if (isCode && early !== undefined) return { problem: `--${early} has no meaning without --claims or --session` };
    if (!isCode && values["redirect-uri"] !== undefined)
      return { problem: `--redirect-uri has no meaning with --${values.session === true ? "session" : "claims"}` };
    if (values.claims === "-" && values.actor === "-") return { problem: "--claims and --actor cannot both be standard input" };
  }
  const validates = method === "ValidateCrossClient";
  if (validates && values.claims === undefined) return { problem: `${method} is about a token: --claims FILE` };
  if (validates && (values.audience ?? []).length > 1) return { problem: `${method} is about one --audience` };
  const nowMs = values.now === undefined ? undefined : instantOf(values.now);
  if (Number.isNaN(nowMs)) return { problem: "--now is an instant such as 2026-03-01T12:00:00Z" };
  return {
    file,
    caller,
    method,
    claimsFile: values.claims,
    actorFile: values.actor,
    session: values.session ?? false,
    exchange: values.exchange ?? false,
    refreshToken: values["refresh-token"] ?? false,
    provider: values.provider ?? "",
    audiences: values.audience ?? [],
    scopes: values.scope ?? [],
    redirectUri: values["redirect-uri"] ?? "",
    origin: values.origin,
    nowMs,
  };
}

function parse(words: readonly string[]) {
  const text = { type: "string" } as const;
  const list = { type: "string", multiple: true } as const;
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        caller: text,
        method: text,
        claims: text,
        session: { type: "boolean" },
        actor: text,
        exchange: { type: "boolean" },
        "refresh-token": { type: "boolean" },
        now: text,
        provider: text,
        audience: list,
        scope: list,
        "redirect-uri": text,
        origin: text,
        help: { type: "boolean", short: "h" },
      },
    });
  } catch {
    return undefined;
  }
}

/** Epoch milliseconds; NaN: not an instant. With its zone, as a time without one means another instant on another machine. */
function instantOf(text: string): number {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
}
