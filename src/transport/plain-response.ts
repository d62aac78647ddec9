// What a plain HTTP route answers, and the usual form of it: JSON. How it is sent is http-routes.ts.

export interface PlainResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export function jsonResponse(status: number, body: object, headers: Readonly<Record<string, string>> = {}): PlainResponse {
  return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
}
