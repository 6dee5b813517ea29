/** Compaction: whoever may still read sees the same before and after it, and what nobody can see goes. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Keys from "../Keys.ts"
import { RangeDeletes } from "../memory/RangeDeletes.ts"
import * as TestTables from "./TestTables.ts"
import * as Version from "./Version.ts"

type Operation =
  | { readonly type: "put" | "delete"; readonly key: number }
  | { readonly type: "range"; readonly from: number; readonly to: number }

const keysMax = 12

/** Keys with prefixes of each other among them. */
const keyOf = (key: number): Uint8Array => Uint8Array.from(key % 3 === 0 ? [key] : [key, 0, key])

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant("put" as const), key: fc.nat(keysMax - 1) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("delete" as const), key: fc.nat(keysMax - 1) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("range" as const), from: fc.nat(keysMax), to: fc.nat(keysMax) })
  }
)

interface Layer {
  readonly entries: ReadonlyArray<TestTables.Entry>
  readonly ranges: ReadonlyArray<TestTables.RangeEntry>
}

/** What a store holds of operations whose sequence numbers begin at `first`. */
const layerOf = (operations: ReadonlyArray<Operation>, first: number): Layer => {
  const entries: Array<TestTables.Entry> = []
  const ranges = new RangeDeletes({ needs: () => true })
  operations.forEach((operation, index) => {
    const sequence = first + index
    if (operation.type === "range") ranges.add(keyOf(operation.from), keyOf(operation.to), sequence)
    else {
      const value = operation.type === "put" ? Uint8Array.from([sequence]) : undefined
      entries.push({ key: keyOf(operation.key), sequence, value })
    }
  })
  entries.sort((a, b) => Keys.compare(a.key, b.key) || b.sequence - a.sequence)
  const fragments: Array<TestTables.RangeEntry> = []
  ranges.forEach((from, to, sequences) => fragments.push({ from, to, sequences }))
  return { entries, ranges: fragments }
}

const isEmpty = ({ entries, ranges }: Layer): boolean => entries.length === 0 && ranges.length === 0

/** What a read at a sequence number sees of a key, in layers from the newest to the oldest. */
const visible = (layers: ReadonlyArray<Layer>, key: Uint8Array, at: number): number | undefined => {
  for (const { entries, ranges } of layers) {
    const entry = entries.find((entry) => entry.sequence <= at && Keys.compare(entry.key, key) === 0)
    const covers = ranges
      .filter(({ from, to }) => Keys.compare(from, key) <= 0 && Keys.compare(key, to) < 0)
      .flatMap(({ sequences }) => sequences.filter((sequence) => sequence <= at))
    const cover = Math.max(0, ...covers)
    if (entry !== undefined) return entry.value === undefined || cover > entry.sequence ? undefined : entry.value[0]
    if (cover > 0) return undefined
  }
  return undefined
}

const tuning = fc.record({
  blockBytes: fc.constantFrom(1, 30, 1_000),
  restartInterval: fc.constantFrom(1, 3),
  bloomBitsPerKey: fc.constant(0),
  compression: fc.constantFrom("none" as const, "lz4" as const)
})

const history = fc.record({
  operations: fc.array(operation, { minLength: 1, maxLength: 60 }),
  /** Where the operations are cut into layers, as shares. */
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
  hasBelow: fc.boolean(),
  snapshots: fc.array(fc.nat(60), { maxLength: 4 }),
  tableBytes: fc.constantFrom(1, 40, 10_000),
  readBytes: fc.constantFrom(1, 100, 10_000),
  tuning
})

const layersOf = (operations: ReadonlyArray<Operation>, cuts: ReadonlyArray<number>): ReadonlyArray<Layer> => {
  const places = [0, ...cuts.map((cut) => Math.floor(cut * operations.length)), operations.length].sort((a, b) => a - b)
  return places
    .slice(1)
    .map((end, index) => layerOf(operations.slice(places[index], end), places[index] + 1))
    .filter((layer) => !isEmpty(layer))
    .reverse()
}

const layerIn = (tables: ReadonlyArray<TestTables.TestTable>): Layer => ({
  entries: tables.flatMap(TestTables.entriesOf),
  ranges: tables.flatMap(TestTables.rangesOf)
})

