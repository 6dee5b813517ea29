/** BlockWriter and BlockCursor: a block reads as it was written, from either end and from any key. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Keys from "../Keys.ts"
import { absent, behind, BlockCursor, found, isWhole } from "./BlockCursor.ts"
import { BlockWriter } from "./BlockWriter.ts"
import type { Entry } from "./TestTables.ts"

const order = (a: Entry, b: Entry): number => Keys.compare(a.key, b.key) || b.sequence - a.sequence

/** Keys of few letters: many share beginnings, many have several versions. */
const key = fc.array(fc.constantFrom(0, 1, 97, 255), { maxLength: 6 }).map((bytes) => Uint8Array.from(bytes))
const sequence = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.constantFrom(2_097_151, 4_294_967_296, 9_007_199_254_740_991)
)
const value = fc.option(fc.uint8Array({ maxLength: 200 }), { nil: undefined })

const entriesIn = fc
  .uniqueArray(fc.record({ key, sequence, value }), {
    minLength: 1,
    maxLength: 40,
    comparator: (a, b) => order(a, b) === 0
  })
  .map((entries) => entries.sort(order))

const interval = fc.constantFrom(1, 2, 3, 16, Infinity)

const write = (entries: ReadonlyArray<Entry>, restartInterval: number): Uint8Array => {
  const writer = new BlockWriter({ chunkBytes: 16, restartInterval })
  for (const { key, sequence, value } of entries) {
    const bytes = value ?? new Uint8Array(0)
    writer.add(key, 0, key.length, sequence, value === undefined, bytes, 0, bytes.length)
  }
  writer.endBlock()
  writer.seal()
  return writer.take()
}

const opened = (block: Uint8Array): BlockCursor => {
  const cursor = new BlockCursor()
  cursor.open(block)
  return cursor
}

const current = (cursor: BlockCursor): Entry => ({
  key: cursor.key.slice(0, cursor.keyLength),
  sequence: cursor.sequence,
  value: cursor.isDelete ? undefined : cursor.block.slice(cursor.valueFrom, cursor.valueTo)
})

describe("a block", () => {
  it("gives its entries forward and back as they were put in", () => {
    fc.assert(
      fc.property(entriesIn, interval, (entries, restartInterval) => {
        const block = write(entries, restartInterval)
        expect(isWhole(block)).toBe(true)
        const cursor = opened(block)
        const forward: Array<Entry> = []
        while (cursor.next()) forward.push(current(cursor))
        expect(forward).toEqual(entries)
        const back: Array<Entry> = []
        while (cursor.previous()) back.push(current(cursor))
        expect(back).toEqual(entries.toReversed())
      })
    )
  })

  it("is walked to and fro", () => {
    const steps = fc.array(fc.boolean(), { maxLength: 120 })
    fc.assert(
      fc.property(entriesIn, interval, steps, (entries, restartInterval, steps) => {
        const cursor = opened(write(entries, restartInterval))
        let place = -1
        for (const isForward of steps) {
          const moved = isForward ? cursor.next() : cursor.previous()
          // Nothing is before the first entry, and there it stays.
          const isStuck = !isForward && place <= 0
          const wanted = place + (isForward ? 1 : -1)
          expect(moved ? current(cursor) : undefined).toEqual(isStuck ? undefined : entries[wanted])
          if (!isStuck) place = Math.min(wanted, entries.length)
        }
      })
    )
  })

  it("is entered at the first entry that is not before a version of a key", () => {
    fc.assert(
      fc.property(entriesIn, interval, key, sequence, (entries, restartInterval, key, sequence) => {
        const cursor = opened(write(entries, restartInterval))
        const place = entries.findIndex((entry) => order(entry, { key, sequence, value: undefined }) >= 0)
        const entered = cursor.seek(key, 0, key.length, sequence) ? current(cursor) : undefined
        expect(entered).toEqual(entries[place])
        const before = cursor.previous() ? current(cursor) : undefined
        expect(before).toEqual(entries[place < 0 ? entries.length - 1 : place - 1])
      })
    )
  })

  it("finds the newest version of a key at or below a sequence number, without putting keys together", () => {
    fc.assert(
      fc.property(
        entriesIn,
        interval,
        fc.nat(),
        sequence,
        fc.option(key),
        (entries, restartInterval, pick, at, other) => {
          const key = other ?? entries[pick % entries.length].key
          const padded = Uint8Array.from([7, ...key, 7])
          const cursor = opened(write(entries, restartInterval))
          const where = cursor.find(padded, 1, padded.length - 1, at)
          const expected = entries.find((entry) => Keys.compare(entry.key, key) === 0 && entry.sequence <= at)
          const isBehind = entries.every((entry) => order(entry, { key, sequence: at, value: undefined }) < 0)
          expect(where).toBe(expected !== undefined ? found : isBehind ? behind : absent)
          if (expected === undefined) return
          expect(cursor.sequence).toBe(expected.sequence)
          expect(cursor.isDelete).toBe(expected.value === undefined)
          expect(cursor.block.slice(cursor.valueFrom, cursor.valueTo)).toEqual(expected.value ?? new Uint8Array(0))
        }
      )
    )
  })

  it("is told from bytes that hold no restart points", () => {
    expect(isWhole(new Uint8Array(0))).toBe(false)
    expect(isWhole(new Uint8Array(12))).toBe(false)
    expect(isWhole(Uint8Array.from([0, 0, 0, 0, 255, 255, 255, 255]))).toBe(false)
  })
})
