import { afterAll, beforeAll, expect, it } from "vitest";
import { type FakeStack, startFakeStack } from "../support/fake-stack.ts";

let open: FakeStack;
let closed: FakeStack;
beforeAll(async () => {
  open = await startFakeStack();
  closed = await startFakeStack({ change: (loaded) => ({ ...loaded, server: { ...loaded.server, reflection: false } }) });
});
afterAll(async () => {
  await open.close();
  await closed.close();
});

async function statuses({ cambio }: FakeStack): Promise<readonly number[]> {
  const headers = { "content-type": "application/grpc+proto" };
  const paths = ["v1", "v1alpha"].map((version) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`);
  return Promise.all(paths.map(async (path) => (await fetch(cambio.url + path, { method: "POST", headers, body: "" })).status));
}

it("switched off, reflection tells an attacker nothing: neither of its versions is there", async () => {
  expect(await statuses(closed)).toEqual([404, 404]);
  // There it refuses the version of HTTP, so it is there.
  expect(await statuses(open)).not.toContain(404);
});
