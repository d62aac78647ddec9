// What the proofs of services demand: one at least, none for public clients, and nothing that would prove two of them, or a
// service and a user, at once. How a proof is checked on a call is callers/.

import { createPublicKey } from "node:crypto";
import { isHttpsOrLoopback } from "./addresses.ts";
import type { Path, Report } from "./mistakes.ts";
import { checkName } from "./rule-input.ts";
import type { RuleInput } from "./rule-input.ts";
import type { ClientConfiguration, Configuration } from "./schema.ts";

/** Less than this can be guessed over the network. */
const minSecretLength = 16;

const proofs = ["secrets", "assertions", "workloads", "certificates"] as const;

export function checkCallerProofs(input: RuleInput): void {
  for (const [id, client] of Object.entries(input.configuration.clients)) {
    const path = ["clients", id];
    if (client.kind === "service") checkService(path, client, input);
    else checkPublic(path, client, input.report);
  }
  checkWorkloadIssuers(input);
  checkNamesakes(input);
  checkOwnClaims(input);
  checkKeys(input);
}

function isGiven(client: ClientConfiguration, proof: (typeof proofs)[number]): boolean {
  const given = client[proof];
  return Array.isArray(given) ? given.length > 0 : given !== undefined;
}

function checkPublic(path: Path, client: ClientConfiguration, report: Report): void {
  for (const proof of proofs.filter((one) => isGiven(client, one))) {
    report(
      [...path, proof],
      `is not for a ${client.kind} client: what it ships to its users is no secret`,
      "Remove it, or make the client a service.",
    );
  }
}

function checkService(path: Path, client: ClientConfiguration, input: RuleInput): void {
  const { report, issuerNamed, clientCaNamed } = input;
  if (!proofs.some((proof) => isGiven(client, proof))) {
    report(
      path,
      `has none of ${proofs.join(", ")}: a service proves itself by one of them`,
      "Add one, or make the client browser or native.",
    );
  }
  for (const [index, secret] of client.secrets.entries()) {
    if (secret.reveal().length >= minSecretLength) continue;
    report([...path, "secrets", index], `is shorter than ${minSecretLength} characters`, "Make one with: openssl rand -hex 32");
  }
  if (client.assertions !== undefined && !issuerNamed) {
    report([...path, "assertions"], "needs server.issuer, which is what they are meant for", "Give server.issuer.");
  }
  if (client.certificates.length > 0 && !clientCaNamed) {
    report([...path, "certificates"], "needs the CA that vouches for clients", "Give server.tls.client_ca_file.");
  }
  for (const [index, { issuer }] of client.workloads.entries()) {
    checkName(issuer, { path: [...path, "workloads", index, "issuer"], kind: "workload_issuers" }, input);
  }
}

function checkWorkloadIssuers({ configuration, report }: RuleInput): void {
  // Else a token of it could be a user's and a service's at once.
  const owners = new Map(Object.entries(configuration.providers).map(([name, { issuer }]) => [issuer, `provider ${name}`]));
  for (const [name, { issuer, jwks, jwks_url, allow_http }] of Object.entries(configuration.workload_issuers)) {
    const path = ["workload_issuers", name];
    if ((jwks === undefined) === (jwks_url === undefined)) {
      report(path, "needs one of jwks and jwks_url", "Give jwks for keys that are known, or jwks_url to have them fetched.");
    }
    if (jwks_url !== undefined && !allow_http && !isHttpsOrLoopback(jwks_url)) {
      report([...path, "jwks_url"], "is plain http beyond loopback", "Use https, or set allow_http: true for a closed network.");
    }
    const other = owners.get(issuer);
    if (other !== undefined) report([...path, "issuer"], `is the issuer of ${other} as well`, "Keep one entry for each issuer.");
    owners.set(issuer, `workload issuer ${name}`);
  }
}

