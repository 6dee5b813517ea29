/**
 * Text that shows what it is made of. Labels may come from bytes that a simulated network garbled: control characters would move a
 * terminal's cursor, and characters that turn the direction of text would garble what stands beside them.
 */

/** `text` with every such character, and every half of a surrogate pair, in a visible form; other text is itself. */
export const printable = (text: string): string =>
  text
    .toWellFormed()
    // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
    .replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) =>
      character === "\n" ? "\\n" : character === "\t" ? "\\t" : `\\u{${character.charCodeAt(0).toString(16)}}`
    )
