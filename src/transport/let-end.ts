// A refusal waits until the client has sent what it announced (docs/decisions/0031-a-refusal-waits-for-the-body.md). Go's clients cut a body
// short once an answer to it begins: over HTTP/2 that breaks the stream, and their callers would be told of that in place of what we said.

import type { Limits } from "./limits.ts";
import type { PortRequest } from "./one-port.ts";

/** Bytes: many times the largest message. Whoever announces more did not send a message that is a little too large. */
const maxBytes = 1_048_576;

/** Undefined: nothing is to be waited for. What comes meanwhile is thrown away unless somebody else reads it. */
export function letEnd(req: PortRequest, { refusalMs }: Pick<Limits, "refusalMs">): Promise<void> | undefined {
  if (!("stream" in req) || req.complete) return undefined;
  const announced = Number(req.headers["content-length"] ?? 0);
  if (!(announced > 0 && announced <= maxBytes)) return undefined;
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, refusalMs);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    req.on("data", () => undefined);
    req.on("end", end);
    req.on("close", end);
  });
}
