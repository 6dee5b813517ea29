import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { describe, expect, it } from "vitest"
import { Buggify } from "#world/Buggify.ts"
import { Disk } from "#world/Disk.ts"
import { Host } from "#world/Host.ts"
import { Net } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import type { Program } from "./Machine.ts"
import { TestBench, type BenchOptions } from "./TestBench.ts"

const second = 1_000_000
const encoder = new TextEncoder()

/** A program that does one of everything, again and again, and says so; finalisers too. */
const busy = (acts: Array<string>, name = "n0") =>
  Effect.gen(function* () {
    const [disk, net, timers, trace] = [yield* Disk, yield* Net, yield* Timers, yield* Trace]
    const act = (what: string): void => {
      acts.push(what)
      trace.emit("info", "test/act", { what })
    }
    yield* Effect.addFinalizer(() => Effect.sync(() => act("finalised")))
    const file = yield* disk.open("log", { create: true })
    const socket = yield* net.bind({ host: name, port: 9 }, { received: () => act("received") })
    const port = timers.attach({
      fired: () => {
        act("fired")
        port.set(0, 1_000)
      }
    })
    port.set(0, 1_000)
    const fiber = Effect.gen(function* () {
      yield* Effect.sleep(1)
      act("slept")
      yield* file.append(encoder.encode("."))
      act("appended")
      socket.send({ host: "n1", port: 9 }, encoder.encode("hello"))
      socket.send({ host: name, port: 9 }, encoder.encode("hello"))
    })
    yield* Effect.forkDetach(Effect.forever(fiber))
    return yield* Effect.ensuring(
      Effect.forever(fiber),
      Effect.sync(() => act("ensured"))
    )
  })

/** What n1 hears. */
const listening = (heard: Array<number>, bench: TestBench) =>
  Effect.gen(function* () {
    const net = yield* Net
    yield* net.bind({ host: "n1", port: 9 }, { received: () => heard.push(bench.kernel.now) })
    return yield* Effect.never
  })

const running = (options: BenchOptions = {}) => {
  const bench = new TestBench({ machines: 2, ...options })
  const acts: Array<string> = []
  const heard: Array<number> = []
  bench.start(1, listening(heard, bench))
  bench.start(0, busy(acts))
  bench.pass(second / 10)
  for (const what of ["fired", "slept", "appended", "received"]) expect(acts).toContain(what)
  expect(heard.length).toBeGreaterThan(10)
  return { bench, acts, heard, machine: bench.machines[0] }
}

/** How many bytes its log has. */
const logBytes = (bench: TestBench): number => {
  let size = -1
  const look = Effect.gen(function* () {
    const file = yield* (yield* Disk).open("log", { create: true })
    size = yield* file.size
  })
  bench.start(0, Effect.scoped(look))
  bench.pass(second)
  return size
}

const courses: ReadonlyArray<BenchOptions> = [
  {},
  { policy: "uniform", preemptionOneIn: 8 },
  { policy: "pct", preemptionOneIn: 8, seed: "pct" },
  { policy: "starve", preemptionOneIn: 8, seed: "starve" }
]

describe("a crash", () => {
  it.each(courses)(
    "ends everything at once, with no finaliser: no timer, fiber, send or write acts any more (%o)",
    (options) => {
      const { acts, bench, heard, machine } = running(options)
      const done = [acts.length, bench.traced.length]
      const appended = acts.filter((what) => what === "appended").length
      machine.crash({ powerLost: false })
      const crashedAt = bench.kernel.now
      bench.pass(60 * second)
      expect([acts.length, bench.traced.length]).toEqual(done)
      expect(acts).not.toContain("finalised")
      expect(acts).not.toContain("ensured")
      // What was on its way arrives still.
      expect(heard.every((at) => at < crashedAt + 1_000)).toBe(true)
      expect(logBytes(bench)).toBeGreaterThanOrEqual(appended)
      expect(bench.story).toEqual(["n1 started", "n0 started", "n0 started"])
    }
  )

  it("in the middle of a program's own step ends it there, by whatever it was", () => {
    const bench = new TestBench()
    const acts: Array<string> = []
    const program = Effect.gen(function* () {
      const host = yield* Host
      yield* Effect.addFinalizer(() => Effect.sync(() => acts.push("finalised")))
      yield* Effect.forkDetach(Effect.tap(Effect.sleep(1), () => Effect.sync(() => acts.push("child"))))
      yield* Effect.sync(() => host.exit(3))
      yield* Effect.sync(() => acts.push("after"))
    })
    bench.startOnce(0, program)
    bench.pass(second)
    expect([acts, bench.story]).toEqual([[], ["n0 started", "n0 exited: exit code 3"]])
  })

  it("holds no memory: a thousand restarts with long sleeps leave nothing in the queue", () => {
    const bench = new TestBench()
    for (let round = 0; round < 1_000; round++) {
      bench.start(0, Effect.forkDetach(Effect.sleep("1 hour")))
      bench.pass(10)
      bench.machines[0].crash({ powerLost: false })
    }
    expect(bench.kernel["size"]).toBe(0)
  })
})

