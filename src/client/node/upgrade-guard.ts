// A requirement as a guard of upgrades, for WebSockets: a browser can set no header there, so the token comes as one of the offered
// subprotocols, `bearer.TOKEN`. It is checked before anything is upgraded; a refusal is an ordinary answer, the last on its connection.

import { STATUS_CODES } from "node:http";
import type { TokenClaims } from "./claims.ts";
import { authorizationOf, claimsOf, handOn, type HttpGuardDeps, type NodeRequest, valuesOf } from "./http-guard.ts";

/** The connection of a request that asks for an upgrade, as Node hands it over. */
export interface UpgradeConnection {
  readonly destroyed: boolean;
  end(text: string): unknown;
  destroy(): unknown;
  on(event: "error", listener: () => void): unknown;
  off(event: "error", listener: () => void): unknown;
}

/** @returns undefined: it was refused, answered and ended, or is gone */
export type UpgradeGuard = (request: NodeRequest, connection: UpgradeConnection) => Promise<TokenClaims | undefined>;

const prefix = "bearer.";

export function createUpgradeGuard({ check, answer }: HttpGuardDeps): UpgradeGuard {
  return async (request, connection) => {
    // While the token is looked at, the connection is nobody else's; a failure without a listener would end the process.
    const lost = (): void => void connection.destroy();
    connection.on("error", lost);
    const decision = await check([...authorizationOf(request), ...offeredIn(request)]);
    if (connection.destroyed) return undefined;
    if (decision.kind === "allowed") {
      connection.off("error", lost);
      handOn(request, decision.claims);
      return claimsOf(request);
    }
    const { status, headers, body } = answer(decision);
    const all = { ...headers, connection: "close", "content-length": String(Buffer.byteLength(body)) };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
    connection.end([`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`, ...lines, "", body].join("\r\n"));
    return undefined;
  };
}

/** As headers, so that all of them are read by the same rule: one token, or it is refused. */
function offeredIn(request: NodeRequest): readonly string[] {
  const offered = valuesOf(request, "sec-websocket-protocol").flatMap((value) => value.split(",").map((name) => name.trim()));
  return offered.filter((name) => name.startsWith(prefix)).map((name) => `Bearer ${name.slice(prefix.length)}`);
}
