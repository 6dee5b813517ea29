import { readFileSync, writeFileSync } from "node:fs"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Hex from "#base/Hex.ts"
import * as Keys from "#storage/Keys.ts"
import * as Descriptor from "./Descriptor.ts"
import type { Span } from "./Request.ts"
import * as Spaces from "./Spaces.ts"
import * as SpacesRedis from "./SpacesRedis.ts"
import * as Tuple from "./Tuple.ts"
import { Unencodable } from "./TupleError.ts"
import * as TupleText from "./TupleText.ts"

const encoder = new TextEncoder()
const bytesOf = (text: string): Uint8Array => encoder.encode(text)

const found = <A>(value: A | Unencodable): A => {
  if (value instanceof Unencodable) throw value
  return value
}

const isIn = ({ from, to }: Span, key: Uint8Array): boolean => Keys.compare(key, from) >= 0 && Keys.compare(key, to) < 0

const all: ReadonlyArray<Spaces.Space> = ["system", ...Spaces.modelSpaces]
const redisKeys = ["", "foo", "{user1000}.following", "{user1000}.followers", "\0\u0001{}", "123456789"]

describe("the spaces", () => {
  /** `UPDATE=1` writes the file anew: only ever to add to it. */
  it("are in version 1 where the golden file has them", () => {
    const golden = new URL("testdata/spaces-1.txt", import.meta.url)
    const lines = [
      ...all.map((space) => {
        const { from, to } = Spaces.spanOf(space)
        return `${space} [${Hex.of(from)}, ${Hex.of(to)})`
      }),
      `sql ("accounts", 7) ${Hex.of(found(Spaces.keyOf("sql", ["accounts", 7])))}`,
      `raw 00ff ${Hex.of(Spaces.rawKeyOf(Uint8Array.of(0, 255)))}`,
      ...redisKeys.map((key, index) => {
        const [bytes, database] = [bytesOf(key), index * 3]
        return `redis ${database} ${JSON.stringify(key)} ${Hex.of(found(SpacesRedis.keyOf(database, bytes)))}`
      })
    ]
    const text = `${lines.join("\n")}\n`
    if (process.env["UPDATE"] === "1") writeFileSync(golden, text)
    expect(text).toBe(readFileSync(golden, "utf8"))
  })

  it("do not overlap, and none is the beginning of another", () => {
    const spans = all.map(Spaces.spanOf).sort((a, b) => Keys.compare(a.from, b.from))
    for (const { from, to } of spans) expect(Keys.compare(from, to)).toBeLessThan(0)
    for (const [index, { from }] of spans.slice(1).entries()) {
      expect(Keys.compare(spans[index].to, from)).toBeLessThanOrEqual(0)
    }
    expect(Keys.compare(spans[spans.length - 1].to, Descriptor.end)).toBeLessThanOrEqual(0)
    const prefixes = Spaces.modelSpaces.map((space) => Hex.of(Spaces.prefixOf(space)))
    for (const prefix of prefixes) expect(prefixes.filter((each) => each.startsWith(prefix))).toEqual([prefix])
  })

  it("have every key whose first byte is theirs, and the rest of the bytes are nobody's", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5 }), (key) => {
        const owners = all.filter((space) => isIn(Spaces.spanOf(space), key))
        expect(owners).toEqual([Spaces.spaceOf(key)].filter((space) => space !== undefined))
      }),
      { numRuns: 1_000 }
    )
    expect(Spaces.spaceOf(Descriptor.end)).toBeUndefined()
  })

  it("have their tuples' keys, and ranges of them", () => {
    const tuple = ["accounts", Tuple.descending(7)]
    for (const space of Spaces.modelSpaces) {
      const key = found(Spaces.keyOf(space, [...tuple, 3]))
      expect(Spaces.spaceOf(key)).toBe(space)
      expect(Tuple.decode(key, Spaces.prefixOf(space).length)).toEqual([...tuple, 3])
      expect(isIn(found(Spaces.rangeOf(space, tuple)), key)).toBe(true)
      expect(isIn(found(Spaces.rangeOf(space, ["account"])), key)).toBe(false)
      expect(found(Spaces.rangeOf(space, []))).toEqual(Spaces.spanOf(space))
    }
    expect(Spaces.rangeOf("sql", ["\ud800"])).toBeInstanceOf(Unencodable)
    expect(Spaces.spaceOf(Spaces.rawKeyOf(Uint8Array.of(0)))).toBe("raw")
  })
})

