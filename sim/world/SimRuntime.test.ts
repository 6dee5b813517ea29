import * as Cache from "effect/Cache"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberMap from "effect/FiberMap"
import * as FiberSet from "effect/FiberSet"
import * as HashMap from "effect/HashMap"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Pool from "effect/Pool"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as RcMap from "effect/RcMap"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { describe, expect, it } from "vitest"
import type { PolicyName } from "#sim/kernel/PolicyName.ts"
import type { Program } from "./Machine.ts"
import { TestBench, type BenchOptions } from "./TestBench.ts"

const second = 1_000_000

/** Runs a program to its end with the tripwire armed: its value, and what the run left behind. */
const outcome = <A>(program: Effect.Effect<A, unknown, never>, options: BenchOptions = {}) => {
  const bench = new TestBench(options)
  let value: A | undefined
  const whole: Program = Effect.map(program, (result) => {
    value = result
  })
  bench.startOnce(0, whole)
  bench.pass(600 * second)
  expect(bench.story).toEqual(["n0 started", "n0 exited"])
  return { value, bench, hash: bench.kernel.hash.digest() }
}

class Refused extends Data.TaggedError("Refused")<{ readonly attempt: number }> {}
class Counter extends Context.Service<Counter, { readonly next: Effect.Effect<number> }>()("test/Counter") {}

