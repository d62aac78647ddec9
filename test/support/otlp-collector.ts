// A collector of traces (OTLP over HTTP with JSON) made for tests: strict about what it is sent, able to fail. What it objects to is
// kept, so that a test can demand that there is nothing.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly traceState: string | undefined;
  readonly name: string;
  readonly kind: "internal" | "server" | "client";
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly failed: boolean;
  readonly service: string;
}

/** `hang`: nothing is answered. `slow`: after so many milliseconds. */
export type CollectorBehaviour =
  | { readonly kind: "take" }
  | { readonly kind: "status"; readonly status: number }
  | { readonly kind: "hang" }
  | { readonly kind: "slow"; readonly ms: number }
  | { readonly kind: "reject"; readonly spans: number };

export interface OtlpCollector {
  readonly url: string;
  readonly requests: readonly { readonly headers: IncomingMessage["headers"]; readonly body: string }[];
  /** Of the requests that were taken, in order. */
  readonly spans: readonly CollectedSpan[];
  readonly violations: readonly string[];
  /** From now on. Requests that hang are dropped. */
  behave(how: CollectorBehaviour): void;
  named(name: string): readonly CollectedSpan[];
  childrenOf(span: CollectedSpan): readonly CollectedSpan[];
  close(): Promise<void>;
}

export async function startOtlpCollector(): Promise<OtlpCollector> {
  const requests: { headers: IncomingMessage["headers"]; body: string }[] = [];
  const spans: CollectedSpan[] = [];
  const violations: string[] = [];
  const hanging = new Set<ServerResponse>();
  let behaviour: CollectorBehaviour = { kind: "take" };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const how = behaviour;
    const body = await readBody(request);
    requests.push({ headers: request.headers, body });
    if (request.method !== "POST" || request.url !== "/v1/traces") violations.push(`${request.method} ${request.url}`);
    if (request.headers["content-type"] !== "application/json") violations.push("not announced as JSON");
    for (const name of ["traceparent", "tracestate", "baggage"]) if (name in request.headers) violations.push(`carries ${name}`);
    if (how.kind === "hang") return void hanging.add(response);
    if (how.kind === "status") return void response.writeHead(how.status).end();
    if (how.kind === "slow") await new Promise((resolve) => setTimeout(resolve, how.ms));
    for (const span of readSpans(body, violations)) {
      if (spans.some(({ spanId }) => spanId === span.spanId)) violations.push(`${span.name} came twice`);
      spans.push(span);
    }
    const answer = how.kind === "reject" ? { partialSuccess: { rejectedSpans: String(how.spans) } } : {};
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  }

  const server = createServer((request, response) => void serve(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/v1/traces`,
    requests,
    spans,
    violations,
    behave(how) {
      behaviour = how;
      for (const response of hanging) response.destroy();
      hanging.clear();
    },
    named: (name) => spans.filter((span) => span.name === name),
    childrenOf: ({ spanId, traceId }) => spans.filter((span) => span.parentSpanId === spanId && span.traceId === traceId),
    close: () => closeAll(server),
  };
}

type Json = Readonly<Record<string, unknown>>;

const kinds = [undefined, "internal", "server", "client"] as const;
const traceIdForm = /^(?!0{32})[0-9a-f]{32}$/;
const spanIdForm = /^(?!0{16})[0-9a-f]{16}$/;
const members: ReadonlySet<string> = new Set(
  "traceId spanId parentSpanId traceState flags name kind startTimeUnixNano endTimeUnixNano attributes links status".split(" "),
);

function readSpans(body: string, violations: string[]): readonly CollectedSpan[] {
  const { resourceSpans } = JSON.parse(body) as { resourceSpans: readonly Json[] };
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const of = readAttributes((resource as Json)["attributes"], violations);
    if (typeof of["service.name"] !== "string" || typeof of["service.instance.id"] !== "string") violations.push("an unnamed resource");
    return (scopeSpans as readonly { readonly spans: readonly Json[] }[]).flatMap((scope) =>
      scope.spans.map((span) => readSpan(span, String(of["service.name"]), violations)),
    );
  });
}

function readSpan(span: Json, service: string, violations: string[]): CollectedSpan {
  const name = String(span["name"]);
  const demand = (holds: boolean, what: string): void => void (holds || violations.push(`${name}: ${what}`));
  demand(
    Object.keys(span).every((key) => members.has(key)),
    "unknown member",
  );
  demand(traceIdForm.test(String(span["traceId"])), "trace id");
  demand(spanIdForm.test(String(span["spanId"])), "span id");
  demand(span["parentSpanId"] === undefined || spanIdForm.test(JSON.stringify(span["parentSpanId"]).slice(1, -1)), "parent's id");
  const kind = kinds[Number(span["kind"])];
  demand(kind !== undefined, "kind");
  const [start, end] = [span["startTimeUnixNano"], span["endTimeUnixNano"]];
  demand(/^[1-9][0-9]{18}$/.test(String(start)) && /^[1-9][0-9]{18}$/.test(String(end)), "times");
  demand(typeof start === "string" && typeof end === "string" && BigInt(end) >= BigInt(start), "ends before it begins");
  demand(Number.isInteger(span["flags"]) && (Number(span["flags"]) & 1) === 1, "flags");
  const links = (span["links"] ?? []) as readonly { readonly traceId: string; readonly spanId: string }[];
  demand(
    links.every(
      (link) => Object.keys(link).join() === "traceId,spanId,flags" && traceIdForm.test(link.traceId) && spanIdForm.test(link.spanId),
    ),
    "link",
  );
  return {
    traceId: String(span["traceId"]),
    spanId: String(span["spanId"]),
    parentSpanId: span["parentSpanId"] as string | undefined,
    traceState: span["traceState"] as string | undefined,
    name,
    kind: kind ?? "internal",
    startMs: Number(start) / 1e6,
    endMs: Number(end) / 1e6,
    attributes: readAttributes(span["attributes"], violations),
    links,
    failed: (span["status"] as Json)["code"] === 2,
    service,
  };
}

function readAttributes(list: unknown, violations: string[]): CollectedSpan["attributes"] {
  const read = (list as readonly { readonly key: string; readonly value: Json }[]).map(({ key, value }) => {
    const [[kind, inner] = ["", undefined], ...more] = Object.entries(value);
    if (more.length > 0) violations.push(`${key}: two values`);
    if (kind === "stringValue" && typeof inner === "string") return [key, inner] as const;
    if (kind === "boolValue" && typeof inner === "boolean") return [key, inner] as const;
    if (kind === "intValue" && typeof inner === "string" && /^-?[0-9]+$/.test(inner)) return [key, Number(inner)] as const;
    violations.push(`${key}: no value of its kind`);
    return [key, ""] as const;
  });
  if (new Set(read.map(([key]) => key)).size < read.length) violations.push("an attribute twice");
  return Object.fromEntries(read);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function closeAll(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
