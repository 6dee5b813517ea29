/**
 * Glob: the patterns of KEYS, SCAN, PSUBSCRIBE and CONFIG GET, as redis-server 7.0 matches them (`stringmatchlen`): `*`, `?`, `[a-c]`, `[^a]`,
 * `\x`. A pattern that goes wrong is forgiven: a `[` that is never closed closes at the end of the pattern.
 *
 * A `*` that has been tried at every place of the text and did not fit cannot fit for an earlier `*` either, so the search
 * ends there: the time is the product of both lengths, not exponential in the number of stars.
 */

/** As Redis has it: deeper ones match nothing, so that a pattern cannot exhaust the stack. */
const depthMax = 1_000

const star = 0x2a
const question = 0x3f
const open = 0x5b
const close = 0x5d
const caret = 0x5e
const escape = 0x5c
const dash = 0x2d

const lower = (code: number): number => (code >= 0x41 && code <= 0x5a ? code + 32 : code)

class Matcher {
  private readonly pattern: string
  private readonly text: string
  private readonly ignoresCase: boolean
  /** A later star was tried everywhere: no use in trying longer matches of earlier ones. */
  private isSettled = false
  /** Where a set of characters ended. */
  private after = 0

  constructor(pattern: string, text: string, ignoresCase: boolean) {
    this.pattern = pattern
    this.text = text
    this.ignoresCase = ignoresCase
  }

  private same(a: number, b: number): boolean {
    return a === b || (this.ignoresCase && lower(a) === lower(b))
  }

  private inRange(code: number, from: number, to: number): boolean {
    const low = Math.min(from, to)
    const high = Math.max(from, to)
    if (!this.ignoresCase) return code >= low && code <= high
    return lower(code) >= lower(low) && lower(code) <= lower(high)
  }

  /** A set whose first char after `[` is at `p`; leaves in `after` where the pattern goes on. */
  private inSet(p: number, code: number): boolean {
    const { pattern } = this
    const end = pattern.length
    const isNegated = pattern.charCodeAt(p) === caret
    if (isNegated) p++
    let found = false
    for (; ; p++) {
      if (p >= end) break
      const each = pattern.charCodeAt(p)
      if (each === escape && end - p >= 2) {
        p++
        if (pattern.charCodeAt(p) === code) found = true
      } else if (each === close) {
        p++
        break
      } else if (end - p >= 3 && pattern.charCodeAt(p + 1) === dash) {
        if (this.inRange(code, each, pattern.charCodeAt(p + 2))) found = true
        p += 2
      } else if (this.same(each, code)) found = true
    }
    this.after = p
    return found !== isNegated
  }

  /** A `*` at `p`, the rest of the text from `t`. */
  private matchesStar(p: number, t: number, depth: number): boolean {
    const { pattern, text } = this
    while (pattern.charCodeAt(p + 1) === star) p++
    if (p + 1 === pattern.length) return true
    for (; t < text.length; t++) {
      if (this.matches(p + 1, t, depth + 1)) return true
      if (this.isSettled) return false
    }
    this.isSettled = true
    return false
  }

  matches(p: number, t: number, depth: number): boolean {
    if (depth > depthMax) return false
    const { pattern, text } = this
    const end = pattern.length
    while (p < end && t < text.length) {
      let code = pattern.charCodeAt(p)
      if (code === star) return this.matchesStar(p, t, depth)
      if (code === open) {
        if (!this.inSet(p + 1, text.charCodeAt(t))) return false
        p = this.after
      } else {
        if (code === escape && end - p >= 2) code = pattern.charCodeAt(++p)
        else if (code === question) code = text.charCodeAt(t)
        if (!this.same(code, text.charCodeAt(t))) return false
        p++
      }
      t++
    }
    // An empty text fits no star: so it is in Redis, which looks for stars at the end behind a char only.
    if (t === text.length && t > 0) while (pattern.charCodeAt(p) === star) p++
    return p >= end && t === text.length
  }
}

/** True where the whole text fits the pattern; both are latin1 text. */
export const matches = (pattern: string, text: string): boolean => new Matcher(pattern, text, false).matches(0, 0, 0)

/** The same, where small and capital letters of ASCII are alike. */
export const matchesAnyCase = (pattern: string, text: string): boolean =>
  new Matcher(pattern, text, true).matches(0, 0, 0)