describe("a stop", () => {
  it("tells the program, runs its finalisers in the world, and is not reported as an end of its own", () => {
    const bench = new TestBench({ machines: 2 })
    const acts: Array<string> = []
    const heard: Array<number> = []
    bench.start(1, listening(heard, bench))
    const program = Effect.gen(function* () {
      const [disk, host, net] = [yield* Disk, yield* Host, yield* Net]
      const socket = yield* net.bind({ host: "n0", port: 9 }, { received: () => {} })
      host.onSignal((signal) => acts.push(signal))
      yield* Effect.addFinalizer(() =>
        Effect.gen(function* () {
          yield* Effect.sleep(100)
          const file = yield* disk.open("log", { create: true })
          yield* file.append(encoder.encode("bye"))
          yield* file.sync
          socket.send({ host: "n1", port: 9 }, encoder.encode("bye"))
          acts.push("finalised")
        }).pipe(Effect.scoped, Effect.orDie)
      )
      return yield* Effect.never
    })
    bench.start(0, program)
    bench.pass(1_000)
    let stoppedAt = 0
    bench.machines[0].stop(() => (stoppedAt = bench.kernel.now))
    expect(acts).toEqual([])
    bench.pass(second)
    expect(acts).toEqual(["terminate", "finalised"])
    expect(bench.story.at(-1)).toBe("n0 stopped")
    expect([bench.machines[0].isUp, heard.length, stoppedAt > 100_000, logBytes(bench)]).toEqual([false, 1, true, 3])
  })

  it("that drains for too long is a crash", () => {
    const bench = new TestBench()
    let drained = false
    bench.start(
      0,
      Effect.ensuring(
        Effect.never,
        Effect.andThen(
          Effect.sleep("1 minute"),
          Effect.sync(() => (drained = true))
        )
      )
    )
    let stopped = 0
    bench.machines[0].stop(() => stopped++)
    bench.pass(120 * second)
    expect([drained, stopped, bench.machines[0].isUp]).toEqual([false, 1, false])
  })

  it("of a machine that stands still waits until that goes on; nothing of it runs before", () => {
    const bench = new TestBench()
    const acts: Array<string> = []
    bench.start(
      0,
      Effect.gen(function* () {
        const host = yield* Host
        host.onSignal((signal) => acts.push(signal))
        yield* Effect.addFinalizer(() => Effect.sync(() => acts.push("finalised")))
        return yield* Effect.never
      })
    )
    bench.machines[0].pause()
    let stopped = 0
    bench.machines[0].stop(() => stopped++)
    bench.pass(second)
    expect([acts, stopped]).toEqual([[], 0])
    bench.machines[0].resume()
    bench.pass(second)
    expect([acts, stopped]).toEqual([["terminate", "finalised"], 1])
  })

  it("of a machine that is down is over at once", () => {
    let stopped = 0
    new TestBench().machines[0].stop(() => stopped++)
    expect(stopped).toBe(1)
  })

  it("in which a finaliser breaks is a defect of the program", () => {
    const bench = new TestBench()
    bench.start(0, Effect.ensuring(Effect.never, Effect.die(new Error("in the drain"))))
    bench.machines[0].stop(() => {})
    bench.pass(second)
    expect(bench.story).toEqual(["n0 started", "n0 defect: interrupted; Error: in the drain"])
  })

  it("whose signal handler throws is a defect of the program, not of the simulator", () => {
    const bench = new TestBench()
    bench.start(
      0,
      Effect.flatMap(Host, (host) =>
        Effect.sync(() => {
          host.onSignal(() => {
            throw new Error("in the handler")
          })
        })
      )
    )
    bench.machines[0].stop(() => {})
    bench.pass(second)
    expect(bench.story).toEqual(["n0 started", "n0 defect: Error: in the handler"])
  })
})

describe("a pause", () => {
  it.each(courses)("lets nothing of the machine run, and loses nothing by it (%o)", (options) => {
    const { acts, bench, machine } = running(options)
    machine.pause()
    const before = acts.length
    bench.pass(5 * second)
    expect(acts.length).toBe(before)
    machine.resume()
    bench.pass(second / 10)
    const after = acts.slice(before)
    for (const what of ["fired", "slept", "appended", "received"]) expect(after).toContain(what)
    // A timer and a sleep that came due once fire once.
    expect(after.slice(0, 20).filter((what) => what === "fired").length).toBeLessThan(12)
  })

  it("ends with a crash, and the next incarnation does not stand still", () => {
    const { acts, bench, machine } = running()
    machine.pause()
    machine.crash({ powerLost: false })
    acts.length = 0
    bench.pass(second)
    machine.resume()
    bench.start(0, busy(acts))
    bench.pass(second / 10)
    expect(acts).toContain("fired")
  })
})

