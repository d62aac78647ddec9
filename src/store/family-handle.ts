// How a handle of a family is written: which family, which generation, and a mark that only this service can make. Nothing in it
// is secret and nothing random, so that everyone who raced for a successor is told the very same one.

import { createHmac, type KeyObject, timingSafeEqual } from "node:crypto";
import { decodeBase64url } from "../exchange/base64url.ts";
import { handlePrefix } from "../exchange/refresh-token-custody.ts";
import { Secret } from "../exchange/secret.ts";
import { lengthPrefixed } from "../sealing/length-prefix.ts";
import { deriveKey, type MasterKey } from "../sealing/master-keys.ts";

export const familyIdBytes = 16;
const generationBytes = 4;
const markBytes = 32;
const handleBytes = familyIdBytes + generationBytes + markBytes;
/** Of a whole handle, in characters: all of them are of one length. */
const handleLength = handlePrefix.length + Math.ceil((handleBytes * 4) / 3);

export interface FamilyHandle {
  /** base64url of `familyIdBytes`. */
  readonly id: string;
  readonly generation: number;
}

export interface FamilyHandles {
  write(clientId: string, handle: FamilyHandle): Secret;
  /** Undefined for everything that was not written here for this client. */
  read(clientId: string, handle: Secret): FamilyHandle | undefined;
}

/** The first key marks, all of them are accepted. */
export function createFamilyHandles(keys: readonly MasterKey[]): FamilyHandles {
  const derived = keys.map((master) => deriveKey(master, "cambio/v1/handle-family"));
  const [first] = derived;
  if (first === undefined) throw new Error("handles need at least one key");

  return {
    write(clientId, handle) {
      const generation = Buffer.alloc(generationBytes);
      generation.writeUInt32BE(handle.generation);
      const bytes = [Buffer.from(handle.id, "base64url"), generation, mark(first, clientId, handle)];
      return new Secret(handlePrefix + Buffer.concat(bytes).toString("base64url"));
    },
    read(clientId, handle) {
      const text = handle.reveal();
      if (text.length !== handleLength || !text.startsWith(handlePrefix)) return undefined;
      const bytes = decodeBase64url(text.slice(handlePrefix.length));
      if (bytes === undefined) return undefined;
      const id = bytes.subarray(0, familyIdBytes).toString("base64url");
      const shown = { id, generation: bytes.readUInt32BE(familyIdBytes) };
      const shownMark = bytes.subarray(familyIdBytes + generationBytes);
      return derived.some((key) => timingSafeEqual(mark(key, clientId, shown), shownMark)) ? shown : undefined;
    },
  };
}

/** The client is in the mark alone: to anyone else's eyes the handle is a forged one. */
function mark(key: KeyObject, clientId: string, { id, generation }: FamilyHandle): Buffer {
  return createHmac("sha256", key)
    .update(lengthPrefixed([clientId, id, String(generation)]))
    .digest();
}
