// The trail on standard output: the same chain, for whoever collects it. Nothing here is durable and nothing is rotated; each
// process begins a chain of its own.

import type { Clock } from "../exchange/ports.ts";
import type { MasterKey } from "../sealing/master-keys.ts";
import { chainStart, startLines } from "./chained-lines.ts";
import { codeOf, TrailFailure } from "./failures.ts";
import { checkpointBody, closeBody, openBody } from "./record.ts";
import { createSigningKey } from "./signing-key.ts";
import type { Sink } from "./sink.ts";

/** Standard output, or what tests put in its place. */
export type Destination = NodeJS.WritableStream | { write(text: string): unknown };

export interface StandardOutputOptions {
  readonly destination: Destination;
  readonly key: MasterKey;
  readonly clock: Clock;
  readonly random: (size: number) => Uint8Array;
}

/** Without a signature: a signature costs as much as twenty records, and here writes may be as many as calls. */
const maxUnsignedRecords = 1_000;
const maxUnsignedMs = 60_000;
const chainIdBytes = 16;

export function createStandardOutput({ destination, key: master, clock, random }: StandardOutputOptions): Sink {
  const key = createSigningKey(master);
  const chain = Buffer.from(random(chainIdBytes)).toString("hex");
  let end = chainStart;
  let unsigned = 0;
  let timer: NodeJS.Timeout | undefined;

  /** @param signed the record that vouches for all before it; undefined: not yet */
  async function put(bodies: readonly string[], signed: string | undefined): Promise<void> {
    const lines = startLines(end, key);
    for (const body of bodies) lines.add(body);
    if (signed !== undefined) lines.addSigned(signed);
    if (lines.lines.length === 0) return;
    // Counts at once: lines that a reader may have seen are not given out a second time.
    end = lines.end();
    unsigned = signed === undefined ? unsigned + bodies.length : 0;
    schedule();
    await writeTo(destination, lines.lines.join(""));
  }

  function schedule(): void {
    if (unsigned === 0) {
      clearTimeout(timer);
      timer = undefined;
    }
    if (unsigned > 0) timer ??= setTimeout(signRest, maxUnsignedMs).unref();
  }

  function signRest(): void {
    // What fails here fails for the next record too, and is told there.
    put([], checkpointBody(chain, clock())).catch(() => undefined);
  }

  return {
    async open() {
      if ("on" in destination) destination.on("error", ignore);
      const opening = { chain, keyId: key.id, publicKey: key.publicKey, continues: undefined };
      await put([openBody(opening, clock())], checkpointBody(chain, clock()));
    },
    write: (bodies) => put(bodies, unsigned + bodies.length >= maxUnsignedRecords ? checkpointBody(chain, clock()) : undefined),
    async close() {
      await put([], closeBody(chain, "stopped", clock()));
      clearTimeout(timer);
      if ("off" in destination) destination.off("error", ignore);
    },
  };
}

/** A stream whose reader has gone says so by an event too, which would end the process. */
function ignore(): void {}

/** Waits until the text is taken, so that a slow reader holds back no more than one batch. */
async function writeTo(destination: Destination, text: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const taken = (failure?: Error | null) => (failure ? reject(new TrailFailure(codeOf(failure), "unknown")) : resolve());
  if ("writable" in destination) destination.write(text, taken);
  else {
    destination.write(text);
    resolve();
  }
  await promise;
}
