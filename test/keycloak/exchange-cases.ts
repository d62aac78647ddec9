// Exchanges that succeed: what the requester may ask for, and what it then gets.

import { everyone, exchanged, inactive, invalidToken, type ProviderCase, refreshClaims } from "./provider-case.ts";
import { encoded, exchange, ask, type Form, introspect, memberOf, tokenType } from "./requests.ts";
import type { World } from "./world.ts";

type Members = Exclude<Form, string>;

function row(name: string, form: Members, answer: object): ProviderCase {
  return { name, act: async (world) => [await exchange(world, await aliceToken(world), form)], answers: [answer] };
}

export async function aliceToken(world: World, ...scopes: readonly string[]): Promise<string> {
  return (await world.token("alice", "storefront", scopes)).accessToken;
}

/** Where no audience was asked for. */
const forEveryone = exchanged({ claims: { aud: everyone } });
const readAndWrite = "orders:read orders:write";
const idClaims = { alg: "RS256", header: "JWT", lives: 180, jti: "an id", iss: "the realm", aud: "orders", sub: "alice", typ: "ID" };

export const exchangeCases: readonly ProviderCase[] = [
  row("gives an access token of the requester's for the audience asked for", { audience: "inventory" }, exchanged()),
  row("gives the requester's default audiences where none is asked for", {}, forEveryone),
  row(
    "gives a scope that the requester may have and asks for",
    { audience: "inventory", scope: "orders:read" },
    {
      ...exchanged({ claims: { scope: "orders:read" }, body: { scope: "orders:read" } }),
    },
  ),
  row(
    "WIDENS: gives a scope that the subject token does not have",
    { audience: "inventory", scope: readAndWrite },
    {
      ...exchanged({ claims: { scope: readAndWrite }, body: { scope: readAndWrite } }),
    },
  ),
  row("takes a default scope for granted", { scope: "for-inventory" }, forEveryone),
  row(
    "gives a token for the requester itself, where it has a scope for that",
    { audience: "orders" },
    exchanged({ claims: { aud: "orders" } }),
  ),
  row(
    "does not hear an audience that is asked for twice over",
    { audience: "inventory", resource: "https://inventory.example" },
    exchanged(),
  ),
  row("does not hear an actor", { actor_token: "x", actor_token_type: tokenType("access_token") }, forEveryone),
  row("does not hear a parameter that it does not know", { colour: "blue" }, forEveryone),
  row(
    "gives user claims with their scope",
    { scope: "profile" },
    {
      ...exchanged({ claims: { aud: everyone, scope: "profile", preferred_username: "alice" }, body: { scope: "profile" } }),
    },
  ),
  row(
    "gives an ID token beside, with openid",
    { audience: "inventory", scope: "openid" },
    {
      ...exchanged({
        claims: { scope: "openid" },
        body: { scope: "openid", id_token: { ...idClaims, azp: "orders", sid: "a session", at_hash: "a hash" } },
      }),
    },
  ),
  row(
    "gives an ID token in the place of the access token",
    { audience: "inventory", scope: "openid profile", requested_token_type: tokenType("id_token") },
    exchanged({
      body: {
        access_token: { ...idClaims, azp: "orders", sid: "a session", preferred_username: "alice" },
        token_type: "N_A",
        scope: "openid profile",
        issued_token_type: tokenType("id_token"),
      },
    }),
  ),
  row(
    "gives a refresh token beside the access token, to clients that may have one",
    { audience: "inventory", requested_token_type: tokenType("refresh_token") },
    exchanged({
      claims: { jti: "onrtte" },
      body: { refresh_token: refreshClaims(), refresh_expires_in: 1800, issued_token_type: tokenType("refresh_token") },
    }),
  ),
  {
    name: "takes the client's secret from the form as well",
    act: async (world) => {
      const secret = world.realm.clients.find(({ clientId }) => clientId === "orders")?.secret;
      return [await exchange(world, await aliceToken(world), { client_id: "orders", client_secret: secret }, {})];
    },
    answers: [forEveryone],
  },
  {
    name: "does not read parameters in the address",
    act: async (world) => {
      const form = { subject_token: await aliceToken(world), subject_token_type: tokenType("access_token") };
      const grant = "urn:ietf:params:oauth:grant-type:token-exchange";
      return [await ask(world, "/token?audience=nobody", encoded({ grant_type: grant, ...form }), { as: "orders" })];
    },
    answers: [forEveryone],
  },
  {
    name: "WIDENS: gives a generous client's default scopes unasked",
    act: async (world) => [await exchange(world, await aliceToken(world, "for-tests"), { audience: "inventory" }, { as: "generous" })],
    answers: [
      exchanged({
        claims: { lives: 900, azp: "generous", scope: `${readAndWrite} profile`, preferred_username: "alice" },
        body: { expires_in: 900, scope: `${readAndWrite} profile` },
      }),
    ],
  },
  {
    name: "OUTLIVES: gives the requester's whole life time, whatever is left of the subject token",
    act: async (world) => {
      await world.operator.lifespan("storefront", 30);
      return [await exchange(world, await aliceToken(world), { audience: "inventory" })];
    },
    answers: [exchanged()],
  },
  {
    name: "lets a client exchange its own token without standing in the audience",
    act: async (world) => {
      const own = memberOf(await exchange(world, await aliceToken(world)), "access_token");
      return [await exchange(world, own, { audience: "inventory" })];
    },
    answers: [exchanged()],
  },
  {
    name: "leaves out an audience whose client is disabled",
    act: async (world) => [await exchange(world, await aliceToken(world), { scope: "for-disabled" })],
    answers: [forEveryone],
  },
  {
    name: "names several audiences in a list",
    act: async (world) => {
      await world.operator.enable("disabled");
      return [await exchange(world, await aliceToken(world), { scope: "for-disabled" })];
    },
    answers: [exchanged({ claims: { aud: ["cambio", "disabled", "inventory", "orders"] } })],
  },
  {
    name: "STICKS: an openid that came with a refresh token comes again unasked",
    act: async (world) => {
      const token = await aliceToken(world);
      await exchange(world, token, { requested_token_type: tokenType("refresh_token"), scope: "openid" });
      return [await exchange(world, token)];
    },
    answers: [exchanged({ claims: { aud: everyone, jti: "onrtte", scope: "openid" }, body: { scope: "openid" } })],
  },
  {
    name: "forgets an openid that came without a refresh token",
    act: async (world) => {
      const token = await aliceToken(world);
      await exchange(world, token, { scope: "openid" });
      return [await exchange(world, token)];
    },
    answers: [forEveryone],
  },
  {
    name: "keeps an exchanged token when the one it came from is revoked, and not when the session ends",
    act: async (world) => {
      const { accessToken, sessionId } = await world.token("alice", "storefront");
      const own = memberOf(await exchange(world, accessToken), "access_token");
      const form = { token: accessToken, client_id: "storefront" };
      await ask(world, "/revoke", form);
      const subject = await exchange(world, accessToken);
      const before = await introspect(world, own, { as: "inventory" });
      await world.operator.logout(sessionId);
      return [
        subject,
        { ...before, body: { active: (before.body as { active: unknown }).active } },
        await introspect(world, own, { as: "inventory" }),
      ];
    },
    answers: [invalidToken, { status: 200, contentType: "application/json", body: { active: true } }, inactive],
  },
];