/** An assertion is known by its `iss`, the client's id. Where others' tokens have the same one, it could be either. */
function checkOwnClaims({ configuration, report }: RuleInput): void {
  const issuers = [...Object.values(configuration.providers), ...Object.values(configuration.workload_issuers)].map(({ issuer }) => issuer);
  for (const [id, { assertions }] of Object.entries(configuration.clients)) {
    if (assertions === undefined || !issuers.includes(id)) continue;
    report(["clients", id, "assertions"], "cannot be told from another issuer's tokens: the client id is its issuer", "Choose another id.");
  }
}

interface Claim {
  readonly path: Path;
  /** Two claims to the same thing have the same one. */
  readonly thing: string;
  readonly problem: (other: string) => string;
}

/** What proves one client may not prove another. */
function checkNamesakes({ configuration, report }: RuleInput): void {
  const owners = new Map<string, string>();
  for (const [id, client] of Object.entries(configuration.clients)) {
    for (const { path, thing, problem } of claimsOf(id, client)) {
      const other = owners.get(thing);
      if (other !== undefined && other !== id) report(path, problem(other), "List it under the one client that it is to prove.");
      owners.set(thing, id);
    }
  }
}

function claimsOf(id: string, { workloads, certificates }: ClientConfiguration): readonly Claim[] {
  const platform = workloads.map(({ issuer, subject, audience }, index) => ({
    path: ["clients", id, "workloads", index],
    thing: JSON.stringify(["workload", issuer, subject, audience]),
    problem: (other: string) => `is a workload of ${other} as well`,
  }));
  const named = certificates.map((name, index) => ({
    path: ["clients", id, "certificates", index],
    // A CA that signs a host name signs it in any case (RFC 4343).
    thing: JSON.stringify("uri" in name ? ["uri", name.uri] : ["dns", name.dns.toLowerCase()]),
    problem: (other: string) => `is a certificate name of ${other} as well`,
  }));
  return [...platform, ...named];
}

/** Whoever has a key can speak as everyone who lists it, a platform with all of its workloads included. */
function checkKeys({ configuration, report }: RuleInput): void {
  const owners = new Map<string, string>();
  for (const { path, owner, jwks } of keySets(configuration)) {
    for (const [index, jwk] of jwks.entries()) {
      const key = publicKey(jwk);
      if (key === undefined) {
        report(
          path,
          `holds a key that cannot check signatures, at place ${index + 1}`,
          "Use RSA of 2048 to 8192 bits, EC on P-256, P-384 or P-521, or Ed25519, for signatures.",
        );
        continue;
      }
      const other = owners.get(key);
      if (other !== undefined && other !== owner) report(path, `holds a key of ${other} as well`, "Make a key of its own for each.");
      owners.set(key, owner);
    }
  }
}

type Jwk = NonNullable<ClientConfiguration["assertions"]>["jwks"][number];

function keySets({ clients, workload_issuers: issuers }: Configuration): readonly { path: Path; owner: string; jwks: readonly Jwk[] }[] {
  const own = Object.entries(clients).map(([id, { assertions }]) => ({
    path: ["clients", id, "assertions", "jwks"],
    owner: `client ${id}`,
    jwks: assertions?.jwks ?? [],
  }));
  const platforms = Object.entries(issuers).map(([name, { jwks }]) => ({
    path: ["workload_issuers", name, "jwks"],
    owner: `workload issuer ${name}`,
    jwks: jwks ?? [],
  }));
  return [...own, ...platforms];
}

const curves = ["prime256v1", "secp384r1", "secp521r1"];

/** The key in one spelling; undefined: none that callers/ would take. */
function publicKey(jwk: Jwk): string | undefined {
  if (jwk["use"] !== undefined && jwk["use"] !== "sig") return undefined;
  try {
    const key = createPublicKey({ key: jwk, format: "jwk" });
    const { modulusLength = 0, namedCurve = "" } = key.asymmetricKeyDetails ?? {};
    const takenTypes: Partial<Record<string, boolean>> = {
      rsa: modulusLength >= 2_048 && modulusLength <= 8_192,
      ec: curves.includes(namedCurve),
      ed25519: true,
    };
    if (takenTypes[key.asymmetricKeyType ?? ""] !== true) return undefined;
    return key.export({ type: "spki", format: "der" }).toString("base64");
  } catch {
    return undefined;
  }
}