/** Effect's own operations, each with what it is to give: whatever the course, time or chance of the run. */
const operations: Readonly<Record<string, readonly [program: Effect.Effect<unknown, unknown>, expected: unknown]>> = {
  sleep: [Effect.as(Effect.sleep("3 seconds"), 1), 1],
  "Queue, bounded, between two fibers": [
    Effect.gen(function* () {
      const queue = yield* Queue.bounded<number>(2)
      yield* Effect.forkChild(Effect.forEach([1, 2, 3, 4, 5], (each) => Queue.offer(queue, each)))
      const taken: Array<number> = []
      while (taken.length < 5) taken.push(yield* Queue.take(queue))
      return taken
    }),
    [1, 2, 3, 4, 5]
  ],
  Deferred: [
    Effect.gen(function* () {
      const deferred = yield* Deferred.make<number>()
      yield* Effect.forkChild(Effect.delay(Deferred.succeed(deferred, 7), "1 second"))
      return yield* Deferred.await(deferred)
    }),
    7
  ],
  "Semaphore and Latch": [
    Effect.gen(function* () {
      const semaphore = yield* Semaphore.make(1)
      const latch = yield* Latch.make()
      let inside = 0
      let most = 0
      const work = semaphore.withPermits(1)(
        Effect.gen(function* () {
          most = Math.max(most, ++inside)
          yield* Effect.sleep("1 millis")
          inside--
        })
      )
      const fiber = yield* Effect.forkChild(latch.await)
      yield* Effect.forEach([1, 2, 3, 4], () => work, { concurrency: "unbounded" })
      yield* latch.open
      yield* Fiber.join(fiber)
      return most
    }),
    1
  ],
  PubSub: [
    Effect.scoped(
      Effect.gen(function* () {
        const pubsub = yield* PubSub.bounded<string>(4)
        const subscription = yield* PubSub.subscribe(pubsub)
        yield* PubSub.publish(pubsub, "news")
        return yield* PubSub.take(subscription)
      })
    ),
    "news"
  ],
  "Stream with debounce, grouping, merging and a buffer": [
    Effect.gen(function* () {
      const ticks = Stream.take(Stream.fromSchedule(Schedule.spaced("10 millis")), 20)
      const grouped = yield* Stream.runCollect(Stream.groupedWithin(ticks, 5, "1 second"))
      const last = yield* Stream.runCollect(Stream.debounce(Stream.make(1, 2, 3), "50 millis"))
      const merged = yield* Stream.runCollect(
        Stream.buffer(Stream.merge(Stream.make(1, 2), Stream.make(3)), { capacity: 2 })
      )
      return [grouped.length, [...last], [...merged].sort((left, right) => left - right)]
    }),
    [4, [3], [1, 2, 3]]
  ],
  "forEach and all, concurrent": [
    Effect.gen(function* () {
      const sleepy = (each: number) => Effect.as(Effect.sleep(each * 10), each)
      return [
        yield* Effect.forEach([3, 1, 2], sleepy, { concurrency: 2 }),
        yield* Effect.all([sleepy(2), sleepy(1)], { concurrency: "unbounded" })
      ]
    }),
    [
      [3, 1, 2],
      [2, 1]
    ]
  ],
  "race and timeout": [
    Effect.gen(function* () {
      const winner = yield* Effect.race(
        Effect.as(Effect.sleep("2 seconds"), "slow"),
        Effect.as(Effect.sleep("1 second"), "quick")
      )
      const late = yield* Effect.timeoutOption(Effect.never, "5 seconds")
      return [winner, Option.isNone(late)]
    }),
    ["quick", true]
  ],
  "retry and repeat, with exponential backoff and jitter": [
    Effect.gen(function* () {
      const attempts = yield* Ref.make(0)
      const flaky = Effect.gen(function* () {
        const attempt = yield* Ref.updateAndGet(attempts, (count) => count + 1)
        return attempt < 4 ? yield* new Refused({ attempt }) : attempt
      })
      const tried = yield* Effect.retry(flaky, Schedule.jittered(Schedule.exponential("100 millis")))
      yield* Effect.repeat(
        Ref.update(attempts, (count) => count + 1),
        Schedule.recurs(2)
      )
      return [tried, yield* Ref.get(attempts)]
    }),
    [4, 7]
  ],
  "Cache, with values that grow old": [
    Effect.gen(function* () {
      let lookups = 0
      const cache = yield* Cache.make({
        capacity: 10,
        timeToLive: "1 minute",
        lookup: (key: string) => Effect.sync(() => `${key}${++lookups}`)
      })
      const first = [yield* Cache.get(cache, "a"), yield* Cache.get(cache, "a")]
      yield* Effect.sleep("2 minutes")
      return [...first, yield* Cache.get(cache, "a")]
    }),
    ["a1", "a1", "a2"]
  ],
  "spans, Effect.fn, logs, metrics and the console": [
    Effect.gen(function* () {
      const traced = Effect.fn("traced")(function* (each: number) {
        yield* Effect.annotateCurrentSpan("each", each)
        yield* Effect.log("said", each)
        return each
      })
      const counter = Metric.counter("test/count")
      yield* Metric.update(counter, 1)
      yield* Effect.logWarning("careful", Cause.fail("cause"))
      yield* Console.log("spoken")
      yield* Effect.withSpan(traced(1), "outer", { attributes: { a: 1 } })
      const [duration] = yield* Effect.timed(Effect.sleep("2 seconds"))
      return typeof duration
    }),
    "object"
  ],
  "interruption, finalisers and causes put together": [
    Effect.gen(function* () {
      const ran: Array<string> = []
      const fiber = yield* Effect.forkChild(
        Effect.ensuring(
          Effect.never,
          Effect.sync(() => ran.push("finalised"))
        )
      )
      yield* Effect.sleep("1 minute")
      yield* Fiber.interrupt(fiber)
      const both = yield* Effect.exit(
        Effect.ensuring(
          Effect.withSpan(Effect.fail(new Refused({ attempt: 1 })), "failing"),
          Effect.die(new Error("also"))
        )
      )
      return [ran, Exit.isFailure(both)]
    }),
    [["finalised"], true]
  ],
  "Layer, Pool, RcMap, FiberSet and FiberMap": [
    Effect.gen(function* () {
      const layer = Layer.effect(
        Counter,
        Effect.map(Ref.make(0), (ref) => ({ next: Ref.updateAndGet(ref, (count) => count + 1) }))
      )
      const counted = yield* Effect.provide(
        Effect.flatMap(Counter, ({ next }) => Effect.andThen(next, next)),
        layer
      )
      const pool = yield* Pool.makeWithTTL({ acquire: Effect.succeed("item"), min: 0, max: 2, timeToLive: "1 second" })
      const item = yield* Effect.scoped(Pool.get(pool))
      const map = yield* RcMap.make({ lookup: (key: string) => Effect.succeed(key.length), idleTimeToLive: "1 second" })
      const length = yield* Effect.scoped(RcMap.get(map, "four"))
      const set = yield* FiberSet.make<void>()
      yield* FiberSet.run(set, Effect.sleep("1 second"))
      const fibers = yield* FiberMap.make<string, void>()
      yield* FiberMap.run(fibers, "one", Effect.sleep("1 second"))
      yield* FiberSet.awaitEmpty(set)
      yield* Effect.sleep("5 seconds")
      return [counted, item, length]
    }).pipe(Effect.scoped),
    [2, "item", 4]
  ],
  "SubscriptionRef, HashMap and Schema": [
    Effect.gen(function* () {
      const ref = yield* SubscriptionRef.make(1)
      const changes = yield* Effect.forkChild(Stream.runCollect(Stream.take(SubscriptionRef.changes(ref), 2)))
      yield* Effect.sleep("1 minute")
      yield* SubscriptionRef.set(ref, 2)
      const map = HashMap.make(["a", 1], ["b", 2])
      const decoded = yield* Schema.decodeUnknownEffect(Schema.Struct({ a: Schema.Number }))({ a: 1 })
      return [[...(yield* Fiber.join(changes))], HashMap.get(map, "b"), decoded]
    }),
    [[1, 2], Option.some(2), { a: 1 }]
  ],
  "time and chance": [
    Effect.gen(function* () {
      const before = yield* Clock.currentTimeMillis
      yield* Effect.sleep("1 second")
      const passed = (yield* Clock.currentTimeMillis) - before
      const now = yield* DateTime.now
      yield* Random.shuffle([1, 2, 3])
      const integer = yield* Random.nextInt
      return [passed >= 1_000, DateTime.toUtc(now).epochMilliseconds >= before, Number.isSafeInteger(integer)]
    }),
    [true, true, true]
  ],
  configuration: [Config.withDefault(Config.String("HOME"), "no home"), "no home"]
}

