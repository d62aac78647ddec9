// A strict fake provider, put together from its parts: what fake-discord.ts, fake-openai.ts and fake-json-provider.ts have in common.
//
// For tests: `requests` (method, path, parsed body, headers), `violations` (what a careful reader objects to), `issued` (every code and
// token, for searches of what was written), `presentedTwice` (refresh tokens that came again after a presentation that spent them, or
// whose outcome their sender could not know: no answer, half an answer, a 5xx), `revoked`, `faults.next("token", answerLost)`, `hold`,
// `callsTo`, `mostAtOnce`, `mostWithinASecond`, `chainOf`, `login` (walks the consent page), `connect` (tokens without any request), `end(user)`.

import { createFakeConsent, type AuthorizationRule, type FakeUpstreamClient } from "./fake-upstream-consent.ts";
import { createFakeGrants, type FakeAuthorization, type FakeGrants, type FakeGrantTimes, type FakeLink } from "./fake-upstream-grants.ts";
import {
  listenForUpstream,
  serveUpstream,
  type UpstreamCall,
  type UpstreamReply,
  type UpstreamServer,
  type UpstreamService,
} from "./fake-upstream-server.ts";
import { createFakeTokens, member, type TokenRules } from "./fake-upstream-token.ts";
import type { Fault } from "./faults.ts";
import { type ConsentAnswer, type ConsentResult, walkConsent } from "./walk-consent.ts";

export type UpstreamEndpoint = "authorize" | "token" | "revocation" | "user" | "resource" | "jwks" | "discovery";

/** Where the tested service finds them. */
export interface UpstreamAddresses {
  readonly authorization: string;
  readonly token: string;
  readonly revocation: string;
}

export interface FakeUpstream<User> extends UpstreamServer<UpstreamEndpoint> {
  readonly endpoints: UpstreamAddresses;
  /** The first of its clients. */
  readonly client: FakeUpstreamClient;
  readonly violations: readonly string[];
  readonly issued: readonly string[];
  readonly presentedTwice: readonly string[];
  readonly revoked: readonly string[];
  /** By id; may be changed at any time. The first one sits in front of the consent page, unless `signedIn` says otherwise. */
  readonly users: Map<string, User>;
  signedIn(userId: string): void;
  login(authorizationUrl: string, answer?: ConsentAnswer): Promise<ConsentResult>;
  /** What a code exchange would answer for that user, who is made if need be; no request is made. */
  connect(userId: string, scopes?: readonly string[]): Promise<Record<string, unknown>>;
  /** One more, for the first client. */
  registerRedirectUri(uri: string): void;
  /** That user's refresh tokens, oldest first, and how often each was presented. */
  chainOf(userId: string): readonly FakeLink[];
  /** The user takes back everything that he granted. */
  end(userId: string): void;
}

export interface UpstreamDefinition<User> {
  readonly title: string;
  /** `authorize`, `token` and `revocation` are answered here, the rest by `answer`. */
  readonly paths: Readonly<Record<string, UpstreamEndpoint>>;
  readonly authorization: AuthorizationRule;
  readonly times: FakeGrantTimes;
  readonly clients: readonly FakeUpstreamClient[];
  readonly users: readonly User[];
  makeUser(id: string): User;
  labelOf(user: User): string;
  tokenRules(parts: UpstreamParts<User>): TokenRules;
  answer?(call: UpstreamCall<UpstreamEndpoint>, parts: UpstreamParts<User>): UpstreamReply | Promise<UpstreamReply>;
  /** Answered in front of every endpoint but the authorization page. */
  before?(call: UpstreamCall<UpstreamEndpoint>, parts: UpstreamParts<User>): UpstreamReply | undefined;
  readonly answers?: (status: number) => void;
  readonly clock: () => number;
}

export interface UpstreamParts<User> {
  readonly origin: string;
  readonly grants: FakeGrants;
  readonly violations: string[];
  userOf(authorization: FakeAuthorization): User;
  /** Whose bearer token a call carries; undefined: a bad one, or none. */
  bearer(call: UpstreamCall): FakeAuthorization | undefined;
}

