/**
 * SimRuntime: Effect's own references as one incarnation of a simulated machine has them. Clock, Random, Scheduler, Tracer,
 * Console, loggers and configuration come from the simulator, so that a fiber finds no time, order, chance, identifier or
 * setting that the seed did not decide.
 *
 * Fiber ids come from one counter of the process: `numberFibersAnew` makes them start at 1 in every run.
 */
import * as Clock from "effect/Clock"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Hash from "effect/Hash"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Tracer from "effect/Tracer"
import type { Prng } from "#base/Prng.ts"
import { Event, type Epoch, type Kernel } from "#sim/kernel/Kernel.ts"
import type { Stream } from "#sim/kernel/Stream.ts"
import type { Trace } from "#world/Trace.ts"
import type { MachineClock } from "./MachineClock.ts"

class SleepEvent extends Event {
  readonly kind = 4
  cancelled = false
  private readonly kernel: Kernel
  private readonly clock: MachineClock
  private readonly deadline: number
  private readonly wake: () => void

  constructor(kernel: Kernel, clock: MachineClock, epoch: Epoch, deadline: number, wake: () => void) {
    super()
    this.kernel = kernel
    this.clock = clock
    this.epoch = epoch
    this.deadline = deadline
    this.wake = wake
    this.queue()
  }

  private queue(): void {
    this.kernel.schedule(this, Math.max(this.clock.trueTimeOf(this.deadline), this.kernel.now + 1))
  }

  fire(): void {
    if (this.cancelled) return
    if (this.clock.monotonicMicros() < this.deadline) this.queue()
    else this.wake()
  }
}

class SimClock implements Clock.Clock {
  private readonly kernel: Kernel
  private readonly clock: MachineClock
  private readonly epoch: Epoch

  constructor(kernel: Kernel, clock: MachineClock, epoch: Epoch) {
    this.kernel = kernel
    this.clock = clock
    this.epoch = epoch
  }

  currentTimeMillisUnsafe(): number {
    return Math.floor(this.clock.wallMicros() / 1_000)
  }
  currentTimeNanosUnsafe(): bigint {
    return BigInt(this.clock.wallMicros()) * 1_000n
  }
  monotonicTimeNanosUnsafe(): bigint {
    return BigInt(this.clock.monotonicMicros()) * 1_000n
  }
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    if (millis <= 0) return Effect.yieldNow
    if (!Number.isFinite(millis)) return Effect.never
    return Effect.callback<void>((resume) => {
      const deadline = this.clock.monotonicMicros() + Math.ceil(millis * 1_000)
      const event = new SleepEvent(this.kernel, this.clock, this.epoch, deadline, () => resume(Effect.void))
      return Effect.sync(() => {
        event.cancelled = true
      })
    })
  }
}

class SimScheduler implements Scheduler.Scheduler {
  readonly executionMode = "async" as const
  private readonly kernel: Kernel
  private readonly epoch: Epoch
  private readonly preempt: Stream
  private readonly preemptionOneIn: number

  constructor(kernel: Kernel, epoch: Epoch, preempt: Stream, preemptionOneIn: number) {
    this.kernel = kernel
    this.epoch = epoch
    this.preempt = preempt
    this.preemptionOneIn = preemptionOneIn
  }

  /** The seeded preemption coin: shuffling the ready queue alone finds almost nothing, because fibers yield so rarely. */
  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    if (this.epoch.dead) return true
    if (this.preemptionOneIn > 0 && this.preempt.chance(1, this.preemptionOneIn)) return true
    return fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    const strand = this.kernel.strand()
    return {
      scheduleTask: (task) => {
        if (!this.epoch.dead) this.kernel.post(this.epoch, strand, task)
      },
      // Effects run only when the kernel says so.
      flush: () => {}
    }
  }
}

const randomOf = (prng: Prng): Random.Random => ({
  nextDoubleUnsafe: () => prng.double(),
  // Any safe integer: a sign and 53 bits. Effect's own formula gives odd ones only.
  nextIntUnsafe: () => {
    const magnitude = prng.double() * 9_007_199_254_740_992
    return (prng.next() & 1) === 0 || magnitude === 0 ? magnitude : -magnitude
  }
})

