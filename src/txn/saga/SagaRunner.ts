/**
 * SagaRunner: works on one saga that it owns, until the saga has ended, is parked, or rests for longer. One loop decides, journals and begins; work
 * outside of the keyspace runs beside it, a fiber an attempt, and tells the loop how it ended.
 *
 * When the loop ends, for whatever reason, what it began is interrupted with it. What that had done by then nobody knows; the journal says that
 * it had begun.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import { Aborted, Conflict, TooOld, Unavailable } from "#keyspace/KeyspaceError.ts"
import { Transaction } from "../Transaction.ts"
import type { StepError } from "../TxnError.ts"
import * as Children from "./SagaChildren.ts"
import * as SagaContext from "./SagaContext.ts"
import type * as SagaCore from "./SagaCore.ts"
import { StepRejected } from "./SagaError.ts"
import { type Change, type Fenced, LocalFailed, type Owner, type Surroundings } from "./SagaOwner.ts"

/** How an attempt outside of the keyspace ended. */
interface Ended {
  readonly step: number
  readonly isUndo: boolean
  readonly exit: Exit.Exit<Uint8Array, unknown>
}

export interface Runner {
  readonly around: Surroundings
  readonly owner: Owner
  readonly ended: Queue.Queue<Ended>
  readonly flying: Map<number, Fiber.Fiber<void>>
}

/** A nap that is not worth giving the saga up for, in lease times. */
const napLeases = 1
/** How often at least a saga that rests is looked at, in lease times: its children wake it before that. */
const restLeases = 20

const textOf = (error: unknown): string => {
  const text =
    error instanceof Error || (typeof error === "object" && error !== null && "message" in error)
      ? error.message
      : error
  const tag = typeof error === "object" && error !== null && "_tag" in error ? `${String(error._tag)}: ` : ""
  return `${tag}${String(text)}`.slice(0, Limits.sagaMessageCharsMax).toWellFormed()
}

const errorOf = (cause: Cause.Cause<unknown>): unknown => Cause.squash(cause)

/** What the keyspace meets is for the transaction, not for the step. */
const isOfTransaction = (error: unknown): error is Conflict | Aborted | TooOld | Unavailable =>
  error instanceof Conflict || error instanceof Aborted || error instanceof TooOld || error instanceof Unavailable

const isInterrupted = (cause: Cause.Cause<unknown>): boolean => cause.reasons.some(({ _tag }) => _tag === "Interrupt")

/** A step's own failures, apart from the transaction's. */
const contained = <A, R>(work: Effect.Effect<A, unknown, R>): Effect.Effect<A, StepError | LocalFailed, R> =>
  Effect.catchCause(work, (cause): Effect.Effect<A, StepError | LocalFailed> => {
    if (isInterrupted(cause)) return Effect.interrupt
    const error = errorOf(cause)
    return Effect.fail(isOfTransaction(error) ? error : new LocalFailed({ error }))
  })

const failedOf = (step: number, at: number, error: unknown, isLocal: boolean): SagaCore.Event => {
  const isRejected = error instanceof StepRejected
  return {
    type: "failed",
    at,
    step,
    // A transaction that fails has done nothing.
    isDefinite: isLocal || isRejected,
    isFinal: isRejected && error.again !== true,
    message: textOf(error)
  }
}

/** One step in the keyspace, done or undone in the transaction that says so. */
const transact = Effect.fnUntraced(function* ({ owner }: Runner, step: number, isUndo: boolean) {
  const { name, work } = owner.definition.steps[step]
  assert(work !== undefined, `step ${name} is no child`)
  const context = SagaContext.of(owner.definition, owner, step)
  const { result } = owner.state.steps[step]
  const make = (_: Transaction["Service"], at: number): Effect.Effect<Change, StepError | LocalFailed, Transaction> =>
    isUndo
      ? Effect.map(contained(Effect.suspend(() => work.undo!(context, result))), () => ({
          events: [{ type: "undone", at, step, byHand: false }]
        }))
      : Effect.map(contained(Effect.suspend(() => work.run(context))), (done) => ({
          events: [{ type: "done", at, step, result: done }]
        }))
  const changed = yield* Effect.result(owner.change(make, work.timeoutMillis))
  if (changed._tag === "Success") return
  const { failure } = changed
  if (!(failure instanceof LocalFailed)) return yield* failure
  yield* owner.journal((at) => [
    isUndo ? { type: "undo-failed", at, step, message: textOf(failure.error) } : failedOf(step, at, failure.error, true)
  ])
})

