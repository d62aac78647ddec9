// Connections whose address is asked for at every attempt, as a failover moves it: the client library's connector over a function.
// An attempt without an address fails like one that is refused, so that the library tries again: a rejection would end it for good.

import { connect as connectTcp, Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { AbstractConnector } from "ioredis";
import { tlsOptions } from "./redis-options.ts";
import type { RedisAccess, RedisNode } from "./redis-target.ts";

/** What a server says of itself before it is used (INFO). */
export type ServerInfo = Readonly<Record<string, string | undefined>>;

export interface AddressSource {
  /** Or, where it is not known now, the code that says why. */
  next(): Promise<RedisNode | string>;
  /** Why a server that was reached must not be used; undefined: it may. */
  refuse(info: ServerInfo): string | undefined;
}

/** How long a closing socket may linger before it is destroyed. */
const lingerLimitMs = 250;

export function connectorOver(source: AddressSource, access: RedisAccess): new (options: unknown) => AbstractConnector {
  return class extends AbstractConnector {
    constructor() {
      super(lingerLimitMs);
    }

    override async connect(): Promise<Socket> {
      this.connecting = true;
      const at = await source.next();
      // The library's own words, which it does not report: it is being closed.
      if (!this.connecting) throw new Error("Connection is closed.");
      if (typeof at === "string") {
        this.firstError = codedError(at);
        return (this.stream = new Socket().destroy());
      }
      const { host, port } = at;
      this.stream = access.tls ? connectTls({ host, port, ...tlsOptions(access) }) : connectTcp({ host, port });
      this.stream.once("error", (error) => (this.firstError = error));
      return this.stream;
    }

    override check(info: ServerInfo): boolean {
      const reason = source.refuse(info);
      if (reason !== undefined) this.stream.destroy(codedError(reason));
      return reason === undefined;
    }
  };
}

function codedError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
