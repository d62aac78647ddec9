// Keycloak's admin REST API, as far as tests play the operator: what an administrator clicks, as functions. It owns no state
// but the credentials that the server was started with.

/** Keycloak's representations have hundreds of members; what is read here is checked where it is read. */
type Representation = Readonly<Record<string, unknown>>;

export interface AdminCredentials {
  readonly clientId: string;
  readonly secret: string;
}

export type KeycloakAdmin = ReturnType<typeof createKeycloakAdmin>;

const keyProviderType = "org.keycloak.keys.KeyProvider";

/** @param address of the server, without a path */
export function createKeycloakAdmin(address: string, credentials: AdminCredentials) {
  /** Asked for per call: an administrator's token lives for a minute. */
  async function accessToken(): Promise<string> {
    const form = new URLSearchParams({
      grant_type: "client_credentials",
      client_id: credentials.clientId,
      client_secret: credentials.secret,
    });
    const response = await fetch(`${address}/realms/master/protocol/openid-connect/token`, { method: "POST", body: form });
    if (!response.ok) throw new Error(`Keycloak refuses its administrator: ${response.status}`);
    return ((await response.json()) as { access_token: string }).access_token;
  }

  async function call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${address}/admin/realms${path}`, {
      method,
      headers: { authorization: `Bearer ${await accessToken()}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} at Keycloak: ${response.status} ${text}`);
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  }

  /** The only one that a list call finds. */
  async function only(path: string): Promise<Representation & { readonly id: string }> {
    const found = (await call("GET", path)) as (Representation & { readonly id: string })[];
    if (found.length !== 1 || found[0] === undefined) throw new Error(`${path} at Keycloak: ${found.length} found`);
    return found[0];
  }

  return {
    createRealm: async (realm: object): Promise<void> => void (await call("POST", "", realm)),
    updateRealm: async (realm: string, change: Representation): Promise<void> => void (await call("PUT", `/${realm}`, change)),

    /** Attributes are merged, all else is replaced. */
    async updateClient(realm: string, clientId: string, change: Representation): Promise<void> {
      const client = await only(`/${realm}/clients?clientId=${encodeURIComponent(clientId)}`);
      const attributes = { ...(client["attributes"] as Representation), ...(change["attributes"] as Representation | undefined) };
      await call("PUT", `/${realm}/clients/${client.id}`, { ...client, ...change, attributes });
    },

    async updateUser(realm: string, username: string, change: Representation): Promise<void> {
      const user = await only(`/${realm}/users?exact=true&username=${encodeURIComponent(username)}`);
      await call("PUT", `/${realm}/users/${user.id}`, { ...user, ...change });
    },

    endSession: async (realm: string, sessionId: string): Promise<void> => void (await call("DELETE", `/${realm}/sessions/${sessionId}`)),

    /** A new signing key; without the ones before it what they signed is worth nothing. */
    async newKey(realm: string, old: "keep the old" | "drop the old"): Promise<void> {
      const before = (await call("GET", `/${realm}/components?type=${keyProviderType}`)) as Representation[];
      const rsa = before.filter((component) => component["providerId"] === "rsa-generated");
      const priorities = rsa.map((component) => Number((component["config"] as { priority?: string[] }).priority?.[0] ?? 0));
      const priority = String(Math.max(...priorities) + 1);
      const config = { priority: [priority], enabled: ["true"], active: ["true"], algorithm: ["RS256"], keySize: ["2048"] };
      await call("POST", `/${realm}/components`, {
        name: `rsa-${priority}`,
        providerId: "rsa-generated",
        providerType: keyProviderType,
        config,
      });
      if (old === "drop the old") for (const component of rsa) await call("DELETE", `/${realm}/components/${String(component["id"])}`);
    },
  };
}
