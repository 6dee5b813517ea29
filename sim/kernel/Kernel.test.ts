import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { CallEvent, Epoch, Event, Kernel } from "./Kernel.ts"
import { policies, type PolicyName } from "./PolicyName.ts"
import { Streams } from "./Stream.ts"

const kernelOf = (policy: PolicyName = "fifo", seed = "kernel"): Kernel => new Kernel(new Streams({ seed }), policy)
const everyPolicy = Object.keys(policies) as ReadonlyArray<PolicyName>
const shuffling = everyPolicy.filter((policy) => policy !== "fifo")

describe("events", () => {
  it.each(everyPolicy)("fire in the order of their times, under %s, whatever the order of queueing", (policy) => {
    fc.assert(
      fc.property(fc.array(fc.nat(500), { maxLength: 300 }), (times) => {
        const kernel = kernelOf(policy)
        const fired: Array<number> = []
        for (const time of times) kernel.call(time, () => fired.push(kernel.now))
        kernel.run(1_000)
        expect(fired).toEqual([...times].sort((left, right) => left - right))
      }),
      { seed: 1, numRuns: 50 }
    )
  })

  it("of one instant fire in the order in which they were queued, under fifo", () => {
    const kernel = kernelOf()
    const fired: Array<number> = []
    for (let index = 0; index < 3_000; index++) kernel.call(7 * (index % 3), () => fired.push(index))
    kernel.run(100)
    const expected = [0, 1, 2].flatMap((rest) => Array.from({ length: 1_000 }, (_, index) => index * 3 + rest))
    expect(fired).toEqual(expected)
  })

  it.each(shuffling)("of one instant are shuffled under %s, by the seed", (policy) => {
    const orderOf = (seed: string): ReadonlyArray<number> => {
      const kernel = kernelOf(policy, seed)
      const fired: Array<number> = []
      for (let index = 0; index < 50; index++) kernel.call(5, () => fired.push(index))
      kernel.run(100)
      return fired
    }
    expect([...orderOf("a")].sort((left, right) => left - right)).toEqual(
      Array.from({ length: 50 }, (_, index) => index)
    )
    expect(orderOf("a")).not.toEqual(Array.from({ length: 50 }, (_, index) => index))
    expect(orderOf("a")).toEqual(orderOf("a"))
    expect(orderOf("a")).not.toEqual(orderOf("b"))
  })

  it("that are queued for the past fire now, never with time going back", () => {
    const kernel = kernelOf()
    const times: Array<number> = []
    kernel.call(50, () => kernel.call(10, () => times.push(kernel.now)))
    kernel.call(60, () => times.push(kernel.now))
    kernel.run(100)
    expect(times).toEqual([50, 60])
  })

  it("fire at whole microseconds, never before the time that was asked for", () => {
    const kernel = kernelOf()
    let at = 0
    kernel.call(3.2, () => (at = kernel.now))
    kernel.run(10)
    expect(at).toBe(4)
  })

  it("up to and including the end of a run fire in it, and later ones in the next", () => {
    const kernel = kernelOf()
    const fired: Array<number> = []
    for (const time of [9, 10, 11]) kernel.call(time, () => fired.push(time))
    kernel.run(10)
    expect([fired, kernel.now]).toEqual([[9, 10], 10])
    kernel.run(20)
    expect([fired, kernel.now]).toEqual([[9, 10, 11], 20])
  })

  it("may be reused by their owner once they fired", () => {
    class Again extends Event {
      readonly kind = 9
      readonly times: Array<number> = []
      fire(): void {
        this.times.push(kernel.now)
        if (this.times.length < 5) kernel.schedule(this, kernel.now + 10)
      }
    }
    const kernel = kernelOf()
    const again = new Again()
    kernel.schedule(again, 0)
    kernel.run(1_000)
    expect(again.times).toEqual([0, 10, 20, 30, 40])
  })

  it("leave the time where it is when one of them halts the run, and the rest for the next", () => {
    const kernel = kernelOf()
    const fired: Array<number> = []
    kernel.call(5, () => kernel.halt())
    kernel.call(6, () => fired.push(6))
    kernel.run(100)
    expect([kernel.now, fired]).toEqual([5, []])
    kernel.run(100)
    expect([kernel.now, fired]).toEqual([100, [6]])
  })
})

