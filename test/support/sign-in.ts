// A user in front of a provider's pages, by plain requests: follows redirects, keeps cookies, fills in whatever form comes.
// Knows the forms of oidc-provider's development pages (`prompt=login`, `prompt=consent`), no test framework.

/** What came back to the redirect URI. */
export interface SignInResult {
  readonly redirectUri: string;
  readonly code: string;
  readonly state: string;
  readonly iss: string;
  /** The whole query, errors included. */
  readonly parameters: URLSearchParams;
}

// Login, consent, and a redirect before and after each; more than this is a circle.
const maxSteps = 12;

/** Opens the address and signs in as `login`, until the provider sends the browser to the redirect URI. */
export async function signIn(authorizationUrl: string, login = "alice"): Promise<SignInResult> {
  const redirectUri = new URL(authorizationUrl).searchParams.get("redirect_uri") ?? "";
  const cookies = new Map<string, string>();
  let next = { url: authorizationUrl, form: undefined as URLSearchParams | undefined };
  for (let step = 0; step < maxSteps; step += 1) {
    const response = await request(next, cookies);
    keepCookies(response, cookies);
    const location = response.headers.get("location");
    if (location === null) {
      next = submission(await response.text(), next.url, login);
      continue;
    }
    await response.body?.cancel();
    const target = new URL(location, next.url);
    if (target.origin + target.pathname === redirectUri) return resultOf(redirectUri, target.searchParams);
    next = { url: target.href, form: undefined };
  }
  throw new Error("the provider never came back to the redirect URI");
}

function request(
  to: { readonly url: string; readonly form: URLSearchParams | undefined },
  cookies: ReadonlyMap<string, string>,
): Promise<Response> {
  const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") };
  return fetch(to.url, { redirect: "manual", headers, ...(to.form === undefined ? {} : { method: "POST", body: to.form }) });
}

function keepCookies(response: Response, cookies: Map<string, string>): void {
  for (const cookie of response.headers.getSetCookie()) {
    const [pair = ""] = cookie.split(";");
    const at = pair.indexOf("=");
    cookies.set(pair.slice(0, at), pair.slice(at + 1));
  }
}

function submission(html: string, page: string, login: string): { url: string; form: URLSearchParams } {
  const action = /<form[^>]* action="([^"]+)"/.exec(html)?.[1];
  const prompt = /name="prompt" value="(login|consent)"/.exec(html)?.[1];
  if (action === undefined || prompt === undefined) throw new Error(`no form to fill in: ${html.slice(0, 400)}`);
  const form = new URLSearchParams(prompt === "login" ? { prompt, login, password: "any" } : { prompt });
  return { url: new URL(action.replaceAll("&amp;", "&"), page).href, form };
}

function resultOf(redirectUri: string, parameters: URLSearchParams): SignInResult {
  const of = (name: string) => parameters.get(name) ?? "";
  return { redirectUri, code: of("code"), state: of("state"), iss: of("iss"), parameters };
}
