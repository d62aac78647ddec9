// JSON in, JSON out over `fetchWithAuth`: values instead of responses, and an ApiError for every answer that is a failure.

import { ApiError } from "./api-error.ts";
import type { FetchWithAuth } from "./fetch-with-auth.ts";
import { readFailure } from "./read-body.ts";
import { encodeJson, type FetchInit, hasForm } from "./request.ts";

export type CallOptions = Omit<FetchInit, "method" | "body">;

/**
 * What the API answers is taken to be a `T`: nobody checks it. An answer without a body is undefined, one that is not JSON its text.
 *
 * @throws ApiError, or what `fetchWithAuth` throws
 */
export interface ApiClient {
  get<T>(endpoint: string | URL, options?: CallOptions): Promise<T>;
  delete<T>(endpoint: string | URL, options?: CallOptions): Promise<T>;
  post<T>(endpoint: string | URL, data?: unknown, options?: CallOptions): Promise<T>;
  put<T>(endpoint: string | URL, data?: unknown, options?: CallOptions): Promise<T>;
  patch<T>(endpoint: string | URL, data?: unknown, options?: CallOptions): Promise<T>;
}

/** @param timeoutMs limit for a whole call, token and body included */
export function createApiClient(fetchWithAuth: FetchWithAuth, timeoutMs: number): ApiClient {
  async function call<T>(endpoint: string | URL, { signal, ...init }: FetchInit): Promise<T> {
    const limit = AbortSignal.timeout(timeoutMs);
    const response = await fetchWithAuth(endpoint, { ...init, signal: signal ? AbortSignal.any([signal, limit]) : limit });
    if (!response.ok) throw new ApiError(response.status, { source: "api", body: await readFailure(response) });
    // The caller says what its API answers.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return (await readValue(response)) as T;
  }

  const bare =
    (method: string) =>
    <T>(endpoint: string | URL, options: CallOptions = {}) =>
      call<T>(endpoint, { ...options, method });
  const withData =
    (method: string) =>
    <T>(endpoint: string | URL, data?: unknown, options: CallOptions = {}) =>
      call<T>(endpoint, { ...options, method, ...(data === undefined ? {} : { body: bodyOf(data) }) });

  return { get: bare("GET"), delete: bare("DELETE"), post: withData("POST"), put: withData("PUT"), patch: withData("PATCH") };
}

/** Data is JSON even where it is a string. */
function bodyOf(data: unknown): unknown {
  return typeof data !== "string" && hasForm(data) ? data : encodeJson(data);
}

async function readValue(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === "") return undefined;
  if (!/\bjson\b/i.test(response.headers.get("content-type") ?? "")) return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(0, { source: "api" });
  }
}
