import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { depthMax } from "../Value.ts"
import * as Edn from "./Edn.ts"
import { end, Reader } from "./EdnReader.ts"
import { Malformed } from "./Malformed.ts"
import { Source } from "./Source.ts"

const readAll = (text: string | Uint8Array): ReadonlyArray<unknown> => {
  const reader = new Reader(new Source(text), Edn.faithful)
  const values: Array<unknown> = []
  for (let value = reader.next(); value !== end; value = reader.next()) values.push(value)
  return values
}
const readOne = (text: string): unknown => {
  const values = readAll(text)
  expect(values.length).toBe(1)
  return values[0]
}
const refusal = (text: string | Uint8Array): string => {
  try {
    readAll(text)
    return "read"
  } catch (error) {
    expect(error).toBeInstanceOf(Malformed)
    return (error as Malformed).message
  }
}

describe("a reader of EDN", () => {
  it.each([
    ["nil", null],
    ["true", true],
    ["false", false],
    ["0", 0],
    ["-17", -17],
    ["+5", 5],
    ["42N", 42],
    ["9007199254740993", 9007199254740993n],
    ["-12345678901234567890N", -12345678901234567890n],
    ["1.5", 1.5],
    ["-2.5e-3", -0.0025],
    ["1E3", 1000],
    ["3.25M", 3.25],
    ["1/4", 0.25],
    ["##Inf", Infinity],
    ["##-Inf", -Infinity],
    ["##NaN", NaN],
    [String.raw`"a\tb\n\"\\A\101"`, 'a\tb\n"\\AA'],
    ['"Grüße, 世界 🌍"', "Grüße, 世界 🌍"],
    [String.raw`\a`, new Edn.Character("a")],
    [String.raw`\newline`, new Edn.Character("\n")],
    [String.raw`\space`, new Edn.Character(" ")],
    [String.raw`\u0041`, new Edn.Character("A")],
    [String.raw`\(`, new Edn.Character("(")],
    [":a", new Edn.Keyword("a")],
    [":jepsen.history/op?", new Edn.Keyword("jepsen.history/op?")],
    ["foo/bar*", new Edn.Name("foo/bar*")],
    ["+", new Edn.Name("+")],
    ["-a", new Edn.Name("-a")],
    ["[]", []],
    ["[1 [2, 3] nil]", [1, [2, 3], null]],
    ["(1 2)", new Edn.List([1, 2])],
    ["#{1 2}", new Edn.Collection([1, 2])],
    ["{:a 1, :b [2]}", new Edn.Dictionary([new Edn.Keyword("a"), 1, new Edn.Keyword("b"), [2]])],
    ['#inst "1985"', new Edn.Tagged("inst", "1985")],
    ["#a #b [1]", new Edn.Tagged("a", new Edn.Tagged("b", [1]))],
    ["#jepsen.history.Op{:f 1}", new Edn.Tagged("jepsen.history.Op", new Edn.Dictionary([new Edn.Keyword("f"), 1]))],
    ["[1 #_ 2 3]", [1, 3]],
    ["[1 #_ #_ 2 3 4]", [1, 4]],
    ["#_ #a {:b 1} 7", 7],
    ["^{:line 3} [1]", [1]],
    ["; nothing\n 1 ; one", 1]
  ])("reads %s", (text, value) => {
    expect(readOne(text)).toEqual(value)
  })

  it("reads one form after another, whatever separates them", () => {
    expect(readAll("1,2\t3\r\n[4]5 ;six\n")).toEqual([1, 2, 3, [4], 5])
  })

  it("steps into a vector or a list around everything", () => {
    for (const text of ["[1 (2) 3] ; end", " (1 (2) 3)", "1 (2) 3"]) {
      const reader = new Reader(new Source(text), Edn.faithful)
      reader.enter()
      expect([reader.next(), reader.next(), reader.next(), reader.next()]).toEqual([1, new Edn.List([2]), 3, end])
    }
  })

  it.each([
    ["{:a 1\n :b}", "line 1, column 1: a map's key has no value"],
    ["[1\n  2", "line 1, column 1: the form that begins here does not end"],
    ["[1\n (2]", "line 2, column 4: ] where ) is due"],
    ["1\n\n  ]", "line 3, column 3: ] closes nothing"],
    ['{:a "é\nx', "line 1, column 5: the string that begins here does not end"],
    ['"é" "a\\qb"', "line 1, column 7: \\q is no escape"],
    ["007", "line 1, column 1: 007 is no number"],
    ["12abc", "line 1, column 1: 12abc is no number"],
    ["\\nosuch", "line 1, column 1: \\nosuch is no character"],
    [": a", "line 1, column 1: a keyword has a name"],
    ["::a", "line 1, column 1: a keyword has a name"],
    ["[#_ ]", "line 1, column 5: a form is missing before ]"],
    ["#a", "line 1, column 1: the form that begins here does not end"],
    ["#(", "line 1, column 1: after # comes a set, a discard or a tag"],
    ["##Nope", "line 1, column 1: ##Nope is no number"],
    ["a\n  @b", 'line 2, column 3: unexpected "@"'],
    ["[".repeat(depthMax + 1), `line 1, column ${depthMax + 1}: forms nest deeper than ${depthMax}`]
  ])("names the line and column of what is wrong in %j", (text, message) => {
    expect(refusal(text)).toBe(message)
  })

  it("names the line and column of bytes that are not UTF-8", () => {
    expect(refusal(Uint8Array.of(0x31, 0x0a, 0x22, 0xff, 0x22))).toBe("line 2, column 2: these bytes are not UTF-8")
  })

  it("reads back whatever it writes", () => {
    const name = fc
      .stringMatching(/^[a-z][a-z0-9?*!-]{0,5}$/)
      .filter((text) => !["nil", "true", "false"].includes(text))
    const { form } = fc.letrec<{ form: unknown }>((tie) => ({
      form: fc.oneof(
        { maxDepth: 5, depthIdentifier: "form" },
        fc.oneof(
          fc.constant(null),
          fc.boolean(),
          fc.double({ noNaN: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
          fc.bigInt().map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value)),
          fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
          name.map((text) => new Edn.Keyword(text)),
          name.map((text) => new Edn.Name(text)),
          fc.constantFrom("a", "\n", " ", "(", "é").map((character) => new Edn.Character(character))
        ),
        fc.array(tie("form"), { maxLength: 4, depthIdentifier: "form" }),
        fc.array(tie("form"), { maxLength: 4, depthIdentifier: "form" }).map((items) => new Edn.List(items)),
        fc.array(tie("form"), { maxLength: 4, depthIdentifier: "form" }).map((items) => new Edn.Collection(items)),
        fc
          .array(fc.tuple(tie("form"), tie("form")), { maxLength: 3, depthIdentifier: "form" })
          .map((pairs) => new Edn.Dictionary(pairs.flat())),
        fc.tuple(name, tie("form")).map(([tag, value]) => new Edn.Tagged(tag, value))
      )
    }))
    fc.assert(
      fc.property(form, (value) => {
        expect(readOne(Edn.write(value))).toEqual(value)
      }),
      { numRuns: 500, seed: 1 }
    )
  })

  it("refuses or reads any bytes, and never fails in another way", () => {
    const pieces = fc.constantFrom(...'()[]{}#_^"\\:;,/ \n+-.019aeMN'.split(""), "##", "#{", "nil", "\\u00", "é")
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 14 }), (list) => {
        expect(refusal(list.join(""))).toMatch(/^(read|line \d+, column \d+: .)/)
      }),
      { numRuns: 3000, seed: 2 }
    )
  })
})
