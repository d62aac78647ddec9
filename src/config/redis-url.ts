// A Redis address taken apart here and not by the client library, which lets `?option=value` in an address override the options
// that keep this service safe. What is said of a mistake names no part of the address: it holds a password.

import { Secret } from "../exchange/secret.ts";
import { mistake, percentDecoded } from "./secret-text.ts";

const defaultPort = 6379;

/** @param text `redis[s]://[user[:password]@]host[:port][/db]` */
export function parseRedisUrl(text: Secret) {
  const url = URL.parse(text.reveal());
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === "")
    return mistake("write redis://HOST:PORT, or rediss:// for TLS");
  if (url.search !== "" || url.hash !== "") return mistake("leave out ?options and #fragment");
  const db = /^\/?$/.test(url.pathname) ? "0" : url.pathname.slice(1);
  if (!/^[0-9]{1,4}$/.test(db)) return mistake("after the host stands nothing but the number of a database, such as /0");
  const [username, password] = [percentDecoded(url.username), percentDecoded(url.password)];
  if (username === undefined || password === undefined) return mistake("percent-encode user name and password");
  return {
    kind: "address" as const,
    address: {
      // An IPv6 address stands in brackets in a URL and without them everywhere else.
      host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
      port: url.port === "" ? defaultPort : Number(url.port),
      tls: url.protocol === "rediss:",
      username: username === "" ? undefined : username,
      password: password === "" ? undefined : new Secret(password),
      db: Number(db),
    },
  };
}

/** @param text `host:port`, an IPv6 address in brackets */
export function parseRedisNode(text: string): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):([0-9]{1,5})$/.exec(text) ?? [];
  const [host, port] = [bracketed ?? plain, Number(digits)];
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}