describe("a task", () => {
  it("runs before time moves on, and before the next event of its instant", () => {
    const kernel = kernelOf()
    const epoch = new Epoch(0, 1)
    const order: Array<string> = []
    kernel.call(5, () => {
      kernel.post(epoch, 0, () => order.push(`task at ${kernel.now}`))
      order.push("first")
    })
    kernel.call(5, () => order.push("second"))
    kernel.run(10)
    expect(order).toEqual(["first", "task at 5", "second"])
  })

  it("that posts itself for ever is stopped as a defect of its incarnation, and the run goes on", () => {
    const kernel = kernelOf()
    const spinning = new Epoch(3, 1)
    const defects: Array<string> = []
    kernel.onDefect = (epoch, error) => {
      epoch!.dead = true
      defects.push(`machine ${epoch!.machine}: ${(error as Error).message}`)
    }
    const spin = (): void => kernel.post(spinning, 0, spin)
    kernel.call(5, spin)
    let later = false
    kernel.call(6, () => (later = true))
    kernel.run(10)
    expect(defects).toEqual([expect.stringMatching(/^machine 3: a node makes progress: .* at 5 µs/)])
    expect(later).toBe(true)
  })

  it("of a busy program that lets time move on now and then is never called stuck", () => {
    const kernel = kernelOf()
    const epoch = new Epoch(0, 1)
    let left = 1_200_000
    const work = (): void => {
      if (--left === 0) return
      if (left % 400_000 === 0) kernel.call(kernel.now + 1, () => kernel.post(epoch, 0, work), epoch)
      else kernel.post(epoch, 0, work)
    }
    kernel.post(epoch, 0, work)
    kernel.run(100)
    expect(left).toBe(0)
  })
})

describe("what an event throws", () => {
  it("is handed to onDefect with the incarnation that it ran for, and the run goes on", () => {
    const kernel = kernelOf()
    const defects: Array<readonly [number | undefined, string]> = []
    kernel.onDefect = (epoch, error) => defects.push([epoch?.machine, (error as Error).message])
    const [one, two] = [new Epoch(1, 1), new Epoch(2, 1)]
    const fail = (message: string) => (): never => {
      throw new Error(message)
    }
    kernel.call(1, fail("own"), one)
    kernel.call(2, fail("world"))
    kernel.call(3, () => kernel.post(two, 0, fail("task")))
    kernel.call(4, () => {
      // As the network does before it calls a sink.
      kernel.running = two
      throw new Error("on behalf of")
    })
    let last = 0
    kernel.call(5, () => (last = kernel.now))
    kernel.run(10)
    expect(defects).toEqual([
      [1, "own"],
      [undefined, "world"],
      [2, "task"],
      [2, "on behalf of"]
    ])
    expect(last).toBe(5)
  })
})

describe("an incarnation that is dead", () => {
  it.each(everyPolicy)("never acts, under %s: neither its events nor its tasks, queued before or after", (policy) => {
    const kernel = kernelOf(policy)
    const epoch = new Epoch(0, 1)
    const other = new Epoch(1, 1)
    const acts: Array<string> = []
    for (let index = 0; index < 40; index++) {
      kernel.call(index, () => acts.push(`event at ${kernel.now}`), epoch)
      kernel.call(index, () => kernel.post(epoch, index, () => acts.push(`task at ${kernel.now}`)))
      kernel.call(index, () => acts.push("other"), other)
    }
    kernel.call(20, () => {
      epoch.dead = true
      acts.length = 0
      kernel.call(25, () => acts.push("queued when dead"), epoch)
      kernel.post(epoch, 0, () => acts.push("posted when dead"))
    })
    kernel.run(100_000)
    expect(acts.filter((act) => act !== "other")).toEqual([])
    expect(acts.length).toBeGreaterThan(15)
  })

  it("holds nothing in the queue once it is purged, and the others keep their order", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(50), fc.nat(3)), { maxLength: 200 }), fc.nat(50), (calls, purgeAt) => {
        const kernel = kernelOf()
        const epochs = [0, 1, 2, 3].map((machine) => new Epoch(machine, 1))
        const fired: Array<number> = []
        calls.forEach(([time, machine], index) => kernel.call(time, () => fired.push(index), epochs[machine]))
        kernel.call(purgeAt, () => {
          epochs[2].dead = true
          kernel.purge(epochs[2])
        })
        kernel.run(100)
        const expected = calls
          .map(([time, machine], index) => ({ time, machine, index }))
          .filter(({ machine, time }) => machine !== 2 || time <= purgeAt)
          .sort((left, right) => left.time - right.time || left.index - right.index)
        expect(fired).toEqual(expected.map(({ index }) => index))
      }),
      { seed: 2, numRuns: 100 }
    )
  })
})

