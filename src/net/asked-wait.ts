// An answer that says in its body how long to wait gets the header that says so, and is from then on an answer like others: for the
// pause of its endpoint (provider-guard.ts) and for whoever reads it. How a body says it differs by provider and is given.

/** @returns seconds, with a fraction; undefined: the body does not say */
export type ReadWait = (body: string) => number | undefined;

/** Who says "too many requests" needs few words; a longer body is not looked into. */
const maxBodyBytes = 16 * 1024;

export async function withAskedWait(response: Response, read: ReadWait): Promise<Response> {
  if (response.status !== 429) return response;
  const body = new Uint8Array(await response.arrayBuffer());
  const headers = new Headers(response.headers);
  const seconds = body.byteLength > maxBodyBytes ? undefined : read(new TextDecoder().decode(body));
  if (seconds !== undefined && Number.isFinite(seconds)) {
    // Whole seconds are all that the header can say: never back before the provider means. Of two statements the longer counts.
    const stated = /^[0-9]{1,10}$/.test(headers.get("retry-after") ?? "") ? Number(headers.get("retry-after")) : 0;
    headers.set("retry-after", String(Math.max(Math.ceil(Math.min(seconds, maxSeconds)), stated)));
  }
  return new Response(body, { status: response.status, headers });
}

/** What the header may hold; what is done with it has bounds of its own. */
const maxSeconds = 1_000_000;
