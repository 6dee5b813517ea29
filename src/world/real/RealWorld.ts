/**
 * RealWorld: this machine as a node's `World`, with Effect's `Clock`, `Random` and `Scheduler` replaced along with it, and
 * its loggers and configuration led to the node's own trace and environment.
 *
 * Two ways to use it:
 * - `layer` gives the World to a program that owns the process (`server/main.ts`). `Host.exit` ends the process.
 * - `runFork` runs one node among several in a process, each with its own directory, sockets, timers and run queue, and gives
 *   the means to stop it (interrupted, its finalisers run) and to kill it (nothing of it runs any more, as after a crash).
 *
 * A fiber takes its scheduler from its context when it starts, or when a context is provided to it, and its children inherit it.
 * So a program must run whole inside this context, as both ways see to; a fiber that was forked outside of it and only
 * calls services of this World stays on the scheduler, and the clock, of where it came from.
 *
 * Promises at the end of a node, however it ends: its sockets, timers and signal handlers are gone at once, its worker
 * threads and its files when the operation under way has returned. Then its directory and its addresses are free for a successor.
 */
import * as Clock from "effect/Clock"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import * as Disk from "../Disk.ts"
import { Host, type Signal } from "../Host.ts"
import * as Net from "../Net.ts"
import { Timers } from "../Timers.ts"
import { Trace } from "../Trace.ts"
import { Workers } from "../Workers.ts"
import type { World } from "../World.ts"
import { DiskError } from "../WorldError.ts"
import { RealClock } from "./RealClock.ts"
import { RealDisk } from "./RealDisk.ts"
import { RealHost } from "./RealHost.ts"
import * as RealLogger from "./RealLogger.ts"
import { RealNet } from "./RealNet.ts"
import { RealRandom } from "./RealRandom.ts"
import { RealScheduler } from "./RealScheduler.ts"
import { RealTimers } from "./RealTimers.ts"
import * as RealTrace from "./RealTrace.ts"
import { RealWorkers } from "./RealWorkers.ts"

export interface Options {
  /** The node's directory; made when it is not there. One node a directory at a time. */
  readonly root: string
  /** The node's identity. */
  readonly name: string
  readonly incarnation?: number | undefined
  /** Default: the process's own. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  readonly trace?: RealTrace.Options | undefined
}

/** How a node ended: its program did, `Host.exit` was called, or it was killed. */
export type End<A, E> =
  | { readonly type: "finished"; readonly exit: Exit.Exit<A, E> }
  | { readonly type: "exited"; readonly code: number }
  | { readonly type: "killed" }

/** A node that runs in this process. `ended`, `stop` and `kill` end when it has let go of everything it held. */
export interface Running<A, E> {
  readonly fiber: Fiber.Fiber<A, E>
  /** Hands it a signal, as the system would to a process. */
  readonly signal: (signal: Signal) => void
  readonly ended: Effect.Effect<End<A, E>>
  /** Tells it `terminate`, interrupts its program, whose finalisers run, and waits for its end, which has no bound. */
  readonly stop: Effect.Effect<End<A, E>>
  /** Ends it as a crash does: no finaliser runs, connections break, what was not written is lost. */
  readonly kill: Effect.Effect<End<A, E>>
}

/** The parts of one node's World, and their end. */
class Machine {
  readonly context: Context.Context<World>
  private readonly trace: RealTrace.RealTrace
  private readonly timers = new RealTimers()
  private readonly scheduler = new RealScheduler()
  private readonly disk: RealDisk
  private readonly net: RealNet
  private readonly host: RealHost
  private readonly workers: RealWorkers

