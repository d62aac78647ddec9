// Puts the parts of a client together: one token, one channel to the other tabs, the calls that use them.

import { type ApiClient, createApiClient } from "./api-client.ts";
import { type BearerInterceptor, createBearerInterceptor } from "./bearer-interceptor.ts";
import { createExchange, createOwnExchange, type Exchange, type OwnExchange } from "./exchange.ts";
import { createFetchWithAuth, type FetchWithAuth } from "./fetch-with-auth.ts";
import { addressOf } from "./request.ts";
import { type Channel, openBroadcastChannel, openSessionChannel } from "./session-channel.ts";
import { createTokenSource } from "./token-source.ts";

export interface CambioClientOptions {
  /** Put before `tokenUrl`: where Cambio is. Empty, the default: this page's own origin. */
  readonly baseUrl?: string;
  /** Put before endpoints that begin with `/`, and the only origin that is sent the token. Empty, the default: this page's own. */
  readonly apiBaseUrl?: string;
  /** Default: `/api/auth/backend-token`. */
  readonly tokenUrl?: string;
  /**
   * Gets a token in another way than from `tokenUrl`, for a page whose sign-in is no session cookie: by `Refresh`, for instance. Throws
   * an ApiError with source `exchange` for a failure with a status; anything else counts as no usable answer.
   */
  readonly exchange?: OwnExchange;
  /** Another tab signed out. The token of this one is gone already. */
  readonly onSignedOut?: () => void;
  /** The session is somebody else's than before; what the page shows is the old user's. */
  readonly onUserChanged?: () => void;
  /** Milliseconds for an exchange. Default: 10,000. */
  readonly exchangeTimeoutMs?: number;
  /** Milliseconds for the beginning of an answer of the API, and for a whole call of `apiClient`. Default: 30,000. */
  readonly timeoutMs?: number;
  readonly fetch?: typeof globalThis.fetch;
  /** The wall clock: epoch milliseconds. */
  readonly now?: () => number;
  /** Makes the channel to the other tabs. Default: a BroadcastChannel, where there are any. */
  readonly channel?: (name: string) => Channel | undefined;
}

export interface CambioClient {
  readonly fetchWithAuth: FetchWithAuth;
  readonly apiClient: ApiClient;
  /** @throws ApiError of the exchange: status 401 where nobody is signed in */
  readonly getToken: (signal?: AbortSignal) => Promise<string>;
  /** The next call asks for a new token; one that is on its way is not used any more. */
  readonly clearTokenCache: () => void;
  /** To be called once the session has ended: clears the token here and in all other tabs. */
  readonly announceSignOut: () => void;
  /** For a Connect transport whose server is the API. */
  readonly interceptor: BearerInterceptor;
  /** Leaves the channel and clears the token. */
  readonly close: () => void;
}

export function createCambioClient(options: CambioClientOptions = {}): CambioClient {
  const { baseUrl = "", apiBaseUrl = "", tokenUrl = "/api/auth/backend-token", timeoutMs = 30_000, exchangeTimeoutMs = 10_000 } = options;
  const now = options.now ?? Date.now;
  // Asked for at each call: what replaces the page's fetch later, such as a tracer, is used as well.
  const fetch = options.fetch ?? ((...request: Parameters<typeof globalThis.fetch>) => globalThis.fetch(...request));

  const exchange: Exchange =
    options.exchange === undefined
      ? (signal) => createExchange({ fetch, now }, addressOf(tokenUrl, baseUrl).href, exchangeTimeoutMs)(signal)
      : createOwnExchange(options.exchange, exchangeTimeoutMs);
  const tokens = createTokenSource({
    exchange,
    now,
    onUserChanged() {
      channel.tell("user-changed");
      options.onUserChanged?.();
    },
  });
  const channel = openSessionChannel(options.channel ?? openBroadcastChannel, (news) => {
    tokens.forgetUser();
    if (news === "signed-out") options.onSignedOut?.();
    else options.onUserChanged?.();
  });

  const fetchWithAuth = createFetchWithAuth({ fetch, tokens }, apiBaseUrl, timeoutMs);
  const getToken = async (signal?: AbortSignal) => (await tokens.get(signal)).token;
  return {
    fetchWithAuth,
    apiClient: createApiClient(fetchWithAuth, timeoutMs),
    getToken,
    clearTokenCache: () => tokens.clear(),
    announceSignOut() {
      tokens.forgetUser();
      channel.tell("signed-out");
    },
    interceptor: createBearerInterceptor(() => addressOf("/", apiBaseUrl).origin, getToken),
    close() {
      channel.close();
      tokens.forgetUser();
    },
  };
}