describe("a compaction", () => {
  it("changes nothing for those who read now or in a snapshot, and puts its tables side by side", () => {
    fc.assert(
      fc.property(history, ({ cuts, hasBelow, operations, readBytes, snapshots, tableBytes, tuning }) => {
        const layers = layersOf(operations, cuts)
        const merged = hasBelow && layers.length > 1 ? layers.slice(0, -1) : layers
        const deeper = layers.slice(merged.length)
        const build = (layer: Layer, number: number) => TestTables.build(tuning, number, layer.entries, layer.ranges)
        const below = deeper.map(build).map(({ meta }) => ({ from: meta.from, to: meta.to }))
        const sorted = [...new Set(snapshots)].sort((a, b) => a - b)
        const outputs = TestTables.compact(
          tuning,
          merged.map((layer, index) => [build(layer, index + 1)]),
          { tableBytes, readBytes, snapshots: sorted, below }
        )
        const after = [layerIn(outputs), ...deeper]
        for (const at of [...sorted, operations.length]) {
          for (let key = 0; key < keysMax; key++) {
            const before = visible(layers, keyOf(key), at)
            expect({ at, key, seen: visible(after, keyOf(key), at) }).toEqual({ at, key, seen: before })
          }
        }
        const metas = outputs.map(({ meta }) => meta)
        expect(Version.isOrdered({ levels: [[], metas] })).toBe(true)
        for (const table of outputs) {
          const { from, to } = table.meta
          for (const { key } of TestTables.entriesOf(table)) {
            expect(Keys.compare(from, key) <= 0 && Keys.compare(key, to) < 0).toBe(true)
          }
        }
      }),
      { numRuns: 400 }
    )
  })

  it("leaves one version of each live key, and nothing of what is deleted, when nobody reads in the past and nothing is below", () => {
    fc.assert(
      fc.property(history, ({ cuts, operations, readBytes, tableBytes, tuning }) => {
        const layers = layersOf(operations, cuts)
        const tables = layers.map((layer, index) => [TestTables.build(tuning, index + 1, layer.entries, layer.ranges)])
        const outputs = TestTables.compact(tuning, tables, { tableBytes, readBytes, snapshots: [], below: [] })
        const live = Array.from({ length: keysMax }, (_, key) => visible(layers, keyOf(key), Infinity))
        const { entries, ranges } = layerIn(outputs)
        expect(ranges).toEqual([])
        // In the order of the keys, which the test's own numbers are not in.
        const inOrder = live
          .map((seen, key) => ({ seen, key: keyOf(key) }))
          .filter(({ seen }) => seen !== undefined)
          .sort((a, b) => Keys.compare(a.key, b.key))
        expect(entries.map(({ value }) => value?.[0])).toEqual(inOrder.map(({ seen }) => seen))
        expect(entries.every(({ sequence }) => sequence === 0)).toBe(true)
      })
    )
  })

  it("holds no more of large values than a stretch of the file and a value", () => {
    const options = { blockBytes: 4_096, restartInterval: 16, bloomBitsPerKey: 10, compression: "none" as const }
    const entries = Array.from({ length: 60 }, (_, key) => ({
      key: Uint8Array.of(key),
      sequence: key + 1,
      value: new Uint8Array(100_000)
    }))
    let bytesMost = 0
    const outputs = TestTables.compact(options, [[TestTables.build(options, 1, entries)]], {
      ...{ tableBytes: 8_000_000, readBytes: 8_000_000, snapshots: [], below: [], sliceEntries: 512 },
      onSlice: (memoryBytes) => {
        bytesMost = Math.max(bytesMost, memoryBytes)
      }
    })
    expect(layerIn(outputs).entries.length).toBe(60)
    expect(bytesMost).toBeLessThan(1_500_000)
  })

  it("keeps a delete, and a range delete, as long as something older lies below", () => {
    const options = { blockBytes: 1, restartInterval: 1, bloomBitsPerKey: 0, compression: "none" as const }
    const layer = layerOf(
      [
        { type: "delete", key: 3 },
        { type: "delete", key: 9 },
        { type: "range", from: 4, to: 6 }
      ],
      10
    )
    const table = TestTables.build(options, 1, layer.entries, layer.ranges)
    const compact = (below: ReadonlyArray<{ readonly from: Uint8Array; readonly to: Uint8Array }>) =>
      layerIn(TestTables.compact(options, [[table]], { tableBytes: 1, readBytes: 1, snapshots: [], below }))
    expect(compact([])).toEqual({ entries: [], ranges: [] })
    const kept = compact([{ from: keyOf(2), to: keyOf(5) }])
    expect(kept.entries.map(({ key }) => key)).toEqual([keyOf(3)])
    expect(kept.ranges.map(({ sequences }) => sequences)).toEqual([[12]])
  })

  it("does not make a key older than a range delete that stays and that it came after", () => {
    const options = { blockBytes: 1, restartInterval: 1, bloomBitsPerKey: 0, compression: "none" as const }
    const layer = layerOf(
      [
        { type: "range", from: 1, to: 9 },
        { type: "put", key: 3 }
      ],
      10
    )
    const table = TestTables.build(options, 1, layer.entries, layer.ranges)
    const below = [{ from: keyOf(1), to: keyOf(2) }]
    const after = layerIn(TestTables.compact(options, [[table]], { tableBytes: 1, readBytes: 1, snapshots: [], below }))
    expect(after.ranges.length).toBe(1)
    expect(visible([after], keyOf(3), Infinity)).toBe(11)
  })

  it("stops at a block that is not what was written", () => {
    const options = { blockBytes: 1, restartInterval: 1, bloomBitsPerKey: 0, compression: "none" as const }
    const layer = layerOf(
      [
        { type: "put", key: 3 },
        { type: "put", key: 4 }
      ],
      1
    )
    const { bytes, meta } = TestTables.build(options, 1, layer.entries)
    const damaged = { meta, bytes: bytes.with(meta.filterAt - 7, bytes[meta.filterAt - 7] ^ 1) }
    const compact = () =>
      TestTables.compact(options, [[damaged]], { tableBytes: 1, readBytes: 1, snapshots: [], below: [] })
    expect(compact).toThrow("what is merged reads")
  })
})
