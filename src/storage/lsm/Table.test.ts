/** Tables: built, found through filter and index, compressed or not; and no byte of one changes unseen. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Keys from "../Keys.ts"
import * as Bloom from "./Bloom.ts"
import * as Compression from "./Compression.ts"
import { readMeta } from "./TableFormat.ts"
import * as Bytes from "#base/Bytes.ts"
import * as TableFormat from "./TableFormat.ts"
import { IndexWriter, separator, TableIndex } from "./TableIndex.ts"
import * as TableHead from "./TableHead.ts"
import * as TestTables from "./TestTables.ts"

const encoder = new TextEncoder()
const bytesOf = (text: string): Uint8Array => encoder.encode(text)

const tuning: TestTables.Tuning = { blockBytes: 64, restartInterval: 4, bloomBitsPerKey: 10, compression: "none" }
const compressed: TestTables.Tuning = { ...tuning, blockBytes: 600, compression: "lz4" }

const entries = Array.from({ length: 60 }, (_, index): TestTables.Entry => ({
  key: bytesOf(`accounts/${String(index >> 1).padStart(3, "0")}`),
  sequence: 500 - index,
  value: index % 7 === 3 ? undefined : bytesOf(`balance ${index} ${"of nobody ".repeat(index % 5)}`)
}))

const ranges = [
  { from: bytesOf("a"), to: bytesOf("accounts/004"), sequences: [400, 12] },
  { from: bytesOf("c"), to: bytesOf("d"), sequences: [7] }
]

describe.each([
  ["plain", tuning],
  ["compressed", compressed]
])("a %s table", (_, tuning) => {
  const table = TestTables.build(tuning, 7, entries, ranges)

  it("gives back its entries and range deletes", () => {
    expect(TestTables.entriesOf(table)).toEqual(entries)
    expect(TestTables.rangesOf(table)).toEqual(ranges)
  })

  it("knows what is in it, and says so in its properties too", () => {
    const { meta } = table
    expect(meta).toMatchObject({
      number: 7,
      sizeBytes: table.bytes.length,
      from: bytesOf("a"),
      to: bytesOf("d"),
      sequenceMin: 7,
      sequenceMax: 500,
      entries: 60,
      deletes: entries.filter(({ value }) => value === undefined).length,
      olderVersions: 30,
      rangeDeletes: 2
    })
    const footerAt = table.bytes.length - TableFormat.footerBytes
    const footer = TableFormat.readFooter(table.bytes.subarray(footerAt), 7, table.bytes.length)
    if (typeof footer === "string") throw new Error(footer)
    const at = footerAt - footer.propertiesBytes
    const properties = TableFormat.unseal(table.bytes.subarray(at, footerAt), 7, at)
    expect(readMeta(new Bytes.Reader(properties!))).toEqual({ ...meta, sizeBytes: 0 })
  })

  it("does not read with any byte changed, or under another number", () => {
    const index = (TestTables.headOf(table) as TableHead.TableHead).index
    const reads = (bytes: Uint8Array, number: number): boolean => {
      const meta = { ...table.meta, number }
      const footerAt = bytes.length - TableFormat.footerBytes
      const footer = TableFormat.readFooter(bytes.subarray(footerAt), number, bytes.length)
      if (typeof footer === "string" || typeof TestTables.headOf({ meta, bytes }) === "number") return false
      const propertiesAt = footerAt - footer.propertiesBytes
      if (TableFormat.unseal(bytes.subarray(propertiesAt, footerAt), number, propertiesAt) === undefined) return false
      for (let block = 0; block < index.count; block++) {
        const stored = bytes.subarray(index.offset(block), index.offset(block + 1))
        if (TableFormat.unsealEntries(stored, number, index.offset(block)) === undefined) return false
      }
      return true
    }
    expect(reads(table.bytes, 7)).toBe(true)
    expect(reads(table.bytes, 8)).toBe(false)
    for (let at = 0; at < table.bytes.length; at++) {
      const damaged = table.bytes.with(at, table.bytes[at] ^ (1 << (at % 8)))
      expect([at, reads(damaged, 7)]).toEqual([at, false])
    }
  })

  it("does not take a block for its neighbour", () => {
    const { index } = TestTables.headOf(table) as TableHead.TableHead
    const stored = table.bytes.subarray(index.offset(0), index.offset(1))
    expect(TableFormat.unseal(stored, 7, index.offset(0))).toBeDefined()
    expect(TableFormat.unseal(stored, 7, index.offset(1))).toBeUndefined()
  })
})

describe("compression", () => {
  it("gives back what it shrinks, and leaves what it does not, the same for the same bytes", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 3_000 }),
      fc
        .array(fc.constantFrom("a", "bcd", "the same again "), { maxLength: 900 })
        .map((words) => bytesOf(words.join("")))
    )
    fc.assert(
      fc.property(bytes, fc.nat(20), (bytes, from) => {
        const padded = Uint8Array.from([...new Uint8Array(from).fill(9), ...bytes, 1, 2, 3])
        const first = Compression.compress(padded, from, from + bytes.length)?.slice()
        expect(Compression.compress(padded, from, from + bytes.length)?.slice()).toEqual(first)
        if (first === undefined) return
        expect(first.length).toBeLessThan(bytes.length)
        expect(Compression.decompress(first)).toEqual(bytes)
      })
    )
    expect(Compression.compress(bytesOf("a".repeat(500)), 0, 500)).toBeDefined()
  })

  it("refuses bytes that are too short or claim too much", () => {
    expect(Compression.decompress(Uint8Array.from([1, 2]))).toBeUndefined()
    expect(Compression.decompress(Uint8Array.from([255, 255, 255, 255, 0]))).toBeUndefined()
  })
})

describe("a filter", () => {
  const keyOf = (index: number): Uint8Array => bytesOf(`key ${index * 7_919}`)
  const hashes = (from: number, count: number): Uint32Array =>
    Uint32Array.from({ length: count }, (_, index) => {
      const key = keyOf(from + index)
      return Bloom.hash(key, 0, key.length)
    })

  it.each([1, 5, 10, 20])("of %i bits a key has every key that was built into it", (bits) => {
    const filter = Bloom.build(hashes(0, 5_000), 5_000, bits)
    expect(Bloom.isValid(filter)).toBe(true)
    expect(hashes(0, 5_000).every((hash) => Bloom.mayContain(filter, hash))).toBe(true)
  })

  it("of 10 bits a key takes less than two in a hundred absent keys for present ones", () => {
    const filter = Bloom.build(hashes(0, 20_000), 20_000, 10)
    const taken = hashes(1_000_000, 20_000).filter((hash) => Bloom.mayContain(filter, hash)).length
    expect(taken).toBeLessThan(400)
    expect(taken).toBeGreaterThan(0)
  })

  it("of no bits has everything", () => {
    const filter = Bloom.build(hashes(0, 10), 10, 0)
    expect(Bloom.isValid(filter)).toBe(true)
    expect(Bloom.mayContain(filter, 12_345)).toBe(true)
  })

  it("hashes a stretch as it hashes the key alone", () => {
    const padded = bytesOf("xxkey 1yy")
    expect(Bloom.hash(padded, 2, 7)).toBe(Bloom.hash(bytesOf("key 1"), 0, 5))
  })
})

describe("an index", () => {
  const key = fc.array(fc.constantFrom(0, 1, 254, 255), { maxLength: 8 }).map((bytes) => Uint8Array.from(bytes))

  it("separates keys by one that is not below the lower and below the higher, and not longer than the lower", () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        if (Keys.compare(a, b) === 0) return
        const [low, high] = Keys.compare(a, b) < 0 ? [a, b] : [b, a]
        const between = separator(low, high)
        expect(Keys.compare(low, between)).toBeLessThanOrEqual(0)
        expect(Keys.compare(between, high)).toBeLessThan(0)
        expect(between.length).toBeLessThanOrEqual(low.length)
      })
    )
  })

  it("leads to the first block whose key is not below what is looked for", () => {
    const keys = fc
      .uniqueArray(key, { minLength: 1, maxLength: 30, comparator: (a, b) => Keys.compare(a, b) === 0 })
      .map((keys) => keys.sort(Keys.compare))
    const prefix = fc.uint8Array({ maxLength: 9 })
    fc.assert(
      fc.property(keys, key, prefix, fc.boolean(), (keys, other, prefix, isPrefixed) => {
        const prefixed = keys.map((key) => Uint8Array.from([...prefix, ...key]))
        const looked = isPrefixed ? Uint8Array.from([...prefix, ...other]) : other
        const writer = new IndexWriter()
        prefixed.forEach((key, block) => writer.add(key, 10 + block))
        const total = prefixed.reduce((sum, _, block) => sum + 10 + block, 0)
        const index = TableIndex.decode(Bytes.copy(writer.finish()), total)!
        const place = prefixed.findIndex((key) => Keys.compare(key, looked) >= 0)
        expect(index.find(looked, 0, looked.length)).toBe(place < 0 ? prefixed.length : place)
        expect(index.offset(index.count)).toBe(total)
        prefixed.forEach((key, block) => expect(index.endsWith(block, key, 0, key.length)).toBe(true))
      })
    )
  })

  it("does not read with blocks that do not add up to the data", () => {
    const writer = new IndexWriter()
    writer.add(bytesOf("a"), 10)
    const bytes = Bytes.copy(writer.finish())
    expect(TableIndex.decode(bytes, 10)).toBeDefined()
    expect(TableIndex.decode(bytes, 11)).toBeUndefined()
    expect(TableIndex.decode(bytes.subarray(0, bytes.length - 1), 10)).toBeUndefined()
  })
})
