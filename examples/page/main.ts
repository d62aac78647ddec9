// The page: which step one is at, and what each button does. Calls are made in flow.ts, shown by view.ts, kept by memory.ts.

import { createFlow, type Begun, type Flow, type Protocol, type Redeemed, type Returned } from "./flow.ts";
import { recall, remember, type Walk } from "./memory.ts";
import type { PageSettings } from "./settings.ts";
import { button, showCalls, showFacts, showOutcome, showStatus } from "./view.ts";

/** What one person can look through, and far below what session storage holds. */
const maxCalls = 50;

async function start(): Promise<void> {
  const response = await fetch("/settings.json");
  const settings = (await response.json()) as PageSettings;
  showFacts("settings", { Cambio: settings.cambio, "this page": location.origin, client: settings.clientId, audience: settings.audience });
  runPage(createFlow(settings), cameBack(recall()));
}

/** The provider sent the user back here: its parameters are taken out of the address, where a reload would find them again. */
function cameBack(remembered: Walk): Walk {
  const { searchParams, pathname } = new URL(location.href);
  if (pathname !== "/callback") return remembered;
  history.replaceState(null, "", "/");
  const parameter = (name: string) => searchParams.get(name) ?? "";
  if (parameter("code") === "") {
    showStatus(`The provider sent no code: ${parameter("error") || "no error either"}.`);
    return remembered;
  }
  const { calls, begun } = remembered;
  const returned = { code: parameter("code"), state: parameter("state"), issuer: parameter("iss") };
  return { calls, ...(begun === undefined ? {} : { begun }), returned };
}

function runPage(flow: Flow, remembered: Walk): void {
  let walk = remembered;
  let again: (() => Promise<Redeemed>) | undefined;

  const keep = (next: Walk): void => {
    walk = { ...next, calls: next.calls.slice(-maxCalls) };
    remember(walk);
    show(walk, again !== undefined);
  };
  const take = async (call: () => Promise<Redeemed>): Promise<void> => {
    const { call: done, refreshToken } = await call();
    showOutcome(done);
    keep({ ...walk, calls: [...walk.calls, done], ...(refreshToken === undefined ? {} : { refreshToken }) });
  };
  const redeem = (call: (begun: Begun, returned: Returned) => Promise<Redeemed>) => async () => {
    const { begun, returned } = walk;
    // Cross-site request forgery (RFC 6749 §10.12): an answer to a question that this tab did not ask.
    if (begun === undefined || begun.state !== returned?.state) throw new Error("the state is not the one that this tab was given");
    again = () => call(begun, returned);
    await take(again);
  };
  const refreshBy = (protocol: Protocol) => async () => {
    const { refreshToken } = walk;
    if (refreshToken !== undefined) await take(() => flow.refresh(protocol, refreshToken));
  };

  onClick("begin", async () => {
    const { call, begun } = await flow.begin();
    showOutcome(call);
    again = undefined;
    keep({ calls: [...walk.calls, call], ...(begun === undefined ? {} : { begun }) });
  });
  onClick("sign-in", async () => {
    if (walk.begun !== undefined) location.assign(walk.begun.authorizationUrl);
  });
  onClick(
    "exchange-connect",
    redeem((begun, returned) => flow.exchange("Connect", begun, returned)),
  );
  onClick(
    "exchange-grpc-web",
    redeem((begun, returned) => flow.exchange("gRPC-Web", begun, returned)),
  );
  onClick(
    "exchange-route",
    redeem((begun, returned) => flow.exchangeByRoute(begun, returned)),
  );
  onClick("again", async () => again && take(again));
  onClick("refresh-connect", refreshBy("Connect"));
  onClick("refresh-grpc-web", refreshBy("gRPC-Web"));
  onClick("forget", async () => {
    again = undefined;
    keep({ calls: [] });
  });
  keep(walk);
}

function show({ begun, returned, refreshToken, calls }: Walk, redeemed: boolean): void {
  button("sign-in").disabled = begun === undefined || returned !== undefined;
  for (const id of ["exchange-connect", "exchange-grpc-web", "exchange-route"]) button(id).disabled = returned === undefined || redeemed;
  button("again").disabled = !redeemed;
  for (const id of ["refresh-connect", "refresh-grpc-web"]) button(id).disabled = refreshToken === undefined;
  showFacts(
    "begun",
    begun === undefined
      ? {}
      : { "code verifier (stays here)": begun.verifier, state: begun.state, "authorization URL": begun.authorizationUrl },
  );
  showFacts("returned", returned === undefined ? {} : { code: returned.code, state: returned.state, iss: returned.issuer });
  showCalls(calls);
}

function onClick(id: string, run: () => Promise<unknown>): void {
  button(id).addEventListener("click", () => {
    showStatus("");
    run().catch((failure: unknown) => showStatus(String(failure)));
  });
}

start().catch((failure: unknown) => showStatus(`The page could not start: ${String(failure)}`));
