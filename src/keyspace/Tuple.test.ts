import { readFileSync, writeFileSync } from "node:fs"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Hex from "#base/Hex.ts"
import * as Limits from "#base/Limits.ts"
import * as Keys from "#storage/Keys.ts"
import * as Tuple from "./Tuple.ts"
import type { Element, Plain } from "./TupleElement.ts"
import { Malformed, Unencodable } from "./TupleError.ts"
import * as TupleText from "./TupleText.ts"
import { TupleWriter } from "./TupleWriter.ts"

const bytesOf = (tuple: ReadonlyArray<Element>): Uint8Array => {
  const bytes = Tuple.encode(tuple)
  if (bytes instanceof Unencodable) throw bytes
  return bytes
}

const tupleOf = (bytes: Uint8Array): ReadonlyArray<Element> => {
  const tuple = Tuple.decode(bytes)
  if (tuple instanceof Malformed) throw tuple
  return tuple
}

const rangeOf = (tuple: ReadonlyArray<Element>): Tuple.Range => {
  const range = Tuple.rangeOf(tuple)
  if (range instanceof Unencodable) throw range
  return range
}

// The order of tuples, by their values alone.

const isTagged = (element: Element): element is Exclude<Element, Plain> | Extract<Plain, { readonly type: string }> =>
  typeof element === "object" && element !== null && "type" in element

const types = ["null", "false", "true", "integer", "float32", "float64", "timestamp", "uuid", "text", "bytes", "tuple"]

const typeOf = (element: Plain): string => {
  if (element === null) return "null"
  if (typeof element === "boolean") return String(element)
  if (typeof element === "number" || typeof element === "bigint") return "integer"
  if (typeof element === "string") return "text"
  if (element instanceof Uint8Array) return "bytes"
  return isTagged(element) ? element.type : "tuple"
}

const compareLists = <A>(a: ReadonlyArray<A>, b: ReadonlyArray<A>, compare: (a: A, b: A) => number): number => {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const order = compare(a[i], b[i])
    if (order !== 0) return order
  }
  return a.length - b.length
}

const compareValues = (a: number | bigint, b: number | bigint): number => (a < b ? -1 : a > b ? 1 : 0)

const compareFloats = (a: number, b: number): number => {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
  return a === 0 && b === 0 ? compareValues(1 / a, 1 / b) : compareValues(a, b)
}

const pointsOf = (text: string): ReadonlyArray<number> => Array.from(text, (each) => each.codePointAt(0)!)

const comparePlain = (a: Plain, b: Plain): number => {
  const type = typeOf(a)
  if (type !== typeOf(b)) return types.indexOf(type) - types.indexOf(typeOf(b))
  const value = (element: Plain): any => element
  switch (type) {
    case "integer":
      return compareValues(value(a), value(b))
    case "float32":
    case "float64":
      return compareFloats(value(a).value, value(b).value)
    case "timestamp":
      return compareValues(value(a).micros, value(b).micros)
    case "uuid":
      return compareLists([...value(a).bytes], [...value(b).bytes], compareValues)
    case "text":
      return compareLists(pointsOf(value(a)), pointsOf(value(b)), compareValues)
    case "bytes":
      return compareLists([...value(a)], [...value(b)], compareValues)
    case "tuple":
      return compareLists<Element>(value(a), value(b), compareElements)
    default:
      return 0
  }
}

const compareElements = (a: Element, b: Element): number => {
  const [aPlain, bPlain] = [a, b].map((each) => (isTagged(each) && each.type === "descending" ? each.value : undefined))
  if (aPlain !== undefined && bPlain !== undefined) return comparePlain(bPlain, aPlain)
  if (aPlain !== undefined) return 1
  return bPlain === undefined ? comparePlain(a as Plain, b as Plain) : -1
}

const compareTuples = (a: ReadonlyArray<Element>, b: ReadonlyArray<Element>): number =>
  compareLists(a, b, compareElements)

// Drawn elements: often near the places where encodings change, and from few values, so that two of them begin alike.

const nearPower = fc
  .tuple(fc.nat(200), fc.constantFrom(-2n, -1n, 0n, 1n, 2n), fc.boolean())
  .map(([bits, off, isNegative]) => (isNegative ? -((1n << BigInt(bits)) + off) : (1n << BigInt(bits)) + off))
