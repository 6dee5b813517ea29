/**
 * Metamorphic: the same script on an engine under many sets of options (Pebble's metamorphic tests). All runs have to agree with
 * the specification, and so with each other. What is not the script's is drawn from a seed: latencies, the scheduler's order, what
 * a crash leaves. So a seed, a script and a set of options give the same run again.
 */
import type { Declaration } from "#sim/faults/Atlas.ts"
import { Draw } from "#sim/kernel/Draw.ts"
import { policies, type PolicyName } from "#sim/kernel/PolicyName.ts"
import { prngOf, Streams } from "#sim/kernel/Stream.ts"
import { buggified } from "#sim/run/Buggified.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import type { Machine } from "#sim/world/Machine.ts"
import { Player, type Tolerance } from "./Player.ts"
import type { Kept, Script } from "./Script.ts"
import * as ScriptText from "./Script.ts"
import * as Scripts from "./Scripts.ts"
import type { OptionSet, Subject } from "./Subject.ts"

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

/** A script that does nothing but wait for a minute of virtual time hangs. */
const withinMicros = 60_000_000

const setLoss = ({ faults }: Machine, kept: Kept): void => {
  faults.losesUnsynced = faults.losesEntries = kept === "nothing" || kept === "some"
  faults.tearsWrites = kept === "some"
  faults.losesAll = kept === "nothing"
}

/** One run: a machine that comes back after each crash, until the script is over or a promise is broken. */
class Playing {
  private readonly bench: TestBench
  private readonly player: Player
  private readonly script: Script
  private crash: Kept | undefined
  private finished = false

  constructor(
    script: Script,
    sets: ReadonlyArray<OptionSet>,
    options: {
      readonly set: number
      readonly course: Course
      readonly tolerance?: Tolerance
      readonly atlas?: Declaration
    }
  ) {
    this.script = script
    const { course } = options
    const buggify = buggified(new Streams({ seed: course.seed }), course.buggify, (site) =>
      this.bench.marks.push(`buggify:${site}`)
    )
    this.bench = new TestBench({ ...course, buggify, ...(options.atlas && { atlas: options.atlas }) })
    const [machine] = this.bench.machines
    this.player = new Player(script, sets, {
      set: options.set,
      ...(options.tolerance && { tolerance: options.tolerance }),
      stage: {
        crash: (kept) => {
          this.crash = kept
          this.bench.kernel.halt()
        },
        killAt: (call, kept) => {
          setLoss(machine, kept)
          machine.faults.killAtCall = call
        },
        setFull: (full) => {
          machine.faults.full = full
        },
        finished: () => {
          this.finished = true
          this.bench.kernel.halt()
        }
      }
    })
  }

  private brokenAt(message: string): Broken {
    return { at: this.player.at, message }
  }

  /** One incarnation; returns what it broke. */
  private incarnation(): Broken | undefined {
    const { bench, player } = this
    const [machine] = bench.machines
    machine.faults.full = false
    this.crash = undefined
    bench.start(0, player.program)
    bench.pass(withinMicros)
    const last = bench.notes.at(-1)!
    if (player.broken !== undefined) return this.brokenAt(player.broken.message)
    if (last.what === "exited" || last.what === "defect") return this.brokenAt(`${last.what}: ${last.error}`)
    if (this.crash !== undefined) {
      setLoss(machine, this.crash)
      const powerLost = this.crash !== "process"
      bench.watched(() => machine.crash({ powerLost }))
    } else if (last.what !== "killed" && !this.finished) return this.brokenAt("it hangs")
    const error = bench.traced.find(({ level }) => level === "error")
    return error === undefined ? undefined : this.brokenAt(`it reports ${error.name} ${JSON.stringify(error.fields)}`)
  }

  play(): Played {
    let broken: Broken | undefined
    const incarnationsMax = 2 * this.script.length + 2
    for (let count = 0; !this.finished && broken === undefined; count++) {
      broken = count < incarnationsMax ? this.incarnation() : this.brokenAt("it never comes to its end")
    }
    const { kernel, marks } = this.bench
    return { broken, traceHash: kernel.hash.digest(), marks, events: kernel.events }
  }
}