describe("the end of a program", () => {
  class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}

  it.each([
    ["that is done", Effect.void, "n0 exited"],
    ["that fails", Effect.fail(new Refused({ message: "no" })), "n0 exited: Refused: no"],
    ["that fails with a word", Effect.fail("why"), "n0 exited: why"],
    ["that dies", Effect.die(new RangeError("far")), "n0 defect: RangeError: far"],
    ["that throws", Effect.sync(() => JSON.parse("{")), expect.stringMatching(/^n0 defect: SyntaxError: /)],
    ["that interrupts itself", Effect.interrupt, "n0 exited"]
  ] as ReadonlyArray<readonly [string, Program, string]>)(
    "%s is told, as a failure or as a defect, with no stack and no fiber's number",
    (_, program, told) => {
      const bench = new TestBench()
      bench.startOnce(0, Effect.andThen(Effect.sleep(1), program))
      bench.pass(second)
      expect([bench.story[1], bench.story.length, bench.machines[0].isUp]).toEqual([told, 2, false])
    }
  )

  it("is told once, be it by an exception in a sink or within its very first step", () => {
    const bench = new TestBench()
    const throwing = Effect.gen(function* () {
      const port = (yield* Timers).attach({
        fired: () => {
          throw new Error("in the sink")
        }
      })
      port.set(0, 10)
      return yield* Effect.never
    })
    bench.startOnce(0, throwing)
    bench.pass(second)
    bench.startOnce(
      0,
      Effect.flatMap(Host, (host) => Effect.sync(() => host.exit(0)))
    )
    bench.pass(second)
    bench.startOnce(0, Effect.void)
    bench.pass(second)
    expect(bench.story).toEqual([
      "n0 started",
      "n0 defect: Error: in the sink",
      "n0 started",
      "n0 exited",
      "n0 started",
      "n0 exited"
    ])
  })
})

describe("an incarnation", () => {
  it("has the name of its machine and a number of its own", () => {
    const bench = new TestBench({ machines: 2 })
    const seen: Array<string> = []
    const look = Effect.map(Host, ({ incarnation, name }) => void seen.push(`${name} ${incarnation}`))
    bench.start(0, look)
    bench.start(1, look)
    for (let round = 0; round < 2; round++) {
      bench.machines[0].crash({ powerLost: true })
      bench.start(0, look)
    }
    expect(seen).toEqual(["n0 1", "n1 1", "n0 2", "n0 3"])
  })

  it("may run another program, or other options, on what the disk kept", () => {
    const bench = new TestBench()
    const append = (text: string) =>
      Effect.gen(function* () {
        const file = yield* (yield* Disk).open("log", { create: true })
        yield* file.append(encoder.encode(text))
        yield* file.sync
        yield* (yield* Disk).syncDirectory("")
      }).pipe(Effect.scoped)
    bench.start(0, append("version 1"))
    bench.pass(second)
    bench.machines[0].crash({ powerLost: true })
    bench.start(0, append(", version 2"))
    bench.pass(second)
    bench.machines[0].crash({ powerLost: true })
    expect(logBytes(bench)).toBe("version 1, version 2".length)
  })

  it("draws other random numbers than the one before, and the same ones under the same seed", () => {
    const draws = (seed: string): ReadonlyArray<number> => {
      const bench = new TestBench({ seed, machines: 2 })
      const seen: Array<number> = []
      const draw = Effect.map(Random.nextInt, (number) => void seen.push(number))
      bench.start(0, draw)
      bench.start(1, draw)
      bench.machines[0].crash({ powerLost: false })
      bench.start(0, draw)
      return seen
    }
    expect(new Set([...draws("a"), ...draws("b")]).size).toBe(6)
    expect(draws("a")).toEqual(draws("a"))
  })

  it("reaches the sites of BUGGIFY that its run decides on", () => {
    const sites: Array<string> = []
    const bench = new TestBench({ buggify: (site) => sites.push(site) === 1 })
    const fired: Array<boolean> = []
    bench.start(
      0,
      Effect.map(Buggify, (buggify) => void fired.push(buggify("room/one"), buggify("room/two")))
    )
    expect([sites, fired]).toEqual([
      ["room/one", "room/two"],
      [true, false]
    ])
  })
})
