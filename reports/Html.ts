/** Text from a run, made safe for the places in a page where it may stand. Labels come from bytes that a simulated network garbled. */
import { printable } from "./Printable.ts"

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

/** For element content and quoted attributes. */
export const text = (value: string): string =>
  printable(value).replace(/[&<>"']/g, (character) => entities[character] ?? character)

/**
 * A JSON value for a `<script>` element, and `JSON.parse` gives it back. `<` never stands as itself, so neither `</script>` nor
 * `<!--` can; line ends for a script (U+2028, U+2029) and characters that turn the direction of text are escaped too.
 */
export const json = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[<\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0")
  )
