/**
 * InlineWords: a line that a person types, as words: "in double quotes" with \n, \r, \t, \b, \a, \xff and any other character escaped, 'in
 * single ones' with \' only. A closing quote ends its word.
 *
 * Source: sdssplitargs of Redis; a NUL ends the line.
 */
const isSpace = (char: string): boolean => char === " " || (char >= "\t" && char <= "\r")

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\x07" }

const hex = /^[0-9a-fA-F]{2}$/

/** One word from `from` on, and where it ends; undefined: its quotes are not closed, or something follows them. */
const word = (line: string, from: number): { readonly text: string; readonly end: number } | undefined => {
  const chars: Array<string> = []
  let at = from
  let quote = ""
  for (;;) {
    const char = at < line.length ? line[at] : ""
    if (char === "") return quote === "" ? { text: chars.join(""), end: at } : undefined
    if (quote === "") {
      if (isSpace(char)) return { text: chars.join(""), end: at }
      if (char === '"' || char === "'") quote = char
      else chars.push(char)
      at++
    } else if (char === quote) {
      const isEnd = at + 1 >= line.length || isSpace(line[at + 1])
      return isEnd ? { text: chars.join(""), end: at + 1 } : undefined
    } else if (char === "\\" && quote === '"' && line[at + 1] === "x" && hex.test(line.slice(at + 2, at + 4))) {
      chars.push(String.fromCharCode(Number.parseInt(line.slice(at + 2, at + 4), 16)))
      at += 4
    } else if (char === "\\" && at + 1 < line.length && (quote === '"' || line[at + 1] === "'")) {
      const next = line[at + 1]
      chars.push(quote === '"' ? (escapes[next] ?? next) : next)
      at += 2
    } else {
      chars.push(char)
      at++
    }
  }
}

/** The words of a line; undefined: quotes are not closed, or something follows a closing one. */
export const split = (whole: string): Array<string> | undefined => {
  const nul = whole.indexOf("\0")
  const line = nul === -1 ? whole : whole.slice(0, nul)
  const words: Array<string> = []
  let at = 0
  for (;;) {
    while (at < line.length && isSpace(line[at])) at++
    if (at === line.length) return words
    const found = word(line, at)
    if (found === undefined) return undefined
    words.push(found.text)
    at = found.end
  }
}
