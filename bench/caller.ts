// A service that calls Cambio: Connect with JSON over a few HTTP/2 connections that stay open, by nothing but Node's own client, so
// that the generator needs little of the machine. A call that fails is an outcome, not an exception.

import { connect, type ClientHttp2Session, type OutgoingHttpHeaders } from "node:http2";
import { text } from "node:stream/consumers";

/** A pod or two; each may have 128 calls under way. */
const connections = 4;

export type Outcome = "hit" | "miss" | "failed";

export interface Caller {
  /** ValidateCrossClient; with `exchange` for a token of the caller's own. */
  validate(token: string, exchange: boolean): Promise<Outcome>;
  /** Exchange for a token that Cambio issues for that audience; undefined: it failed. */
  mint(subjectToken: string, audience: string): Promise<string | undefined>;
  /** The cheapest answer that the port gives. */
  livez(): Promise<Outcome>;
  /** What went wrong so far and how often, such as `unavailable 3`; empty: nothing. */
  failures(): string;
  close(): void;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  /** Why the stream broke off. */
  readonly broken?: string;
}

export function createCaller(url: string, { id, secret }: { readonly id: string; readonly secret: string }): Caller {
  const sessions = Array.from({ length: connections }, () => connect(url).on("error", () => undefined));
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;
  const call = { ":method": "POST", "content-type": "application/json", "connect-protocol-version": "1", authorization };
  const validation = { ...call, ":path": "/cambio.v1.TokenExchangeService/ValidateCrossClient" };
  const exchanging = { ...call, ":path": "/cambio.v1.TokenExchangeService/Exchange" };
  const failures = new Map<string, number>();
  let turn = 0;

  function nextSession(): ClientHttp2Session {
    turn += 1;
    const session = sessions[turn % connections];
    if (session === undefined) throw new Error("there is no connection");
    return session;
  }

  async function send(headers: OutgoingHttpHeaders, body?: string): Promise<Answer> {
    let status = 0;
    try {
      const stream = nextSession().request(headers);
      stream.once("response", (received) => (status = received[":status"] ?? 0));
      if (body !== undefined) stream.end(body);
      const received = await text(stream);
      return { status, body: received };
    } catch (failure) {
      return { status, body: "", broken: failure instanceof Error ? failure.message : "no error" };
    }
  }

  function failed(why: string): "failed" {
    failures.set(why, (failures.get(why) ?? 0) + 1);
    return "failed";
  }

  return {
    async validate(token, exchange) {
      const answer = await send(validation, JSON.stringify({ token: { value: token }, requiredScopes: ["orders:read"], exchange }));
      const read = readBody(answer.body);
      if (answer.status !== 200 || read === undefined) return failed(read?.code ?? answer.broken ?? `status ${answer.status}`);
      return read.cached === true ? "hit" : "miss";
    },
    async mint(subjectToken, audience) {
      const answer = await send(exchanging, JSON.stringify({ subjectToken: { value: subjectToken }, audiences: [audience] }));
      const read = readBody(answer.body);
      if (answer.status === 200 && read?.issuance === "ISSUANCE_MINTED") return read.tokens?.accessToken;
      failed(read?.code ?? answer.broken ?? `status ${answer.status}`);
      return undefined;
    },
    async livez() {
      const answer = await send({ ":path": "/livez" });
      return answer.status === 200 ? "hit" : failed(answer.broken ?? `/livez status ${answer.status}`);
    },
    failures: () => [...failures].map(([why, count]) => `${why} ${count}`).join(", "),
    close() {
      for (const session of sessions) session.destroy();
    },
  };
}

interface Body {
  readonly cached?: boolean;
  readonly issuance?: string;
  readonly tokens?: { readonly accessToken?: string };
  readonly code?: string;
}

/** Undefined: no JSON, as where a stream was reset. */
function readBody(body: string): Body | undefined {
  try {
    const read: object = JSON.parse(body);
    return read;
  } catch {
    return undefined;
  }
}
