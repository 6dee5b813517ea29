/**
 * Playing: one run of a script on a simulated machine, which comes back after each crash until the script is over or a promise
 * is broken. What is not the script's is drawn from a seed: latencies, the scheduler's order, what a crash leaves, which
 * rare paths are taken. So a course, a script and a set of options give the same run again.
 */
import type { Declaration } from "#sim/faults/Atlas.ts"
import type { PolicyName } from "#sim/kernel/PolicyName.ts"
import { Streams } from "#sim/kernel/Stream.ts"
import { buggified } from "#sim/run/Buggified.ts"
import type { DiskImage } from "#sim/world/DiskImage.ts"
import type { Machine } from "#sim/world/Machine.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import type { Oracle } from "./Oracle.ts"
import { Player, strict } from "./Player.ts"
import type { Kept, Script } from "./Script.ts"
import type { OptionSet } from "./Subject.ts"

export interface Course {
  readonly seed: string
  readonly policy: PolicyName
  readonly preemptionOneIn: number
  /** Whether BUGGIFY sites may be active. */
  readonly buggify: boolean
}

export interface Broken {
  /** The operation at which it showed, by its place in the script; -1: before the first. */
  readonly at: number
  readonly message: string
}

export interface Played {
  readonly broken: Broken | undefined
  readonly traceHash: string
  readonly marks: ReadonlyArray<string>
  readonly events: number
}

export interface Options {
  readonly set: number
  readonly course: Course
  /** Bytes on the disk are damaged, or will be: `Corrupt` is an answer. */
  readonly damaged?: boolean
  readonly atlas?: Declaration
  /** What is on the disk at first, and what the engine may show of it. */
  readonly image?: DiskImage
  readonly oracle?: Oracle
  /** At most so many of the durable batches may be missing after an opening. */
  readonly lostMax?: number
}

/** A script that does nothing but wait for a minute of virtual time hangs. */
const withinMicros = 60_000_000

const setLoss = ({ faults }: Machine, kept: Kept): void => {
  faults.losesUnsynced = faults.losesEntries = kept === "nothing" || kept === "some"
  faults.tearsWrites = kept === "some"
  faults.losesAll = kept === "nothing"
}

export class Playing {
  readonly bench: TestBench
  readonly player: Player
  /** Told when an operation begins, by its place in the script. */
  began: (index: number) => void = () => {}
  /** Told when the machine comes back. */
  restarted: () => void = () => {}
  private readonly script: Script
  private readonly options: Options
  private crash: Kept | undefined
  private finished = false
  /** Some call was made to fail. */
  private failed = false

  constructor(script: Script, sets: ReadonlyArray<OptionSet>, options: Options) {
    this.script = script
    this.options = options
    const { atlas, course, image, oracle, set } = options
    const mark = (site: string): void => void this.bench.marks.push(`buggify:${site}`)
    const buggify = buggified(new Streams({ seed: course.seed }), course.buggify, mark)
    this.bench = new TestBench({ ...course, buggify, ...(atlas && { atlas }) })
    if (image !== undefined) this.machine.disk.insert(image)
    this.player = new Player(script, sets, {
      set,
      tolerance: { ...strict, damage: options.damaged ?? false },
      lostMax: options.lostMax ?? 0,
      ...(oracle && { oracle }),
      stage: {
        crash: (kept) => {
          this.crash = kept
          this.bench.kernel.halt()
        },
        killAt: (call, kept) => {
          setLoss(this.machine, kept)
          this.machine.faults.killAtCall = call
        },
        setFull: (full) => {
          this.machine.faults.full = full
        },
        began: (index) => this.began(index),
        finished: () => {
          this.finished = true
          this.bench.kernel.halt()
        }
      }
    })
  }

  get machine(): Machine {
    return this.bench.machines[0]
  }

  private brokenAt(message: string): Broken {
    return { at: this.player.at, message }
  }

  /** One incarnation; returns what it broke. */
  private incarnation(): Broken | undefined {
    const { bench, machine, player } = this
    machine.faults.full = false
    this.crash = undefined
    bench.start(0, player.program)
    bench.pass(withinMicros)
    const last = bench.notes.at(-1)!
    if (player.broken !== undefined) return this.brokenAt(player.broken.message)
    if (last.what === "defect" || last.what === "exited") {
      if (last.what === "defect" || !this.excuses(last.error ?? "")) return this.brokenAt(`${last.what}: ${last.error}`)
    } else if (this.crash !== undefined) {
      setLoss(machine, this.crash)
      const powerLost = this.crash !== "process"
      bench.watched(() => machine.crash({ powerLost }))
    } else if (last.what !== "killed" && !this.finished) return this.brokenAt("it hangs")
    const error = bench.traced.find(({ level }) => level === "error")
    return error === undefined || this.failed || this.options.damaged === true
      ? undefined
      : this.brokenAt(`it reports ${error.name} ${JSON.stringify(error.fields)}`)
  }

  /** A call fails now: until the next incarnation calls may fail, and the engine may stop. */
  excuse(): void {
    this.failed = true
    this.player.tolerance = { ...this.player.tolerance, failures: true }
  }

  /** Whether an engine that does not open is excused. Where bytes are damaged that is the end. */
  private excuses(error: string): boolean {
    const { damage, failures } = this.player.tolerance
    if (this.player.isFull && /^(DiskError|Refused).*(no space|full)/.test(error)) return true
    if (damage && /^(Corrupt|Stopped)/.test(error)) this.finished = true
    return this.finished || (failures && /^(DiskError|Stopped|Refused)/.test(error))
  }

  play(): Played {
    let broken: Broken | undefined
    const incarnationsMax = 2 * this.script.length + 4
    for (let count = 0; !this.finished && broken === undefined; count++) {
      if (count > 0) {
        this.player.tolerance = { ...this.player.tolerance, failures: false }
        this.restarted()
      }
      broken = count < incarnationsMax ? this.incarnation() : this.brokenAt("it never comes to its end")
    }
    const { kernel, marks } = this.bench
    return { broken, traceHash: kernel.hash.digest(), marks, events: kernel.events }
  }
}
