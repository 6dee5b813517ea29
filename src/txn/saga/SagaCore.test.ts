/** The core of sagas, driven by owners that die at any moment, with work that fails, is late, or happens without anybody hearing of it. */
import { isDeepStrictEqual } from "node:util"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Prng } from "#base/Prng.ts"
import * as SagaCore from "./SagaCore.ts"
import * as SagaPlan from "./SagaPlan.ts"

const retry = { attemptsMax: 3, pauseMillisMin: 10, pauseMillisMax: 40 }
const result = Uint8Array.of(1)

const step = (name: string, changes: Partial<SagaPlan.Given> = {}): SagaPlan.Shape<SagaPlan.Given> => ({
  type: "step",
  step: { name, kind: "external", hasUndo: true, retry, undoRetry: retry, ...changes }
})

const parallel = (...branches: ReadonlyArray<ReadonlyArray<SagaPlan.Shape<SagaPlan.Given>>>) =>
  ({ type: "parallel", branches }) as const

const planOf = (...row: ReadonlyArray<SagaPlan.Shape<SagaPlan.Given>>): SagaPlan.Plan => SagaPlan.of(row).plan

/** Applies events that have to follow. */
const after = (plan: SagaPlan.Plan, events: ReadonlyArray<SagaCore.Event>): SagaCore.State => {
  let state = SagaCore.start(plan, 0)
  for (const event of events) {
    const next = SagaCore.apply(plan, state, event)
    if (next instanceof SagaCore.Refusal) throw new Error(`${JSON.stringify(event)}: ${next.message}`)
    state = next
  }
  return state
}

const done = (number: number, at = 1): ReadonlyArray<SagaCore.Event> => [
  { type: "begun", at, step: number, epoch: 1 },
  { type: "done", at, step: number, result }
]
const failed = (number: number, more: Partial<SagaCore.Event & { type: "failed" }> = {}): SagaCore.Event => ({
  type: "failed",
  at: 1,
  step: number,
  isDefinite: true,
  isFinal: true,
  message: "no",
  ...more
})
const begun = (number: number, epoch = 1, at = 1): SagaCore.Event => ({ type: "begun", at, step: number, epoch })
const undoing = (number: number, epoch = 1, at = 1): SagaCore.Event => ({ type: "undoing", at, step: number, epoch })
const undone = (number: number, byHand = false): SagaCore.Event => ({ type: "undone", at: 1, step: number, byHand })
const cancelled: SagaCore.Event = { type: "cancelled", at: 1, by: "caller", message: "cancelled" }

const decide = (plan: SagaPlan.Plan, events: ReadonlyArray<SagaCore.Event>, at = 1, epoch = 1) =>
  SagaCore.decide(plan, after(plan, events), at, epoch)

const refusalOf = (plan: SagaPlan.Plan, events: ReadonlyArray<SagaCore.Event>, event: SagaCore.Event) => {
  const next = SagaCore.apply(plan, after(plan, events), event)
  return next instanceof SagaCore.Refusal ? next.message : undefined
}