const normal = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value)
const integer = fc.oneof(
  fc.integer({ min: -3, max: 70 }),
  fc.maxSafeInteger().map((value) => (value === 0 ? 0 : value)),
  nearPower.map(normal),
  fc.bigInt().map(normal)
)
const character = fc.oneof(
  fc.constantFrom("\0", "\u0001", "\u0002", "a", "b", "\u007f", "\u0080", "\u07ff", "\u0800", "\ud7ff"),
  fc.constantFrom("\ue000", "\ufeff", "\uffff", "\u{10000}", "\u{10ffff}"),
  fc.string({ unit: "binary", minLength: 1, maxLength: 1 })
)
const text = fc.array(character, { maxLength: 40 }).map((each) => each.join(""))
const byteString = fc.oneof(
  fc.array(fc.constantFrom(0, 1, 2, 254, 255), { maxLength: 4 }).map((each) => Uint8Array.from(each)),
  fc.uint8Array({ maxLength: 40 })
)
const double = fc.oneof(fc.constantFrom(-0, 0, Infinity, -Infinity, Number.NaN, 5e-324), fc.double())
const micros = fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }).map(normal))

const { element } = fc.letrec<{ plain: Plain; element: Element }>((tie) => ({
  plain: fc.oneof(
    { maxDepth: 3, depthIdentifier: "tuple" },
    fc.constantFrom<Plain>(null, false, true),
    integer,
    text,
    byteString,
    double.map((value) => Tuple.float64(value)),
    fc.float().map((value) => Tuple.float32(value)),
    micros.map((value) => Tuple.timestamp(value)),
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Tuple.uuid(bytes)),
    fc.array(tie("element"), { maxLength: 3, depthIdentifier: "tuple" })
  ),
  element: fc.oneof(
    tie("plain"),
    tie("plain").map((value) => Tuple.descending(value))
  )
}))
const tuple = fc.array(element, { maxLength: 4 })

/** Two tuples that begin alike, more often than not. */
const pair = fc.oneof(
  fc.tuple(tuple, tuple),
  fc.tuple(tuple, tuple, tuple).map(
    ([both, a, b]) =>
      [
        [...both, ...a],
        [...both, ...b]
      ] as const
  ),
  fc
    .tuple(tuple, fc.oneof(fc.tuple(text, text), fc.tuple(byteString, byteString), fc.tuple(integer, integer)), tuple)
    .map(
      ([both, [a, b], rest]) =>
        [
          [...both, a, ...rest],
          [...both, b]
        ] as const
    )
)

// The golden file: what version 1 wrote, with the tuple in words.

const large = (1n << 2039n) + 12_345n
const vectors: ReadonlyArray<ReadonlyArray<Element>> = [
  [],
  ...[null, false, true].map((each) => [each]),
  ...[0, 1, 63, 64, 255, 256, 65_535, 65_536, 16_777_215, 16_777_216, 4_294_967_295, 4_294_967_296].map((each) => [
    each
  ]),
  ...[-1, -255, -256, -65_535, -65_536, -5_551_212, -4_294_967_295, -4_294_967_296].map((each) => [each]),
  ...[Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 1n << 53n, (1n << 63n) - 1n, -(1n << 63n)].map((each) => [
    each
  ]),
  ...[(1n << 64n) - 1n, 1n << 64n, -(1n << 64n) + 1n, -(1n << 64n), large, -large].map((each) => [each]),
  ...[-Infinity, -1.5, -5e-324, -0, 0, 5e-324, 1.5, Infinity, Number.NaN].map((each) => [Tuple.float64(each)]),
  ...[-Infinity, -42, -0, 0, 0.5, Infinity, Number.NaN].map((each) => [Tuple.float32(each)]),
  ...[0, 1_700_000_000_000_000, -1, (1n << 63n) - 1n, -(1n << 63n)].map((each) => [Tuple.timestamp(each)]),
  [Tuple.uuid(Uint8Array.from({ length: 16 }, (_, index) => index * 16))],
  ...["", "a", "\0", "\u0001", "\u0002", "FÔO\0bar", "\ufeff", "\uffff", "\u{1f600}"].map((each) => [each]),
  ...["", "00", "01", "02", "ff", "666f6f00626172"].map((each) => [Hex.bytesOf(each)]),
  [[]],
  [[null]],
  [[[], "x", [null]], 7],
  ...[null, true, 0, 64, -1, "", "a\0", Hex.bytesOf("00ff"), Tuple.float64(1.5), Tuple.timestamp(0), large].map(
    (each) => [Tuple.descending(each)]
  ),
  [Tuple.descending(["a", Tuple.descending("b"), 3]), Tuple.descending([]), 3],
  ["accounts", 4_711, Tuple.descending(Tuple.timestamp(1_700_000_000_000_000)), Hex.bytesOf("c0ffee")]
]

