// The client of a page that needs only one: configured once where the page starts, imported by name everywhere else.

import type { ApiClient } from "./api-client.ts";
import { type CambioClient, type CambioClientOptions, createCambioClient } from "./create-client.ts";
import type { FetchWithAuth } from "./fetch-with-auth.ts";

// The only state of a module here: a page has one session, so the functions below have one client to go to.
let configured: CambioClient | undefined;

/** Replaces the one that was configured before. */
export function configureCambio(options: CambioClientOptions = {}): CambioClient {
  configured?.close();
  configured = createCambioClient(options);
  return configured;
}

function client(): CambioClient {
  if (configured === undefined) throw new Error("configureCambio() has to be called first.");
  return configured;
}

export const fetchWithAuth: FetchWithAuth = async (endpoint, init) => client().fetchWithAuth(endpoint, init);

export const apiClient: ApiClient = {
  get: async (endpoint, options) => client().apiClient.get(endpoint, options),
  delete: async (endpoint, options) => client().apiClient.delete(endpoint, options),
  post: async (endpoint, data, options) => client().apiClient.post(endpoint, data, options),
  put: async (endpoint, data, options) => client().apiClient.put(endpoint, data, options),
  patch: async (endpoint, data, options) => client().apiClient.patch(endpoint, data, options),
};

export const getToken: CambioClient["getToken"] = async (signal) => client().getToken(signal);

export const clearTokenCache = (): void => client().clearTokenCache();

export const announceSignOut = (): void => client().announceSignOut();
