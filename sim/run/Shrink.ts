/**
 * Shrink: makes a failing run small while the same judge fails (delta debugging, Zeller and Hildebrandt, TSE 2002). First
 * it ends sooner, and whole streams of decisions become calm, so that the rest stays where it is when something is left out;
 * then faults, which say the most, operations, clients, nodes, the scheduler's surprises; at last single decisions.
 */
import * as Tripwire from "#sim/kernel/Tripwire.ts"
import type { Decisions, Journal } from "./Journal.ts"
import type { Plan } from "./Plan.ts"
import { failedCheck, type RunResult } from "./Result.ts"
import { run } from "./Run.ts"
import type { Scenario } from "./Scenario.ts"

export interface Progress {
  readonly phase: string
  readonly faults: number
  readonly operations: number
  readonly nodes: number
  readonly decisions: number
  readonly runs: number
}

export interface ShrinkOptions {
  readonly budgetMillis: number
  readonly onProgress?: (progress: Progress) => void
}

export interface Shrunk {
  readonly journal: Journal
  readonly runs: number
}

/** Left of a run after the event that the judge points at, so that what follows from it still shows. */
const tailMicros = 50_000

export const decisionCount = (decisions: Decisions): number =>
  Object.values(decisions).reduce((sum, pairs) => sum + pairs.length / 2, 0)

class Shrinking {
  private readonly scenario: Scenario
  private readonly judge: string
  private readonly options: ShrinkOptions
  private readonly endsAt: number
  journal: Journal
  runs = 0
  private phase = ""

  constructor(scenario: Scenario, journal: Journal, options: ShrinkOptions) {
    this.scenario = scenario
    this.journal = journal
    this.options = options
    this.endsAt = Tripwire.hostMillis() + options.budgetMillis
    this.judge = journal.failed?.judge ?? ""
  }

  private get plan(): Plan {
    return this.journal.plan
  }

  private get isOver(): boolean {
    return Tripwire.hostMillis() >= this.endsAt
  }

  /** Runs the candidate; when the same judge fails, it is what is shrunk from now on. */
  private accepts(plan: Plan, decisions: Decisions = this.journal.decisions): RunResult | undefined {
    if (this.isOver) return undefined
    this.runs++
    const output = run(this.scenario, plan, { decisions, journal: true })
    const failed = failedCheck(output.result)
    if (failed?.name !== this.judge || output.journal === undefined) return undefined
    this.journal = output.journal
    this.options.onProgress?.({
      phase: this.phase,
      faults: plan.faults.length,
      operations: plan.operations.length,
      nodes: plan.nodes,
      decisions: decisionCount(output.journal.decisions),
      runs: this.runs
    })
    return output.result
  }

  /** Leaves out of a list as much as possible, big pieces first. `set` runs a candidate and says whether it still fails. */
  private minimize<A>(read: () => ReadonlyArray<A>, set: (kept: ReadonlyArray<A>) => boolean): void {
    if (read().length > 0 && set([])) return
    for (let size = Math.ceil(read().length / 2); size >= 1 && !this.isOver;) {
      let removed = false
      for (let end = read().length; end > 0 && !this.isOver; end -= size) {
        const list = read()
        const from = Math.max(0, end - size)
        if (end > list.length) continue
        if (set([...list.slice(0, from), ...list.slice(end)])) removed = true
      }
      if (size === 1 && !removed) break
      size = size === 1 ? 1 : Math.ceil(size / 2)
    }
  }

  private faults(): void {
    this.minimize(
      () => this.plan.faults,
      (faults) => this.accepts({ ...this.plan, faults }) !== undefined
    )
    // Shorter ones are easier to read.
    for (let index = 0; index < this.plan.faults.length; index++) {
      for (const forMicros of [0, Math.floor(this.plan.faults[index].forMicros / 4)]) {
        if (forMicros >= this.plan.faults[index].forMicros) continue
        const faults = this.plan.faults.map((fault, at) => (at === index ? { ...fault, forMicros } : fault))
        if (this.accepts({ ...this.plan, faults }) !== undefined) break
      }
    }
  }

