// Exchanges that are refused for what is asked, or for who asks.

import { aliceToken } from "./exchange-cases.ts";
import { invalidToken, type ProviderCase, refusal, strangers } from "./provider-case.ts";
import { ask, encoded, exchange, type Form, type Sending, tokenType } from "./requests.ts";
import type { World } from "./world.ts";

type Members = Exclude<Form, string>;

/** Alice's token with this form, sent by this client. */
function row(name: string, form: Members, answer: object, sending: Sending = { as: "orders" }): ProviderCase {
  return { name, act: async (world) => [await exchange(world, await aliceToken(world, "for-tests"), form, sending)], answers: [answer] };
}

/** The same with more text behind the form, for what a record of members cannot say. */
function rawRow(name: string, more: string, answer: object): ProviderCase {
  return {
    name,
    act: async (world) => [await ask(world, "/token", `${await usualForm(world)}${more}`, { as: "orders" })],
    answers: [answer],
  };
}

async function usualForm(world: World): Promise<string> {
  return encoded({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: await aliceToken(world),
    subject_token_type: tokenType("access_token"),
  });
}

const badRequest = (description: string): object => refusal(400, "invalid_request", description);
const unsupportedType = badRequest("requested_token_type unsupported");
const accessTokensOnly = badRequest("Parameter 'subject_token' supports access tokens only");
const notEnabled = badRequest("Standard token exchange is not enabled for the requested client");
const notInAudience = refusal(403, "access_denied", "Client is not within the token audience");
const audienceNotFound = refusal(400, "invalid_client", "Audience not found");
const clientDisabled = refusal(400, "invalid_client", "Client disabled");
const duplicated = badRequest("duplicated parameter");

export const refusedExchangeCases: readonly ProviderCase[] = [
  row(
    "refuses without a subject token",
    { subject_token: undefined },
    badRequest("Parameter 'subject_token' required for standard token exchange"),
  ),
  row("refuses an empty subject token", { subject_token: "" }, invalidToken),
  row("refuses a subject token that is none", { subject_token: "garbage" }, invalidToken),
  row(
    "refuses without the subject token's type",
    { subject_token_type: undefined },
    badRequest("Parameter 'subject_token_type' required for standard token exchange"),
  ),
  ...["jwt", "id_token", "refresh_token"].map((type) =>
    row(`refuses a subject token of type ${type}`, { subject_token_type: tokenType(type) }, accessTokensOnly),
  ),
  ...["jwt", "saml1", "saml2", "nonsense"].map((type) =>
    row(`refuses to issue a token of type ${type}`, { requested_token_type: tokenType(type) }, unsupportedType),
  ),
  row("refuses an empty requested type", { requested_token_type: "" }, unsupportedType),
  row("refuses a refresh token to clients that may not have one", { requested_token_type: tokenType("refresh_token") }, unsupportedType, {
    as: "generous",
  }),
  row("refuses an audience that does not exist", { audience: "nobody" }, audienceNotFound),
  row("refuses an empty audience", { audience: "" }, audienceNotFound),
  row("refuses an audience whose client is disabled", { audience: "disabled" }, clientDisabled),
  row(
    "refuses an audience that the requester has no scope for",
    { audience: "storefront" },
    badRequest("Requested audience not available: storefront"),
  ),
  row(
    "refuses the requester itself as audience, unless it has a scope for that",
    { audience: "generous" },
    badRequest("Requested audience not available: generous"),
    { as: "generous" },
  ),
  rawRow(
    "refuses two audiences where one is not available",
    "&audience=inventory&audience=storefront",
    badRequest("Requested audience not available: storefront"),
  ),
  row("refuses a scope that does not exist", { scope: "nope" }, refusal(400, "invalid_scope", "Invalid scopes: nope")),
  row("refuses a scope that is not the requester's", { scope: "for-tests" }, refusal(400, "invalid_scope", "Invalid scopes: for-tests")),
  row("refuses all scopes for one", { scope: "orders:read nope" }, refusal(400, "invalid_scope", "Invalid scopes: orders:read nope")),
  row("refuses an empty scope", { scope: "" }, refusal(400, "invalid_scope", "Invalid scopes: ")),
  ...["requested_subject", "requested_issuer", "subject_issuer"].map((name) =>
    row(`refuses ${name}`, { [name]: "x" }, badRequest(`Parameter '${name}' is not supported for standard token exchange`)),
  ),
  rawRow("refuses a repeated scope", "&scope=orders:read&scope=profile", duplicated),
  rawRow("refuses a repeated subject token", "&subject_token=x", duplicated),

  row("refuses a requester outside the audience", { audience: "inventory" }, notInAudience, { as: "outsider" }),
  row("looks for the audience before it looks at the requester", { audience: "nobody" }, audienceNotFound, { as: "outsider" }),
  row("looks whether the audience is disabled before it looks at the requester", { audience: "disabled" }, clientDisabled, {
    as: "outsider",
  }),
  row("looks at the requester before it looks at scopes", { scope: "nope" }, notInAudience, { as: "outsider" }),
  row(
    "looks at scopes before it looks whether the audience is available",
    { scope: "nope", audience: "storefront" },
    {
      ...refusal(400, "invalid_scope", "Invalid scopes: nope"),
    },
  ),
  row("looks at the token before it looks for the audience", { subject_token: "x", audience: "nobody" }, invalidToken),
  row("refuses a requester without the feature", {}, notEnabled, { as: "plain" }),
  row("refuses a public client, which has not got the feature", { client_id: "storefront" }, notEnabled, {}),
  row("refuses a disabled requester, like one that it does not know", {}, strangers.unknown, { as: "disabled" }),
  row("refuses a requester that it does not know", {}, strangers.unknown, { as: "nobody" }),
  row("refuses a wrong secret", {}, strangers.wrongSecret, { as: "orders", secret: "wrong" }),
  row("refuses a confidential client without a secret", { client_id: "orders" }, strangers.wrongSecret, {}),
  row("refuses nobody", {}, strangers.unknown, {}),
  row("refuses a client in the form that is not the one in the header", { client_id: "generous" }, strangers.wrongSecret),
  row("refuses an unknown grant", { grant_type: "x" }, refusal(400, "unsupported_grant_type", "Unsupported grant_type")),
  row("refuses an unknown grant whoever asks", { grant_type: "x" }, refusal(400, "unsupported_grant_type", "Unsupported grant_type"), {
    as: "orders",
    secret: "wrong",
  }),
  row("refuses no grant", { grant_type: undefined }, badRequest("Missing form parameter: grant_type")),
];
