// The subject alternative names of a certificate, out of the one line of text in which Node hands them over. A name may hold
// whatever its owner got a CA to sign: nothing inside a name may become a name of its own (CVE-2021-44532, CVE-2021-44533).

export interface CertificateNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
}

/**
 * One entry and what separates it from the next: `TYPE:value` without quotes and commas, `TYPE:"…"`, or all of it in quotes. Node
 * quotes, as JSON, whatever is not plain (node:crypto, X509Certificate.subjectAltName).
 */
const entryPattern = /([^",]+|[^",]+:("(?:[^"\\]|\\.)*")|"(?:[^"\\]|\\.)*")(?:, |$)/y;

/**
 * @param text undefined: the certificate has none
 * @returns undefined: not the form in which Node writes them, so that none of it can be believed
 */
export function readCertificateNames(text: string | undefined): CertificateNames | undefined {
  const uris: string[] = [];
  const dnsNames: string[] = [];
  const all = text ?? "";
  let at = 0;
  while (at < all.length) {
    entryPattern.lastIndex = at;
    const [whole, entry = "", quoted] = entryPattern.exec(all) ?? [];
    if (whole === undefined) return undefined;
    at += whole.length;
    const type = entry.slice(0, entry.indexOf(":") + 1);
    if (type !== "URI:" && type !== "DNS:") continue;
    const value = quoted === undefined ? entry.slice(type.length) : type + quoted === entry ? unquote(quoted) : undefined;
    if (value === undefined) return undefined;
    (type === "URI:" ? uris : dnsNames).push(value);
  }
  return { uris, dnsNames };
}

function unquote(json: string): string | undefined {
  try {
    const text: unknown = JSON.parse(json);
    return typeof text === "string" ? text : undefined;
  } catch {
    return undefined;
  }
}