const courses: ReadonlyArray<BenchOptions & { readonly policy: PolicyName }> = [
  { policy: "fifo", preemptionOneIn: 0, seed: "a" },
  { policy: "uniform", preemptionOneIn: 8, seed: "b" },
  { policy: "pct", preemptionOneIn: 8, seed: "c" },
  { policy: "starve", preemptionOneIn: 8, seed: "d" }
]

describe("Effect's own operations trip nothing and give what they give anywhere", () => {
  it.each(Object.keys(operations))("%s", (name) => {
    const [program, expected] = operations[name]
    for (const course of courses) expect(outcome(program, course).value).toEqual(expected)
  })

  it.each(Object.keys(operations))("and take the same course again under the same seed: %s", (name) => {
    const [program] = operations[name]
    for (const course of courses) expect(outcome(program, course).hash).toBe(outcome(program, course).hash)
  })
})

const ids = Effect.gen(function* () {
  const seen: Array<string | number> = []
  const look = Effect.fn("look")(function* () {
    const span = yield* Effect.currentSpan
    seen.push(span.spanId, span.traceId, yield* Effect.fiberId)
  })
  yield* Effect.forEach([1, 2, 3], () => Effect.andThen(Effect.sleep(1), look()), { concurrency: 3 })
  yield* Effect.withSpan(look(), "parent")
  const fiber = yield* Effect.forkChild(Effect.never)
  yield* Effect.sleep(1)
  yield* Fiber.interrupt(fiber)
  seen.push(JSON.stringify(yield* Fiber.await(fiber)))
  return seen
})

