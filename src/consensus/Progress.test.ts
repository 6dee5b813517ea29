import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Inflights } from "./Inflights.ts"
import { Progress } from "./Progress.ts"

describe("appends in flight", () => {
  it("are counted and freed as a list of them would be, whatever comes and goes", () => {
    const step = fc.oneof(
      fc.record({ add: fc.nat(50) }),
      fc.record({ free: fc.nat(60) }),
      fc.constant("reset" as const)
    )
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(600),
        (steps, most, room) => {
          const sizeBytesMax = room + 1
          const inflights = new Inflights(most, sizeBytesMax)
          let model: ReadonlyArray<{ readonly last: number; readonly size: number }> = []
          let last = 0
          for (const each of steps) {
            const bytes = model.reduce((sum, { size }) => sum + size, 0)
            expect([inflights.count, inflights.isFull]).toEqual([
              model.length,
              model.length === most || bytes >= sizeBytesMax
            ])
            if (each === "reset") {
              inflights.reset()
              model = []
            } else if ("free" in each) {
              const index = Math.max(0, last - 30) + each.free
              inflights.freeUpTo(index)
              model = model.filter((append) => append.last > index)
            } else if (!inflights.isFull) {
              last += 1 + each.add
              inflights.add(last, each.add)
              model = [...model, { last, size: each.add }]
            }
          }
        }
      )
    )
  })

  it("are never more than there is room for", () => {
    const inflights = new Inflights(2, 100)
    inflights.add(1, 5)
    inflights.add(2, 5)
    expect(() => inflights.add(3, 5)).toThrow("only while there is room")
    const heavy = new Inflights(9, 100)
    // One of any size is let through when nothing is in flight.
    heavy.add(1, 1_000)
    expect(heavy.isFull).toBe(true)
  })
})

const progressOf = (match: number, next: number): Progress =>
  new Progress({ match, next, isLearner: false, isActive: true, inflights: new Inflights(2, Infinity) })

describe("a follower's progress", () => {
  it("while probing allows one append at a time, and nothing more before an answer", () => {
    const progress = progressOf(3, 8)
    progress.sent(2, 10)
    expect([progress.next, progress.isPaused]).toEqual([8, true])
    expect(progress.matched(5)).toBe(true)
    expect([progress.match, progress.next, progress.isPaused]).toEqual([5, 8, false])
  })

  it("while replicating runs ahead of the answers, up to the window", () => {
    const progress = progressOf(3, 8)
    progress.becomeReplicate()
    expect(progress.next).toBe(4)
    progress.sent(2, 10)
    expect([progress.next, progress.isPaused]).toEqual([6, false])
    progress.sent(1, 10)
    expect([progress.next, progress.isPaused]).toEqual([7, true])
    progress.inflights.freeUpTo(5)
    progress.matched(5)
    expect(progress.isPaused).toBe(false)
  })

  it("with a snapshot on its way gets nothing, and goes on behind it", () => {
    const progress = progressOf(3, 8)
    progress.becomeSnapshot(20)
    expect([progress.isPaused, progress.pendingSnapshot, progress.next]).toEqual([true, 20, 21])
    progress.becomeProbe()
    expect([progress.isPaused, progress.pendingSnapshot, progress.next]).toEqual([false, 0, 21])
  })

  it("after a snapshot that failed goes on where it was", () => {
    const progress = progressOf(3, 8)
    progress.becomeSnapshot(20)
    progress.pendingSnapshot = 0
    progress.becomeProbe()
    expect(progress.next).toBe(4)
  })

  it.each([
    { state: "probe", rejected: 9, hint: 5, isNews: true, next: 6, why: "goes back to the hint" },
    { state: "probe", rejected: 9, hint: 1, isNews: true, next: 4, why: "never goes behind what matches" },
    { state: "probe", rejected: 9, hint: 30, isNews: true, next: 9, why: "goes back by one at least" },
    { state: "probe", rejected: 7, hint: 5, isNews: false, next: 10, why: "leaves an old refusal alone" },
    { state: "replicate", rejected: 3, hint: 2, isNews: false, next: 10, why: "leaves alone what matches since" },
    { state: "replicate", rejected: 9, hint: 2, isNews: true, next: 4, why: "goes back to what matches" }
  ] as const)("in $state at a refusal $why", ({ hint, isNews, next, rejected, state }) => {
    const progress = progressOf(3, 10)
    if (state === "replicate") {
      progress.becomeReplicate()
      progress.next = 10
    }
    expect([progress.rejected(rejected, hint), progress.next]).toEqual([isNews, next])
    expect(progress.match < progress.next).toBe(true)
  })

  it("never goes back by an old acknowledgement", () => {
    const progress = progressOf(3, 8)
    expect(progress.matched(3)).toBe(false)
    expect(progress.matched(2)).toBe(false)
    expect([progress.match, progress.next]).toEqual([3, 8])
  })

  it("wants a commit index only when that may move its own", () => {
    const progress = progressOf(3, 8)
    progress.sentCommit = 4
    expect([progress.wantsCommit(4), progress.wantsCommit(5)]).toEqual([false, true])
    progress.sentCommit = 7
    expect(progress.wantsCommit(9)).toBe(false)
  })
})
