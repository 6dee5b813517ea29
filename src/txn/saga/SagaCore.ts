/**
 * SagaCore: what a saga is and what is to be done next, as two pure functions over its journal: `apply` takes the next event, or refuses it;
 * `decide` says what may be done now. Both are total, and look at nothing else, so whoever reads the journal decides alike.
 *
 * Promises:
 * - Forward, a step is begun when all before it are done. The first step that fails for good, a cancellation or the deadline turns the saga
 *   round, and no step is begun any more: not one that was undone before it ran, either.
 * - Backward, a step is undone when everything behind it is settled: in reverse, branches side by side. What is undone are the steps that are
 *   done, and those of which nobody knows whether they are (`isDoubtful`); no others.
 * - Every saga ends: done, undone, or parked, when an undo has failed as often as it may. A person then resumes it.
 *
 * Duties of the driver:
 * 1. An event counts when it is durable; what it does in the keyspace is in the same transaction.
 * 2. `begun` of an external step, and `undoing`, are durable before the work begins: from then on it may have happened.
 * 3. Events carry the number of the owner (`epoch`). Work of an earlier owner is `lost`: nobody will tell how it ended.
 * 4. Work that goes on while its saga has turned round (`abandoned`) is interrupted, and its end journalled, before anything is undone.
 * 5. Times are the oracle's: they rise with the journal.
 *
 * Source: Garcia-Molina and Salem, Sagas, SIGMOD 1987; where we differ: unknown outcomes are undone, too, because their keys make that harmless.
 */
import * as SagaPlan from "./SagaPlan.ts"
import type { Plan, PlanStep } from "./SagaPlan.ts"

export type CancelledBy = "caller" | "deadline" | "parent"

/** What a journal has, behind its beginning. */
export type Event =
  | { readonly type: "begun"; readonly at: number; readonly step: number; readonly epoch: number }
  | { readonly type: "done"; readonly at: number; readonly step: number; readonly result: Uint8Array }
  /** `isDefinite`: this attempt did nothing, and never will. `isFinal`: no other attempt is worth while. */
  | {
      readonly type: "failed"
      readonly at: number
      readonly step: number
      readonly isDefinite: boolean
      readonly isFinal: boolean
      readonly message: string
    }
  | { readonly type: "undoing"; readonly at: number; readonly step: number; readonly epoch: number }
  /** `byHand`: a person says so. */
  | { readonly type: "undone"; readonly at: number; readonly step: number; readonly byHand: boolean }
  | { readonly type: "undo-failed"; readonly at: number; readonly step: number; readonly message: string }
  | { readonly type: "cancelled"; readonly at: number; readonly by: CancelledBy; readonly message: string }
  /** Parked, it tries again. */
  | { readonly type: "resumed"; readonly at: number }

export interface StepState {
  /** `running` and `undoing`: somebody may be at it right now. */
  readonly phase: "idle" | "running" | "done" | "undoing" | "undone"
  /** Some attempt may have happened. */
  readonly isDoubtful: boolean
  /** Attempts that have begun, or failed. */
  readonly attempts: number
  readonly undoAttempts: number
  /** Not before then. */
  readonly dueAt: number
  /** Who began what is running, or being undone. */
  readonly epoch: number
  readonly result: Uint8Array | undefined
  /** What failed last. */
  readonly message: string | undefined
}

export interface State {
  readonly isBackward: boolean
  /** Why it turned round. */
  readonly reason: string | undefined
  readonly deadlineAt: number
  readonly steps: ReadonlyArray<StepState>
}

export type Status = "running" | "completed" | "compensating" | "compensated" | "parked"

export const isEnded = (status: Status): boolean => status === "completed" || status === "compensated"