export async function startFakeUpstream<User extends { readonly id: string }>(
  definition: UpstreamDefinition<User>,
): Promise<FakeUpstream<User>> {
  const { clock, title } = definition;
  const clients = definition.clients.map((client) => ({ ...client, redirectUris: [...client.redirectUris] }));
  const violations: string[] = [];
  const grants = createFakeGrants(definition.times, clock);
  const users = new Map(definition.users.map((user) => [user.id, user]));
  let present = definition.users[0]?.id ?? "";
  const pathOf = (endpoint: UpstreamEndpoint): string => Object.entries(definition.paths).find(([, name]) => name === endpoint)?.[0] ?? "";

  const userOf = (id: string): User => {
    const user = users.get(id) ?? definition.makeUser(id);
    users.set(id, user);
    return user;
  };
  const listening = await listenForUpstream();
  const { origin } = listening;
  const parts: UpstreamParts<User> = {
    origin,
    grants,
    violations,
    userOf: ({ userId }) => userOf(userId),
    bearer(call) {
      const found = grants.bearer(/^Bearer ([!-~]+)$/.exec(call.headers.authorization ?? "")?.[1] ?? "");
      return found.kind === "good" ? found.authorization : undefined;
    },
  };
  const rules = definition.tokenRules(parts);
  const tokens = createFakeTokens({ rules, clients, grants, violations });
  const consent = createFakeConsent({
    title,
    path: pathOf("authorize"),
    rule: definition.authorization,
    clients,
    grants,
    violations,
    user: () => ({ id: present, label: definition.labelOf(userOf(present)) }),
    isUser: (id) => users.has(id),
  });
  function turnedAway(call: UpstreamCall, isKnownUnspent: boolean): void {
    const token = call.endpoint === "token" ? member(call, "refresh_token") : undefined;
    if (token !== undefined) grants.turnedAway(token, isKnownUnspent);
  }

  const service: UpstreamService<UpstreamEndpoint> = {
    paths: definition.paths,
    before(call) {
      const instead = call.endpoint === "authorize" ? undefined : definition.before?.(call, parts);
      if (instead !== undefined) turnedAway(call, true);
      return instead;
    },
    answers: definition.answers,
    untouched: (call, fault) => turnedAway(call, saysThatNothingWasDone(fault)),
    answer(call) {
      if (call.endpoint === "authorize") return consent.answer(call);
      if (call.endpoint === "token") return tokens.answer(call);
      if (call.endpoint === "revocation") return tokens.revoke(call);
      if (call.endpoint !== "unknown" && definition.answer !== undefined) return definition.answer(call, parts);
      violations.push(`unknown address ${call.method} ${call.path}`);
      return { status: 404, body: {} };
    },
  };

  return {
    ...serveUpstream(listening, service, clock),
    endpoints: {
      authorization: origin + pathOf("authorize"),
      token: origin + pathOf("token"),
      revocation: origin + pathOf("revocation"),
    },
    client: clients[0] ?? { id: "", redirectUris: [] },
    violations,
    issued: grants.issued,
    presentedTwice: grants.presentedTwice,
    revoked: tokens.revoked,
    users,
    signedIn: (userId) => void (present = userOf(userId).id),
    login: (authorizationUrl, answer) => walkConsent(authorizationUrl, answer),
    async connect(userId, scopes = definition.authorization.scopes) {
      const clientId = clients[0]?.id ?? "";
      const nothing = { redirectUri: "", state: undefined, codeChallenge: undefined, nonce: undefined };
      return rules.tokens(grants.authorize({ clientId, scopes, ...nothing }, userOf(userId).id), "code");
    },
    registerRedirectUri: (uri) => void clients[0]?.redirectUris.push(uri),
    chainOf: grants.chainOf,
    end: (userId) => grants.end(userId),
  };
}

/** An answer below 500 tells the sender that his token is as good as it was; anything else leaves him in doubt. */
function saysThatNothingWasDone(fault: Fault): boolean {
  return fault.kind === "error-in-200" || fault.kind === "redirect" || (fault.kind === "status" && fault.status < 500);
}
