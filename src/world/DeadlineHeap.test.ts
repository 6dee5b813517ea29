import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Alarm, DeadlineHeap } from "./DeadlineHeap.ts"

const change = fc.record({
  alarm: fc.nat({ max: 30 }),
  deadline: fc.nat({ max: 50 }),
  what: fc.constantFrom("set", "set", "set", "remove", "take")
})

describe("DeadlineHeap", () => {
  it("gives alarms by deadline, then by the order in which they were set, whatever was moved or removed between", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 300 }), (changes) => {
        const heap = new DeadlineHeap()
        const alarms = Array.from({ length: 31 }, () => new Alarm(() => {}))
        const model = new Map<Alarm, readonly [deadline: number, order: number]>()
        const firstOfModel = (): Alarm | undefined =>
          [...model].sort(([, a], [, b]) => a[0] - b[0] || a[1] - b[1])[0]?.[0]
        changes.forEach(({ alarm: number, deadline, what }, order) => {
          const alarm = what === "take" ? heap.peek() : alarms[number]
          if (what === "set") {
            heap.set(alarms[number], deadline, order)
            model.set(alarms[number], [deadline, order])
          } else if (alarm !== undefined) {
            heap.remove(alarm)
            model.delete(alarm)
          }
          expect(heap.peek()).toBe(firstOfModel())
          expect(heap.size).toBe(model.size)
        })
      }),
      { numRuns: 100 }
    )
  })

  it("forgets all alarms when it is cleared, and takes them again", () => {
    const heap = new DeadlineHeap()
    const alarm = new Alarm(() => {})
    heap.set(alarm, 5, 0)
    heap.set(new Alarm(() => {}), 3, 1)
    heap.clear()
    heap.remove(alarm)
    expect(heap.peek()).toBeUndefined()
    heap.set(alarm, 5, 2)
    expect(heap.peek()).toBe(alarm)
  })
})
