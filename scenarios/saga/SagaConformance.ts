/**
 * SagaConformance: what a run's transactions did to each saga of the shop, in the words of models/quint/SagaTrace.qnt, whose header says what stands for
 * what. Each saga is checked apart, one behind the other; a child is in its parent's trace as well, as what the parent finds. Nothing is judged here.
 */
import * as Effect from "effect/Effect"
import { assert } from "#base/Assert.ts"
import type { Mapping, Step, Trace } from "#sim/conformance/Conformance.ts"
import type { Json } from "#sim/conformance/Quint.ts"
import type { PlanStep } from "#txn/saga/SagaPlan.ts"
import type { EntryKept, Kept, Wrote } from "./ObservedSteps.ts"
import * as Shop from "./Shop.ts"

const definitions = Shop.definitions(() => Effect.succeed(true))
const plans: Readonly<Record<string, ReadonlyArray<PlanStep>>> = {
  [definitions.order.name]: definitions.order.plan.steps,
  [definitions.bonus.name]: definitions.bonus.plan.steps
}

/** A transaction that is committed, and what it wrote of sagas. */
interface Committed {
  readonly at: number
  readonly atMicros: number
  readonly node: number
  readonly kept: ReadonlyArray<Kept>
}

/** In the order of their timestamps. */
const committedOf = ({ events }: Trace): ReadonlyArray<Committed> => {
  const seen = new Set<string>()
  const commits = new Map<number, { readonly txn: number; readonly atMicros: number; readonly node: number }>()
  const byTxn = new Map<number, Map<string, Kept>>()
  const byTime = new Map<number, Map<string, Kept>>()
  const add = (some: Map<number, Map<string, Kept>>, number: number, kept: Kept): void => {
    const own = some.get(number) ?? new Map<string, Kept>()
    some.set(number, own)
    own.set(`${kept.type} ${kept.id} ${kept.type === "entry" ? kept.number : ""}`, kept)
  }
  for (const event of events) {
    if (event.type !== "trace" || event.name !== "saga/wrote") continue
    const place = `${String(event.fields["group"])} ${String(event.fields["index"])}`
    if (seen.has(place)) continue
    seen.add(place)
    const wrote = JSON.parse(String(event.fields["wrote"])) as Wrote
    for (const [txn, at] of wrote.commits) {
      if (!commits.has(at)) commits.set(at, { txn, atMicros: event.at, node: event.node })
    }
    for (const [txn, kept] of wrote.intents) add(byTxn, txn, kept)
    for (const [at, kept] of wrote.versions) add(byTime, at, kept)
  }
  return [...commits]
    .sort(([left], [right]) => left - right)
    .map(([at, { atMicros, node, txn }]) => {
      const kept = new Map([...(byTxn.get(txn) ?? []), ...(byTime.get(at) ?? [])])
      return { at, atMicros, node, kept: [...kept.values()] }
    })
}

const shapeOf = ({ after, behind, hasUndo, kind, retry, undoRetry }: PlanStep): Json => ({
  kind: { tag: kind === "local" ? "Local" : kind === "external" ? "External" : "Child" },
  undoable: hasUndo,
  after: { set: after.map((step) => step + 1) },
  behind: { set: behind.map((step) => step + 1) },
  attempts: retry.attemptsMax,
  undoAttempts: undoRetry.attemptsMax
})

const statuses = { completed: "Completed", compensated: "Compensated", parked: "Parked" } as const

type RecordKept = Kept & { readonly type: "record" }

/** One saga. Its steps are numbered from 1, those of a plan from 0. */
class Telling {
  readonly steps: Array<Step> = []
  private readonly id: string
  private readonly plan: ReadonlyArray<PlanStep>
  private at: Committed
  private epoch = 0
  /** How its children stand, by step. */
  private readonly children = new Map<number, string>()

  constructor(id: string, plan: ReadonlyArray<PlanStep>, first: Committed) {
    this.id = id
    this.plan = plan
    this.at = first
    this.add("is founded", "Founded", { map: plan.map((step, index) => [index + 1, shapeOf(step)] as const) })
  }

  private add(said: string, tag: string, value?: Json): void {
    const { atMicros, node } = this.at
    const event = value === undefined ? { tag } : { tag, value }
    this.steps.push({ atMicros, node: node + 1, words: `${this.id} ${said}`, event })
  }

