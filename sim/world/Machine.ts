/**
 * Machine: one simulated host and the program on it. The host (disk, clocks, place in the network) outlives its incarnations.
 *
 * - `crash` abandons the incarnation: no finaliser runs, its timers are purged, and nothing of it acts any more.
 * - `stop` interrupts the program, whose finalisers run in the simulated world; a drain that takes too long is a crash.
 * - `pause` lets the world go on around it; `resume` lets it see, at once, all that came meanwhile.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { Atlas } from "#sim/faults/Atlas.ts"
import { Epoch, type Kernel } from "#sim/kernel/Kernel.ts"
import { prngOf } from "#sim/kernel/Stream.ts"
import { Buggify } from "#world/Buggify.ts"
import { Disk } from "#world/Disk.ts"
import { Host, type Signal } from "#world/Host.ts"
import { Net } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Trace, type Fields, type Level } from "#world/Trace.ts"
import { Workers } from "#world/Workers.ts"
import type { World } from "#world/World.ts"
import { DiskFaults } from "./DiskFaults.ts"
import { MachineClock } from "./MachineClock.ts"
import { SimDisk, type DiskObserver, type DiskTimes } from "./SimDisk.ts"
import type { SimNet } from "./SimNet.ts"
import * as SimRuntime from "./SimRuntime.ts"
import * as SimTimers from "./SimTimers.ts"
import * as SimWorkers from "./SimWorkers.ts"

export type Program = Effect.Effect<void, unknown, World | Scope.Scope>

/** What becomes of a machine, told to the run. */
export interface MachineListener {
  started(machine: Machine): void
  /** The program ended by itself: `error` says why, when it failed. Not called after a crash or a stop. */
  exited(machine: Machine, error: string | undefined): void
  /** The program ended because it was asked to. */
  stopped(machine: Machine): void
  /** A defect: an exception or a failed assertion in the program. The machine is dead already. */
  defect(machine: Machine, error: string): void
  /** It is down because of a disk call in which it was to die. */
  killed(machine: Machine): void
  traced(machine: Machine, level: Level, name: string, fields: Fields): void
  marked(name: string): void
}

export interface MachineOptions {
  readonly index: number
  readonly name: string
  readonly kernel: Kernel
  readonly seed: string
  readonly atlas: Atlas
  readonly diskTimes: DiskTimes
  readonly preemptionOneIn: number
  readonly buggify: (site: string) => boolean
  readonly listener: MachineListener
  readonly diskObserver: DiskObserver | undefined
}

/** A drain that takes longer than this, in virtual microseconds, is ended by a crash. */
const stopMicrosMax = 10_000_000
const originMicrosMax = 1_000_000_000
const cores = 4
const memoryBytes = 8 * 1_073_741_824
const none: Fields = {}

export class Machine {
  readonly index: number
  readonly name: string
  readonly clock: MachineClock
  readonly disk: SimDisk
  readonly faults: DiskFaults
  epoch: Epoch | undefined
  /** Set when all machines exist. */
  net!: SimNet
  private readonly options: MachineOptions
  private fiber: Fiber.Fiber<void, unknown> | undefined
  private incarnations = 0
  private stopping = false
  private handlers = new Set<(signal: Signal) => void>()

  constructor(options: MachineOptions) {
    this.options = options
    this.index = options.index
    this.name = options.name
    this.clock = new MachineClock(options.kernel)
    this.faults = new DiskFaults(options.kernel.streams, options.name)
    this.disk = new SimDisk(
      {
        index: options.index,
        kernel: options.kernel,
        atlas: options.atlas,
        killed: () => this.diesInCall(),
        observer: options.diskObserver
      },
      options.diskTimes,
      this.faults
    )
  }

  get isUp(): boolean {
    return this.epoch !== undefined
  }

  /** Starts the program on a machine that is down. */
  start(program: Program): void {
    const { kernel, listener } = this.options
    const epoch = new Epoch(this.index, ++this.incarnations)
    this.epoch = epoch
    this.handlers = new Set()
    this.stopping = false
    this.clock.boot(kernel.streams.get(`clock/${this.name}/origin`).below(originMicrosMax))
    listener.started(this)
    this.net.started(this.index)
    kernel.running = epoch
    const fiber = Effect.runForkWith(this.context(epoch))(Effect.scoped(program))
    if (epoch.dead) return
    this.fiber = fiber
    fiber.addObserver((exit) => {
      if (!epoch.dead) this.ended(exit)
    })
  }

