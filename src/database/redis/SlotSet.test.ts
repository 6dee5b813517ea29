import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import { type SlotRange, SlotSet } from "./SlotSet.ts"

/** Short ones and long ones, some of which end where words of bits do. */
const range: fc.Arbitrary<SlotRange> = fc
  .tuple(fc.nat(SpacesRedis.slots - 1), fc.oneof(fc.nat(40), fc.nat(2_000), fc.constantFrom(31, 63, 16_383)))
  .chain(([at, length]) => fc.constantFrom(at, at & ~31).map((first) => [first, first + length] as const))
  .map(([first, last]) => [first, Math.min(last, SpacesRedis.slots - 1)] as const)
const ranges = fc.array(range, { maxLength: 12, size: "max" })

const model = (all: ReadonlyArray<SlotRange>): Set<number> => {
  const slots = new Set<number>()
  for (const [first, last] of all) for (let slot = first; slot <= last; slot++) slots.add(slot)
  return slots
}

const rising = (slots: Iterable<number>): ReadonlyArray<number> => [...slots].sort((left, right) => left - right)

describe("a set of slots", () => {
  it("is that of its ranges, however they overlap", () => {
    fc.assert(
      fc.property(ranges, (all) => {
        const slots = model(all)
        const set = SlotSet.of(all)
        expect(set.list).toEqual(rising(slots))
        expect(set.count).toBe(slots.size)
        expect(
          set.ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i))
        ).toEqual(set.list)
        const gaps = set.ranges.slice(1).map(([first], index) => first - set.ranges[index][1])
        expect(gaps.filter((gap) => gap < 2)).toEqual([])
      })
    )
  })

  it("has with another one what sets have", () => {
    fc.assert(
      fc.property(ranges, ranges, fc.nat(300), (own, others, max) => {
        const [left, right] = [model(own), model(others)]
        const [set, other] = [SlotSet.of(own), SlotSet.of(others)]
        const alone = rising(left).filter((slot) => !right.has(slot))
        expect(set.and(other).list).toEqual(rising(new Set([...left, ...right])))
        expect(set.within(other).list).toEqual(rising(left).filter((slot) => right.has(slot)))
        expect(set.without(other).list).toEqual(alone)
        expect(set.isWithin(other)).toBe(alone.length === 0)
        expect(set.last(max).list).toEqual(rising(left).slice(Math.max(0, left.size - max)))
        for (const each of [set, set.and(other), set.within(other), set.without(other)]) {
          expect(each.count).toBe(each.list.length)
        }
      })
    )
  })

  it("may be all of them, or none", () => {
    expect([SlotSet.all.count, SlotSet.all.ranges]).toEqual([SpacesRedis.slots, [[0, SpacesRedis.slots - 1]]])
    expect([SlotSet.none.count, SlotSet.none.ranges]).toEqual([0, []])
  })
})