describe("a saga", () => {
  const row = planOf(step("a"), step("b"), step("c"))

  it("runs a row one after the other, the branches of a group side by side, and then what is behind them", () => {
    const plan = planOf(step("a"), parallel([step("b"), step("c")], [step("d")]), step("e"))
    expect(decide(plan, []).run).toEqual([0])
    expect(decide(plan, done(0)).run).toEqual([1, 3])
    expect(decide(plan, [...done(0), ...done(3)]).run).toEqual([1])
    expect(decide(plan, [...done(0), ...done(3), ...done(1)]).run).toEqual([2])
    expect(decide(plan, [...done(0), ...done(3), ...done(1), ...done(2)]).run).toEqual([4])
    expect(
      decide(
        plan,
        [0, 3, 1, 2, 4].flatMap((number) => done(number))
      ).status
    ).toBe("completed")
  })

  it("undoes what is done, in reverse, and nothing that did not run", () => {
    const events = [...done(0), ...done(1), begun(2), failed(2)]
    expect(decide(row, events)).toMatchObject({ status: "compensating", undo: [1], run: [] })
    expect(decide(row, [...events, undoing(1), undone(1)]).undo).toEqual([0])
    expect(decide(row, [...events, undoing(1), undone(1), undoing(0), undone(0)])).toMatchObject({
      status: "compensated",
      undo: []
    })
    expect(refusalOf(row, events, undoing(0))).toContain("cannot be undone now")
    expect(refusalOf(row, events, undoing(2))).toContain("cannot be undone now")
  })

  it("undoes a step, too, of which nobody knows whether it ran: an earlier attempt may have", () => {
    const unknown = failed(0, { isDefinite: false, isFinal: false })
    const events = [begun(0), unknown, begun(0, 1, 20_000), failed(0, { at: 20_000 })]
    expect(decide(row, events)).toMatchObject({ status: "compensating", undo: [0] })
  })

  it("lets no step begin, nor be done, that was undone first", () => {
    const events = [begun(0), failed(0, { isDefinite: false, isFinal: true })]
    for (const more of [[], [undoing(0)], [undoing(0), undone(0)]]) {
      expect(refusalOf(row, [...events, ...more], begun(0))).toContain("cannot begin")
      expect(refusalOf(row, [...events, ...more], { type: "done", at: 1, step: 0, result })).toContain("not begun")
    }
  })

  it("waits between attempts, longer each time, and gives up at the last", () => {
    const again = (at: number): SagaCore.Event => failed(0, { at, isFinal: false })
    const once = [begun(0), again(1)]
    expect(decide(row, once)).toMatchObject({ run: [], wakeAt: 10_001 })
    expect(refusalOf(row, once, begun(0, 1, 10_000))).toContain("cannot begin")
    expect(decide(row, once, 10_001).run).toEqual([0])
    const twice = [...once, begun(0, 1, 10_001), again(10_001)]
    expect(decide(row, twice).wakeAt).toBe(30_001)
    expect(decide(row, [...twice, begun(0, 1, 30_001), again(30_001)]).status).toBe("compensated")
  })

  it("turns round at its deadline, not before", () => {
    const plan = SagaPlan.of([step("a"), step("b")], 1).plan
    const expired = { type: "cancelled", by: "deadline", message: "late" } as const
    expect(decide(plan, [])).toMatchObject({ isExpired: false, wakeAt: 1_000 })
    expect(refusalOf(plan, [], { ...expired, at: 999 })).toContain("later")
    expect(decide(plan, [], 1_000)).toMatchObject({ isExpired: true, run: [] })
    expect(decide(plan, [...done(0), { ...expired, at: 1_000 }]).undo).toEqual([0])
  })

  it("is cancelled while it runs; when it is completed, by its parent alone", () => {
    expect(decide(row, [...done(0), cancelled]).undo).toEqual([0])
    const completed = [0, 1, 2].flatMap((number) => done(number))
    expect(refusalOf(row, completed, cancelled)).toBe("it is completed already")
    expect(decide(row, [...completed, { ...cancelled, by: "parent" }]).undo).toEqual([2])
    expect(refusalOf(row, [cancelled], cancelled)).toBe("it is compensated already")
  })

  it("gives up work that is under way when it turns round, before it undoes anything", () => {
    const plan = planOf(step("a"), parallel([step("b")], [step("c")]))
    const events = [...done(0), begun(1), begun(2), failed(1)]
    expect(decide(plan, events)).toMatchObject({ abandoned: [2], undo: [], status: "compensating" })
    const late: SagaCore.Event = { type: "done", at: 1, step: 2, result }
    expect(decide(plan, [...events, late]).undo).toEqual([2])
    expect(decide(plan, [...events, failed(2, { isDefinite: false })]).undo).toEqual([2])
    expect(decide(plan, [...events, failed(2)]).undo).toEqual([0])
  })

  it("is parked when an undo has failed as often as it may, after all else is undone; a person resumes it, or settles it", () => {
    const plan = planOf(parallel([step("a")], [step("b")]), step("c"))
    const failing = [1, 20_000, 50_000].flatMap((at): ReadonlyArray<SagaCore.Event> => [
      undoing(0, 1, at),
      { type: "undo-failed", at, step: 0, message: "closed" }
    ])
    const events = [...done(0), ...done(1), cancelled, ...failing]
    expect(decide(plan, events, 90_000)).toMatchObject({ status: "compensating", undo: [1] })
    const parked = [...events, undoing(1), undone(1)]
    expect(decide(plan, parked, 90_000)).toMatchObject({ status: "parked", undo: [], wakeAt: Infinity })
    expect(decide(plan, [...parked, { type: "resumed", at: 90_000 }], 90_000)).toMatchObject({ undo: [0] })
    expect(decide(plan, [...parked, undone(0, true)]).status).toBe("compensated")
    expect(refusalOf(plan, events, undone(0, true))).toContain("not being undone")
    expect(refusalOf(plan, events, { type: "resumed", at: 1 })).toBe("it is not parked")
  })

  it("knows the work of an owner before as lost, and waits for a child whoever began it", () => {
    expect(decide(row, [begun(0, 1)], 1, 2)).toMatchObject({ lost: [0], run: [] })
    expect(decide(row, [...done(0), cancelled, undoing(0, 1)], 1, 2)).toMatchObject({ lost: [0], undo: [] })
    const plan = planOf(step("a", { kind: "child" }))
    expect(decide(plan, [begun(0, 1)], 1, 2)).toMatchObject({ lost: [], waits: [0] })
  })

  it("refuses steps that it does not have, and has no state after a journal of another plan", () => {
    expect(refusalOf(row, [], begun(3))).toBe("there is no step 3")
    expect(SagaCore.replay(planOf(step("a")), 0, done(1))).toBeUndefined()
  })
})