describe("a tuple", () => {
  /** `UPDATE=1` writes the file anew: only ever to add to it. */
  it("is written in version 1 as the golden file has it, and read from there", () => {
    const golden = new URL("testdata/tuple-1.txt", import.meta.url)
    const lines = vectors.map((each) => `${Hex.of(bytesOf(each))} = ${TupleText.textOf(each)}\n`)
    if (process.env["UPDATE"] === "1") writeFileSync(golden, lines.join(""))
    const written = readFileSync(golden, "utf8")
    expect(lines.join("")).toBe(written)
    for (const line of written.trimEnd().split("\n")) {
      const [hex, words] = line.split(" = ")
      expect(TupleText.textOf(tupleOf(Hex.bytesOf(hex)))).toBe(words)
    }
  })

  it("comes back from its bytes", () => {
    fc.assert(
      fc.property(tuple, (given) => {
        expect(tupleOf(bytesOf(given))).toEqual(given)
      })
    )
  })

  it("sorts by its bytes as by its values", () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        expect(Math.sign(Keys.compare(bytesOf(a), bytesOf(b)))).toBe(Math.sign(compareTuples(a, b)))
      }),
      { numRuns: 2_000 }
    )
  })

  it("sorts the other way round where its element is descending", () => {
    fc.assert(
      fc.property(fc.tuple(element, element), ([a, b]) => {
        const down = (each: Element): Element =>
          isTagged(each) && each.type === "descending" ? each.value : Tuple.descending(each as Plain)
        const order = Keys.compare(bytesOf([a]), bytesOf([b]))
        expect(Math.sign(Keys.compare(bytesOf([down(a)]), bytesOf([down(b)])))).toBe(Math.sign(-order) + 0)
      })
    )
  })

  it("has the bytes of its parts, one behind the other", () => {
    fc.assert(
      fc.property(tuple, tuple, (a, b) => {
        expect(bytesOf([...a, ...b])).toEqual(Uint8Array.from([...bytesOf(a), ...bytesOf(b)]))
        expect(Tuple.encode(b, bytesOf(a))).toEqual(bytesOf([...a, ...b]))
      })
    )
  })

  it("begins exactly the keys in its range", () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const { from, to } = rangeOf(a)
        const key = bytesOf(b)
        const isIn = Keys.compare(key, from) >= 0 && (to === undefined || Keys.compare(key, to) < 0)
        expect(isIn).toBe(a.length <= b.length && compareTuples(a, b.slice(0, a.length)) === 0)
      })
    )
  })

  it("of integers sorts as they do over the whole of int64, whether number or bigint", () => {
    const values: Array<bigint> = []
    for (let bits = 0n; bits < 63n; bits++) {
      for (const off of [-1n, 0n, 1n]) values.push((1n << bits) + off, -(1n << bits) + off)
    }
    values.push((1n << 63n) - 1n, -(1n << 63n))
    values.sort(compareValues)
    for (let i = 1; i < values.length; i++) {
      const order = Keys.compare(bytesOf([values[i - 1]]), bytesOf([values[i]]))
      expect(Math.sign(order)).toBe(compareValues(values[i - 1], values[i]))
      expect(bytesOf([values[i]])).toEqual(bytesOf([normal(values[i])]))
      expect(tupleOf(bytesOf([values[i]]))).toEqual([normal(values[i])])
    }
    expect(tupleOf(bytesOf([-0]))).toEqual([0])
  })
})