  /** Ends the safety phase soon after what the judge points at; faults and operations behind it are left out. */
  private time(failedAt: number | undefined): void {
    const ends = [failedAt === undefined ? this.plan.durationMicros : failedAt + tailMicros]
    for (let part = 1; part <= 4; part++) ends.push(Math.floor((this.plan.durationMicros * part) / 5))
    for (const durationMicros of ends.sort((left, right) => left - right)) {
      if (durationMicros >= this.plan.durationMicros) continue
      const faults = this.plan.faults.filter((fault) => fault.atMicros < durationMicros)
      if (this.accepts({ ...this.plan, durationMicros, faults }) !== undefined) return
    }
  }

  private operations(): void {
    this.minimize(
      () => this.plan.operations,
      (operations) => this.accepts({ ...this.plan, operations }) !== undefined
    )
  }

  private shape(): void {
    while (this.plan.clients > Math.min(1, this.scenario.clients.min)) {
      const clients = this.plan.clients - 1
      const operations = this.plan.operations.filter((operation) => operation.client < clients)
      if (this.accepts({ ...this.plan, clients, operations }) === undefined) break
    }
    while (this.plan.nodes > this.scenario.nodes.min) {
      const nodes = this.plan.nodes - 1
      const faults = this.plan.faults.filter((fault) => fault.nodes.every((node) => node < nodes))
      if (this.accepts({ ...this.plan, nodes, faults }) === undefined) break
    }
  }

  private scheduling(): void {
    this.accepts({ ...this.plan, buggify: false })
    this.accepts({ ...this.plan, policy: "fifo" })
    this.accepts({ ...this.plan, preemptionOneIn: 0 })
  }

  /** Leaves out whole streams: a run of calm latencies keeps its course when an operation is left out. */
  private streams(): void {
    this.minimize(
      () => Object.keys(this.journal.decisions),
      (names) => {
        const kept = new Set(names)
        const decisions = Object.fromEntries(Object.entries(this.journal.decisions).filter(([name]) => kept.has(name)))
        return this.accepts(this.plan, decisions) !== undefined
      }
    )
  }

  private decisions(): void {
    this.streams()
    for (const name of Object.keys(this.journal.decisions)) {
      this.minimize(
        () => pairsOf(this.journal.decisions[name] ?? []),
        (pairs) => this.accepts(this.plan, { ...this.journal.decisions, [name]: pairs.flat() }) !== undefined
      )
    }
  }

  shrink(): Journal {
    // Without the generator the run must fail in the same way; its journal is where shrinking starts.
    const first = this.accepts(this.plan)
    if (first === undefined) return this.journal
    let before: string
    do {
      before = JSON.stringify(this.plan)
      const steps: ReadonlyArray<readonly [phase: string, step: () => void]> = [
        ["time", () => this.time(failedCheck(first)?.atMicros)],
        ["streams", () => this.streams()],
        ["faults", () => this.faults()],
        ["operations", () => this.operations()],
        ["nodes", () => this.shape()],
        ["scheduling", () => this.scheduling()]
      ]
      for (const [phase, step] of steps) {
        this.phase = phase
        step()
      }
    } while (JSON.stringify(this.plan) !== before && !this.isOver)
    this.phase = "decisions"
    this.decisions()
    return this.journal
  }
}

const pairsOf = (flat: ReadonlyArray<number>): ReadonlyArray<readonly [number, number]> => {
  const pairs: Array<readonly [number, number]> = []
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i], flat[i + 1]])
  return pairs
}

/** The smallest run that was found in the budget in which the journal's judge still fails; the journal itself when it does not fail. */
export const shrink = (scenario: Scenario, journal: Journal, options: ShrinkOptions): Shrunk => {
  const shrinking = new Shrinking(scenario, journal, options)
  const shrunk = shrinking.shrink()
  return { journal: shrunk, runs: shrinking.runs }
}
