/** What a store remembers of where ranges are: the newest of what it was told, and nothing that contradicts it. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Keys from "#storage/Keys.ts"
import type { Location } from "./Descriptor.ts"
import { Locations } from "./Locations.ts"

const key = (number: number): Uint8Array => Uint8Array.of(0x10, number)

const at = (range: number, from: number, to: number, generation: number): Location => ({
  descriptor: { range, from: key(from), to: key(to), generation },
  stores: [1, 2, 3],
  leaseholder: undefined,
  isSettled: false
})

const rangeOf = (location: Location | undefined): number | undefined => location?.descriptor.range

describe("locations", () => {
  it("are found by any of their keys, and by what is just behind them", () => {
    const locations = new Locations()
    for (const each of [at(3, 30, 40, 1), at(2, 10, 20, 1), at(4, 40, 50, 1)]) expect(locations.put(each)).toBe(true)
    expect([9, 10, 19, 20, 30, 39, 40, 50].map((each) => rangeOf(locations.find(key(each))))).toEqual([
      undefined,
      2,
      2,
      undefined,
      3,
      3,
      4,
      undefined
    ])
    expect([10, 11, 20, 21, 30, 40, 41, 50, 51].map((each) => rangeOf(locations.findBelow(key(each))))).toEqual([
      undefined,
      2,
      2,
      undefined,
      undefined,
      3,
      4,
      4,
      undefined
    ])
  })

  it("of the system's keys are known from the beginning, and not to be changed", () => {
    const locations = new Locations()
    const [empty, last] = [new Uint8Array(0), Uint8Array.of(7, 255)]
    expect([
      rangeOf(locations.find(empty)),
      rangeOf(locations.find(last)),
      rangeOf(locations.findBelow(Uint8Array.of(8)))
    ]).toEqual([1, 1, 1])
    const { descriptor } = at(9, 0, 1, 99)
    expect(locations.put({ ...at(9, 0, 1, 99), descriptor: { ...descriptor, from: last } })).toBe(false)
  })

  it("are those that have keys of a span, or of one key", () => {
    const locations = new Locations()
    for (const each of [at(2, 10, 20, 1), at(3, 20, 30, 1), at(4, 40, 50, 1)]) locations.put(each)
    const over = (from: number, to: number) => locations.over({ from: key(from), to: key(to) }).map(rangeOf)
    expect([over(0, 10), over(0, 11), over(19, 20), over(15, 45), over(20, 20), over(35, 35)]).toEqual([
      [],
      [2],
      [2],
      [2, 3, 4],
      [3],
      []
    ])
  })

  it("that were forgotten are gone, and a newer one in their place stays", () => {
    const locations = new Locations()
    locations.put(at(2, 10, 20, 1))
    const known = locations.find(key(10))!
    locations.put(at(2, 10, 20, 2))
    locations.forget(known)
    expect(locations.size).toBe(1)
    locations.forget(locations.find(key(10))!)
    expect([locations.size, locations.find(key(10))]).toEqual([0, undefined])
  })

  it("never overlap, never go back to an older generation, and are in order", () => {
    const told = fc.record({
      range: fc.integer({ min: 2, max: 6 }),
      from: fc.nat(30),
      length: fc.integer({ min: 1, max: 12 }),
      generation: fc.nat(6),
      forget: fc.boolean()
    })
    fc.assert(
      fc.property(fc.array(told, { maxLength: 40 }), (all) => {
        const locations = new Locations()
        for (const { forget, from, generation, length, range } of all) {
          const newest = Array.from(
            { length },
            (_, index) => locations.find(key(from + index))?.descriptor.generation ?? -1
          )
          const isPut = locations.put(at(range, from, from + length, generation))
          const known = locations.over({ from: key(0), to: key(255) })
          expect(known.length).toBe(locations.size)
          expect(isPut ? Math.max(...newest) <= generation : Math.max(...newest) >= generation).toBe(true)
          const inOrder = known.every(
            ({ descriptor }, index) => index === 0 || Keys.compare(known[index - 1].descriptor.to, descriptor.from) <= 0
          )
          expect(inOrder).toBe(true)
          const found = locations.find(key(from))
          expect(isPut ? found?.descriptor.range : range).toBe(range)
          if (forget && found !== undefined) locations.forget(found)
        }
      })
    )
  })
})
