// The part of the configuration's shape that is about tokens which this service issues itself, for one audience: how they are signed,
// who gets them, what they say, and who may act for whom in them. The whole is schema.ts.

import { z } from "zod";
import { claimSources, longestMintedLife } from "../exchange/minting.ts";
import { signingAlgorithms } from "../exchange/minting-ports.ts";
import { duration, mintedClaim, name, scope, secret } from "./fields.ts";

const texts = z.array(z.string().min(1).max(512)).max(256).default([]);

const source = z.strictObject({
  scopes: z.array(scope).max(128).default([]).describe("Scopes that every subject of that provider opens: a session has none of its own."),
  scope_map: z
    .record(scope, z.array(scope).min(1).max(64))
    .default({})
    .describe("Scopes that the subject token's own scopes open, each by its name there. What is not listed opens nothing."),
  claims: z
    .record(mintedClaim, z.enum(claimSources))
    .default({})
    .describe(
      "Further claims, each with the attribute of the account or subject token that it says: name, preferred_username, email, email_verified or picture. What is not known is left out.",
    ),
});

const actor = z.strictObject({
  provider: name.describe("Who issued the actor's token: a provider, or cambio."),
  clients: texts.describe("Clients that the actor's token was issued to. Empty: subjects decide alone."),
  subjects: texts.describe("Subjects of the actor's token. Empty: clients decide alone."),
  for: z.array(name).min(1).max(64).describe("Providers whose subjects it may act for."),
});

export const mint = z.strictObject({
  algorithm: z
    .enum([...signingAlgorithms, "HS256"])
    .optional()
    .describe(
      "How they are signed. HS256: by a secret that this service shares with the audience, for a backend that cannot read keys; such tokens name no audience, and are never accepted here. Default: signing.algorithm.",
    ),
  secret: secret
    .optional()
    .describe("With HS256: the secret, at least 32 bytes, known to that backend only. Make one with: openssl rand -hex 32"),
  lifetime: duration("1m", longestMintedLife.written)
    .prefault("15m")
    .describe("The longest that a token lives; never longer than what it came from."),
  from: z
    .record(name, source)
    .describe("Whose subjects get such tokens, by provider; cambio for tokens that were issued here. Empty: none."),
  actors: z
    .array(actor)
    .max(64)
    .default([])
    .describe("Who may act for whom (RFC 8693): one entry must fit the actor and the subject. Empty: nobody."),
});