export const play = (
  script: Script,
  sets: ReadonlyArray<OptionSet>,
  options: {
    readonly set: number
    readonly course: Course
    readonly tolerance?: Tolerance
    readonly atlas?: Declaration
  }
): Played => new Playing(script, sets, options).play()

/** Leaves out of a list as much as possible, big pieces first, while it still fails (Zeller and Hildebrandt, TSE 2002). */
const minimized = <A>(list: ReadonlyArray<A>, fails: (list: ReadonlyArray<A>) => boolean): ReadonlyArray<A> => {
  let kept = list
  for (let size = Math.ceil(kept.length / 2); size >= 1;) {
    let removed = false
    for (let end = kept.length; end > 0; end -= size) {
      const candidate = [...kept.slice(0, Math.max(0, end - size)), ...kept.slice(end)]
      if (candidate.length < kept.length && fails(candidate)) {
        kept = candidate
        removed = true
      }
    }
    if (size === 1 && !removed) break
    size = size === 1 ? 1 : Math.ceil(size / 2)
  }
  return kept
}

/** The same script with less in its batches. */
const thinned = (script: Script, fails: (script: Script) => boolean): Script => {
  let kept = script
  for (let at = 0; at < kept.length; at++) {
    const operation = kept[at]
    const replaced = (other: (typeof kept)[number]): Script => kept.map((one, index) => (index === at ? other : one))
    if (operation.type === "write") {
      const changes = minimized(operation.changes, (less) => fails(replaced({ ...operation, changes: less })))
      kept = replaced({ ...operation, changes })
    } else if (operation.type === "ingest") {
      const entries = minimized(operation.entries, (less) => fails(replaced({ ...operation, entries: less })))
      kept = replaced({ ...operation, entries })
    }
  }
  return kept
}

/** The smallest script found that still breaks a promise. */
export const reduce = (script: Script, fails: (script: Script) => boolean): Script => {
  let kept = script
  let before: number
  do {
    before = ScriptText.text(kept).length
    kept = thinned(minimized(kept, fails), fails)
  } while (ScriptText.text(kept).length < before)
  return kept
}

/** A broken promise, as a person wants it: the smallest script found, and how to run it again. */
const report = (
  script: Script,
  what: { readonly subject: string; readonly set: string; readonly course: Course; readonly broken: Broken }
): string =>
  [
    `# ${what.subject}, options: ${what.set}`,
    `# seed ${what.course.seed}, policy ${what.course.policy}, preemption one in ${what.course.preemptionOneIn}`,
    `# line ${what.broken.at + 1}: ${what.broken.message}`,
    ScriptText.text(script)
  ].join("\n")

/** The course of a seed. */
export const courseOf = (seed: string): Course => {
  const draw = new Draw(prngOf(seed, "course"))
  return {
    seed,
    policy: draw.pick(Object.keys(policies) as ReadonlyArray<PolicyName>),
    preemptionOneIn: draw.pick([0, 8, 16]),
    buggify: draw.chance(1, 2)
  }
}

/** Plays a seed's script under one set of options; a report when a promise is broken. */
export const examine = (
  subject: Subject,
  options: { readonly seed: string; readonly operations: number; readonly set: number | "drawn" }
): { readonly played: Played; readonly report: string | undefined } => {
  const { seed } = options
  const course = courseOf(seed)
  const drawn = options.set === "drawn" ? [subject.draw(new Draw(prngOf(seed, "options")))] : []
  const sets = [...drawn, ...subject.sets]
  const set = options.set === "drawn" ? 0 : options.set
  const run = (script: Script): Played => play(script, sets, { set, course })
  const script = Scripts.draw(seed, options.operations)
  const played = run(script)
  if (played.broken === undefined) return { played, report: undefined }
  const small = reduce(script, (less) => run(less).broken !== undefined)
  const what = { subject: subject.name, set: sets[set].name, course, broken: run(small).broken! }
  return { played, report: report(small, what) }
}
