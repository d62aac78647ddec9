// Why a sign-in from a shell came to nothing, as the sentence that the user is shown.

/** Its message is ours, without a code, a token or a verifier; what came over the network stands in it as terminalText() makes it. */
export class LoginFailure extends Error {
  override readonly name = "LoginFailure";
}

/** Characters. A name or a sentence has fewer; a screen shows this much well. */
const maxShown = 200;

/**
 * Anybody's text, as a terminal may be given it: whatever would move the cursor, end the line, turn the direction of writing or not be
 * seen stands there as \uNNNN, letters of all scripts as they are.
 */
export function terminalText(text: string): string {
  const shown = text.slice(0, maxShown).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, escaped);
  return text.length > maxShown ? `${shown}…` : shown;
}

/** One character, which may be two UTF-16 units. */
function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`).join("");
}
