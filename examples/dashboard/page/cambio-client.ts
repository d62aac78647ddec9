// Calls a backend with tokens that Cambio gives for this browser's session. A token is kept in memory until a minute before it ends;
// calls that need one at the same time share one request; tabs of an origin tell each other that the user has signed out.

export interface CambioClientOptions {
  /** Put before endpoints that begin with a slash. */
  readonly apiBaseUrl: string;
  readonly tokenUrl?: string;
  /** The user has signed out in another tab. */
  readonly onSignedOut?: () => void;
}

export interface FetchWithAuthInit extends RequestInit {
  readonly skipAuth?: boolean;
}

/** An answer that is none of success. `body` is its JSON, or its text. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, body: unknown) {
    super(`The request was answered ${status}.`);
    this.status = status;
    this.body = body;
  }
}

interface KeptToken {
  readonly value: string;
  /** `performance.now()` at which it is no longer used. */
  readonly until: number;
}

const marginSeconds = 60;
const channelName = "cambio";

export function createCambioClient({ apiBaseUrl, tokenUrl = "/api/auth/backend-token", onSignedOut }: CambioClientOptions) {
  let kept: KeptToken | undefined;
  let asking: Promise<string> | undefined;
  // A token that arrives for a session that has ended meanwhile is not kept.
  let generation = 0;
  const channel = new BroadcastChannel(channelName);
  channel.addEventListener("message", ({ data }) => {
    if (data !== "signed-out") return;
    clearTokenCache();
    onSignedOut?.();
  });

  function clearTokenCache(): void {
    generation += 1;
    kept = undefined;
    asking = undefined;
  }

  async function askForToken(): Promise<string> {
    const mine = generation;
    const asked = performance.now();
    const response = await fetch(tokenUrl, { credentials: "include", cache: "no-store", headers: { accept: "application/json" } });
    const body = await bodyOf(response);
    if (!response.ok) {
      if (response.status === 401) clearTokenCache();
      throw new ApiError(response.status, body);
    }
    const { token: value, expiresIn } = body as { token: string; expiresIn: number };
    if (mine === generation) kept = { value, until: asked + (expiresIn - marginSeconds) * 1000 };
    return value;
  }

  function token(): Promise<string> {
    if (kept !== undefined && performance.now() < kept.until) return Promise.resolve(kept.value);
    if (asking === undefined) {
      const mine = askForToken().finally(() => {
        if (asking === mine) asking = undefined;
      });
      asking = mine;
    }
    return asking;
  }

  async function fetchWithAuth(endpoint: string, { skipAuth = false, ...init }: FetchWithAuthInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has("accept")) headers.set("accept", "application/json");
    if (init.body !== undefined && !headers.has("content-type")) headers.set("content-type", "application/json");
    if (!skipAuth) headers.set("authorization", `Bearer ${await token()}`);
    return fetch(endpoint.startsWith("/") ? `${apiBaseUrl}${endpoint}` : endpoint, { ...init, headers });
  }

  async function call<T>(endpoint: string, init: FetchWithAuthInit): Promise<T> {
    const response = await fetchWithAuth(endpoint, init);
    const body = await bodyOf(response);
    if (!response.ok) throw new ApiError(response.status, body);
    return body as T;
  }

  return {
    fetchWithAuth,
    apiClient: {
      get: <T>(endpoint: string, options: FetchWithAuthInit = {}) => call<T>(endpoint, { ...options, method: "GET" }),
      post: <T>(endpoint: string, data: unknown, options: FetchWithAuthInit = {}) =>
        call<T>(endpoint, { ...options, method: "POST", body: JSON.stringify(data) }),
    },
    clearTokenCache,
    /** Forgets the token, here and in the other tabs. The session itself is ended by the application. */
    signOut(): void {
      clearTokenCache();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel reaches this origin only
      channel.postMessage("signed-out");
    },
  };
}

async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
