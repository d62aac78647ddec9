// The part of the configuration's shape that is about what is kept: under which keys, in which Redis, in which database. The whole is
// schema.ts; how the ways to write a Redis or a database become one value is redis-settings.ts and defaults.ts.

import { z } from "zod";
import { completeDatabase } from "./defaults.ts";
import { databaseUrl, duration, filePath, name, redisNode, redisUrl, redisUser, sealingKey, secret, url } from "./fields.ts";
import { completeRedis } from "./redis-settings.ts";

const namedSealingKey = z.strictObject({
  id: name.describe("Name of the key. It stands in whatever the key seals, so give a new key a new name."),
  key: sealingKey.describe(
    "32 random bytes in base64url (43 characters). Make one with: openssl rand -base64 32 | tr '+/' '-_' | tr -d '='",
  ),
});

export const sealing = z.strictObject({
  keys: z
    .array(namedSealingKey)
    .min(1)
    .max(8)
    .describe(
      "The first seals, all of them open. To replace it: add the new key last, on all replicas; then move it to the front; then remove the old one: with a database run `cambio reseal` first; see docs/operations.md for when it may go.",
    ),
});

export const redis = z
  .strictObject({
    url: redisUrl
      .optional()
      .describe("One Redis: redis[s]://[USER:PASSWORD@]HOST[:PORT][/DATABASE], rediss for TLS; no options behind it."),
    sentinel: z
      .strictObject({
        master: name.describe("Name under which the Sentinels know the master."),
        nodes: z.array(redisNode).min(1).max(32).describe("The Sentinels, HOST:PORT each. All of them: only these are asked."),
        username: redisUser.optional().describe("User at the Sentinels themselves."),
        password: secret.optional().describe("Password at the Sentinels themselves."),
      })
      .optional()
      .describe("Instead of url: the master that Sentinels name."),
    cluster: z
      .strictObject({
        nodes: z.array(redisNode).min(1).max(32).describe("Some of its servers, HOST:PORT each; they tell of the others."),
      })
      .optional()
      .describe("Instead of url: a Redis Cluster."),
    tls: z.boolean().optional().describe("With sentinel and cluster: TLS to every server, and to the Sentinels. Default: false."),
    ca_file: filePath.optional().describe("With TLS: certificates of the CA that vouches for the servers, PEM. Default: the public ones."),
    username: redisUser.optional().describe("With sentinel and cluster: user at the servers. Default: Redis' default user."),
    password: secret.optional().describe("With sentinel and cluster: password at the servers."),
    database: z.int().min(0).max(9999).optional().describe("With sentinel: number of the database. Default: 0."),
  })
  .transform(completeRedis);

export const database = z
  .strictObject({
    url: databaseUrl.optional().describe("postgres://USER:PASSWORD@HOST[:PORT]/DATABASE[?sslmode=verify-full]."),
    file: filePath.optional().describe("A SQLite file, made at start: for one replica. Give this or url."),
    migrate_at_start: z
      .boolean()
      .optional()
      .describe("true: the schema is brought up to date at start; false: by `cambio migrate`. Default: true with a file, else false."),
    handle_idle: duration("1h", "8760h").prefault("720h").describe("A refresh handle that was not used for so long ends."),
  })
  .transform(completeDatabase);

export const vault = z.strictObject({
  spool: filePath
    .optional()
    .describe(
      "A folder, on a persistent volume, for answers of providers that are not in the database yet. Default: beside the SQLite file, with .spool after its name; with PostgreSQL none, and it is needed where a client keeps connections.",
    ),
  connection_idle: duration("1h", "8760h").prefault("720h").describe("A connection that nobody used for so long ends."),
  in_doubt: duration("0s", "24h")
    .prefault("10m")
    .describe(
      "How long a refresh without a known outcome waits for the process that began it, whose spool may hold the answer. Then the provider's lost_answer decides.",
    ),
  webhook: z
    .strictObject({
      url: url.describe("Where a POST tells of connections that need their user again."),
      secret: secret.describe("By which each of them is signed (HMAC-SHA-256), at least 32 characters."),
    })
    .optional()
    .describe("Without it the log alone tells."),
});
