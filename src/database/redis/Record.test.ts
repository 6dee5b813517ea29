import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Latin1 from "#base/Latin1.ts"
import type { Mutation } from "#keyspace/Request.ts"
import * as Places from "./Places.ts"
import * as Record from "./Record.ts"
import * as Stored from "./Stored.ts"

const text = fc.oneof(
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
  fc.constantFrom("x".repeat(127), "y".repeat(128), "\xff".repeat(20_000))
)
const element = fc.record({ sub: text, content: fc.option(text, { nil: undefined }) })
const key = fc.record({
  database: fc.nat(15),
  name: text,
  generation: fc.constantFrom(0, 1, 2 ** 40),
  elements: fc.array(element, { maxLength: 3 }),
  head: fc.option(
    fc.record({
      type: fc.nat(5),
      expiresAt: fc.constantFrom(0, 1_700_000_000_123),
      isInline: fc.boolean(),
      head: text
    }),
    { nil: undefined }
  )
})

describe("the changes of a record", () => {
  it("are those that were put in, as they lie in the keyspace", () => {
    fc.assert(
      fc.property(fc.array(key, { maxLength: 8 }), fc.boolean(), (keys, hasDatabases) => {
        const builder = new Record.Builder()
        const expected: Array<Mutation> = []
        for (const { database, elements, generation, head, name } of keys) {
          builder.key(database, name)
          if (elements.length > 0) builder.elements(generation)
          for (const { content, sub } of elements) {
            if (content === undefined) builder.remove(sub)
            else builder.put(sub, content)
            const value = content === undefined ? undefined : Stored.encodeElement(sub, content)
            expected.push({ key: Stored.elementKey(Stored.elementsOf(database, name, generation), sub), value })
          }
          if (head === undefined) builder.gone()
          else builder.head(head.type, head.expiresAt, generation, head.isInline, head.head)
          const value =
            head === undefined
              ? undefined
              : Stored.encodeHead(name, { ...head, type: Stored.types[head.type], generation })
          expected.push({ key: Stored.keyOf(database, name), value })
        }
        if (hasDatabases) {
          builder.databases([1, 0, 255])
          expected.push({ key: Places.databasesKey, value: Uint8Array.of(1, 0, 255) })
        }
        const record = builder.finish()
        expect(record === undefined).toBe(expected.length === 0)
        const found: Array<Mutation> = []
        const idsByKey = new Map<string, string>()
        const cursor = new Record.Cursor(record ?? Uint8Array.of(2))
        while (cursor.next()) {
          found.push(cursor.mutation)
          idsByKey.set(Latin1.decode(cursor.mutation.key), cursor.id)
        }
        expect(found).toEqual(expected)
        expect(new Set(idsByKey.values()).size).toBe(idsByKey.size)
      })
    )
  })

  it("are refused where their form is not known", () => {
    expect(() => new Record.Cursor(Uint8Array.of(1, 0))).toThrow("form of a record")
  })
})

const recordOf = (value: string): Uint8Array => Latin1.encode(value)

/** What is collected of pieces of ten bytes each. */
const collected = (pieces: ReadonlyArray<readonly [number: number, piece: number, bytes: Uint8Array]>) => {
  const found: Array<readonly [number, string | undefined]> = []
  const collecting = new Record.Collecting((number, record) =>
    found.push([number, record === undefined ? undefined : Latin1.decode(record)])
  )
  for (const [number, piece, bytes] of pieces)
    collecting.take(number, piece, bytes.subarray(piece * 10, piece * 10 + 10))
  collecting.finish()
  return found
}

describe("a record", () => {
  it("is put together from its pieces", () => {
    const [one, two] = [recordOf("a text of some length of more"), recordOf("bcdefghijklm")]
    expect(
      collected([
        [4, 0, one],
        [4, 1, one],
        [4, 2, one],
        [5, 0, two],
        [5, 1, two]
      ])
    ).toEqual([
      [4, "a text of some length of more"],
      [5, "bcdefghijklm"]
    ])
  })

  it("whose first piece is not there does not count, and keeps its number", () => {
    const [one, two] = [recordOf("half of it is deleted already"), recordOf("was never stored to its end")]
    expect(
      collected([
        [4, 1, one],
        [4, 2, one],
        [5, 1, two]
      ])
    ).toEqual([
      [4, undefined],
      [5, undefined]
    ])
  })
})