/** The event does not follow; nothing has changed. */
export class Refusal {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

const fresh: StepState = {
  phase: "idle",
  isDoubtful: false,
  attempts: 0,
  undoAttempts: 0,
  dueAt: 0,
  epoch: 0,
  result: undefined,
  message: undefined
}

export const start = ({ steps, timeoutMicros }: Plan, at: number): State => ({
  isBackward: false,
  reason: undefined,
  deadlineAt: timeoutMicros === undefined ? Infinity : at + timeoutMicros,
  steps: steps.map(() => fresh)
})

const isDone = ({ phase }: StepState): boolean => phase === "done"

/** Whether something of the step has to be undone, or may have to. */
const isOpen = (plan: Plan, state: State, step: number): boolean => {
  const { isDoubtful, phase } = state.steps[step]
  if (phase === "undone") return false
  return phase === "running" || phase === "undoing" || ((phase === "done" || isDoubtful) && plan.steps[step].hasUndo)
}

const isReady = (plan: Plan, state: State, step: number): boolean =>
  !state.isBackward && plan.steps[step].after.every((before) => isDone(state.steps[before]))

/** Backward, and everything behind it is settled. */
const isNext = (plan: Plan, state: State, step: number): boolean => {
  const { phase } = state.steps[step]
  return (
    state.isBackward &&
    phase !== "running" &&
    phase !== "undoing" &&
    isOpen(plan, state, step) &&
    plan.steps[step].behind.every((behind) => !isOpen(plan, state, behind))
  )
}

const isExhausted = (plan: Plan, state: State, step: number): boolean =>
  state.steps[step].undoAttempts >= plan.steps[step].undoRetry.attemptsMax

export const statusOf = (plan: Plan, state: State): Status => {
  if (!state.isBackward) return state.steps.every(isDone) ? "completed" : "running"
  let isParked = false
  let isSettled = true
  for (let step = 0; step < plan.steps.length; step++) {
    if (!isOpen(plan, state, step)) continue
    isSettled = false
    const { phase } = state.steps[step]
    if (phase === "running" || phase === "undoing") return "compensating"
    if (!isNext(plan, state, step)) continue
    if (!isExhausted(plan, state, step)) return "compensating"
    isParked = true
  }
  return isSettled ? "compensated" : isParked ? "parked" : "compensating"
}

const withStep = (state: State, step: number, changes: Partial<StepState>): State => ({
  ...state,
  steps: state.steps.with(step, { ...state.steps[step], ...changes })
})

const turned = (state: State, reason: string): State => ({
  ...state,
  isBackward: true,
  reason,
  // A pause between attempts at doing it is none before undoing it.
  steps: state.steps.map((step) => ({ ...step, dueAt: 0 }))
})

const applyCancelled = (plan: Plan, state: State, event: Event & { readonly type: "cancelled" }): State | Refusal => {
  const status = statusOf(plan, state)
  if (event.by === "deadline" && event.at < state.deadlineAt) return new Refusal("its deadline is later")
  if (status === "running" || (status === "completed" && event.by === "parent")) return turned(state, event.message)
  return new Refusal(`it is ${status} already`)
}

const applyFailed = (plan: Plan, state: State, event: Event & { readonly type: "failed" }): State | Refusal => {
  const { attempts, isDoubtful, phase } = state.steps[event.step]
  const { kind, retry } = plan.steps[event.step]
  const isLocal = kind === "local"
  if (isLocal ? phase !== "idle" || !isReady(plan, state, event.step) : phase !== "running") {
    return new Refusal(`step ${event.step} has not begun`)
  }
  const count = isLocal ? attempts + 1 : attempts
  const next = withStep(state, event.step, {
    phase: "idle",
    attempts: count,
    isDoubtful: isDoubtful || !event.isDefinite,
    dueAt: state.isBackward ? 0 : event.at + SagaPlan.pauseMicros(retry, count),
    message: event.message
  })
  if (state.isBackward || (!event.isFinal && count < retry.attemptsMax)) return next
  return turned(next, `step ${plan.steps[event.step].name}: ${event.message}`)
}

const applyDone = (plan: Plan, state: State, { result, step }: Event & { readonly type: "done" }): State | Refusal => {
  const { attempts, phase } = state.steps[step]
  if (plan.steps[step].kind !== "local") {
    return phase === "running"
      ? withStep(state, step, { phase: "done", result, message: undefined })
      : new Refusal(`step ${step} has not begun, or is being undone`)
  }
  return phase === "idle" && isReady(plan, state, step)
    ? withStep(state, step, { phase: "done", attempts: attempts + 1, result, message: undefined })
    : new Refusal(`step ${step} cannot be done now`)
}

const applyBegun = (plan: Plan, state: State, { at, epoch, step }: Event & { readonly type: "begun" }) => {
  const { attempts, dueAt, phase } = state.steps[step]
  const { kind } = plan.steps[step]
  if (kind === "local" || phase !== "idle" || !isReady(plan, state, step) || at < dueAt) {
    return new Refusal(`step ${step} cannot begin now`)
  }
  return withStep(state, step, { phase: "running", attempts: attempts + 1, epoch })
}

const applyUndo = (
  plan: Plan,
  state: State,
  event: Event & { readonly type: "undoing" | "undone" | "undo-failed" }
): State | Refusal => {
  const { step } = event
  const { phase, result, undoAttempts } = state.steps[step]
  const { kind, undoRetry } = plan.steps[step]
  const isBegun = kind === "local" ? isNext(plan, state, step) : phase === "undoing"
  if (event.type === "undoing") {
    const mayBegin = isNext(plan, state, step) && !isExhausted(plan, state, step) && event.at >= state.steps[step].dueAt
    if (kind === "local" || !mayBegin) return new Refusal(`step ${step} cannot be undone now`)
    return withStep(state, step, { phase: "undoing", epoch: event.epoch })
  }
  const isSettledByHand = event.type === "undone" && event.byHand && statusOf(plan, state) === "parked"
  if (!isBegun && !(isSettledByHand && isNext(plan, state, step)))
    return new Refusal(`step ${step} is not being undone`)
  if (event.type === "undone") return withStep(state, step, { phase: "undone", isDoubtful: false, message: undefined })
  return withStep(state, step, {
    // What it was before; a result tells.
    phase: result === undefined ? "idle" : "done",
    undoAttempts: undoAttempts + 1,
    dueAt: event.at + SagaPlan.pauseMicros(undoRetry, undoAttempts + 1),
    message: event.message
  })
}

/** The state after an event. */
export const apply = (plan: Plan, state: State, event: Event): State | Refusal => {
  if ("step" in event && !(event.step in plan.steps)) return new Refusal(`there is no step ${event.step}`)
  switch (event.type) {
    case "begun":
      return applyBegun(plan, state, event)
    case "done":
      return applyDone(plan, state, event)
    case "failed":
      return applyFailed(plan, state, event)
    case "undoing":
    case "undone":
    case "undo-failed":
      return applyUndo(plan, state, event)
    case "cancelled":
      return applyCancelled(plan, state, event)
    case "resumed":
      return statusOf(plan, state) === "parked"
        ? { ...state, steps: state.steps.map((step) => ({ ...step, undoAttempts: 0, dueAt: 0 })) }
        : new Refusal("it is not parked")
  }
}

/** What there is to do. Of the lists but `waits` each entry ends with an event about the step. */
export interface Decision {
  readonly status: Status
  /** Steps to be begun now. */
  readonly run: ReadonlyArray<number>
  /** Steps to be undone now. */
  readonly undo: ReadonlyArray<number>
  /** Begun, or being undone, by an earlier owner. */
  readonly lost: ReadonlyArray<number>
  /** Begun by this owner, in a saga that has turned round since. */
  readonly abandoned: ReadonlyArray<number>
  /** Children that are under way, forward or backward: whether they have ended is for the driver to see. */
  readonly waits: ReadonlyArray<number>
  /** The deadline has passed. */
  readonly isExpired: boolean
  /** When there may be more to do, if nothing happens until then. */
  readonly wakeAt: number
}

interface Draft {
  readonly run: Array<number>
  readonly undo: Array<number>
  readonly lost: Array<number>
  readonly abandoned: Array<number>
  readonly waits: Array<number>
  wakeAt: number
}

const decideUnderWay = (state: State, step: number, { kind }: PlanStep, epoch: number, draft: Draft): void => {
  const { epoch: begunBy, phase } = state.steps[step]
  if (kind === "child") {
    // A child is not lost with its parent's owner; turned round, it is to be undone.
    if (phase === "running" && state.isBackward) draft.abandoned.push(step)
    else draft.waits.push(step)
  } else if (begunBy !== epoch) draft.lost.push(step)
  else if (phase === "running" && state.isBackward) draft.abandoned.push(step)
}

/** What to do at a time, by the owner with this number. */
export const decide = (plan: Plan, state: State, at: number, epoch: number): Decision => {
  const draft: Draft = { run: [], undo: [], lost: [], abandoned: [], waits: [], wakeAt: Infinity }
  const status = statusOf(plan, state)
  const isExpired = status === "running" && at >= state.deadlineAt
  if (status === "running" && !isExpired) draft.wakeAt = state.deadlineAt
  const later = (dueAt: number, list: Array<number>, step: number): void => {
    if (dueAt <= at) list.push(step)
    else draft.wakeAt = Math.min(draft.wakeAt, dueAt)
  }
  for (let step = 0; step < plan.steps.length; step++) {
    const { dueAt, phase } = state.steps[step]
    if (phase === "running" || phase === "undoing") decideUnderWay(state, step, plan.steps[step], epoch, draft)
    else if (phase === "idle" && !isExpired && isReady(plan, state, step)) later(dueAt, draft.run, step)
    else if (isNext(plan, state, step) && !isExhausted(plan, state, step)) later(dueAt, draft.undo, step)
  }
  return { status, isExpired, ...draft }
}

/** The state after a journal; undefined: it is none of this plan. */
export const replay = (plan: Plan, at: number, events: ReadonlyArray<Event>): State | undefined => {
  let state = start(plan, at)
  for (const event of events) {
    const next = apply(plan, state, event)
    if (next instanceof Refusal) return undefined
    state = next
  }
  return state
}