describe("an incarnation that is paused", () => {
  it("sees what came meanwhile when it resumes, at once and in order, and the world goes on around it", () => {
    const kernel = kernelOf("uniform")
    const [paused, other] = [new Epoch(0, 1), new Epoch(1, 1)]
    const seen: Array<string> = []
    paused.paused = true
    for (let index = 0; index < 20; index++)
      kernel.call(10 + index, () => seen.push(`${index} at ${kernel.now}`), paused)
    kernel.post(paused, 0, () => seen.push(`task at ${kernel.now}`))
    let turns = 0
    for (let index = 0; index < 20; index++) kernel.call(10 + index, () => turns++, other)
    kernel.run(40)
    expect([seen, turns]).toEqual([[], 20])
    kernel.call(50, () => kernel.resume(paused))
    kernel.run(100_000)
    expect(seen.filter((text) => !text.startsWith("task"))).toEqual(
      Array.from({ length: 20 }, (_, index) => `${index} at 50`)
    )
    expect(seen.length).toBe(21)
  })

  it("may be paused again before it has seen everything, and loses nothing by it", () => {
    const kernel = kernelOf()
    const epoch = new Epoch(0, 1)
    const seen: Array<number> = []
    for (let index = 0; index < 10; index++) {
      kernel.call(
        10,
        () => {
          seen.push(index)
          if (index === 4) epoch.paused = true
        },
        epoch
      )
    }
    epoch.paused = true
    kernel.call(20, () => kernel.resume(epoch))
    kernel.run(30)
    expect(seen).toEqual([0, 1, 2, 3, 4])
    kernel.resume(epoch)
    kernel.run(40)
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it("sees nothing any more when it died in its pause", () => {
    const kernel = kernelOf()
    const epoch = new Epoch(0, 1)
    const seen: Array<number> = []
    epoch.paused = true
    kernel.call(10, () => seen.push(1), epoch)
    kernel.run(20)
    epoch.dead = true
    kernel.purge(epoch)
    kernel.resume(epoch)
    kernel.run(100)
    expect([seen, epoch.deferred]).toEqual([[], []])
  })
})

describe("the trace hash", () => {
  const hashOf = (build: (kernel: Kernel) => void, policy: PolicyName = "fifo"): string => {
    const kernel = kernelOf(policy)
    build(kernel)
    kernel.run(1_000)
    return kernel.hash.digest()
  }
  const nothing = (): void => {}

  it("tells apart when an event fired, of what kind it was, and whose", () => {
    class Other extends Event {
      readonly kind = 8
      fire(): void {}
    }
    const digests = [
      hashOf(nothing),
      hashOf((kernel) => kernel.call(5, nothing)),
      hashOf((kernel) => kernel.call(6, nothing)),
      hashOf((kernel) => kernel.schedule(new Other(), 5)),
      hashOf((kernel) => kernel.call(5, nothing, new Epoch(0, 1))),
      hashOf((kernel) => kernel.call(5, nothing, new Epoch(1, 1))),
      hashOf((kernel) => kernel.post(new Epoch(0, 1), 0, nothing)),
      hashOf((kernel) => kernel.post(new Epoch(0, 1), 1, nothing))
    ]
    expect(new Set(digests).size).toBe(digests.length)
  })

  it("is the same for the same events, and counts what happened", () => {
    const build = (kernel: Kernel): void => {
      for (let index = 0; index < 100; index++)
        kernel.schedule(new CallEvent(new Epoch(index % 3, 1), nothing), index % 7)
    }
    expect(hashOf(build, "uniform")).toBe(hashOf(build, "uniform"))
    const kernel = kernelOf()
    build(kernel)
    kernel.run(1_000)
    expect(kernel.events).toBe(100)
  })
})