/** Begins an attempt whose beginning is journalled. */
const launch = Effect.fnUntraced(function* (runner: Runner, step: number, isUndo: boolean) {
  const { ended, flying, owner } = runner
  const { name, work } = owner.definition.steps[step]
  assert(work !== undefined, `step ${name} is no child`)
  const context = SagaContext.of(owner.definition, owner, step)
  const { result } = owner.state.steps[step]
  const attempt = Effect.suspend(() =>
    isUndo ? Effect.as(work.undo!(context, result), new Uint8Array(0)) : work.run(context)
  )
  const bounded = Effect.timeoutOrElse(attempt, {
    duration: work.timeoutMillis,
    orElse: () => Effect.fail(new Unavailable({ message: `no answer within ${work.timeoutMillis} ms` }))
  })
  const told = Effect.flatMap(Effect.exit(bounded), (exit) => Queue.offer(ended, { step, isUndo, exit }))
  flying.set(step, yield* Effect.forkChild(Effect.asVoid(told)))
})

const isExternal = ({ definition }: Owner, step: number): boolean => definition.plan.steps[step].kind === "external"

/** Begins everything outside of the keyspace that may begin: first in the journal, then in the world. */
const launchAll = Effect.fnUntraced(function* (runner: Runner, { run, undo }: SagaCore.Decision) {
  const { owner } = runner
  const forward = run.filter((step) => isExternal(owner, step))
  const backward = undo.filter((step) => isExternal(owner, step))
  const { epoch } = owner.record
  const outcome = yield* owner.journal((at) => [
    ...forward.map((step) => ({ type: "begun", at, step, epoch }) as const),
    ...backward.map((step) => ({ type: "undoing", at, step, epoch }) as const)
  ])
  if (outcome !== "changed") return
  for (const step of forward) yield* launch(runner, step, false)
  for (const step of backward) yield* launch(runner, step, true)
})

const endingOf = ({ exit, isUndo, step }: Ended, at: number): SagaCore.Event => {
  if (isUndo) {
    return Exit.isSuccess(exit)
      ? { type: "undone", at, step, byHand: false }
      : { type: "undo-failed", at, step, message: textOf(errorOf(exit.cause)) }
  }
  return Exit.isSuccess(exit)
    ? { type: "done", at, step, result: exit.value }
    : failedOf(step, at, errorOf(exit.cause), false)
}

/** Whether the journal does not have its end yet. */
const isUnderWay = ({ record, state }: Owner, step: number): boolean => {
  const { epoch, phase } = state.steps[step]
  return (phase === "running" || phase === "undoing") && epoch === record.epoch
}

/** Journals how attempts ended, until that is durable: it is true whatever else has happened. */
const settle = Effect.fnUntraced(function* ({ flying, owner }: Runner, all: ReadonlyArray<Ended>) {
  for (const { step } of all) flying.delete(step)
  for (;;) {
    const left = all.filter(({ step }) => isUnderWay(owner, step))
    if (left.length === 0) return
    yield* owner.journal((at) => left.map((ended) => endingOf(ended, at)))
  }
})

const takeAll = Effect.fnUntraced(function* ({ ended }: Runner) {
  const all: Array<Ended> = []
  for (;;) {
    const next = yield* Queue.poll(ended)
    if (next._tag === "None") return all
    all.push(next.value)
  }
})

