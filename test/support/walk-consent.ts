// A user in front of a strict fake provider's consent page, without a browser: reads the form and answers it.

export interface ConsentAnswer {
  /** Who answers. Default: whom the provider takes to sit there. */
  readonly user?: string;
  /** Only these of the scopes asked for. */
  readonly scopes?: readonly string[];
  readonly decision?: "authorize" | "cancel";
}

export interface ConsentResult {
  /** Empty where the user, or the provider, refused. */
  readonly code: string;
  readonly state: string;
  readonly error: string | undefined;
  readonly redirectUri: string;
  /** The whole query. */
  readonly parameters: URLSearchParams;
}

/** @throws Error where the provider shows something else than its page, and sends nobody back */
export async function walkConsent(authorizationUrl: string, answer: ConsentAnswer = {}): Promise<ConsentResult> {
  const shown = await fetch(authorizationUrl, { redirect: "manual" });
  const html = await shown.text();
  if (shown.status === 302) return resultOf(shown);
  const action = /<form[^>]* action="([^"]+)"/.exec(html)?.[1];
  if (action === undefined) throw new Error(`the provider shows no form: ${/role="alert">([^<]*)</.exec(html)?.[1] ?? shown.status}`);
  const form = new URLSearchParams(
    [...html.matchAll(/name="([^"]+)" value="([^"]*)"( checked)?>/g)].map((match) => [match[1] ?? "", match[2] ?? ""]),
  );
  form.delete("decision");
  form.append("decision", answer.decision ?? "authorize");
  if (answer.user !== undefined) form.set("user", answer.user);
  if (answer.scopes !== undefined) {
    form.delete("scope");
    for (const scope of answer.scopes) form.append("scope", scope);
  }
  const decided = await fetch(new URL(action, authorizationUrl), { method: "POST", body: form, redirect: "manual" });
  await decided.text();
  return resultOf(decided);
}

function resultOf(response: Response): ConsentResult {
  const location = response.headers.get("location");
  if (location === null) throw new Error(`the provider sends nobody back: ${response.status}`);
  const target = new URL(location);
  const parameters = target.searchParams;
  const redirectUri = target.href.replace(/\?.*$/, "");
  return {
    code: parameters.get("code") ?? "",
    state: parameters.get("state") ?? "",
    error: parameters.get("error") ?? undefined,
    redirectUri,
    parameters,
  };
}
