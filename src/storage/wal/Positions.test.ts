import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Positions } from "./Positions.ts"

type Step =
  | { readonly type: "push"; readonly segment: number; readonly count: number }
  | { readonly type: "drop-head"; readonly by: number }
  | { readonly type: "drop-tail"; readonly by: number }
  | { readonly type: "move"; readonly at: number; readonly segment: number }

const small = fc.integer({ min: 0, max: 40 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("push"), segment: fc.integer({ min: 1, max: 4 }), count: small })
  },
  fc.record({ type: fc.constant("drop-head"), by: small }),
  fc.record({ type: fc.constant("drop-tail"), by: small }),
  { weight: 3, arbitrary: fc.record({ type: fc.constant("move"), at: small, segment: fc.integer({ min: 1, max: 6 }) }) }
)

describe("the places of a stream's records", () => {
  it("are those of a plain list, and each segment's records are counted", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000 }), fc.array(step, { maxLength: 60 }), (start, steps) => {
        const counts = new Map<number, number>()
        const positions = new Positions(start, (segment, change) =>
          counts.set(segment, (counts.get(segment) ?? 0) + change)
        )
        let first = start
        let list: Array<readonly [segment: number, offset: number]> = []
        let offset = 0
        for (const each of steps) {
          const end = first + list.length
          if (each.type === "push") {
            for (let count = 0; count < each.count; count++) {
              positions.push(each.segment, offset)
              list.push([each.segment, offset++])
            }
          } else if (each.type === "drop-head") {
            positions.dropHead(first + each.by)
            list = list.slice(each.by)
            first += each.by
          } else if (each.type === "drop-tail") {
            const to = Math.max(0, end - each.by)
            positions.dropTail(to)
            list = list.slice(0, Math.max(0, to - first))
            first = Math.min(first, to)
          } else if (list.length > 0) {
            const at = each.at % list.length
            positions.move(first + at, each.segment, offset)
            list[at] = [each.segment, offset++]
          }
          expect([positions.first, positions.end]).toEqual([first, first + list.length])
          const found = list.map((_, at) => [positions.segmentOf(first + at), positions.offsetOf(first + at)])
          expect(found).toEqual(list)
          const runs: Array<number> = []
          positions.forEachRun((segment, from, to) => {
            for (let position = from; position < to; position++) runs.push(segment)
          })
          expect(runs).toEqual(list.map(([segment]) => segment))
          for (const [segment, count] of counts) {
            expect(count).toBe(list.filter(([of]) => of === segment).length)
          }
        }
      }),
      { numRuns: 300, seed: 1 }
    )
  })
})