  private ended(exit: Exit.Exit<void, unknown>): void {
    const { listener } = this.options
    this.end(false)
    if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) listener.defect(this, describe(exit.cause))
    else if (this.stopping) listener.stopped(this)
    else if (Exit.isSuccess(exit)) listener.exited(this, undefined)
    else if (Cause.hasFails(exit.cause)) listener.exited(this, describe(exit.cause))
    else listener.exited(this, undefined)
  }

  /** The incarnation is no more. */
  private end(powerLost: boolean): void {
    const epoch = this.epoch!
    epoch.dead = true
    this.epoch = undefined
    this.fiber = undefined
    this.net.stopped(this.index, powerLost)
    this.disk.crash(powerLost)
    this.options.kernel.purge(epoch)
  }

  crash(options: { readonly powerLost: boolean }): void {
    if (this.epoch !== undefined) this.end(options.powerLost)
  }

  private diesInCall(): void {
    this.crash({ powerLost: true })
    this.options.listener.killed(this)
  }

  /** An exception escaped from a callback of this machine's. */
  defect(error: unknown): void {
    if (this.epoch === undefined) return
    this.end(false)
    this.options.listener.defect(this, error instanceof Error ? `${error.name}: ${error.message}` : String(error))
  }

  /** Asks the program to end; `stopped` is called once it has, or was made to, unless it died of something else before. */
  stop(stopped: () => void): void {
    const { epoch, fiber } = this
    const { kernel } = this.options
    if (epoch === undefined || fiber === undefined) return stopped()
    this.stopping = true
    let over = false
    const finish = (): void => {
      if (over) return
      over = true
      stopped()
    }
    fiber.addObserver(finish)
    kernel.call(
      kernel.now,
      () => {
        for (const handler of this.handlers) handler("terminate")
        fiber.interruptUnsafe()
      },
      epoch
    )
    kernel.call(kernel.now + stopMicrosMax, () => {
      // Whoever has taken it down meanwhile says when it is up again.
      if (over || this.epoch !== epoch) return
      this.crash({ powerLost: false })
      finish()
    })
  }

  pause(): void {
    if (this.epoch !== undefined) this.epoch.paused = true
  }

  resume(): void {
    if (this.epoch?.paused === true) this.options.kernel.resume(this.epoch)
  }

  /** Everything that the incarnation may touch: the services of World and Effect's own references. */
  private context(epoch: Epoch): Context.Context<World> {
    const { kernel, listener, seed } = this.options
    const trace: Trace["Service"] = {
      emit: (level, name, fields) => {
        if (!epoch.dead) listener.traced(this, level, name, fields ?? none)
      },
      mark: (name) => {
        if (!epoch.dead) listener.marked(name)
      }
    }
    const host: Host["Service"] = {
      name: this.name,
      incarnation: epoch.incarnation,
      cores,
      memoryBytes,
      environment: () => undefined,
      onSignal: (handler) => {
        this.handlers.add(handler)
        return () => this.handlers.delete(handler)
      },
      exit: (code) => {
        if (epoch.dead) return
        this.end(false)
        listener.exited(this, code === 0 ? undefined : `exit code ${code}`)
      }
    }
    const references = SimRuntime.references({
      kernel,
      clock: this.clock,
      epoch,
      random: prngOf(seed, `random/${this.name}/${epoch.incarnation}`),
      preempt: kernel.streams.get(`schedule/${this.name}/preempt`),
      preemptionOneIn: this.options.preemptionOneIn,
      trace,
      environment: {}
    })
    const context = references.pipe(
      Context.add(Disk, this.disk.service(epoch)),
      Context.add(Net, this.net.service(this, epoch)),
      Context.add(Timers, SimTimers.make(kernel, this.clock, epoch)),
      Context.add(Host, host),
      Context.add(Trace, trace),
      Context.add(Buggify, (site) => this.options.buggify(site))
    )
    return Context.add(context, Workers, SimWorkers.make(context))
  }
}

/** One line: no stack, no fiber number. */
const describe = (cause: Cause.Cause<unknown>): string =>
  cause.reasons
    .map((reason) =>
      reason._tag === "Fail" ? lineOf(reason.error) : reason._tag === "Die" ? lineOf(reason.defect) : "interrupted"
    )
    .join("; ")

const lineOf = (error: unknown): string => {
  if (error instanceof Error) return `${"_tag" in error ? String(error._tag) : error.name}: ${error.message}`
  return typeof error === "string" ? error : (JSON.stringify(error) ?? String(error))
}
