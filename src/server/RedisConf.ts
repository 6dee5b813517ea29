/**
 * RedisConf: a file as redis-server 7.0 reads it: a directive a line, `#` in front of comments, quotes as in Redis's own `sdssplitargs`, and `include`.
 * Pure: files that are included are read by its caller.
 */
import * as Assignment from "./Assignment.ts"
import * as RedisDirectives from "./RedisDirectives.ts"

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\x07" }
const blank = /\s/

/** What stands in quotes from `from` on, and where it goes on behind them; `undefined`: they are not closed. */
const quoted = (line: string, from: number): { readonly text: string; readonly end: number } | undefined => {
  const quote = line[from]
  let text = ""
  for (let at = from + 1; at < line.length; at++) {
    if (line[at] === quote) return { text, end: at + 1 }
    if (quote === '"' && line[at] === "\\") {
      const hex = /^x[0-9a-fA-F]{2}/.exec(line.slice(at + 1))
      at++
      if (hex !== null) {
        text += String.fromCharCode(Number.parseInt(hex[0].slice(1), 16))
        at += 2
      } else if (at < line.length) text += escapes[line[at]] ?? line[at]
    } else if (quote === "'" && line[at] === "\\" && line[at + 1] === "'") {
      text += "'"
      at++
    } else text += line[at]
  }
  return undefined
}

/** The words of a line; `undefined`: its quotes are not balanced. */
export const split = (line: string): ReadonlyArray<string> | undefined => {
  const words: Array<string> = []
  let at = 0
  while (at < line.length) {
    if (blank.test(line[at])) {
      at++
      continue
    }
    let word = ""
    while (at < line.length && !blank.test(line[at])) {
      if (line[at] !== '"' && line[at] !== "'") {
        word += line[at++]
        continue
      }
      const inner = quoted(line, at)
      // A closing quote ends a word.
      if (inner === undefined || (inner.end < line.length && !blank.test(line[inner.end]))) return undefined
      word += inner.text
      at = inner.end
    }
    words.push(word)
  }
  return words
}

const includesMax = 16

/** The text of a file, or what is wrong with it. */
export type Read = (path: string) => { readonly text: string } | { readonly problem: string }

/** `depth`: how many files include each other on the way to this one. */
export const parse = (path: string, text: string, read: Read, depth = 0): Assignment.Said =>
  Assignment.together(
    text.split("\n").map((raw, index) => {
      const line = raw.trim()
      if (line === "" || line.startsWith("#")) return Assignment.nothing
      const place = `${path} line ${index + 1}`
      const words = split(line)
      if (words === undefined) return Assignment.problem(`${place}: the quotes are not balanced: ${line}`)
      const [first, ...values] = words
      const name = first.toLowerCase()
      if (name === "include" && values.length === 1) {
        if (depth >= includesMax)
          return Assignment.problem(`${place}: more than ${includesMax} files include each other`)
        const included = read(values[0])
        if ("problem" in included) return Assignment.problem(`${place}: ${included.problem}`)
        return parse(values[0], included.text, read, depth + 1)
      }
      if (!RedisDirectives.isKnown(name))
        return Assignment.problem(`${place}: ${first}: redis-server 7.0 has no such directive`)
      return RedisDirectives.translate({ name, values, source: { origin: "file", place } })
    })
  )
