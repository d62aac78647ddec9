// Calls a backend with tokens that Cambio gives for this browser's session. A token is kept in memory until a minute before it ends;
// calls that need one at the same time share one request; tabs of an origin tell each other that the user has signed out.

export interface CambioClientOptions {
  /** Put before endpoints that begin with a slash. */
  readonly apiBaseUrl: string;
  readonly tokenUrl?: string;
  /** Another tab signed out. The token of this one is gone already. */
  readonly onSignedOut?: () => void;
  /** The session is somebody else's than before; what the page shows is the old user's. */
  readonly onUserChanged?: () => void;
}

export interface FetchWithAuthInit extends RequestInit {
  readonly skipAuth?: boolean;
}

/** An answer that is none of success. `body` is its JSON, or its text; status 0: there was no usable answer. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly body: unknown;
  readonly source: "exchange" | "api";

  constructor(status: number, { source, body }: { source: "exchange" | "api"; body?: unknown }) {
    super(`The request was answered ${status}.`);
    this.status = status;
    this.body = body;
    this.source = source;
  }
}

interface KeptToken {
  readonly value: string;
  readonly userId: string;
  /** `performance.now()` at which it is no longer used. */
  readonly until: number;
}

const marginSeconds = 60;
const channelName = "cambio";

export function createCambioClient({ apiBaseUrl, tokenUrl = "/api/auth/backend-token", onSignedOut, onUserChanged }: CambioClientOptions) {
  let kept: KeptToken | undefined;
  let lastUserId: string | undefined;
  let asking: Promise<string> | undefined;
  // A token that arrives for a session that has ended meanwhile is not kept.
  let generation = 0;
  const channel = new BroadcastChannel(channelName);
  channel.addEventListener("message", ({ data }) => {
    if (data !== "signed-out") return;
    clearTokenCache();
    lastUserId = undefined;
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
      throw new ApiError(response.status, { source: "exchange", body });
    }
    const { token: value, expiresIn, userId } = body as { token: string; expiresIn: number; userId: string };
    if (lastUserId !== undefined && lastUserId !== userId) onUserChanged?.();
    lastUserId = userId;
    if (mine === generation) kept = { value, userId, until: asked + (expiresIn - marginSeconds) * 1000 };
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
    if (!response.ok) throw new ApiError(response.status, { source: "api", body });
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
    /** To be called once the session has ended: clears the token here and in all other tabs. */
    announceSignOut(): void {
      clearTokenCache();
      lastUserId = undefined;
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
