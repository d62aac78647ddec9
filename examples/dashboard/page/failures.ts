// Why a call failed, in words for the one who made it: from the status and the body that some part answered with. Nothing here knows
// the document or the network.

export interface Failure {
  /** Undefined: no answer came. */
  readonly status: number | undefined;
  /** `503 Service Unavailable` */
  readonly statusLine: string;
  readonly title: string;
  readonly sentence: string;
  /** Signing in again mends it. */
  readonly signInAgain: boolean;
}

const phrases: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  409: "Conflict",
  413: "Content Too Large",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

const away: Readonly<Record<string, readonly [title: string, sentence: string]>> = {
  cambio: ["Cambio is away", "No token could be had for your session. You are still signed in: try again in a moment."],
  auth: ["The sign-in service is away", "Nobody can say at the moment whose session this is. Try again in a moment."],
  backend: ["The backend is away", "Your token is fine, but nobody took the call. Try again in a moment."],
};

export const unreachable: Failure = {
  status: undefined,
  statusLine: "No answer",
  title: "The server cannot be reached",
  sentence: "Check your connection, and whether the dashboard is running.",
  signInAgain: false,
};

/** @param source who answered: the exchange of session for token, or the backend */
export function describeFailure(source: "exchange" | "api", status: number, body: unknown): Failure {
  if (status === 0) return unreachable;
  const said = typeof body === "object" && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
  const text = (name: string) => (typeof said[name] === "string" ? said[name] : "");
  const failure = (title: string, sentence: string, signInAgain = false): Failure => ({
    status,
    statusLine: phrases[status] === undefined ? String(status) : `${status} ${phrases[status]}`,
    title,
    sentence,
    signInAgain,
  });
  const part = away[text("part")];
  if (part !== undefined) return failure(...part);
  if (status === 429) return failure("Too many requests", "Wait a moment before the next one.");
  const who = source === "exchange" ? "Cambio" : "The backend";
  const description = text("error_description") || `${who} gave no explanation.`;
  if (status === 503 || status === 504) {
    const because = text("reason").startsWith("UPSTREAM_") ? "The sign-in service does not answer it." : description;
    return failure(`${who} cannot decide`, `${because} Try again in a moment.`);
  }
  if (status === 401 && source === "exchange") return failure("Your session has ended", "Sign in again to get a new token.", true);
  if (status === 401 && text("expired_at") !== "") {
    return failure("The token has expired", `It was good until ${clockTime(text("expired_at"))}. Try again with a fresh one.`);
  }
  if (status === 401) return failure(`${who} refused the call`, description);
  return failure("The call failed", description);
}

function clockTime(instant: string): string {
  const date = new Date(instant);
  return Number.isNaN(date.valueOf()) ? instant : date.toLocaleTimeString([], { hour: "numeric", minute: "2-digit", second: "2-digit" });
}
