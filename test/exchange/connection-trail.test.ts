import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Trail, TrailNotes } from "../../src/exchange/trail.ts";
import { type AccountRig, nelly, patience, startAccountRig } from "./account-rig.ts";

let rig: AccountRig;
beforeEach(async () => {
  rig = await startAccountRig();
});
afterEach(() => rig.close());

/** What stands on record when something is about to be issued or ended, and when the call is over. */
function recording(client: string) {
  let notes: TrailNotes = {};
  let intended: TrailNotes | undefined;
  const trail: Trail = {
    payer: { client, address: undefined },
    note: (more) => void (notes = { ...notes, ...more }),
    intent: async () => void (intended = notes),
  };
  return { trail, notes: () => notes, intended: () => intended };
}

describe("on record before anything is issued or ended is", () => {
  it("for whom a code's token will be; and afterwards which connection was made", async () => {
    const { trail, notes, intended } = recording("web");
    const { connectionId } = await rig.signIn("web", "discord", { trail });
    expect(intended()).toMatchObject({ provider: "discord", targets: ["backend"] });
    expect(notes()).toMatchObject({ connection: connectionId, subject: nelly.id, issued: expect.any(String) });
  });

  it("which connection, whose client's it is, and for whom the token will be", async () => {
    const { tokens, connectionId = "" } = await rig.signIn("web", "discord");
    const about = { provider: "", connectionId };
    const [own, others] = [recording("web"), recording("worker")];
    const proof = { kind: "token", token: tokens.accessToken } as const;
    await rig.operations.refreshConnection({ client: rig.client("web"), ...about, proof, trail: own.trail }, patience());
    await rig.operations.refreshConnection({ client: rig.client("worker"), ...about, proof: undefined, trail: others.trail }, patience());
    const connection = { provider: "discord", connection: connectionId, subject: nelly.id };
    expect(own.intended()).toEqual({ ...connection, rule: expect.any(String), targets: ["backend"] });
    expect(others.intended()).toEqual({ ...connection, rule: expect.any(String), originClient: "web" });
  });

  it("which connection ends by whoever may end another client's", async () => {
    const { connectionId = "" } = await rig.signIn("web", "discord");
    const { trail, intended } = recording("worker");
    const about = { client: rig.client("worker"), provider: "", connectionId, proof: undefined, trail };
    await rig.operations.revokeConnection(about, patience());
    expect(intended()).toMatchObject({ provider: "discord", connection: connectionId, originClient: "web" });
  });

  it("of a handle's connection the same; and nothing of one that is not the caller's to name", async () => {
    const { tokens } = await rig.signIn("plain", "discord");
    const { trail, intended } = recording("plain");
    const refreshToken = tokens.refreshToken;
    if (refreshToken === undefined) throw new Error("there is no handle");
    await rig.operations.refresh({ client: rig.client("plain"), provider: "", refreshToken, scopes: [], trail }, patience());
    expect(intended()).toMatchObject({ connection: expect.stringMatching(/^[\w-]{22}$/), targets: ["backend"] });

    const { connectionId = "" } = await rig.signIn("web", "discord");
    const stranger = recording("loner");
    const about = { client: rig.client("loner"), provider: "", connectionId, proof: undefined, trail: stranger.trail };
    await rig.operations.refreshConnection(about, patience()).catch(() => undefined);
    expect([stranger.notes().connection, stranger.intended()]).toEqual([undefined, undefined]);
  });
});
