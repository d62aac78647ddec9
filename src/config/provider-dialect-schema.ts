// The part of a provider's shape that says how it is asked and read where it differs from OAuth 2.0 by the book, and what becomes of its
// users and their tokens here. Every key has a default by the provider's kind (defaults.ts), so most files need none of them.

import { z } from "zod";
import { duration } from "./fields.ts";

/** Of an authorization URL that are this service's to say, or would stand in place of what it says (RFC 9101). */
const ownParameters: ReadonlySet<string> = new Set(
  "response_type client_id redirect_uri scope state code_challenge code_challenge_method nonce resource request request_uri".split(" "),
);

const authorizationParameter = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,64}$/, "a parameter is 1 to 64 letters, digits, dots, dashes or underscores, such as prompt")
  .refine((parameter) => !ownParameters.has(parameter), "this service sets that parameter itself, or one that it would replace");

/** A member of a JSON object, or of one within it. */
const memberPath = z
  .string()
  .regex(
    /^[\x21-\x2d\x2f-\x7e]{1,64}(\.[\x21-\x2d\x2f-\x7e]{1,64}){0,7}$/,
    "write the name of a member, with dots to those within: data.id",
  );

/** As providers name errors (RFC 6749 §5.2). */
const errorWord = z
  .string()
  .regex(/^[A-Za-z0-9_.:-]{1,64}$/, "an error is 1 to 64 letters, digits, dots, colons, dashes or underscores, such as invalid_grant");

const bodyFormat = z.enum(["form", "json"]);

export const dialectKeys = {
  authorization_parameters: z
    .record(authorizationParameter, z.string().min(1).max(1024))
    .optional()
    .describe("Further parameters of the authorization URL, such as { prompt: consent }. Default: none; for google: access_type: offline."),
  requests: z
    .strictObject({
      code: bodyFormat.describe("Body of the request that redeems a code."),
      refresh: bodyFormat.describe("Body of the request that refreshes."),
      revocation: bodyFormat.describe("Body of the request that revokes a token."),
    })
    .partial()
    .optional()
    .describe("form or json, for each request. Default: form; for openai: json but for the code."),
  code_state: z.boolean().optional().describe("true: the body that redeems a code carries the state as well. Default: false."),
  user: z
    .strictObject({
      claims: z
        .strictObject({
          id: memberPath.describe("The user's id there: a text, or a whole number."),
          username: memberPath.optional().describe("User name."),
          name: memberPath.optional().describe("Display name."),
          email: memberPath.optional().describe("E-mail address."),
          email_verified: memberPath.optional().describe("true there vouches for the address; without this key nothing does."),
          avatar_url: memberPath.optional().describe("Address of a picture."),
        })
        .describe("Members of the answer, with dots to those within: data.id."),
    })
    .optional()
    .describe("How the user endpoint's answer is read. Default: as the kind knows; else users are known by their ID token only."),
  terminal_errors: z
    .array(errorWord)
    .max(64)
    .optional()
    .describe("Errors of a refresh, beside invalid_grant, that mean: the user must sign in again. Default: as the kind knows."),
  terminal_statuses: z
    .array(
      z
        .int()
        .min(400)
        .max(499)
        .refine((status) => status !== 429 && status !== 408, "leave out 408 and 429, which pass by themselves"),
    )
    .max(16)
    .optional()
    .describe("HTTP statuses of a refresh that mean the same, whatever is said beside them. Default: none; for openai: 401."),
  rate_limit: memberPath
    .refine((member) => !member.includes("."), "write the name of a member of the body itself")
    .optional()
    .describe(
      "Member of a 429's body with the seconds to wait, which may be a fraction; Retry-After counts anyway. Default: none; for discord: retry_after.",
    ),
  token_type_default: z
    .enum(["Bearer"])
    .optional()
    .describe("Bearer: answers may leave token_type out. Default: they may not; for openai: Bearer."),
};

export const connectionKeys = {
  accounts: z
    .boolean()
    .optional()
    .describe(
      "true: its users become accounts here, by their id there. Needs a database. Default: true for openai, discord, github and google, else false.",
    ),
  lost_answer: z
    .enum(["reauthenticate", "retry_once"])
    .optional()
    .describe(
      "What a refresh means whose answer was lost. reauthenticate: the user must sign in again. retry_once: the refresh token may be shown once more, for a provider that forgives that. Default: reauthenticate with every kind.",
    ),
  refresh_ahead: duration("1m", "24h").prefault("10m").describe("Tokens that are kept here are refreshed this long before they expire."),
  refresh_rate: z.int().min(1).max(1000).default(10).describe("Background refreshes per second at this provider, over all replicas."),
  refresh_concurrency: z.int().min(1).max(100).default(4).describe("Background refreshes at this provider at one time."),
};
