// Two of the places where a service leaves something behind: what its webhook was told, and what stands in its Redis.

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Redis } from "ioredis";

export interface Receiver {
  readonly url: string;
  readonly received: readonly string[];
}

/** A webhook that takes all. @param defer what ends it */
export async function startReceiver(defer: (close: () => Promise<unknown>) => void): Promise<Receiver> {
  const received: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.once("end", () => {
      received.push(JSON.stringify(request.headers) + body);
      response.writeHead(204).end();
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  defer(async () => {
    server.closeAllConnections();
    await once(server.close(), "close");
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
}

export async function everythingInRedis(redis: Redis): Promise<string> {
  const texts: string[] = [];
  for (const key of await redis.keys("*")) {
    const type = await redis.type(key);
    const value = await contentsOf(redis, key, type);
    texts.push(key, JSON.stringify(value), value.map(String).join("\n"));
  }
  if (texts.length === 0) throw new Error("Redis is empty");
  return texts.join("\n");
}

async function contentsOf(redis: Redis, key: string, type: string): Promise<readonly unknown[]> {
  switch (type) {
    case "string":
      return [(await redis.getBuffer(key))?.toString("latin1")];
    case "hash":
      return Object.entries(await redis.hgetall(key)).flat();
    case "zset":
      return redis.zrange(key, "0", "-1");
    case "set":
      return redis.smembers(key);
    case "list":
      return redis.lrange(key, 0, -1);
    case "stream":
      return (await redis.xrange(key, "-", "+")).flat(2);
    default:
      throw new Error(`a ${type} that nobody looks into`);
  }
}
