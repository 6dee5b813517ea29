import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { OrderedIds } from "./OrderedIds.ts"
import * as StreamId from "./StreamId.ts"

const id = fc.integer({ min: 0, max: 3_000 }).map((n) => StreamId.of(n, 0))

describe("ids in their order", () => {
  it("are what a sorted map has", () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant("set"), id }),
      fc.record({ what: fc.constant("run"), id }),
      fc.record({ what: fc.constant("delete"), id }),
      fc.record({ what: fc.constant("drain"), id })
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), id, (steps, from) => {
        const ids = new OrderedIds<number>()
        const model = new Map<string, number>()
        for (const [number, { what, id: start }] of steps.entries()) {
          let at = start
          for (let i = 0; i < (what === "run" || what === "drain" ? 150 : 1); i++) {
            const isRemoval = what === "delete" || what === "drain"
            expect(isRemoval && ids.delete(at)).toBe(isRemoval && model.delete(at))
            if (!isRemoval) {
              ids.set(at, number)
              model.set(at, number)
            }
            expect(ids.get(at)).toBe(model.get(at))
            at = StreamId.of(StreamId.millis(at) + 1, 0)
          }
        }
        const sorted = [...model].sort(([left], [right]) => (left < right ? -1 : 1))
        const seen: Array<readonly [string, number]> = []
        ids.each(from, (each, value) => {
          seen.push([each, value])
        })
        expect(seen).toEqual(sorted.filter(([each]) => each >= from))
        expect(ids.size).toBe(model.size)
        expect(ids.first()).toBe(sorted[0]?.[0])
        expect(ids.last()).toBe(sorted.at(-1)?.[0])
      }),
      { seed: 3, numRuns: 300 }
    )
  })
})