describe("identifiers", () => {
  it("of fibers, spans, traces and interruptions are the same in every run of a process", () => {
    const first = outcome(ids, courses[1])
    for (let run = 0; run < 5; run++) {
      // Fibers of the host between the runs.
      for (let fiber = 0; fiber < 7 * run; fiber++) Effect.runFork(Effect.void)
      expect(outcome(ids, courses[1])).toMatchObject({ value: first.value, hash: first.hash })
    }
    expect(first.value?.filter((id) => typeof id === "number").every((id) => Number(id) > 0 && Number(id) < 100)).toBe(
      true
    )
  })

  it("of spans differ within a run, and a child has the trace of its parent", () => {
    const { value } = outcome(
      Effect.gen(function* () {
        const spans = yield* Effect.withSpan(
          Effect.all([Effect.currentSpan, Effect.withSpan(Effect.currentSpan, "child")]),
          "parent"
        )
        const other = yield* Effect.withSpan(Effect.currentSpan, "other")
        return [...spans, other].map(({ spanId, traceId }) => ({ spanId, traceId }))
      })
    )
    const [parent, child, other] = value!
    expect(new Set([parent.spanId, child.spanId, other.spanId]).size).toBe(3)
    expect(child.traceId).toBe(parent.traceId)
    expect(other.traceId).not.toBe(parent.traceId)
    expect([parent.spanId, parent.traceId]).toEqual([
      expect.stringMatching(/^[0-9a-f]{16}$/),
      expect.stringMatching(/^[0-9a-f]{32}$/)
    ])
  })

  it("are not those of another incarnation", () => {
    const bench = new TestBench()
    const seen: Array<string> = []
    const look = Effect.map(Effect.withSpan(Effect.currentSpan, "look"), ({ spanId }) => void seen.push(spanId))
    for (let round = 0; round < 3; round++) {
      bench.startOnce(0, Effect.orDie(look))
      bench.pass(1_000)
    }
    expect(new Set(seen).size).toBe(3)
  })
})

describe("what a program says", () => {
  it("by logs and the console is traced, with its level, and never printed", () => {
    const { bench } = outcome(
      Effect.gen(function* () {
        yield* Effect.logError("bad", { code: 7 })
        yield* Effect.logInfo("good")
        yield* Effect.logDebug("small")
        yield* Effect.logWarning("odd", Cause.die("cause"))
        yield* Console.log("spoken", 1)
        yield* Console.error("shouted")
      })
    )
    expect(bench.traced.map(({ fields, level, name }) => [level, name, fields["message"]])).toEqual([
      ["error", "log", 'bad {"code":7}'],
      ["info", "log", "good"],
      ["warn", "log", "odd"],
      ["info", "console", "spoken 1"],
      ["warn", "console", "shouted"]
    ])
  })
})

describe("the preemption coin", () => {
  const race = (options: BenchOptions): number => {
    const { value } = outcome(
      Effect.gen(function* () {
        const counter = yield* Ref.make(0)
        const add = Effect.gen(function* () {
          const before = yield* Ref.get(counter)
          yield* Ref.set(counter, before + 1)
        })
        yield* Effect.forEach(Array.from({ length: 10 }), () => add, { concurrency: "unbounded" })
        return yield* Ref.get(counter)
      }),
      options
    )
    return value!
  }
  const seeds = Array.from({ length: 30 }, (_, index) => `coin ${index}`)

  it("finds a lost update that the shuffling of ready fibers alone does not", () => {
    const lost = (options: BenchOptions): number => seeds.filter((seed) => race({ ...options, seed }) < 10).length
    expect(lost({ policy: "fifo" })).toBe(0)
    expect(lost({ policy: "uniform" })).toBe(0)
    expect(lost({ policy: "uniform", preemptionOneIn: 8 })).toBeGreaterThan(10)
  })
})
