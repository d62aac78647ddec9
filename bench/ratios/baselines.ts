// The baselines: servers that Cambio is held against, a process each, and the series that measure them. What they are sent and what they
// answer has the size of Cambio's own messages.

import type { BenchProcess } from "../child-process.ts";
import { startProcess } from "../child-process.ts";
import { createFramesLoad } from "./frames-load.ts";
import type { Headers } from "./frames.ts";
import { headersOf, validatePath, validation } from "./protocols.ts";
import { type Repeated, repeatedSeries } from "./repeated.ts";
import type { Series } from "./series.ts";

export const baselineNames = {
  http: "node:http",
  http2: "node:http2",
  connectNode: "connect-node",
  grpcJs: "grpc-js",
  introspection: "oidc-provider",
} as const;

export interface Baselines extends AsyncDisposable {
  readonly series: readonly Series[];
}

export interface BaselineMaterial {
  readonly caller: { readonly id: string; readonly secret: string };
  /** What Cambio is shown, and the bytes of its answer. */
  readonly token: string;
  readonly answer: Buffer;
  readonly folder: string;
  /** Of a round. */
  readonly ms: number;
}

export async function startBaselines({ caller, token, answer, folder, ms }: BaselineMaterial): Promise<Baselines> {
  const parts = new AsyncDisposableStack();
  try {
    const start = async (file: string, ...more: string[]): Promise<BenchProcess> => {
      const started = await startProcess(`ratios/baselines/${file}`, { args: [answer.toString("base64"), ...more] });
      parts.defer(() => started.close());
      return started;
    };
    const grpc = async ({ url }: BenchProcess) => {
      const load = await createFramesLoad(url, validatePath, headersOf("gRPC", caller));
      parts.defer(() => load.close());
      return load;
    };
    const [http, http2, connectNode, grpcJs] = [
      await start("http.ts"),
      await start("http2.ts"),
      await start("connect-node.ts"),
      await start("grpc-js.ts"),
    ];
    const grpcCall = { http: "2", headers: headersOf("gRPC", caller), body: validation("gRPC", token) } as const;
    const repeated: readonly Repeated[] = [
      {
        name: baselineNames.http,
        pid: http.pid,
        url: http.url + validatePath,
        http: "1.1",
        headers: headersOf("Connect+JSON", caller),
        body: validation("Connect+JSON", token),
      },
      {
        name: baselineNames.http2,
        pid: http2.pid,
        url: http2.url + validatePath,
        http: "2",
        headers: headersOf("Connect+proto", caller),
        body: validation("Connect+proto", token),
      },
      {
        name: baselineNames.connectNode,
        pid: connectNode.pid,
        url: connectNode.url + validatePath,
        ...grpcCall,
        grpc: await grpc(connectNode),
      },
      { name: baselineNames.grpcJs, pid: grpcJs.pid, url: grpcJs.url + validatePath, ...grpcCall, grpc: await grpc(grpcJs) },
      await introspectionOf(await start("introspection.ts", caller.id, caller.secret), caller, validation("Connect+JSON", token).length),
    ];
    const running = parts.move();
    return {
      series: repeated.map((one) => repeatedSeries(one, folder, ms)),
      [Symbol.asyncDispose]: () => running.disposeAsync(),
    };
  } catch (failure) {
    await parts.disposeAsync();
    throw failure;
  }
}

/** @param bytes of a request: what the opaque token leaves of it is filled with a parameter that means nothing */
async function introspectionOf({ url, pid }: BenchProcess, caller: BaselineMaterial["caller"], bytes: number): Promise<Repeated> {
  const authorization = `Basic ${Buffer.from(`${caller.id}:${caller.secret}`).toString("base64")}`;
  const headers: Headers = [
    ["content-type", "application/x-www-form-urlencoded"],
    ["authorization", authorization],
  ];
  const post = async (path: string, body: URLSearchParams): Promise<string> => {
    const response = await fetch(url + path, { method: "POST", headers: Object.fromEntries(headers), body });
    return response.text();
  };
  const granted: { access_token: string } = JSON.parse(
    await post("/token", new URLSearchParams({ grant_type: "client_credentials", scope: "orders:read" })),
  );
  const form = new URLSearchParams({ token: granted.access_token, filled: "" });
  form.set("filled", "f".repeat(Math.max(0, bytes - String(form).length)));
  const introspected: { active?: boolean } = JSON.parse(await post("/token/introspection", form));
  if (introspected.active !== true) throw new Error("the introspection endpoint does not know its own token");
  return {
    name: baselineNames.introspection,
    pid,
    url: `${url}/token/introspection`,
    http: "1.1",
    headers,
    body: Buffer.from(String(form)),
  };
}