describe("what a tuple has no bytes for", () => {
  const deep = (levels: number): Element => {
    let nested: Element = []
    for (let i = 1; i < levels; i++) nested = [nested]
    return nested
  }

  it.each<[string, Element]>([
    ["not-an-integer", 1.5],
    ["not-an-integer", Number.NaN],
    ["not-an-integer", Infinity],
    ["not-an-integer", Number.MAX_SAFE_INTEGER + 1],
    ["integer-too-large", 1n << 2_040n],
    ["integer-too-large", -(1n << 2_040n)],
    ["not-a-float32", Tuple.float32(0.1)],
    ["timestamp-out-of-range", Tuple.timestamp(0.5)],
    ["timestamp-out-of-range", Tuple.timestamp(1n << 63n)],
    ["not-a-uuid", Tuple.uuid(new Uint8Array(15))],
    ["lone-surrogate", "a\ud800"],
    ["lone-surrogate", "\ud800a"],
    ["lone-surrogate", "\udc00\ud800"],
    ["too-deep", deep(Limits.tupleDepthMax + 1)],
    ["too-deep", deep(100_000)],
    ["too-large", "x".repeat(Limits.keyBytesMax)],
    ["too-large", "\0".repeat(Limits.keyBytesMax)],
    ["too-large", "\u{1f600}".repeat(Limits.keyBytesMax)],
    ["too-large", new Uint8Array(1_000_000)],
    ["too-large", Array.from({ length: 10_000 }, () => null)],
    ["too-large", Array.from({ length: 100 }, () => 1n << 2_000n)]
  ])("is refused, wherever it stands, and leaves nothing behind: %s", (reason, refused) => {
    for (const each of [[refused], [1, [refused]], [Tuple.descending([refused, 7]), "more"]]) {
      expect(Tuple.encode(each)).toMatchObject({ _tag: "Unencodable", reason })
      expect(Tuple.rangeOf(each)).toBeInstanceOf(Unencodable)
      expect(Hex.of(bytesOf([null, 3]))).toBe("0114")
    }
  })

  it("begins one byte above the bound, and one level below the deepest", () => {
    expect(bytesOf(["x".repeat(Limits.keyBytesMax - 2)])).toHaveLength(Limits.keyBytesMax)
    expect(Tuple.encode(["x".repeat(Limits.keyBytesMax - 1)])).toBeInstanceOf(Unencodable)
    expect(tupleOf(bytesOf([deep(Limits.tupleDepthMax)]))).toEqual([deep(Limits.tupleDepthMax)])
  })

  it("is told by the writer before it is asked for the bytes", () => {
    const writer = new TupleWriter().integer(1).descending().integer(1.5).text("x")
    expect(writer.refused?.reason).toBe("not-an-integer")
    expect(writer.finish()).toBeInstanceOf(Unencodable)
    expect(writer.refused).toBeUndefined()
    expect(writer.begin().end().finish()).toEqual(bytesOf([[]]))
  })

  it("is a defect of the caller where the order of calls is", () => {
    expect(() => new TupleWriter().end()).toThrow("has begun")
    expect(() => new TupleWriter().begin().finish()).toThrow("has ended")
    expect(() => new TupleWriter().descending().descending()).toThrow("descending once")
    expect(() => new TupleWriter().descending().finish()).toThrow("has ended")
  })
})

