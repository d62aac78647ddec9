// What survives the way to the provider and back: this tab's session storage, read as what was written there or not at all.

import type { Begun, Exchanged, Returned } from "./flow.ts";

export interface Walk {
  readonly begun?: Begun;
  readonly returned?: Returned;
  readonly refreshToken?: string;
  /** Every call so far, oldest first. */
  readonly calls: readonly Exchanged[];
}

const key = "walk";

export function recall(): Walk {
  try {
    const walk = JSON.parse(sessionStorage.getItem(key) ?? "") as Walk;
    return Array.isArray(walk.calls) ? walk : { calls: [] };
  } catch {
    return { calls: [] };
  }
}

export function remember(walk: Walk): void {
  sessionStorage.setItem(key, JSON.stringify(walk));
}
