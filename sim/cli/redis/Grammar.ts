/**
 * Grammar: templates of commands, one a line, to generators of fast-check.
 *
 *   SET $key $value [EX 1000|PX 500000] (NX|XX) $member...
 *
 * `[a|b]` is one of these or nothing, `(a|b)` one of these, `x...` one to four times; `$name` draws from a small space, so that commands meet
 * each other's keys and members. What is drawn is sometimes spoiled: an argument lost, added or replaced by nonsense.
 */
import * as fc from "fast-check"

/** A command: its arguments, latin1 text each. */
export type Argv = ReadonlyArray<string>

type Words = fc.Arbitrary<Argv>

const words = (...choices: ReadonlyArray<string>): fc.Arbitrary<string> => fc.constantFrom(...choices)

const numbers = words("0", "1", "2", "3", "-1", "-2", "5", "10", "100", "-100")
const floats = words("0", "1", "1.5", "-1", "2", "3", "10", "0.1", "3.0e2", "-0.5", "inf", "-inf", "17179869184.25")

/** What `$name` draws. */
export const spaces: Readonly<Record<string, fc.Arbitrary<string>>> = {
  key: words("a", "b", "c", "d", "e"),
  hkey: words("h1", "h2", "a"),
  lkey: words("l1", "l2", "l3", "a"),
  skey: words("s1", "s2", "s3", "a"),
  zkey: words("z1", "z2", "z3", "a"),
  xkey: words("x1", "x2", "a"),
  gkey: words("g1", "g2", "a"),
  pkey: words("p1", "p2", "p3", "a"),
  value: words(
    "",
    "v",
    "10",
    "-5",
    "3.5",
    "hello world",
    "b\x00\xff\r\n",
    "9223372036854775807",
    "foobar",
    "x".repeat(70)
  ),
  member: words("m1", "m2", "m3", "1", "2", "30", "", "long-".repeat(15)),
  field: words("f1", "f2", "f3", "1", "2", "field-".repeat(12)),
  int: numbers,
  big: words("9223372036854775807", "-9223372036854775808", "9223372036854775800", "1", "-7", "4294967296"),
  float: floats,
  count: words("1", "2", "3", "10", "1", "2"),
  offset: words("0", "1", "7", "8", "15", "100", "3"),
  bit: words("0", "1", "1", "0", "2"),
  bound: words("0", "1", "(1", "-inf", "+inf", "(2", "2", "10", "(-0.5", "5"),
  lex: words("-", "+", "[m1", "(m1", "[m2", "[m3", "(1", "[2"),
  id: words("1-1", "1-2", "2-1", "2", "3-0", "5-*", "0-1", "10-5", "0-0"),
  at: words("0", "0-0", "1-1", "2", "2-1", ">", "5", "9-9"),
  edge: words("-", "+", "1-1", "(1-1", "2", "3", "(2-1", "10"),
  group: words("grp", "grp", "other"),
  consumer: words("alice", "bob"),
  longitude: words("13.361389", "15.087269", "-122.27652", "0", "2.349", "179.9", "181"),
  latitude: words("38.115556", "37.502669", "37.805186", "0", "48.864716", "85.01", "90"),
  place: words("Palermo", "Catania", "Paris", "null"),
  unit: words("m", "km", "ft", "mi", "M"),
  pattern: words("*", "?", "[a-c]", "*1", "\\*", "m[^1]", "f*"),
  db: words("0", "1", "1", "2", "16"),
  second: words("100000", "50000", "9999999999", "0", "-1"),
  moment: words("33177117420", "33177117420000", "1")
}

const join = (parts: ReadonlyArray<Words>): Words => fc.tuple(...parts).map((all) => all.flat())

/** Reads templates; a reader is used once. */
class Reader {
  private readonly tokens: ReadonlyArray<string>
  private at = 0

  constructor(template: string) {
    this.tokens = template.match(/[[\]()|]|\.\.\.|[^\s[\]()|]+?(?=\.\.\.|[\s[\]()|]|$)/g) ?? []
  }

  /** Until a closing bracket or the end: choices, each a row of words. */
  choices(): ReadonlyArray<Words> {
    const found: Array<Words> = []
    for (;;) {
      found.push(join(this.row()))
      if (this.tokens[this.at] !== "|") return found
      this.at++
    }
  }

  private row(): ReadonlyArray<Words> {
    const row: Array<Words> = []
    while (this.at < this.tokens.length && !"|])".includes(this.tokens[this.at])) row.push(this.repeated(this.item()))
    return row
  }

  private repeated(item: Words): Words {
    if (this.tokens[this.at] !== "...") return item
    this.at++
    return fc.array(item, { minLength: 1, maxLength: 4 }).map((all) => all.flat())
  }

  private item(): Words {
    const token = this.tokens[this.at++]
    if (token === "[" || token === "(") {
      const choices = this.choices()
      this.at++
      const one = fc.oneof(...choices)
      return token === "(" ? one : fc.oneof(fc.constant<Argv>([]), one)
    }
    if (!token.startsWith("$") || token === "$") return fc.constant([token])
    const space = spaces[token.slice(1)]
    if (space === undefined) throw new Error(`there is no space ${token}`)
    return space.map((word) => [word])
  }
}

const nonsense = words(
  "",
  "nonsense",
  "-1",
  "0",
  "99999999999999999999",
  "1.5",
  "NX",
  "nan",
  "-9223372036854775808",
  " 1"
)

/**
 * Not spoiled: what waits might wait for ever; what takes members by chance would leave others behind; and the scores of `zl` are all the
 * same, as ranges by names need it.
 */
const careful = /^(B[LRZ]|XREAD|SPOP|ZADD zl$)/

/** One of ten commands loses an argument, gets one more, or has one replaced. */
const spoiled = (command: Words): Words =>
  fc.tuple(command, fc.integer({ min: 0, max: 29 }), fc.nat(15), nonsense).map(([argv, how, where, word]) => {
    if (careful.test(argv.slice(0, 2).join(" "))) return argv
    const at = 1 + (where % Math.max(1, argv.length - 1))
    if (how === 29) return argv.filter((_, index) => index !== at)
    if (how === 28) return [...argv, word]
    if (how === 27) return argv.map((argument, index) => (index === at ? word : argument))
    return argv
  })

/** A command of any of some templates, each as likely as any other. */
export const commandOf = (templates: ReadonlyArray<string>): Words =>
  spoiled(fc.oneof(...templates.map((template) => join([fc.oneof(...new Reader(template).choices())]))))
