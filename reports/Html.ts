/** Text from a run, made safe for the places in a page where it may stand. Labels come from bytes that a simulated network garbled. */

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" }

/** For element content and quoted attributes. Control characters, which HTML forbids, become a replacement sign. */
export const text = (value: string): string =>
  value
    .toWellFormed()
    // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, "\ufffd")
    .replace(/[&<>"']/g, (character) => entities[character] ?? character)

/**
 * A JSON value for a `<script>` element. `<` never stands as itself, so neither `</script>` nor `<!--` can; U+2028 and U+2029, line
 * ends for a script, are escaped too. `JSON.parse` gives the value back.
 */
export const json = (value: unknown): string =>
  JSON.stringify(value).replace(/[<\u2028\u2029]/g, (character) => "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0"))