describe("a key in words", () => {
  it("has its space, and its tuple where it is one", () => {
    expect(TupleText.textOfKey(found(Spaces.keyOf("sql", ['a"\n', 7])))).toBe('sql ("a\\u{22}\\u{a}", 7)')
    expect(TupleText.textOfKey(Uint8Array.of(0x21, 0xff))).toBe("sql ff")
    expect(TupleText.textOfKey(Uint8Array.of(0x21))).toBe("sql ()")
    expect(TupleText.textOfKey(Spaces.rawKeyOf(Uint8Array.of(1, 2)))).toBe("raw 0102")
    expect(TupleText.textOfKey(Uint8Array.of(3, 4))).toBe("system 0304")
    expect(TupleText.textOfKey(Uint8Array.of(0xff))).toBe("ff")
  })
})

describe("slots of Redis Cluster", () => {
  /** From the specification, its command reference and the documents of clients. */
  it.each([
    ["123456789", 0x31c3],
    ["somekey", 11_058],
    ["foo{hash_tag}", 2_515],
    ["bar{hash_tag}", 2_515],
    ["foo", 12_182],
    ["bar", 5_061],
    ["hello", 866],
    ["", 0]
  ])("are those that Redis tells: %s", (key, slot) => {
    expect(SpacesRedis.slotOf(bytesOf(key))).toBe(slot)
  })

  it.each([
    ["{user1000}.following", "user1000"],
    ["foo{}{bar}", undefined],
    ["foo{{bar}}zap", "{bar"],
    ["foo{bar}{zap}", "bar"],
    ["foo{bar", undefined],
    ["foo}bar{", undefined],
    ["}{a}", "a"],
    ["{}", undefined]
  ])("come from the hash tag where there is one: %s", (key, tag) => {
    const hashed = bytesOf(tag ?? key)
    expect(SpacesRedis.slotOf(bytesOf(key))).toBe(SpacesRedis.crc16(hashed) % SpacesRedis.slots)
  })

  it("are one span each, in their order, with all databases", () => {
    const key = fc.oneof(fc.string({ maxLength: 6 }).map(bytesOf), fc.uint8Array({ maxLength: 6 }))
    fc.assert(
      fc.property(key, fc.nat(SpacesRedis.databases - 1), fc.nat(SpacesRedis.slots - 1), (name, database, other) => {
        const slot = SpacesRedis.slotOf(name)
        const placed = found(SpacesRedis.keyOf(database, name))
        const [first, last] = [Math.min(slot, other), Math.max(slot, other)]
        expect(isIn(SpacesRedis.spanOfSlots({ first: slot, last: slot }), placed)).toBe(true)
        expect(isIn(SpacesRedis.spanOfSlots({ first, last }), placed)).toBe(true)
        expect(isIn(SpacesRedis.spanOfSlots({ first: other, last: other }), placed)).toBe(slot === other)
        expect(Tuple.decode(placed, 1)).toEqual([slot, database, name])
      })
    )
    const spans = Array.from({ length: SpacesRedis.slots }, (_, slot) =>
      SpacesRedis.spanOfSlots({ first: slot, last: slot })
    )
    const gaps = spans.filter(({ from }, slot) => slot > 0 && Keys.compare(spans[slot - 1].to, from) > 0)
    expect(gaps).toEqual([])
    const { from, to } = SpacesRedis.spanOfSlots({ first: 0, last: SpacesRedis.slots - 1 })
    expect(isIn(Spaces.spanOf("redis"), from) && Keys.compare(to, Spaces.spanOf("redis").to) <= 0).toBe(true)
  })

  it("take a key whole or refuse it", () => {
    expect(SpacesRedis.keyOf(0, new Uint8Array(10_000))).toMatchObject({ reason: "too-large" })
    expect(() => SpacesRedis.keyOf(16, bytesOf("foo"))).toThrow("databases are 0 to 15")
    expect(() => SpacesRedis.spanOfSlots({ first: 3, last: 2 })).toThrow("slots are")
  })
})
