// examples/keycloak/: the configuration loads, and the realm beside it has what the configuration counts on. That the two work together
// test/keycloak/ shows.

import { expect, it } from "vitest";
import { testRealm } from "../keycloak/realm.ts";
import { environmentFor, loadExample } from "../keycloak/s1-stack.ts";
import { oauthProvider } from "../support/oauth-provider.ts";

const realm = testRealm();
const address = "http://127.0.0.1:8080/realms/corp";
const configuration = loadExample(environmentFor({ address, issuer: "https://login.example.com/realms/corp", realm }, "/tmp"));
const corp = oauthProvider(configuration, "corp");
const accepts = Object.values(configuration.audiences).flatMap((audience) => Object.values(audience.accepts));
/** Of audiences whose callers may exchange; the registration of any other only asks about tokens. */
const exchanging = Object.values(configuration.clients)
  .filter(({ methods }) => methods.includes("Exchange"))
  .flatMap(({ audiences }) => audiences.flatMap((name) => Object.values(configuration.audiences[name]?.accepts ?? {})));

const clientOf = (id: string) => realm.clients.find(({ clientId }) => clientId === id);
const lifespanOf = (id: string) => Number(clientOf(id)?.attributes?.["access.token.lifespan"] ?? realm.accessTokenLifespan) * 1000;

/** Clients that some scope of the model puts into `aud`, with the names of these scopes. */
const scopesFor = (audience: string) =>
  realm.clientScopes
    .filter(({ protocolMappers = [] }) => protocolMappers.some(({ config }) => config["included.client.audience"] === audience))
    .map(({ name }) => name);

it("names clients, audiences and scopes that the realm has", () => {
  const clients = [corp.client.id, ...accepts.flatMap(({ clients: trusted, exchange_as }) => [...trusted, exchange_as?.id])];
  for (const id of clients.filter((one) => one !== undefined)) expect(clientOf(id)?.enabled).toBe(true);
  for (const { identifiers } of accepts) for (const identifier of identifiers) expect(scopesFor(identifier)).not.toEqual([]);
  const scopes = Object.values(configuration.clients).flatMap(({ providers }) => providers["corp"]?.scopes ?? []);
  expect(realm.clientScopes.map(({ name }) => name)).toEqual(expect.arrayContaining(scopes));
});

it("lets each registration that exchanges do so, for each audience that its caller may ask for", () => {
  expect(exchanging.map(({ exchange_as }) => exchange_as?.id)).toEqual(["orders"]);
  for (const { exchange_as } of exchanging) {
    const client = clientOf(exchange_as?.id ?? "");
    expect(client).toMatchObject({ publicClient: false, attributes: { "standard.token.exchange.enabled": "true" } });
    for (const target of configuration.clients["orders"]?.providers["corp"]?.audiences ?? []) {
      const [identifier = ""] = configuration.audiences[target]?.accepts["corp"]?.identifiers ?? [];
      expect(client?.defaultClientScopes.some((name) => scopesFor(identifier).includes(name))).toBe(true);
    }
  }
});

it("gives exchanged tokens a life between the buffer and that of the tokens they come from", () => {
  for (const { clients, exchange_as } of exchanging) {
    if (exchange_as === undefined) continue;
    expect(lifespanOf(exchange_as.id)).toBeGreaterThan(corp.tokens.expiry_buffer);
    for (const id of clients) expect(lifespanOf(id)).toBeGreaterThan(lifespanOf(exchange_as.id));
  }
});

it("has a registration for each audience, as Keycloak tells about a token only whom it is for", () => {
  for (const { identifiers, exchange_as } of accepts) expect(identifiers).toContain(exchange_as?.id);
});

it("puts Cambio's own client into the audience of the tokens that are validated first", () => {
  expect(scopesFor(corp.client.id)).toEqual(["for-orders"]);
  expect(clientOf("storefront")?.defaultClientScopes).toContain("for-orders");
});
