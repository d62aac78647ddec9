// Series of one call over and over, by h2load. h2load sees only HTTP's status, so a gRPC service is asked once before each round and once
// after it by a client that also knows whether gRPC calls it a success.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FramesLoad } from "./frames-load.ts";
import { h2load, type RepeatedCall } from "./h2load.ts";
import type { Series } from "./series.ts";

/** A number and not a time, so that a busy machine does not leave a server half compiled. */
const warmUpCalls = 10_000;

export interface Repeated extends Omit<RepeatedCall, "bodyFile"> {
  readonly name: string;
  /** Of the server. */
  readonly pid: number;
  readonly body: Buffer;
  /** To the same gRPC method; absent where the status tells all. */
  readonly grpc?: FramesLoad;
}

/** @param folder for the body @param ms of a round */
export function repeatedSeries({ name, pid, body, grpc, ...call }: Repeated, folder: string, ms: number): Series {
  const bodyFile = join(folder, `${name.replaceAll(/\W+/g, "-")}.body`);
  writeFileSync(bodyFile, body);
  const askOnce = async () => {
    await grpc?.closedLoop([body]);
    if (grpc !== undefined && grpc.failures() > 0) throw new Error(`${name}: a gRPC call failed`);
  };
  return {
    name,
    pid,
    warmUp: () => h2load({ ...call, bodyFile }, { calls: warmUpCalls }),
    async play() {
      await askOnce();
      const { perSecond, succeeded, failed } = await h2load({ ...call, bodyFile }, { ms });
      if (failed > 0 || succeeded === 0) throw new Error(`${name}: ${succeeded} calls succeeded and ${failed} failed`);
      await askOnce();
      return { calls: succeeded, perSecond };
    },
  };
}