/** Spans get their ids by counting: Effect's own draw them when they are read. */
class CountedSpan extends Tracer.NativeSpan {
  constructor(options: ConstructorParameters<typeof Tracer.NativeSpan>[0], number: number) {
    super(options)
    this._spanId = number.toString(16).padStart(16, "0")
    this._traceId =
      options.parent._tag === "Some" ? options.parent.value.traceId : number.toString(16).padStart(32, "0")
  }
}

const tracerOf = (firstNumber: number): Tracer.Tracer => {
  let number = firstNumber
  return Tracer.make({ span: (options) => new CountedSpan(options, ++number) })
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? String(value))

const levels = { Fatal: "error", Error: "error", Warn: "warn", Info: "info", Debug: "debug", Trace: "debug" } as const

const loggerOf = (trace: Trace["Service"]): Logger.Logger<unknown, void> =>
  Logger.make(({ cause, logLevel, message }) => {
    const parts = Array.isArray(message) ? message : [message]
    const level = Object.hasOwn(levels, logLevel) ? levels[logLevel as keyof typeof levels] : "debug"
    const failure = cause.reasons.length === 0 ? {} : { cause: cause.reasons.map((reason) => reason._tag).join(", ") }
    trace.emit(level, "log", { message: parts.map(textOf).join(" "), ...failure })
  })

/** A console whose every method speaks to the trace. */
const consoleOf = (trace: Trace["Service"]): Console.Console =>
  new Proxy({} as Console.Console, {
    get:
      (_, method) =>
      (...parts: ReadonlyArray<unknown>) =>
        trace.emit(method === "error" ? "warn" : "info", "console", { message: parts.map(textOf).join(" ") })
  })

export interface RuntimeOptions {
  readonly kernel: Kernel
  readonly clock: MachineClock
  readonly epoch: Epoch
  readonly random: Prng
  readonly preempt: Stream
  readonly preemptionOneIn: number
  readonly trace: Trace["Service"]
  readonly environment: Readonly<Record<string, string>>
}

/** The references of one incarnation. */
export const references = (options: RuntimeOptions): Context.Context<never> => {
  const { kernel, clock, epoch } = options
  let context: Context.Context<never> = Context.empty()
  context = Context.add(context, Clock.Clock, new SimClock(kernel, clock, epoch))
  context = Context.add(context, Random.Random, randomOf(options.random))
  context = Context.add(
    context,
    Scheduler.Scheduler,
    new SimScheduler(kernel, epoch, options.preempt, options.preemptionOneIn)
  )
  context = Context.add(context, Tracer.Tracer, tracerOf(epoch.incarnation * 1_000_000))
  context = Context.add(context, Console.Console, consoleOf(options.trace))
  context = Context.add(context, Logger.CurrentLoggers, new Set([loggerOf(options.trace)]))
  context = Context.add(context, ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord(options.environment))
  return context
}

interface NumberedFiber {
  processId: number
  runId: number
}

let fiberIdBase = 0
let fibersAccessible = false

/** Functions are equal only to themselves, so one hash does for all; Effect's own is drawn from the host's randomness. */
const functionHash = 0x0f0e0d0c

/**
 * Makes fiber ids count from 1 again. Effect numbers fibers over the whole process, and the numbers show in logs, causes
 * and interruptions: without this a run would depend on the runs before it. Fibers get their id by an assignment in their
 * constructor, which an accessor on their prototype sees.
 *
 * The first call also gives functions a hash that is no draw: causes that are put together hash what is noted in them.
 */
export const numberFibersAnew = (): void => {
  if (!fibersAccessible) {
    fibersAccessible = true
    Object.defineProperty(Function.prototype, Hash.symbol, { configurable: true, value: () => functionHash })
    Object.defineProperty(Object.getPrototypeOf(Effect.runFork(Effect.void)), "id", {
      configurable: true,
      get(this: NumberedFiber) {
        return this.runId
      },
      set(this: NumberedFiber, id: number) {
        this.processId = id
        this.runId = id - fiberIdBase
      }
    })
  }
  fiberIdBase = (Effect.runFork(Effect.void) as unknown as NumberedFiber).processId
}
