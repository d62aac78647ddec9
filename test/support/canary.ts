// Looks for secrets where none may be: a test says what is secret and what was written, and gets the leaks. Encoded secrets and
// pieces of tokens count too. A leak is named by its kind and place, never quoted.

export interface Canary {
  /** Returns the secret, so that it can be registered where it is made. @throws Error where it is too short to be told from chance */
  register(kind: string, secret: string): string;
  /** Text that left the process or was written down. */
  saw(place: string, text: string): void;
  /** Every kind of secret found, with its place. */
  leaks(): readonly string[];
  /** @throws Error naming every leak */
  assertSilence(): void;
}

/** Fewer characters occur by chance. Also the length by which texts are looked through. */
const windowLength = 12;
/** A part of a token between its dots is a secret by itself from this length on. */
const minPartLength = 20;

export function createCanary(): Canary {
  const secrets = new Map<string, string>();
  const seen: { readonly place: string; readonly text: string }[] = [];

  function leaks(): readonly string[] {
    const needles = new Map<string, { readonly needle: string; readonly what: string }[]>();
    for (const [secret, kind] of secrets) {
      for (const [form, needle] of formsOf(secret)) {
        const start = needle.slice(0, windowLength);
        needles.set(start, [...(needles.get(start) ?? []), { needle, what: `${kind} (${form})` }]);
      }
    }
    const found = new Set<string>();
    for (const { place, text } of seen) {
      for (let at = 0; at + windowLength <= text.length; at += 1) {
        for (const { needle, what } of needles.get(text.slice(at, at + windowLength)) ?? []) {
          if (text.startsWith(needle, at)) found.add(`${what} in ${place}`);
        }
      }
    }
    return [...found].toSorted();
  }

  return {
    register(kind, secret) {
      if (secret.length < windowLength) throw new Error(`a ${kind} of ${secret.length} characters cannot be searched for`);
      secrets.set(secret, kind);
      return secret;
    },
    saw: (place, text) => void seen.push({ place, text }),
    leaks,
    assertSilence() {
      const found = leaks();
      if (found.length > 0) throw new Error(`secrets were written down:\n${found.join("\n")}`);
    },
  };
}

function formsOf(secret: string): readonly (readonly [form: string, needle: string])[] {
  const parts = secret.split(".").filter((part) => part.length >= minPartLength && part !== secret);
  const forms: (readonly [string, string])[] = [
    ["as it is", secret],
    ...parts.map((part) => ["a part of it", part] as const),
    ["reversed", Array.from(secret).toReversed().join("")],
    ["in JSON", JSON.stringify(secret).slice(1, -1)],
    ["URL-encoded", encodeURIComponent(secret)],
    ["form-encoded", new URLSearchParams([["", secret]]).toString().slice(1)],
    ["in hexadecimal", Buffer.from(secret).toString("hex")],
    ...[0, 1, 2].flatMap((offset) => inBase64(secret, offset)),
  ];
  return forms.filter(([, needle]) => needle.length >= windowLength);
}

/** As it looks inside a longer text of which every three bytes became four characters, at each of the three places it can begin. */
function inBase64(secret: string, offset: number): readonly (readonly [string, string])[] {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
  const whole = bytes.subarray(offset === 0 ? 0 : 3, bytes.length - (bytes.length % 3));
  return [
    ["in base64", whole.toString("base64")],
    ["in base64url", whole.toString("base64url")],
  ];
}
