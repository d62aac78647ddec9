// What a sign-in from a shell needs of a configuration: where the service is, and its native clients with their redirect URIs.
// Nothing else is looked at and no secret is read, so that a machine which has none of them will do.

import { expand, isMap } from "./expand.ts";
import { reportIssue } from "./issues.ts";
import { type ConfigurationSource, readMap } from "./load.ts";
import { createMistakeList } from "./mistake-list.ts";
import { isGiven, withEnvironment } from "./platform-variables.ts";
import { configurationSchema } from "./schema.ts";
import { inputShape } from "./shape.ts";

export interface SignInPart {
  readonly server: { readonly host: string; readonly port: number; readonly tls: boolean };
  /** Native clients that are not disabled, by id; of each the redirect URIs by provider. */
  readonly clients: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;
}

const schema = configurationSchema.pick({ server: true, clients: true });

/** @throws ConfigurationError with the mistakes in this part, none of which holds a value. */
export function loadSignInPart({ path, env, readFile }: ConfigurationSource): SignInPart {
  const mistakes = createMistakeList(path);
  const written = withEnvironment(readMap({ path, readFile }, mistakes), env);
  const shape = inputShape();
  const part = { server: only(written["server"] ?? {}, ["host", "port"]), clients: nativeClients(written["clients"]) };
  const value = expand(part, shape, { env, readFile: () => "", folder: "", report: mistakes.nextStep() });
  const parsed = schema.safeParse(value);
  const report = mistakes.nextStep();
  for (const issue of parsed.error?.issues ?? []) reportIssue(issue, { value, shape, report });
  mistakes.throwIfAny();
  // Nothing was reported, so this holds.
  if (!parsed.success) throw new Error("the schema refused a configuration without a reported mistake");
  const { server, clients } = parsed.data;
  const { server: section } = written;
  return {
    server: { host: server.host, port: server.port, tls: isMap(section) && isGiven(section, "tls") },
    clients: new Map(
      Object.entries(clients).map(([id, { providers }]) => [
        id,
        new Map(Object.entries(providers).map(([provider, grant]) => [provider, grant.redirect_uris])),
      ]),
    ),
  };
}

/** What is no map is left as it is, for the schema to refuse. */
function nativeClients(clients: unknown): unknown {
  if (!isMap(clients)) return clients;
  const native = Object.entries(clients).filter(
    ([, client]) => isMap(client) && client["kind"] === "native" && client["disabled"] !== true,
  );
  return Object.fromEntries(
    native.map(([id, client]) => {
      const { kind, providers } = only(client, ["kind", "providers"]);
      const grants = isMap(providers) ? mapValues(providers, (grant) => only(grant, ["redirect_uris"])) : providers;
      return [id, { kind, providers: grants }];
    }),
  );
}

function mapValues(map: Record<string, unknown>, change: (value: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}

function only(value: unknown, keys: readonly string[]): Record<string, unknown> {
  const entries = isMap(value) ? Object.entries(value) : [];
  return Object.fromEntries(entries.filter(([key]) => keys.includes(key)));
}
