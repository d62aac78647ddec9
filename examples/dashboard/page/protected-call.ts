// One call of the protected endpoint by way of Cambio's client library, and how it went.

import { ApiError, type createCambioClient } from "../../../src/client/index.ts";
import { describeFailure, type Failure, unreachable } from "./failures.ts";

export type Outcome = { readonly milliseconds: number; readonly requestId: string } & (
  | { readonly kind: "answered"; readonly message: string; readonly userId: string }
  | ({ readonly kind: "failed" } & Failure)
);

type Client = ReturnType<typeof createCambioClient>;

/** @param skipAuth true: without a token, to see the backend refuse it */
export async function callProtected({ fetchWithAuth }: Pick<Client, "fetchWithAuth">, skipAuth: boolean): Promise<Outcome> {
  const started = performance.now();
  const about = (requestId = "") => ({ milliseconds: performance.now() - started, requestId });
  try {
    const response = await fetchWithAuth("/api/protected", { skipAuth });
    const requestId = response.headers.get("x-request-id") ?? "";
    const body: unknown = await response.json().catch(() => undefined);
    if (!response.ok) return { kind: "failed", ...describeFailure("api", response.status, body), ...about(requestId) };
    const { message, user_id: userId } = body as { message: string; user_id: string };
    return { kind: "answered", message, userId, ...about(requestId) };
  } catch (failure) {
    // No token was to be had: the answer is the token route's, not the backend's.
    if (failure instanceof ApiError) {
      return { kind: "failed", ...describeFailure(failure.source, failure.status, failure.body), ...about(requestIdIn(failure.body)) };
    }
    return { kind: "failed", ...unreachable, ...about() };
  }
}

function requestIdIn(body: unknown): string {
  const said = typeof body === "object" && body !== null ? (body as Readonly<Record<string, unknown>>)["request_id"] : undefined;
  return typeof said === "string" ? said : "";
}
