import { expect, it } from "vitest";
import { decryptGcm, nonceBytes } from "../../src/sealing/aes-gcm.ts";
import { lengthPrefixed } from "../../src/sealing/length-prefix.ts";
import { deriveKey } from "../../src/sealing/master-keys.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { masterKey } from "../cache/fixtures.ts";

it("an attacker who came by the key of one purpose opens nothing of another, whatever he knows of the format", () => {
  const master = masterKey("k");
  const sealed = createSealer([master], "handle").seal(Buffer.from("a refresh token"), ["web"]);
  // The envelope: the key id's length, the id, the nonce, the rest.
  const nonceAt = 2;
  const open = (purpose: string) =>
    decryptGcm(
      {
        key: deriveKey(master, `cambio/v1/seal/${purpose}`),
        nonce: sealed.subarray(nonceAt, nonceAt + nonceBytes),
        associated: lengthPrefixed(["cambio/v1/sealed", "handle", "k", "web"]),
      },
      sealed.subarray(nonceAt + nonceBytes),
    )?.toString();
  expect(open("verification")).toBeUndefined();
  expect(open("handle")).toBe("a refresh token");
});
