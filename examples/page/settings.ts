// What the page is told by its server.

export interface PageSettings {
  /** Cambio's address. */
  readonly cambio: string;
  readonly clientId: string;
  readonly redirectUri: string;
  /** Audience that the access token shall be for. */
  readonly audience: string;
  readonly exchangePath: string;
}
