/** Replies in both protocols, byte by byte as redis-server 7.0.15 sends them, and what becomes of their memory. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Latin1 from "#base/Latin1.ts"
import * as Doubles from "./Doubles.ts"
import { Reply, reuse } from "./Reply.ts"

const written = (protocol: 2 | 3, write: (out: Reply) => void): string => {
  const out = new Reply()
  out.protocol = protocol
  write(out)
  const bytes = out.take()
  return bytes === undefined ? "" : Latin1.decode(bytes)
}

const golden: ReadonlyArray<readonly [string, (out: Reply) => void, string, string]> = [
  ["a status", (out) => out.ok(), "+OK\r\n", "+OK\r\n"],
  ["a line", (out) => out.simple("PONG"), "+PONG\r\n", "+PONG\r\n"],
  ["an error, whatever is in it", (out) => out.error("ERR a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n"],
  ["zero", (out) => out.integer(0), ":0\r\n", ":0\r\n"],
  ["an integer", (out) => out.integer(1_234_567), ":1234567\r\n", ":1234567\r\n"],
  ["one below zero", (out) => out.integer(-2), ":-2\r\n", ":-2\r\n"],
  ["a large one", (out) => out.integer(2n ** 63n - 1n), ":9223372036854775807\r\n", ":9223372036854775807\r\n"],
  ["a string", (out) => out.bulk("a\r\n\xff"), "$4\r\na\r\n\xff\r\n", "$4\r\na\r\n\xff\r\n"],
  ["bytes", (out) => out.blob(Uint8Array.of(97, 13, 10, 255)), "$4\r\na\r\n\xff\r\n", "$4\r\na\r\n\xff\r\n"],
  ["an empty string", (out) => out.bulk(""), "$0\r\n\r\n", "$0\r\n\r\n"],
  ["a number as a string", (out) => out.bulk(-10), "$3\r\n-10\r\n", "$3\r\n-10\r\n"],
  ["no string", (out) => out.null(), "$-1\r\n", "_\r\n"],
  ["no array", (out) => out.nullArray(), "*-1\r\n", "_\r\n"],
  ["strings", (out) => out.bulks(["a", ""]), "*2\r\n$1\r\na\r\n$0\r\n\r\n", "*2\r\n$1\r\na\r\n$0\r\n\r\n"],
  ["a map", (out) => out.map(2), "*4\r\n", "%2\r\n"],
  ["a set", (out) => out.set(12), "*12\r\n", "~12\r\n"],
  ["a push", (out) => out.push(3), "*3\r\n", ">3\r\n"],
  ["a double", (out) => out.double(0.1), "$19\r\n0.10000000000000001\r\n", ",0.10000000000000001\r\n"],
  ["an infinite one", (out) => out.double(-Infinity), "$4\r\n-inf\r\n", ",-inf\r\n"],
  ["true", (out) => out.boolean(true), ":1\r\n", "#t\r\n"],
  ["false", (out) => out.boolean(false), ":0\r\n", "#f\r\n"],
  [
    "a big number",
    (out) => out.big("12345678901234567999"),
    "$20\r\n12345678901234567999\r\n",
    "(12345678901234567999\r\n"
  ],
  ["a text for people", (out) => out.verbatim("txt", "a\nb"), "$3\r\na\nb\r\n", "=7\r\ntxt:a\nb\r\n"]
]

describe("a reply", () => {
  it.each(golden)("has %s in the form of each protocol", (_, write, second, third) => {
    expect([written(2, write), written(3, write)]).toEqual([second, third])
  })

  it("tells any number of elements and any integer by its decimal digits", () => {
    for (const value of [
      9, 10, 11, 99, 100, 101, 999, 1_000, 65_536, 999_999_999, 1_000_000_000, 9_007_199_254_740_991
    ]) {
      expect(written(2, (out) => out.array(value))).toBe(`*${value}\r\n`)
      expect(written(2, (out) => out.integer(value))).toBe(`:${value}\r\n`)
      expect(written(2, (out) => out.integer(-value))).toBe(`:-${value}\r\n`)
    }
  })

  it("goes back to a mark, also when it has moved to more memory since", () => {
    const text = written(2, (out) => {
      out.ok()
      const mark = out.mark()
      out.bulk("x".repeat(200_000))
      out.rewind(mark)
      out.integer(1)
    })
    expect(text).toBe("+OK\r\n:1\r\n")
  })

  it("stays as it was taken while others are written, side by side and one after the other, also where others were sent", () => {
    const fate = fc.constantFrom("goes on", "kept", "sent")
    const replies = fc.array(fc.tuple(fc.nat(3), fc.nat(90_000), fate), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(replies, (steps) => {
        const outs = Array.from({ length: 4 }, () => new Reply())
        const expected = outs.map(() => "")
        const taken: Array<readonly [Uint8Array, string]> = []
        for (const [index, size, becomes] of steps) {
          const value = String.fromCharCode(97 + (size % 26)).repeat(size % 7 === 0 ? size : size % 50)
          outs[index].bulk(value)
          expected[index] += `$${value.length}\r\n${value}\r\n`
          if (becomes === "goes on") continue
          const bytes = outs[index].take()!
          expect(Latin1.decode(bytes) === expected[index]).toBe(true)
          if (becomes === "kept") taken.push([bytes, expected[index]])
          else reuse(bytes)
          expected[index] = ""
        }
        for (const [bytes, text] of taken) expect(Latin1.decode(bytes) === text).toBe(true)
        for (const [index, out] of outs.entries()) {
          expect(out.sizeBytes).toBe(expected[index].length)
          expect(Latin1.decode(out.take() ?? new Uint8Array(0)) === expected[index]).toBe(true)
        }
      }),
      { numRuns: 300 }
    )
  })
})

it("that was sent leaves its memory to the next one", () => {
  const out = new Reply()
  for (const sizeBytes of [10, 30_000, 200_000]) {
    const addresses = [1, 2, 3].map(() => {
      out.bulk("x".repeat(sizeBytes))
      const bytes = out.take()!
      reuse(bytes)
      return [bytes.buffer, bytes.byteOffset] as const
    })
    expect(addresses[1]).toEqual(addresses[2])
    expect(addresses[1][0]).toBe(addresses[2][0])
  }
})

describe("a double", () => {
  // Each as C prints it by %.17g.
  it.each([
    [0, "0"],
    [-0, "-0"],
    [3, "3"],
    [-12.5, "-12.5"],
    [1.1, "1.1000000000000001"],
    [1234567.891, "1234567.8910000001"],
    [3.3333333333333335, "3.3333333333333335"],
    [1e16, "10000000000000000"],
    [1e17, "1e+17"],
    [123456789012345680, "1.2345678901234568e+17"],
    [1.5e300, "1.5000000000000001e+300"],
    [0.0001, "0.0001"],
    [0.00001234, "1.234e-05"],
    [1e-5, "1.0000000000000001e-05"],
    [5e-324, "4.9406564584124654e-324"],
    [1.7976931348623157e308, "1.7976931348623157e+308"],
    // Halves go to the even digit.
    [12345678901234.0625, "12345678901234.062"],
    [12345678901234.1875, "12345678901234.188"],
    [Number.NaN, "nan"]
  ])("is printed with 17 digits: %d", (value, text) => {
    expect(Doubles.format(value)).toBe(text)
  })

  it("reads back as the same number", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Object.is(Number(Doubles.format(value)), value)).toBe(true)
      }),
      { numRuns: 5_000 }
    )
  })
})
