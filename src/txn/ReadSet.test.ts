/** What is kept of a transaction's reads and writes, against the plainest way of keeping it. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Keys from "#storage/Keys.ts"
import { KeyMap } from "./KeyMap.ts"
import * as Overlay from "./Overlay.ts"
import { ReadSet } from "./ReadSet.ts"
import { type Savepoint, WriteBuffer } from "./WriteBuffer.ts"

const key = (number: number): Uint8Array => Uint8Array.of(number >>> 8, number)
const number = (bytes: Uint8Array): number => bytes[0] * 256 + bytes[1]

describe("an ordered map", () => {
  it("does what a sorted list does, over many pieces", () => {
    const step = fc.tuple(fc.constantFrom("set", "set", "set", "delete"), fc.nat(2_000))
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 3_000, size: "max" }),
        fc.nat(2_000),
        fc.nat(2_000),
        (steps, from, to) => {
          const map = new KeyMap<number>()
          const model = new Map<number, number>()
          for (const [at, [what, one]] of steps.entries()) {
            if (what === "set") {
              map.set(key(one), at)
              model.set(one, at)
            } else {
              map.delete(key(one))
              model.delete(one)
            }
          }
          const sorted = [...model].sort(([left], [right]) => left - right)
          expect(map.size).toBe(sorted.length)
          expect(map.keys().map(number)).toEqual(sorted.map(([each]) => each))
          const seen = Array.from(map.entries(key(from), key(to)), (entry) => [number(entry.key), entry.value])
          expect(seen).toEqual(sorted.filter(([each]) => from <= each && each < to))
          const below = map.floor(key(from))
          expect(below === undefined ? undefined : number(below.key)).toBe(
            sorted.findLast(([each]) => each <= from)?.[0]
          )
          expect(map.get(key(to))).toBe(model.get(to))
        }
      ),
      { numRuns: 60 }
    )
  })
})

describe("what was read", () => {
  const read = fc.oneof(
    fc.record({ from: fc.nat(600), length: fc.constant(0) }),
    fc.record({ from: fc.nat(600), length: fc.nat({ max: 40 }) })
  )

  const fill = (reads: ReadonlyArray<{ readonly from: number; readonly length: number }>, sizeBytesMax: number) => {
    const set = new ReadSet(sizeBytesMax)
    const model = new Set<number>()
    for (const { from, length } of reads) {
      if (length === 0) set.addKey(key(from))
      else set.addSpan({ from: key(from), to: key(from + length) })
      for (let each = from; each < from + Math.max(1, length); each++) model.add(each)
    }
    return { set, model }
  }

  it("is told exactly, while there is room, in spans that neither overlap nor touch", () => {
    fc.assert(
      fc.property(fc.array(read, { maxLength: 60 }), (reads) => {
        const { model, set } = fill(reads, 1_000_000)
        for (let each = 0; each < 700; each++) expect([each, set.has(key(each))]).toEqual([each, model.has(each)])
        const { keys, spans } = set.since(7)
        const points = keys.map(number)
        expect(new Set(points).size).toBe(points.length)
        for (const [at, { from }] of spans.slice(1).entries()) {
          expect(Keys.compare(spans[at].to, from)).toBeLessThan(0)
        }
        for (const point of points) {
          expect(spans.some(({ from, to }) => number(from) <= point && point < number(to))).toBe(false)
        }
      })
    )
  })

  it("covers what was read, in bounded room, when there is much of it", () => {
    fc.assert(
      fc.property(
        fc.array(read, { maxLength: 200, size: "max" }),
        fc.integer({ min: 200, max: 2_000 }),
        (reads, sizeBytesMax) => {
          const { model, set } = fill(reads, sizeBytesMax)
          for (const each of model) expect(set.has(key(each))).toBe(true)
          const { keys, spans } = set.since(7)
          expect(32 * (keys.length + spans.length)).toBeLessThanOrEqual(sizeBytesMax)
        }
      )
    )
  })

  it("closes gaps between keys that have much in common first", () => {
    const set = new ReadSet(12 * 36)
    for (const space of [1, 2, 3]) for (let each = 0; each < 4; each++) set.addKey(Uint8Array.of(space, 0, 0, each))
    set.addKey(Uint8Array.of(3, 0, 0, 9))
    for (const space of [1, 2]) expect(set.has(Uint8Array.of(space, 9))).toBe(false)
    expect(set.since(0).spans.length).toBeGreaterThan(1)
  })
})

describe("what was written", () => {
  const step = fc.oneof(
    fc.record({
      type: fc.constant("put" as const),
      key: fc.nat(30),
      value: fc.option(fc.nat(255), { nil: undefined })
    }),
    fc.record({ type: fc.constant("savepoint" as const) }),
    fc.record({ type: fc.constant("rollback" as const), to: fc.nat(5) })
  )

  it("is what a map has, and after going back what it had at the savepoint", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const buffer = new WriteBuffer()
        let model = new Map<number, number | undefined>()
        // Whether each rollback was answered as it has to be.
        const answers: Array<boolean> = []
        const saved: Array<{ readonly savepoint: Savepoint; readonly model: ReadonlyMap<number, number | undefined> }> =
          []
        for (const each of steps) {
          if (each.type === "put") {
            const value = each.value === undefined ? undefined : Uint8Array.of(each.value)
            buffer.put({ key: key(each.key), value })
            model.set(each.key, each.value)
          } else if (each.type === "savepoint") {
            saved.push({ savepoint: buffer.savepoint(), model: new Map(model) })
          } else if (saved.length > 0) {
            const at = each.to % saved.length
            const gone = saved.splice(at + 1)
            answers.push(buffer.rollbackTo(saved[at].savepoint))
            answers.push(...gone.map(({ savepoint }) => !buffer.rollbackTo(savepoint)))
            model = new Map(saved[at].model)
          }
        }
        const sorted = [...model].sort(([left], [right]) => left - right)
        expect(buffer.mutations().map((write) => [number(write.key), write.value?.[0]])).toEqual(sorted)
        expect(buffer.keysBytes).toBe(2 * sorted.length)
        const plain = new WriteBuffer()
        for (const write of buffer.mutations()) plain.put(write)
        expect(buffer.sizeBytes - plain.sizeBytes >= 0).toBe(true)
        expect(saved.length > 0 || buffer.sizeBytes === plain.sizeBytes).toBe(true)
        expect(answers).not.toContain(false)
      })
    )
  })
})

describe("own writes on top of a scan", () => {
  it("give what one map of both gives, in both directions", () => {
    const writes = fc.dictionary(fc.nat(40).map(String), fc.option(fc.nat(255), { nil: undefined }))
    fc.assert(
      fc.property(fc.dictionary(fc.nat(40).map(String), fc.nat(255)), writes, fc.boolean(), (there, own, reverse) => {
        const sorted = <A>(record: Record<string, A>) =>
          Object.entries(record)
            .map(([each, value]) => [Number(each), value] as const)
            .sort(([left], [right]) => left - right)
        const entries = sorted(there).map(([each, value]) => ({ key: key(each), value: Uint8Array.of(value) }))
        const mutations = sorted(own).map(([each, value]) => ({
          key: key(each),
          value: value === undefined ? undefined : Uint8Array.of(value)
        }))
        const merged = sorted({ ...there, ...own }).filter(([, value]) => value !== undefined)
        const laid = Overlay.lay(reverse ? entries.toReversed() : entries, mutations, reverse)
        const expected = reverse ? merged.toReversed() : merged
        expect(laid.map((entry) => [number(entry.key), entry.value[0]])).toEqual(expected.map((pair) => [...pair]))
      })
    )
  })
})
