import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { repository } from "../support/child.ts";

const read = (path: string): string => readFileSync(join(repository, path), "utf8");

interface Written {
  providers: Record<string, Record<string, unknown>>;
  audiences: { backend: { mint: { from: Record<string, unknown> } } };
  clients: { web: Record<string, unknown> & { methods: readonly string[]; providers: Record<string, unknown> } };
}

describe.each(["examples/dashboard", "deploy"])("the configuration with Discord in %s", (folder) => {
  it("is the one without, a sign-in beside it, and a prefix for those of the other one", () => {
    const { providers, audiences, clients, ...rest } = parse(read(`${folder}/cambio-discord.yaml`)) as Written;
    const plain = parse(read(`${folder}/cambio.yaml`)) as Written;
    expect(providers["discord"]).toEqual({
      kind: "discord",
      client: { id: "${DISCORD_CLIENT_ID}", secret: "${DISCORD_CLIENT_SECRET}" },
      subject_prefix: "discord:",
    });
    delete providers["discord"];
    delete providers["site"]?.["subject_prefix"];
    delete audiences.backend.mint.from["discord"];
    delete clients.web.providers["discord"];
    expect(clients.web["refresh_cookie"]).toBe("__Host-cambio-dashboard");
    delete clients.web["refresh_cookie"];
    clients.web.methods = clients.web.methods.slice(0, 1);
    expect({ providers, audiences, clients, ...rest }).toEqual(plain);
  });
});