  took(committed: Committed): void {
    this.at = committed
    const { kept } = committed
    for (const each of kept) if (each.type === "effect") this.effect(each.id, each.isUndone)
    const own = kept.find((each): each is RecordKept => each.type === "record" && each.id === this.id)
    if (own !== undefined) this.became(own, kept)
    for (const each of kept) if (each.type === "record") this.child(each)
  }

  private stepOf(key: string): number | undefined {
    const index = this.plan.findIndex(({ name }) => key === `${this.id}/${name}`)
    return index < 0 ? undefined : index + 1
  }

  private effect(key: string, isUndone: boolean): void {
    const step = this.stepOf(key)
    if (step !== undefined) this.add(`has ${isUndone ? "an end of " : ""}${key} kept`, "Kept", { step, isUndone })
  }

  private child({ id, status }: RecordKept): void {
    const step = this.stepOf(id)
    if (step === undefined || this.children.get(step) === status) return
    this.children.set(step, status)
    const isUndone = status === "compensated"
    if (isUndone || status === "completed") this.add(`finds ${id} ${status}`, "Ended", { step, isUndone })
  }

  private became({ epoch, status }: RecordKept, kept: ReadonlyArray<Kept>): void {
    if (epoch !== this.epoch) this.add(`has owner ${epoch}`, "Claimed", epoch)
    this.epoch = epoch
    const entries = kept
      .flatMap((each) => (each.type === "entry" && each.id === this.id ? [each] : []))
      .sort((left, right) => left.number - right.number)
      .map(({ entry }) => entry)
    for (const entry of entries) this.entry(entry, entries)
    const stands = status === "running" || status === "compensating" ? "Going" : statuses[status]
    this.add(`is ${status}`, "Stands", { status: { tag: stands }, epoch })
  }

  private entry(entry: EntryKept, beside: ReadonlyArray<EntryKept>): void {
    const { byParent, epoch, isDefinite, isFinal, type } = entry
    const step = entry.step + 1
    if (type === "started") return
    if (type === "cancelled") return this.add("is cancelled", "Cancelled", byParent)
    if (type === "resumed") return this.add("is resumed", "Resumed")
    const { kind, name } = this.plan[entry.step]
    this.add("is looked at by its owner", "Looked")
    const isUndo = type === "undone"
    // What is tried again was not refused: nothing was asked of anybody.
    const isRejected = type === "failed" && isDefinite && isFinal
    if (kind !== "local" && (type === "done" || isUndo || isRejected)) {
      // A child that could not even be started is no saga.
      const isStarted = !beside.some((other) => other.type === "begun" && other.step === entry.step)
      const isKept = (kind === "child" || name === "pay") && isStarted
      this.add(`is answered about ${name}`, "Answered", {
        step,
        kind: { tag: isUndo ? "Undo" : "Do" },
        rejected: isRejected,
        isKept
      })
    }
    const said = `journals ${name} ${type}`
    switch (type) {
      case "begun":
        return this.add(said, "Begun", { step, epoch })
      case "done":
        return this.add(said, "Did", step)
      case "failed":
        return this.add(said, "Failed", { step, isDefinite, isFinal })
      case "undoing":
        return this.add(said, "Undoes", { step, epoch })
      case "undone":
        return this.add(said, "Undid", step)
      case "undo-failed":
        return this.add(said, "UndoFailed", step)
    }
  }
}

const stepsOf = (trace: Trace): ReadonlyArray<Step> => {
  const tellings = new Map<string, Telling>()
  for (const committed of committedOf(trace)) {
    for (const each of committed.kept) {
      if (each.type !== "record" || tellings.has(each.id)) continue
      const plan = plans[each.definition]
      assert(plan !== undefined, `${each.definition} is a saga of the shop`)
      tellings.set(each.id, new Telling(each.id, plan, committed))
    }
    for (const telling of tellings.values()) telling.took(committed)
  }
  return [...tellings.values()].flatMap(({ steps }) => steps)
}

export const mapping: Mapping = {
  module: "SagaTrace",
  options: { "trace.steps": true },
  constants: () => ({}),
  steps: stepsOf
}