/** Work for which it is too late: interrupted, and told as far as is known. */
const abandon = Effect.fnUntraced(function* (runner: Runner, steps: ReadonlyArray<number>) {
  const { flying, owner } = runner
  const fibers = steps.flatMap((step) => flying.get(step) ?? [])
  yield* Fiber.interruptAll(fibers)
  const told = yield* takeAll(runner)
  if (told.length > 0) yield* settle(runner, told)
  const left = owner.decision.abandoned.filter((step) => steps.includes(step))
  for (const step of left) flying.delete(step)
  if (left.length === 0) return
  const message = "given up, because the saga turned round"
  yield* owner.journal((at) =>
    left.map((step) => ({ type: "failed", at, step, isDefinite: false, isFinal: true, message }) as const)
  )
})

const lose = ({ owner }: Runner, steps: ReadonlyArray<number>): Effect.Effect<unknown, Fenced> => {
  const message = "its owner is gone"
  return owner.journal((at) =>
    steps.map((step) =>
      owner.state.steps[step].phase === "undoing"
        ? { type: "undo-failed", at, step, message }
        : { type: "failed", at, step, isDefinite: false, isFinal: false, message }
    )
  )
}

/** The first thing that there is to do; undefined: nothing now. */
const next = (runner: Runner, decision: SagaCore.Decision): Effect.Effect<unknown, Fenced, unknown> | undefined => {
  const { owner } = runner
  const { abandoned, isExpired, run, undo } = decision
  // Also what was journalled as begun, by a transaction whose outcome was unknown then, and was not.
  const unborn = owner.state.steps.flatMap((_, step) =>
    isExternal(owner, step) && isUnderWay(owner, step) && !runner.flying.has(step) ? [step] : []
  )
  const lost = [...decision.lost, ...unborn]
  if (lost.length > 0) return lose(runner, lost)
  if (abandoned.length > 0) return abandon(runner, abandoned)
  if (isExpired) {
    return owner.journal((at) => [{ type: "cancelled", at, by: "deadline", message: "its time is over" }])
  }
  const kindOf = (step: number) => owner.definition.plan.steps[step].kind
  const isUndo = undo.length > 0
  if ([...run, ...undo].some((step) => isExternal(owner, step))) return launchAll(runner, decision)
  const [step] = isUndo ? undo : run
  if (step === undefined) return undefined
  if (kindOf(step) === "child") return Children.begin(runner, step, isUndo)
  return transact(runner, step, isUndo)
}

/** Waits until something ends, or it is time to look again; whether the saga was given up, to go on later. */
const rest = Effect.fnUntraced(function* (runner: Runner, { waits, wakeAt }: SagaCore.Decision) {
  const { around, ended, flying, owner } = runner
  const leaseMicros = around.leaseMillis * 1_000
  const leftMicros = wakeAt - owner.now()
  const isAlone = flying.size === 0
  if (waits.length > 0 || (isAlone && leftMicros > napLeases * leaseMicros)) {
    const seen = yield* Children.look(runner, waits, (at) =>
      isAlone ? Math.min(wakeAt, at + restLeases * leaseMicros) : undefined
    )
    if (seen === "resting") return true
    if (seen === "changed") return false
  }
  const napMicros = Math.min(Math.max(leftMicros, 1), leaseMicros / 3)
  const first = yield* Effect.timeoutOption(Queue.take(ended), napMicros / 1_000)
  if (first._tag === "Some") yield* settle(runner, [first.value, ...(yield* takeAll(runner))])
  // Renews the lease, and sees whether somebody has asked for something.
  else if (owner.idleMicros() >= leaseMicros / 3) yield* owner.journal(() => [])
  return false
})

/** Until there is nothing more to do, or somebody else does it. */
export const run = Effect.fnUntraced(function* (around: Surroundings, owner: Owner) {
  const runner: Runner = { around, owner, ended: yield* Queue.unbounded<Ended>(), flying: new Map() }
  while (owner.record.dueAt !== Infinity) {
    const { decision } = owner
    const work = next(runner, decision)
    if (work !== undefined) yield* work
    else if (yield* rest(runner, decision)) return
  }
  yield* Fiber.interruptAll(runner.flying.values())
  // Its parent has something to do.
  if (owner.record.parent !== undefined) around.kick()
})
