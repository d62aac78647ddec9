// Connections to Redis, in place of the client library's own: the address may be asked for at every attempt, as a failover moves it,
// and no error of a socket is ever unheard. The library listens once; a TLS peer that is refused can still send an alert after that,
// and an error that nobody hears ends the process.

import { connect as connectTcp, Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { AbstractConnector } from "ioredis";
import { gatherWrites } from "./gathered-writes.ts";
import type { RedisAccess, RedisNode } from "./redis-target.ts";

/** What a server says of itself before it is used (INFO). */
export type ServerInfo = Readonly<Record<string, string | undefined>>;

export interface AddressSource {
  /** Or, where it is not known now, the code that says why: the attempt fails like one that is refused, and is made again. */
  next(): Promise<RedisNode | string>;
  /** Why a server that was reached must not be used; undefined: it may. */
  refuse(info: ServerInfo): string | undefined;
}

/** How long a closing socket may linger before it is destroyed. */
export const lingerLimitMs = 250;

/** @param source by default the host and port that the client was made with */
export function connectorOver(
  access: Pick<RedisAccess, "tls" | "ca">,
  source?: AddressSource,
): new (options: unknown) => AbstractConnector {
  return class extends AbstractConnector {
    readonly #source: AddressSource;

    constructor(own: unknown) {
      super(lingerLimitMs);
      this.#source = source ?? fixedAddress(own);
    }

    override async connect(): Promise<Socket> {
      this.connecting = true;
      const at = await this.#source.next();
      // The library's own words, which it does not report: it is being closed.
      if (!this.connecting) throw new Error("Connection is closed.");
      if (typeof at === "string") return this.#failed(at);
      try {
        this.stream = gatherWrites(open(at, access));
      } catch {
        // Whoever named it, a Sentinel or a Cluster's server, may name another next time; thrown on, it would end the client for good.
        return this.#failed("NO_ADDRESS");
      }
      return this.stream.on("error", (error) => (this.firstError = error));
    }

    #failed(code: string): Socket {
      this.firstError = codedError(code);
      return (this.stream = new Socket().destroy());
    }

    override check(info: ServerInfo): boolean {
      const reason = this.#source.refuse(info);
      if (reason !== undefined) this.stream.destroy(codedError(reason));
      return reason === undefined;
    }
  };
}

/** @throws Error where that can be no address, such as a port beyond 65535 */
function open({ host, port }: RedisNode, access: Pick<RedisAccess, "tls" | "ca">): Socket {
  return access.tls ? connectTls({ host, port, ...tlsOptions(access) }) : connectTcp({ host, port });
}

/** Said aloud, so that NODE_TLS_REJECT_UNAUTHORIZED does not hand the password to whoever is in the way. */
export function tlsOptions({ ca }: Pick<RedisAccess, "ca">) {
  return { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) };
}

/** Each server of a Cluster has a client of its own, which the library makes and gives its address. */
function fixedAddress(own: unknown): AddressSource {
  const at = isNode(own) ? { host: own.host, port: own.port } : "NO_ADDRESS";
  return { next: async () => at, refuse: () => undefined };
}

function isNode(own: unknown): own is RedisNode {
  const named = typeof own === "object" && own !== null && "host" in own && "port" in own;
  return named && typeof own.host === "string" && typeof own.port === "number";
}

function codedError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
