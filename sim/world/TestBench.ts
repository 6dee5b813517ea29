/**
 * TestBench: simulated machines without a scenario, for tests of the simulator itself. It owns a kernel, a network and some
 * machines; a test starts programs on them, lets virtual time pass, does to them what it likes, and looks at what was noted.
 *
 * The tripwire is armed whenever time passes: what trips it is thrown, even when the program under test caught it.
 */
import * as Effect from "effect/Effect"
import { Atlas, nothing, type Declaration } from "#sim/faults/Atlas.ts"
import { Kernel } from "#sim/kernel/Kernel.ts"
import type { PolicyName } from "#sim/kernel/PolicyName.ts"
import { Streams } from "#sim/kernel/Stream.ts"
import * as Tripwire from "#sim/kernel/Tripwire.ts"
import type { Fields, Level } from "#world/Trace.ts"
import type { NetTimes } from "./Link.ts"
import { Machine, type MachineListener, type Program } from "./Machine.ts"
import type { DiskObserver, DiskTimes } from "./SimDisk.ts"
import { SimNet, type NetObserver } from "./SimNet.ts"
import { numberFibersAnew } from "./SimRuntime.ts"

export interface BenchOptions {
  readonly seed?: string
  readonly policy?: PolicyName
  readonly preemptionOneIn?: number
  readonly machines?: number
  readonly diskTimes?: DiskTimes
  readonly netTimes?: NetTimes
  readonly atlas?: Declaration
  readonly buggify?: (site: string) => boolean
  readonly net?: NetObserver
  readonly disk?: DiskObserver
}

/** What became of a machine: `exited` and `defect` with the reason, where there is one. */
export interface Note {
  readonly atMicros: number
  readonly machine: number
  readonly what: "started" | "exited" | "stopped" | "defect" | "killed"
  readonly error: string | undefined
}

export interface Traced {
  readonly machine: number
  readonly level: Level
  readonly name: string
  readonly fields: Fields
}

const diskTimes: DiskTimes = { callMicrosMin: 10, callMicrosMax: 20, syncMicrosMin: 100, syncMicrosMax: 200 }
const netTimes: NetTimes = { latencyMicrosMin: 200, latencyMicrosMax: 400 }

export class TestBench {
  readonly kernel: Kernel
  readonly machines: ReadonlyArray<Machine>
  readonly net: SimNet
  readonly atlas: Atlas
  readonly notes: Array<Note> = []
  readonly traced: Array<Traced> = []
  readonly marks: Array<string> = []

  constructor(options: BenchOptions = {}) {
    const { machines = 1, policy = "fifo", seed = "bench" } = options
    const kernel = new Kernel(new Streams({ seed }), policy)
    this.kernel = kernel
    kernel.onDefect = (epoch, error) => {
      if (epoch === undefined) throw error
      this.machines[epoch.machine].defect(error)
    }
    this.atlas = new Atlas(machines, options.atlas ?? nothing)
    this.machines = Array.from(
      { length: machines },
      (_, index) =>
        new Machine({
          index,
          name: `n${index}`,
          kernel,
          seed,
          atlas: this.atlas,
          diskTimes: options.diskTimes ?? diskTimes,
          preemptionOneIn: options.preemptionOneIn ?? 0,
          buggify: options.buggify ?? (() => false),
          listener: this.listener(),
          diskObserver: options.disk
        })
    )
    this.net = new SimNet(kernel, options.netTimes ?? netTimes, this.machines, options.net)
    for (const machine of this.machines) machine.net = this.net
    numberFibersAnew()
  }

  private listener(): MachineListener {
    const note = (machine: Machine, what: Note["what"], error?: string): void => {
      this.notes.push({ atMicros: this.kernel.now, machine: machine.index, what, error })
    }
    return {
      started: (machine) => note(machine, "started"),
      exited: (machine, error) => note(machine, "exited", error),
      stopped: (machine) => note(machine, "stopped"),
      defect: (machine, error) => note(machine, "defect", error),
      killed: (machine) => note(machine, "killed"),
      traced: (machine, level, name, fields) => {
        this.kernel.hash.text(name)
        this.traced.push({ machine: machine.index, level, name, fields })
      },
      marked: (name) => this.marks.push(name)
    }
  }

  /** Starts a program that lives on when it is done, unless it fails: its machine stays up. */
  start(machine: number, program: Program): void {
    this.startOnce(machine, Effect.andThen(program, Effect.never))
  }

  /** Starts a program; the machine goes down when it is done. */
  startOnce(machine: number, program: Program): void {
    this.watched(() => this.machines[machine].start(program))
  }

  /** Lets this much time pass. */
  pass(micros: number): void {
    this.watched(() => this.kernel.run(this.kernel.now + micros))
  }

  /** Does something to the machines with the tripwire armed. */
  watched<A>(action: () => A): A {
    Tripwire.arm()
    let result: A
    try {
      result = action()
    } finally {
      Tripwire.disarm()
    }
    const trip = Tripwire.tripped()
    if (trip !== undefined) throw new Error(`${trip.what} was called at ${trip.site}`)
    return result
  }

  /** What became of the machines, from the first start on, without times. */
  get story(): ReadonlyArray<string> {
    return this.notes.map(({ error, machine, what }) => `n${machine} ${what}${error === undefined ? "" : `: ${error}`}`)
  }
}

/**
 * Runs a program on a machine of its own until it is done; returns "kept", or what went wrong. `prepare` does something to
 * the bench before.
 */
export const outcomeOf = (
  program: Program,
  options: BenchOptions & { readonly prepare?: (bench: TestBench) => void },
  withinMicros: number
): string => {
  const bench = new TestBench({ ...options, machines: 1 })
  options.prepare?.(bench)
  bench.startOnce(0, program)
  bench.pass(withinMicros)
  const last = bench.notes.at(-1)
  if (last?.what === "exited" && last.error === undefined) return "kept"
  return last?.what === "started" ? "it did not end in time" : `${last?.what}: ${last?.error}`
}
