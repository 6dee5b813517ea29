/** What the cluster knows of itself: where ranges are, and numbers; and that old news does not replace new ones. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Hex from "#base/Hex.ts"
import * as Keys from "#storage/Keys.ts"
import type { Location } from "./Descriptor.ts"
import * as Meta from "./Meta.ts"

const key = (...bytes: ReadonlyArray<number>): Uint8Array => Uint8Array.from(bytes)

const at = (range: number, from: number, to: number, generation: number, leaseholder?: number): Location => ({
  descriptor: { range, from: key(from), to: key(to), generation },
  stores: [1, 2, 3],
  leaseholder,
  isSettled: false
})

/** The system's keys, as the leaseholder reads and writes them. */
class Store {
  readonly entries = new Map<string, { readonly key: Uint8Array; readonly value: Uint8Array }>()

  valuesIn({ from, to }: { readonly from: Uint8Array; readonly to: Uint8Array }): ReadonlyArray<Uint8Array> {
    return [...this.entries.values()]
      .filter((entry) => Keys.compare(from, entry.key) <= 0 && Keys.compare(entry.key, to) < 0)
      .sort((one, other) => Keys.compare(one.key, other.key))
      .map(({ value }) => value)
  }

  publish(location: Location): boolean {
    const found = [
      ...this.valuesIn(Meta.below(location.descriptor.from)).slice(-1),
      ...this.valuesIn(Meta.within(location.descriptor))
    ]
    const mutations = Meta.publish(found.map(Meta.decodeLocation), location)
    for (const mutation of mutations ?? []) {
      if (mutation.value === undefined) this.entries.delete(String(mutation.key))
      else this.entries.set(String(mutation.key), { key: mutation.key, value: mutation.value })
    }
    return mutations !== undefined
  }

  locate(...bytes: ReadonlyArray<number>): number | undefined {
    return Meta.located(this.valuesIn(Meta.below(key(...bytes))).at(-1), key(...bytes))?.descriptor.range
  }
}

describe("locations", () => {
  it("are found by every key between the first and the last of the range, and by no other", () => {
    const store = new Store()
    store.publish(at(2, 10, 20, 1))
    store.publish(at(3, 30, 40, 1))
    expect(
      [[9, 255], [10], [10, 0], [19, 255, 255], [20], [29], [30], [39], [40]].map((each) => store.locate(...each))
    ).toEqual([undefined, 2, 2, 2, undefined, undefined, 3, 3, undefined])
  })

  it("of a range that was cut replace what it had, whichever half comes first, and old news comes to nothing", () => {
    for (const halves of [
      [at(2, 10, 20, 2), at(5, 20, 40, 2)],
      [at(5, 20, 40, 2), at(2, 10, 20, 2)]
    ]) {
      const store = new Store()
      expect(store.publish(at(2, 10, 40, 1))).toBe(true)
      for (const half of halves) expect(store.publish(half)).toBe(true)
      expect(store.publish(at(2, 10, 40, 1))).toBe(false)
      expect([store.locate(10), store.locate(19), store.locate(20), store.locate(39)]).toEqual([2, 2, 5, 5])
    }
  })

  it("of ranges that were merged give way to the one that has their keys", () => {
    const store = new Store()
    for (const each of [at(2, 10, 20, 7), at(3, 20, 30, 2), at(4, 30, 40, 2)]) store.publish(each)
    expect(store.publish(at(2, 10, 40, 8))).toBe(true)
    expect([store.entries.size, store.locate(35)]).toEqual([1, 2])
    expect(store.publish(at(4, 30, 40, 2))).toBe(false)
  })

  it("of one generation are the range's own to change, and nobody else's", () => {
    const store = new Store()
    store.publish(at(2, 10, 20, 1, 1))
    expect([store.publish(at(2, 10, 20, 1, 3)), store.publish(at(9, 15, 25, 1))]).toEqual([true, false])
    expect(Meta.located(store.valuesIn(Meta.below(key(10))).at(-1), key(10))?.leaseholder).toBe(3)
  })

  it("that are said again are not written again", () => {
    expect(Meta.publish([at(2, 10, 20, 1, 1)], at(2, 10, 20, 1, 1))).toEqual([])
  })

  it("lead to whoever has a key last, once all have said where they are, in whatever order they say it", () => {
    /** Ranges are cut and merged as drawn, each says where it is each time; what they say arrives in any order. */
    const change = fc.record({ kind: fc.constantFrom("cut", "cut", "merge"), at: fc.nat(100), order: fc.nat() })
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), (changes) => {
        let ranges = [at(2, 0, 100, 1)]
        let numbers = 2
        const said: Array<readonly [order: number, Location]> = [[0, ranges[0]]]
        for (const { at: place, kind, order } of changes) {
          const index = ranges.findIndex(({ descriptor: { from, to } }) => from[0] < place && place < to[0])
          const { descriptor } = ranges[Math.max(0, index)]
          let news: ReadonlyArray<Location> = []
          if (kind === "cut" && index >= 0) {
            const generation = descriptor.generation + 1
            const [from, to] = [descriptor.from[0], descriptor.to[0]]
            news = [at(descriptor.range, from, place, generation), at(++numbers, place, to, generation)]
            ranges = ranges.toSpliced(index, 1, ...news)
          } else if (kind === "merge" && index >= 0 && index + 1 < ranges.length) {
            const right = ranges[index + 1].descriptor
            const generation = Math.max(descriptor.generation, right.generation) + 1
            news = [at(descriptor.range, descriptor.from[0], right.to[0], generation)]
            ranges = ranges.toSpliced(index, 2, ...news)
          }
          for (const each of news) said.push([order, each])
        }
        const store = new Store()
        for (const [, location] of said.toSorted(([one], [other]) => one - other)) store.publish(location)
        for (const location of ranges) store.publish(location)
        for (const { descriptor } of ranges) {
          expect([store.locate(descriptor.from[0]), store.locate(descriptor.to[0] - 1, 255)]).toEqual([
            descriptor.range,
            descriptor.range
          ])
        }
        expect(store.entries.size).toBe(ranges.length)
      }),
      { numRuns: 500 }
    )
  })
})

