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

it("switched off, reflection tells an attacker nothing: neither of its versions is there", async () => {
  const statuses = async ({ cambio }: FakeStack) =>
    Promise.all(
      ["v1", "v1alpha"].map(async (version) => {
        const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
        const headers = { "content-type": "application/grpc+proto" };
        return (await fetch(cambio.url + path, { method: "POST", headers, body: "" })).status;
      }),
    );
  expect(await statuses(closed)).toEqual([404, 404]);
  // There, it refuses the version of HTTP, and so is there.
  expect(await statuses(open)).not.toContain(404);
});