  /** Throws `DiskError` when the directory cannot be used. */
  constructor(options: Options, exit: (code: number) => void) {
    this.disk = new RealDisk(options.root)
    this.trace = new RealTrace.RealTrace(options.name, options.trace)
    this.net = new RealNet({ timers: this.timers, trace: this.trace.service })
    this.host = new RealHost({
      name: options.name,
      incarnation: options.incarnation,
      environment: options.environment,
      exit
    })
    this.workers = new RealWorkers({ root: options.root, name: options.name, trace: this.trace.service })
    this.context = Context.empty().pipe(
      Context.add(Disk.Disk, Disk.make(this.disk)),
      Context.add(Net.Net, Net.make(this.net)),
      Context.add(Timers, { attach: (sink) => this.timers.attach(sink) }),
      Context.add(Host, this.host),
      Context.add(Trace, this.trace.service),
      Context.add(Workers, this.workers.service),
      Context.add(Clock.Clock, new RealClock(this.timers)),
      Context.add(Random.Random, new RealRandom()),
      Context.add(Scheduler.Scheduler, this.scheduler),
      Context.add(Logger.CurrentLoggers, new Set([RealLogger.make(this.trace.service)])),
      Context.add(
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromEnvRecord({ ...(options.environment ?? process.env) })
      )
    )
  }

  signal(signal: Signal): void {
    this.host.tell(signal)
  }

  /** Stops the run queue: no fiber of the node runs any more. */
  abandon(): void {
    this.scheduler.abandon()
  }

  /** Lets go of everything; `done` is called, later, when no thread runs and no file is open any more. */
  close(done: () => void): void {
    this.host.close()
    this.net.close()
    this.timers.close()
    this.trace.close()
    this.workers.close(() => this.disk.close(done))
  }
}

const open = (options: Options, exit: (code: number) => void): Effect.Effect<Machine, DiskError> =>
  Effect.try({
    try: () => new Machine(options, exit),
    catch: (error) => {
      if (error instanceof DiskError) return error
      throw error
    }
  })

const close = (machine: Machine): Effect.Effect<void> =>
  Effect.callback<void>((resume) => machine.close(() => resume(Effect.void)))

/** The World of a program that owns the process, for the life of the scope: `exit` ends the process. */
export const context = (options: Options): Effect.Effect<Context.Context<World>, DiskError, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      open(options, (code) => process.exit(code)),
      close
    ),
    (machine) => machine.context
  )

/** `context` as a Layer. */
export const layer = (options: Options): Layer.Layer<World, DiskError> => Layer.effectContext(context(options))

/**
 * Starts a node in this process. Its scope closes when its program ends; what the program forked beyond its own life ends
 * with it. `Host.exit` ends this node only: it returns, what plain code stands behind it in the same operation still
 * runs, and then nothing does.
 */
export const runFork = <A, E>(
  program: Effect.Effect<A, E, World | Scope.Scope>,
  options: Options
): Running<A, E | DiskError> => {
  const ended = Deferred.makeUnsafe<End<A, E | DiskError>>()
  let machine: Machine | undefined
  let over = false
  const end = (how: End<A, E | DiskError>): void => {
    if (over) return
    over = true
    machine?.abandon()
    const settle = (): void => {
      Deferred.doneUnsafe(ended, Effect.succeed(how))
    }
    if (machine === undefined) settle()
    else machine.close(settle)
  }
  const fiber = launch(program, options, {
    exit: (code) => end({ type: "exited", code }),
    opened: (made) => {
      machine = made
    }
  })
  fiber.addObserver((exit) => end({ type: "finished", exit }))
  const signal = (signal: Signal): void => {
    if (!over) machine?.signal(signal)
  }
  const wait = Deferred.await(ended)
  return {
    fiber,
    signal,
    ended: wait,
    stop: Effect.suspend(() => {
      signal("terminate")
      fiber.interruptUnsafe()
      return wait
    }),
    kill: Effect.suspend(() => {
      end({ type: "killed" })
      return wait
    })
  }
}

const launch = <A, E>(
  program: Effect.Effect<A, E, World | Scope.Scope>,
  options: Options,
  on: { readonly exit: (code: number) => void; readonly opened: (machine: Machine) => void }
): Fiber.Fiber<A, E | DiskError> => {
  let machine: Machine
  try {
    machine = new Machine(options, on.exit)
  } catch (error) {
    if (error instanceof DiskError) return Effect.runFork(Effect.fail(error))
    throw error
  }
  on.opened(machine)
  return Effect.runForkWith(machine.context)(Effect.scoped(program))
}
