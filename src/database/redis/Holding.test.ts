/** Who has slots to itself, and who waits for them. */
import fc from "fast-check"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import * as Completion from "#world/Completion.ts"
import { Engine } from "./Engine.ts"
import { Holding } from "./Holding.ts"
import type { Placement } from "./Placement.ts"
import { SlotSet } from "./SlotSet.ts"

const slotsOf = (slots: ReadonlyArray<number>): SlotSet => SlotSet.of(slots.map((slot) => [slot, slot] as const))

interface Stand {
  readonly holding: Holding
  readonly placement: Pick<Placement, "held">
}

const stand = (): Stand => {
  const placement = { held: new Set<number>(), changed: () => {} }
  const engine = new Engine({ wallMillis: () => 0, random: () => 0 })
  return { holding: new Holding(engine, placement as unknown as Placement), placement }
}

const sorted = (numbers: Iterable<number>): ReadonlyArray<number> => [...numbers].sort((one, other) => one - other)

const turn = Effect.repeat(Effect.yieldNow, { times: 5 })

describe("slots that stand still", () => {
  it("are had by those who came first, each as soon as nobody before it wants any of the same", () => {
    const wanted = fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 3 })
    const wish = fc.record({ slots: wanted, rank: fc.nat(1_000) })
    fc.assert(
      fc.property(fc.array(wish, { minLength: 1, maxLength: 8 }), (wishes) => {
        const { holding, placement } = stand()
        const has = new Set<number>()
        const left = new Set<number>()
        const ends: Array<() => void> = []
        const program = Effect.gen(function* () {
          const fibers = []
          for (const [index, { slots }] of wishes.entries()) {
            const use = Completion.submit<void, never>((done) => {
              has.add(index)
              ends[index] = () => done(undefined, undefined)
            })
            fibers.push(yield* Effect.forkChild(holding.during(slotsOf(slots), use)))
          }
          const order = [...wishes.keys()].sort((one, other) => wishes[one].rank - wishes[other].rank || one - other)
          const isBlocked = (index: number): boolean =>
            wishes.some(
              ({ slots }, before) =>
                before < index && !left.has(before) && slots.some((slot) => wishes[index].slots.includes(slot))
            )
          while (left.size < wishes.length) {
            yield* turn
            const due = [...wishes.keys()].filter((index) => left.has(index) || !isBlocked(index))
            expect(sorted(has)).toEqual(sorted(due))
            const held = due.filter((index) => !left.has(index)).flatMap((index) => wishes[index].slots)
            expect(sorted(placement.held)).toEqual(sorted(held))
            expect(wishes.map(({ slots }) => holding.isFree(slotsOf(slots)))).toEqual(
              wishes.map(
                ({ slots }) =>
                  !wishes.some((each, at) => !left.has(at) && each.slots.some((slot) => slots.includes(slot)))
              )
            )
            const next = order.find((index) => has.has(index) && !left.has(index))!
            left.add(next)
            ends[next]()
          }
          for (const fiber of fibers) yield* Fiber.join(fiber)
          expect(placement.held.size).toBe(0)
        })
        Effect.runSync(program)
      }),
      { numRuns: 200 }
    )
  })

  it("are nobody's after everything was given up, whoever had them or waited", () => {
    const { holding, placement } = stand()
    const program = Effect.gen(function* () {
      let end = (): void => {}
      const use = Completion.submit<void, never>((done) => {
        end = () => done(undefined, undefined)
      })
      const first = yield* Effect.forkChild(holding.during(slotsOf([1, 2]), use))
      const waiting = yield* Effect.forkChild(holding.during(slotsOf([2, 3]), Effect.never))
      yield* turn
      holding.abandon()
      expect(placement.held.size).toBe(0)
      const later = yield* Effect.forkChild(holding.during(slotsOf([2]), Effect.never))
      yield* turn
      expect([...placement.held]).toEqual([2])
      end()
      yield* Fiber.join(first)
      yield* Fiber.interrupt(waiting)
      expect([...placement.held]).toEqual([2])
      yield* Fiber.interrupt(later)
      expect([placement.held.size, holding.isFree(SlotSet.all)]).toEqual([0, true])
    })
    Effect.runSync(program)
  })
})