describe("bytes that are no tuple's", () => {
  /** What `decode` takes is what `encode` writes; everything else has a place. */
  const isJudged = (bytes: Uint8Array): boolean => {
    const decoded = Tuple.decode(bytes)
    if (decoded instanceof Malformed) return decoded.offsetBytes >= 0 && decoded.offsetBytes < bytes.length
    return Keys.compare(bytesOf(decoded), bytes) === 0
  }

  it("are refused with their place, and no other bytes are taken", () => {
    expect(isJudged(new Uint8Array(0))).toBe(true)
    fc.assert(fc.property(fc.uint8Array({ maxLength: 30 }), isJudged), { numRuns: 3_000 })
    const first = fc.constantFrom(0x08, 0x10, 0x59, 0x5c, 0x5d, 0x60, 0x68, 0x6c, 0x70, 0x97, 0x93, 0x8f, 0xa2)
    const nearly = fc.tuple(first, fc.uint8Array({ maxLength: 20 })).map(([code, rest]) => Uint8Array.of(code, ...rest))
    fc.assert(fc.property(nearly, isJudged), { numRuns: 3_000 })
  })

  it("are found after one changed byte of a tuple's, or are another tuple's", () => {
    fc.assert(
      fc.property(tuple, fc.nat(), fc.integer({ min: 1, max: 255 }), (given, place, change) => {
        const bytes = bytesOf([...given, "end"])
        bytes[place % bytes.length] ^= change
        expect(isJudged(bytes)).toBe(true)
      }),
      { numRuns: 2_000 }
    )
  })

  it.each([
    ["00", 0, "no element begins"],
    ["ff", 0, "no element begins"],
    ["117f", 1, "no element begins"],
    ["1151", 1, "end within"],
    ["5111", 0, "small integer"],
    ["513f", 0, "small integer"],
    ["520041", 0, "more bytes than it needs"],
    ["10ff", 0, "more bytes than it needs"],
    ["5908ffffffffffffffff", 0, "own code"],
    [`5909${"00".repeat(9)}`, 0, "more bytes than it needs"],
    ["5d8000", 0, "end within"],
    ["5dfff8000000000001", 0, "NaN"],
    ["5d0007ffffffffffff", 0, "NaN"],
    ["5cffc00001", 0, "NaN"],
    ["6861", 0, "end within"],
    ["6801", 0, "end within"],
    ["6861010300", 3, "escape"],
    ["68c08000", 0, "not UTF-8"],
    ["68eda08000", 0, "not UTF-8"],
    ["1168ff00", 1, "not UTF-8"],
    ["7011", 0, "end within"],
    ["64000102", 0, "end within"],
    ["70".repeat(17), 16, "at most 16 deep"]
  ])("are refused with place and reason: %s", (hex, offsetBytes, reason) => {
    const failure = Tuple.decode(Hex.bytesOf(hex))
    expect(failure).toMatchObject({ _tag: "Malformed", offsetBytes, message: expect.stringContaining(reason) })
  })

  it("are told apart from what stands around them", () => {
    const bytes = Uint8Array.from([0xff, ...bytesOf(["a", 1]), 0xff])
    expect(Tuple.decode(bytes, 1, bytes.length - 1)).toEqual(["a", 1])
    expect(Tuple.decode(bytes, 1)).toMatchObject({ offsetBytes: bytes.length - 1 })
    const endless = new Uint8Array(Limits.keyBytesMax + 1).fill(0x11)
    expect(Tuple.decode(endless)).toMatchObject({ offsetBytes: 0, message: expect.stringContaining("longer") })
    expect(Tuple.decode(endless, 1)).toHaveLength(Limits.keyBytesMax)
  })
})

describe("the successor of bytes", () => {
  const last = fc.integer({ min: 0, max: 254 })
  const ends = fc.nat(2).map((length) => new Uint8Array(length).fill(0xff))

  it("is above all that they begin, and nothing else is between", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3 }),
        last,
        ends,
        fc.uint8Array({ maxLength: 3 }),
        (first, byte, end, rest) => {
          const bytes = Uint8Array.from([...first, byte, ...end])
          const next = Tuple.successor(bytes)!
          expect(Keys.compare(Uint8Array.from([...bytes, ...rest]), next)).toBeLessThan(0)
          // One that begins with something lower than the successor, as high as can be, is among what the bytes begin.
          const before = Uint8Array.from([...next.slice(0, -1), next[next.length - 1] - 1, ...end, 0xff, 0xff, 0xff])
          expect(before.slice(0, bytes.length)).toEqual(bytes)
        }
      )
    )
  })

  it("is missing where they are all ff", () => {
    for (const bytes of [new Uint8Array(0), Uint8Array.of(255), Uint8Array.of(255, 255)]) {
      expect(Tuple.successor(bytes)).toBeUndefined()
      expect(Tuple.rangeOfPrefix(bytes)).toEqual({ from: bytes })
    }
    expect(Tuple.rangeOfPrefix(Uint8Array.of(1, 255))).toEqual({ from: Uint8Array.of(1, 255), to: Uint8Array.of(2) })
    expect(rangeOf([])).toEqual({ from: new Uint8Array(0) })
  })
})
