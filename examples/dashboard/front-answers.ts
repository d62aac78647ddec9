// What the front itself answers, to requests and to upgrades alike, and which of both it takes for none of the two.

import type { IncomingMessage, ServerResponse } from "node:http";

export type PartName = "cambio" | "auth" | "backend";

/** Node writes such a body after the request without saying where it ends: on a connection that others share it would be a request of its own. */
export function hasStrayBody({ method = "", headers }: IncomingMessage): boolean {
  const isEmpty = headers["transfer-encoding"] === undefined && (headers["content-length"] ?? "0") === "0";
  return !["POST", "PUT", "PATCH"].includes(method) && !isEmpty;
}

export function awayBody(part: PartName, requestId: string): Readonly<Record<string, string>> {
  const description = {
    cambio: "Cambio does not answer.",
    auth: "The sign-in service does not answer.",
    backend: "The backend does not answer.",
  };
  return { error: "temporarily_unavailable", error_description: description[part], part, request_id: requestId };
}

export function answerJson(response: ServerResponse, status: number, body: Readonly<Record<string, string>>, headers = {}): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store", ...headers });
  response.end(JSON.stringify(body));
}
