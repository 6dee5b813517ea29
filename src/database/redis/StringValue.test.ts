import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { StringValue, contentOf, sizeOf, textOf } from "./StringValue.ts"

const place = fc.nat(300_000)

const change = fc.oneof(
  fc.record({ kind: fc.constant("write"), at: place, length: fc.nat(70_000) }),
  fc.record({ kind: fc.constant("append"), at: place, length: fc.nat(300) }),
  fc.record({ kind: fc.constant("truncate"), at: place, length: fc.constant(0) }),
  fc.record({ kind: fc.constant("replace"), at: place, length: fc.nat(70_000) }),
  fc.record({ kind: fc.constant("persist"), at: place, length: fc.constant(0) })
)

describe("a string that is written in place", () => {
  it("is what a text would be, and what is stored of it at any time", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        const value = StringValue.of("begin")
        let text = "begin"
        const stored = new Map<string, string>()
        const sink = {
          put: (name: string, bytes: string) => void stored.set(name, bytes),
          remove: (name: string) => void stored.delete(name)
        }
        value.persist(sink, true)
        for (const [number, { at, kind, length }] of changes.entries()) {
          const piece = String.fromCharCode(65 + number).repeat(length)
          if (kind === "write") {
            value.write(at, piece)
            text = text.padEnd(at, "\0").slice(0, at) + piece + text.slice(at + length)
          } else if (kind === "append") {
            value.write(value.size, piece)
            text += piece
          } else if (kind === "truncate") {
            value.truncate(Math.min(at, value.size))
            text = text.slice(0, at)
          } else if (kind === "replace") {
            value.replace(new TextEncoder().encode(piece))
            text = piece
          } else value.persist(sink, false)
          expect(value.text() === text).toBe(true)
        }
        value.persist(sink, false)
        expect(StringValue.load(value.head(), stored).text() === text).toBe(true)
      }),
      { numRuns: 200, seed: 9 }
    )
  })

  it("does not change with its copy", () => {
    const value = StringValue.of("abc")
    const copy = value.clone()
    value.write(0, "x")
    expect([value.text(), copy.text()]).toEqual(["xbc", "abc"])
  })
})

describe("a text", () => {
  it.each([
    ["0", 0],
    ["-1", -1],
    ["9007199254740991", 9_007_199_254_740_991],
    ["9007199254740992", "9007199254740992"],
    ["-0", "-0"],
    ["01", "01"],
    ["1.0", "1.0"],
    ["", ""]
  ])("of '%s' is kept as %s", (text, content) => {
    expect(contentOf(text)).toBe(content)
    expect([textOf(contentOf(text)), sizeOf(contentOf(text))]).toEqual([text, text.length])
  })
})
