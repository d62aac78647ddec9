// A PostgreSQL address taken apart here and not by the client library, which lets `?option=value` in an address override the
// options that keep this service safe. What is said of a mistake names no part of the address: it holds a password.

import { Secret } from "../exchange/secret.ts";
import { mistake, percentDecoded } from "./secret-text.ts";

const defaultPort = 5432;

/** @param text `postgres://[user[:password]@]host[:port]/database[?sslmode=disable|verify-full]` */
export function parseDatabaseUrl(text: Secret) {
  const url = URL.parse(text.reveal());
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || url.hostname === "")
    return mistake("write postgres://USER:PASSWORD@HOST:PORT/DATABASE");
  const { sslmode = "disable", ...others } = Object.fromEntries(url.searchParams);
  const repeated = url.searchParams.getAll("sslmode").length > 1;
  // `require` and its like encrypt for whoever answers; only verify-full knows to whom.
  if (repeated || Object.keys(others).length > 0 || url.hash !== "" || (sslmode !== "disable" && sslmode !== "verify-full"))
    return mistake("after the database stands nothing, or ?sslmode=verify-full, or ?sslmode=disable");
  const [user, password, database] = [url.username, url.password, url.pathname.slice(1)].map(percentDecoded);
  if (user === undefined || password === undefined || database === undefined) return mistake("percent-encode user name and password");
  if (database === "") return mistake("name the database after the host: postgres://HOST/DATABASE");
  return {
    kind: "address" as const,
    address: {
      // An IPv6 address stands in brackets in a URL and without them everywhere else.
      host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
      port: url.port === "" ? defaultPort : Number(url.port),
      tls: sslmode === "verify-full",
      user: user === "" ? undefined : user,
      password: password === "" ? undefined : new Secret(password),
      database,
    },
  };
}
