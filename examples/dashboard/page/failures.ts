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
  title: "Nothing answers",
  sentence: "The page cannot reach its server. Check your connection, and whether the dashboard is running.",
  signInAgain: false,
};

export function describeFailure(status: number, body: unknown): Failure {
  const said = typeof body === "object" && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
  const text = (name: string) => (typeof said[name] === "string" ? said[name] : "");
  const phrase = phrases[status];
  const failure = (title: string, sentence: string, signInAgain = false): Failure => ({
    status,
    statusLine: phrase === undefined ? String(status) : `${status} ${phrase}`,
    title,
    sentence,
    signInAgain,
  });
  const part = away[text("part")];
  if (part !== undefined) return failure(...part);
  const description = text("error_description");
  if (status === 401) {
    if (text("expired_at") !== "") {
      return failure("The token has expired", `It was good until ${clockTime(text("expired_at"))}. Try again with a fresh one.`);
    }
    if (text("error") === "unauthorized") return failure("The backend wants a token", description);
    if (text("reason") === "" && text("error") === "invalid_token") return failure("The backend refused the token", description);
    return failure("Your session has ended", "Sign in again to get a new token.", true);
  }
  if (status === 429) return failure("Too many requests", "Wait a moment before the next one.");
  if (status === 503 || status === 504) {
    const reason = text("reason");
    const who = reason === "" ? "The backend cannot decide" : "Cambio cannot decide";
    const upstream = reason.startsWith("UPSTREAM_")
      ? "The sign-in service does not answer it. "
      : description === ""
        ? ""
        : `${description} `;
    return failure(who, `${upstream}Try again in a moment.`);
  }
  return failure("The call failed", description === "" ? "There was no explanation." : description);
}

function clockTime(instant: string): string {
  const date = new Date(instant);
  return Number.isNaN(date.valueOf()) ? instant : date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}