describe("numbers", () => {
  it("of ranges begin behind those of the first two and rise", () => {
    const first = Meta.nextNumber(undefined)
    const second = Meta.nextNumber(first.mutation.value)
    expect([first.range, second.range, second.mutation.key]).toEqual([3, 4, Meta.numberKey])
  })

  it("of the oracle's bound come back as they were", () => {
    expect(Meta.bound(undefined)).toBe(0)
    for (const each of [0, 1, 4_294_967_296, Number.MAX_SAFE_INTEGER])
      expect(Meta.bound(Meta.encodeNumber(each))).toBe(each)
  })

  it("lie behind all locations and within the system's keys", () => {
    const last = Meta.locationKey(new Uint8Array(4_000).fill(255))
    for (const each of [Meta.numberKey, Meta.boundKey]) {
      expect([Keys.compare(last, each) < 0, each[0] < 8]).toEqual([true, true])
    }
  })
})

describe("a value", () => {
  it("comes back as it was", () => {
    for (const isSettled of [false, true]) {
      const location = { ...at(7, 1, 255, 2 ** 50, 65_535), stores: [1, 700, 65_535], isSettled }
      expect(Meta.decodeLocation(Meta.encodeLocation(location))).toEqual(location)
    }
    expect(Meta.decodeLocation(Meta.encodeLocation(at(7, 1, 2, 0)))).toEqual(at(7, 1, 2, 0))
  })

  it("has the bytes that docs/formats.md has", () => {
    const { descriptor } = at(0x0102, 8, 0xff, 3)
    const location = { descriptor, stores: [1, 0x0304], leaseholder: 1, isSettled: false }
    const bytes = Meta.encodeLocation(location)
    expect(Hex.of(Meta.encodeLocation({ ...location, isSettled: true })).slice(-10)).toBe("02" + "01000000")
    expect(Hex.of(bytes)).toBe(
      "01" +
        "02010000" +
        "0100000008" +
        "01000000ff" +
        "03000000000000" +
        "02000000" +
        "01000000" +
        "04030000" +
        "01" +
        "01000000"
    )
    expect(Hex.of(Meta.encodeNumber(2 ** 40 + 5))).toBe("01" + "05000000000100")
  })

  it("that is damaged is a defect, not another value", () => {
    const bytes = Meta.encodeLocation(at(7, 1, 2, 3, 1))
    expect(() => Meta.decodeLocation(bytes.subarray(0, bytes.length - 1))).toThrow("can be read")
    expect(() => Meta.decodeLocation(Uint8Array.of(2, ...bytes.subarray(1)))).toThrow("version")
  })
})
