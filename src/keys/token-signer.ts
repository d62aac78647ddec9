// Signs tokens of this service's own, as compact JWS (RFC 7515 §7.1): under the key that signs now, or under a secret that is shared
// with one audience. What the claims say is its callers' business.

import { createHmac, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import type { SigningAlgorithm, TokenSigner } from "../exchange/minting-ports.ts";
import { Secret } from "../exchange/secret.ts";
import { storeUnavailable } from "../exchange/store-unavailable.ts";
import type { KeyRing } from "./key-ring.ts";

const signOffLoop = promisify(sign);

/** @param shared audience → the secret that it shares with this service */
export function createTokenSigner(ring: Pick<KeyRing, "active">, shared: ReadonlyMap<string, KeyObject>): TokenSigner {
  function activeKey(algorithm: SigningAlgorithm) {
    const key = ring.active(algorithm);
    if (key === undefined) throw storeUnavailable({ code: "NO_SIGNING_KEY", outcome: "refused" });
    return key;
  }

  return {
    async sign(claims, by) {
      if (by.kind === "shared") {
        const secret = shared.get(by.audience);
        if (secret === undefined) throw new Error("there is no secret for that audience");
        const input = signingInput({ alg: "HS256", typ: "JWT" }, claims);
        return compact(input, createHmac("sha256", secret).update(input).digest());
      }
      const { algorithm } = by;
      const key = activeKey(algorithm);
      const input = signingInput({ alg: algorithm, kid: key.kid, typ: "at+jwt" }, claims);
      return compact(input, await signature(algorithm, key.privateKey, Buffer.from(input)));
    },
    check(by) {
      if (by.kind === "published") activeKey(by.algorithm);
    },
  };
}

function signature(algorithm: SigningAlgorithm, key: KeyObject, input: Uint8Array): Uint8Array | Promise<Uint8Array> {
  if (algorithm === "EdDSA") return sign(null, input, key);
  // RFC 7518 §3.4: the two numbers side by side, not DER.
  if (algorithm === "ES256") return sign("sha256", input, { key, dsaEncoding: "ieee-p1363" });
  // A millisecond of computing: in the thread pool, so that nobody else waits for it.
  return signOffLoop("sha256", input, key);
}

function signingInput(header: object, claims: object): string {
  return [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
}

function compact(input: string, bytes: Uint8Array): Secret {
  return new Secret(`${input}.${Buffer.from(bytes).toString("base64url")}`);
}