interface Attempt {
  readonly step: number
  readonly undo: boolean
  readonly epoch: number
  /** Its message has not arrived. */
  isOnItsWay: boolean
}

/** What is done in the world under each step's key; the rules of a participant. */
interface Effect {
  done: number
  undone: number
  isBlocked: boolean
}

/** A run of a plan in which draws decide what happens next; it ends when the saga does. */
class Run {
  readonly plan: SagaPlan.Plan
  readonly prng: Prng
  readonly world: ReadonlyArray<Effect>
  readonly journal: Array<SagaCore.Event> = []
  state: SagaCore.State
  epoch = 1
  at = 1
  flying: Array<Attempt> = []
  /** Chances out of 16 that work fails; no trouble at all after so many draws. */
  trouble = 200

  constructor(plan: SagaPlan.Plan, seed: number) {
    this.plan = plan
    this.prng = new Prng(seed, 7, 7, 7)
    this.world = plan.steps.map(() => ({ done: 0, undone: 0, isBlocked: false }))
    this.state = SagaCore.start(plan, this.at)
  }

  chance(of16: number): boolean {
    return this.trouble > 0 && this.prng.below(16) < of16
  }

  append(event: SagaCore.Event): void {
    const next = SagaCore.apply(this.plan, this.state, event)
    if (next instanceof SagaCore.Refusal) throw new Error(`${next.message}: ${JSON.stringify([this.journal, event])}`)
    this.journal.push(event)
    this.state = next
    // Whoever reads the journal now knows and decides the same.
    const read = SagaCore.replay(this.plan, 1, this.journal)!
    const decision = SagaCore.decide(this.plan, read, this.at, this.epoch)
    if (!isDeepStrictEqual([read, decision], [this.state, this.decision]))
      throw new Error("the journal tells otherwise")
  }

  get decision(): SagaCore.Decision {
    return SagaCore.decide(this.plan, this.state, this.at, this.epoch)
  }

  /** The message of an attempt arrives, as often as it likes. */
  arrive(attempt: Attempt): void {
    attempt.isOnItsWay = false
    this.effect(attempt)
  }

  effect({ step, undo }: Pick<Attempt, "step" | "undo">): void {
    const effect = this.world[step]
    if (undo) {
      if (effect.done > effect.undone) effect.undone += 1
      effect.isBlocked = true
    } else if (!effect.isBlocked && effect.done === 0) effect.done += 1
  }

  /** How an attempt ends for its owner, which may be wrong about whether it happened. */
  end(attempt: Attempt): void {
    const { step, undo } = attempt
    const isRejected = !undo && attempt.isOnItsWay && this.chance(2)
    if (isRejected) this.flying = this.flying.filter((each) => each !== attempt)
    else if (!this.chance(3)) this.arrive(attempt)
    const at = this.at
    const isFailed = isRejected || attempt.isOnItsWay || this.chance(2)
    if (undo) {
      this.append(
        isFailed ? { type: "undo-failed", at, step, message: "" } : { type: "undone", at, step, byHand: false }
      )
    } else if (isFailed) {
      const isFinal = this.chance(4)
      this.append({ type: "failed", at, step, isDefinite: isRejected, isFinal, message: "" })
    } else this.append({ type: "done", at, step, result })
    if (!attempt.isOnItsWay) this.flying = this.flying.filter((each) => each !== attempt)
    else Object.assign(attempt, { epoch: 0 })
  }

  begin(step: number, undo: boolean): void {
    const { at, epoch } = this
    if (this.plan.steps[step].kind !== "local") {
      this.append(undo ? { type: "undoing", at, step, epoch } : { type: "begun", at, step, epoch })
      this.flying.push({ step, undo, epoch, isOnItsWay: true })
      return
    }
    if (this.chance(2)) {
      this.append(
        undo
          ? { type: "undo-failed", at, step, message: "" }
          : { type: "failed", at, step, isDefinite: true, isFinal: this.chance(8), message: "" }
      )
      return
    }
    this.effect({ step, undo })
    this.append(undo ? { type: "undone", at, step, byHand: false } : { type: "done", at, step, result })
  }

