// `cambio/client`: for pages. A session cookie becomes a token, and the token goes with calls of the API. Needs a browser and no
// library; what services use is `cambio/client/node`.

export { ApiError } from "./api-error.ts";
export type { ApiClient, CallOptions } from "./api-client.ts";
export type { BearerInterceptor } from "./bearer-interceptor.ts";
export { announceSignOut, apiClient, clearTokenCache, configureCambio, fetchWithAuth, getToken } from "./configured.ts";
export { type CambioClient, type CambioClientOptions, createCambioClient } from "./create-client.ts";
export type { OwnExchange } from "./exchange.ts";
export type { FetchWithAuth } from "./fetch-with-auth.ts";
export type { FetchInit } from "./request.ts";
export type { Channel } from "./session-channel.ts";
