import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type ClientRig, startClientRig, tokenFor } from "./client-rig.ts";

let rig: ClientRig;
beforeEach(async () => {
  rig = await startClientRig();
});
afterEach(() => rig.close());

describe("tabs of one origin", () => {
  it("lose their token when one of them signs out, and are told", async () => {
    let told = 0;
    const [first, second] = [rig.client(), rig.client({ onSignedOut: () => (told += 1) })];
    await Promise.all([first.getToken(), second.getToken()]);
    first.announceSignOut();
    await eventually("the news", () => told === 1);
    await second.getToken();
    expect(rig.exchange.seen.length).toBe(3);
  });

  it("lose their token when one of them finds that the session is somebody else's", async () => {
    const changes: string[] = [];
    const first = rig.client({ onUserChanged: () => changes.push("first") });
    const second = rig.client({ onUserChanged: () => changes.push("second") });
    await Promise.all([first.getToken(), second.getToken()]);
    rig.exchange.reply = (_, number) => tokenFor(number, { userId: "bob" });
    first.clearTokenCache();
    await expect(first.getToken()).rejects.toMatchObject({ status: 409, body: { error: "user_changed" } });
    await eventually("the news", () => changes.length === 2);
    expect(await first.getToken()).toBe("token-3");
    expect(await second.getToken()).toBe("token-4");
    expect(changes).toEqual(["first", "second"]);
  });

  it("tell each other a word, and never a token or a user", async () => {
    const spoken: unknown[] = [];
    const channel = () => ({
      postMessage: (message: unknown) => spoken.push(message),
      addEventListener: () => undefined,
      close: () => undefined,
    });
    const client = rig.client({ channel });
    await client.getToken();
    rig.exchange.reply = (_, number) => tokenFor(number, { userId: "bob" });
    client.clearTokenCache();
    await expect(client.getToken()).rejects.toMatchObject({ status: 409 });
    client.announceSignOut();
    expect(spoken).toEqual(["user-changed", "signed-out"]);
  });

  it.each([{ type: "signed-out" }, "sign-out", null, ["signed-out"]])("do not take %j for news", async (message) => {
    const heard: ((event: { readonly data: unknown }) => void)[] = [];
    const channel = () => ({
      postMessage: () => undefined,
      addEventListener: (_: string, listener: (typeof heard)[number]) => heard.push(listener),
      close: () => undefined,
    });
    const client = rig.client({ channel, onSignedOut: () => expect.unreachable() });
    await client.getToken();
    for (const hear of heard) hear({ data: message });
    expect(heard.length).toBe(1);
    expect(await client.getToken()).toBe("token-1");
  });

  it("work each on its own where there are no channels", async () => {
    const client = rig.client({ channel: () => undefined });
    await client.getToken();
    client.announceSignOut();
    expect(await client.getToken()).toBe("token-2");
  });

  it("say nothing any more once they are closed", async () => {
    const client = rig.client();
    client.close();
    client.announceSignOut();
    expect(await client.getToken()).toBe("token-1");
  });
});