  lose(step: number): void {
    const { at } = this
    for (const attempt of this.flying) if (attempt.step === step) Object.assign(attempt, { epoch: 0 })
    const undo = this.state.steps[step].phase === "undoing"
    this.append(
      undo
        ? { type: "undo-failed", at, step, message: "lost" }
        : { type: "failed", at, step, isDefinite: false, isFinal: false, message: "lost" }
    )
  }

  /** One thing happens. */
  turn(): void {
    this.trouble -= 1
    this.at += 1 + this.prng.below(20_000)
    if (this.chance(1)) this.epoch += 1
    const late = this.flying.filter(({ epoch }) => epoch !== this.epoch)
    if (late.length > 0 && this.prng.below(3) === 0) {
      const message = late[this.prng.below(late.length)]
      if (message.isOnItsWay) this.arrive(message)
      this.flying = this.flying.filter((each) => each !== message)
    }
    const { decision } = this
    if (decision.status === "running" && this.chance(1) && this.prng.below(4) === 0) {
      this.append({ type: "cancelled", at: this.at, by: "caller", message: "" })
      return
    }
    if (decision.status === "parked") this.append({ type: "resumed", at: this.at })
    const things = [
      ...decision.run.map((step) => () => this.begin(step, false)),
      ...decision.undo.map((step) => () => this.begin(step, true)),
      ...decision.lost.map((step) => () => this.lose(step)),
      ...decision.abandoned.map((step) => () => this.lose(step)),
      ...this.flying
        .filter(({ epoch, step }) => epoch === this.epoch && !decision.abandoned.includes(step))
        .map((attempt) => () => this.end(attempt))
    ]
    if (things.length > 0) things[this.prng.below(things.length)]()
  }

  play(): SagaCore.Status {
    for (let turns = 0; turns < 4_000; turns++) {
      const { status } = this.decision
      if (SagaCore.isEnded(status)) break
      this.turn()
    }
    for (const message of this.flying) if (message.isOnItsWay) this.arrive(message)
    return this.decision.status
  }
}

const given = fc.record({
  kind: fc.constantFrom("local" as const, "external" as const),
  hasUndo: fc.boolean()
})

const shapes = fc.letrec<{ row: ReadonlyArray<SagaPlan.Shape<SagaPlan.Given>> }>((tie) => ({
  row: fc.array(
    fc.oneof(
      { maxDepth: 2, withCrossShrink: true },
      given.map((changes) => step("s", changes)),
      fc.array(tie("row"), { minLength: 1, maxLength: 3 }).map((branches) => parallel(...branches))
    ),
    { minLength: 1, maxLength: 4 }
  )
})).row

describe("any saga, whatever happens to its owners and its messages", () => {
  it("ends, with each effect once at most, and what has been undone for good", () => {
    const seen = { completed: 0, compensated: 0, resumed: 0, lost: 0 }
    fc.assert(
      fc.property(shapes, fc.nat(), (row, seed) => {
        const { plan } = SagaPlan.of(row)
        const run = new Run(plan, seed)
        const status = run.play()
        expect(["completed", "compensated"]).toContain(status)
        seen[status as "completed" | "compensated"] += 1
        seen.lost += run.epoch - 1
        seen.resumed += run.journal.filter(({ type }) => type === "resumed").length
        for (const [index, { hasUndo }] of plan.steps.entries()) {
          const { done: count, undone: undos } = run.world[index]
          const { isDoubtful, phase } = run.state.steps[index]
          // Without an undo: it never was, or it is known that it may be.
          const isKnown = hasUndo ? count === undos : undos === 0 && (phase === "done" || isDoubtful || count === 0)
          const isRight = status === "completed" ? count === 1 && undos === 0 : count <= 1 && isKnown
          expect([index, count, undos, isRight]).toEqual([index, count, undos, true])
        }
        const order = run.journal.flatMap((event) => (event.type === "undone" ? [event.step] : []))
        expect(new Set(order).size).toBe(order.length)
        for (const [index, first] of order.entries())
          for (const second of order.slice(index)) expect(plan.steps[first].behind).not.toContain(second)
      }),
      { numRuns: 400 }
    )
    expect(Math.min(seen.completed, seen.compensated, seen.lost)).toBeGreaterThan(20)
    expect(seen.resumed).toBeGreaterThan(0)
  })
})
