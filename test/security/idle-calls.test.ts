import { type ClientHttp2Session, connect } from "node:http2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { limited } from "../e2e/limits-rig.ts";
import { outcomeOf } from "../e2e/replica-rig.ts";
import { type FakeStack, startFakeStack } from "../support/fake-stack.ts";

describe("an attacker without credentials", () => {
  let stack: FakeStack;
  let session: ClientHttp2Session;
  beforeAll(async () => {
    stack = await startFakeStack({ change: limited({ concurrent_calls: 10 }) });
    session = connect(stack.cambio.url);
  });
  afterAll(async () => {
    session.destroy();
    await stack.close();
  });

  it("who opens calls without a message shuts out nobody", async () => {
    const paths = ["/cambio.v1.TokenExchangeService/Refresh", "/cambio.v1.TokenExchangeService/Revoke", "/api/auth/exchange"];
    for (const path of paths) {
      for (let count = 0; count < 20; count += 1) {
        const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/json" }, { endStream: false });
        stream.on("error", () => undefined);
      }
    }
    // Its answer comes after the headers before it were read.
    await new Promise((resolve) => session.ping(resolve));
    const backend = { authorization: stack.authorization("backend") };
    const outcomes = [
      outcomeOf(await stack.cambio.rpc("CreateAuthorizationUrl", { provider: "main" }, backend)),
      outcomeOf(await stack.cambio.rpc("Refresh", { clientId: "cli", refreshToken: "handle-of-nobody" })),
      outcomeOf(await stack.cambio.validate(await stack.token())),
    ];
    expect(outcomes).toEqual(["200", "REAUTHENTICATION_REQUIRED", "200"]);
  });
});
