import { describe, expect, it } from "vitest";
import { withAskedWait } from "../../src/net/asked-wait.ts";
import { createWaitReader } from "../../src/providers/wait-in-body.ts";

const read = createWaitReader("retry_after");

async function headerOf(body: string, { status = 429, header }: { status?: number; header?: string } = {}): Promise<string | null> {
  const response = new Response(body, { status, headers: header === undefined ? {} : { "retry-after": header } });
  return (await withAskedWait(response, read)).headers.get("retry-after");
}

describe("a wait that an answer asks for in its body", () => {
  it.each<[string, string, string | null]>([
    ["a fraction of a second, rounded up", '{"retry_after":0.65}', "1"],
    ["seconds and a fraction", '{"retry_after":64.57}', "65"],
    ["whole seconds", '{"retry_after":7}', "7"],
    ["no time", '{"retry_after":0}', "0"],
    ["more than any time", '{"retry_after":1e300}', "1000000"],
    ["what is no number any more", '{"retry_after":1e999}', null],
    ["a negative number", '{"retry_after":-1}', null],
    ["a text", '{"retry_after":"7"}', null],
    ["nothing", "{}", null],
    ["a list", "[7]", null],
    ["a page", "<p>retry_after</p>", null],
    ["a body that is too long to be that", `{"retry_after":7,"x":"${"x".repeat(16 * 1024)}"}`, null],
  ])("is read from %s", async (_name, body, header) => {
    expect(await headerOf(body)).toBe(header);
  });

  it("counts beside the header: of the two the longer", async () => {
    expect(await headerOf('{"retry_after":2.1}', { header: "9" })).toBe("9");
    expect(await headerOf('{"retry_after":12.1}', { header: "9" })).toBe("13");
    expect(await headerOf("{}", { header: "9" })).toBe("9");
  });

  it("is looked for in a 429 only", async () => {
    expect(await headerOf('{"retry_after":7}', { status: 200 })).toBeNull();
    expect(await headerOf('{"retry_after":7}', { status: 503 })).toBeNull();
  });

  it("leaves the body to be read", async () => {
    const answer = await withAskedWait(new Response('{"retry_after":7}', { status: 429 }), read);
    expect(await answer.json()).toEqual({ retry_after: 7 });
  });
});
