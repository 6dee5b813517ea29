/**
 * SagaChildren: steps that are sagas themselves. A child is started, and asked to be undone, in the transaction that journals it; how it ended is
 * seen in the transaction that journals that. Nobody writes another's journal but by `SagaStore.append`, which its owner finds.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { assert } from "#base/Assert.ts"
import type { Transaction } from "../Transaction.ts"
import { DeadlinePassed, type StepError } from "../TxnError.ts"
import * as SagaContext from "./SagaContext.ts"
import type * as SagaCore from "./SagaCore.ts"
import * as SagaKeys from "./SagaKeys.ts"
import { Fenced, LocalFailed, type Owner, type Surroundings } from "./SagaOwner.ts"
import * as SagaStore from "./SagaStore.ts"

type Txn = Transaction["Service"]

interface Runner {
  readonly around: Pick<Surroundings, "kick" | "leaseMillis">
  readonly owner: Owner
}

const childOf = ({ definition, id }: Owner, step: number) => {
  const { child, name } = definition.steps[step]
  assert(child !== undefined, `step ${name} is a child`)
  return { ...child, id: SagaContext.keyOf(id, definition.steps[step]) }
}

const refuse = (message: string): Effect.Effect<never, LocalFailed> =>
  Effect.fail(new LocalFailed({ error: { message } }))

const start = Effect.fnUntraced(function* (txn: Txn, owner: Owner, step: number) {
  const { definition, id, input } = childOf(owner, step)
  const objection = SagaKeys.objection(id)
  if (objection !== undefined) return yield* refuse(objection)
  const context = SagaContext.of(owner.definition, owner, step)
  const bytes = yield* Effect.mapError(input(context), (error) => new LocalFailed({ error }))
  if ((yield* SagaStore.record(txn, id)) !== undefined) return yield* refuse(`there is a saga ${id} already`)
  yield* SagaStore.create(txn, id, { definition, input: bytes, parent: { id: owner.id, step } })
})

/** Asks it to undo what it has done, or will have. */
const revert = Effect.fnUntraced(function* (txn: Txn, owner: Owner, step: number, at: number) {
  const { definition, id } = childOf(owner, step)
  const read = yield* SagaStore.read(txn, id)
  const state = read === undefined ? undefined : SagaStore.stateOf(definition, read)
  assert(read !== undefined && state !== undefined, `the child ${id} is there, and of its definition`)
  const event = { type: "cancelled", at, by: "parent", message: "its parent turned round" } as const
  // One that has turned round before needs no asking.
  yield* SagaStore.append(txn, id, read, { definition, state, event })
})

/** Starts a child, or asks for its undoing. */
export const begin = Effect.fnUntraced(function* ({ around, owner }: Runner, step: number, isUndo: boolean) {
  const { epoch } = owner.record
  const make = (
    txn: Txn,
    at: number
  ): Effect.Effect<{ events: ReadonlyArray<SagaCore.Event> }, StepError | LocalFailed> =>
    isUndo
      ? Effect.as(revert(txn, owner, step, at), { events: [{ type: "undoing", at, step, epoch }] })
      : Effect.as(start(txn, owner, step), { events: [{ type: "begun", at, step, epoch }] })
  const changed = yield* Effect.result(owner.change(make, around.leaseMillis))
  if (changed._tag === "Success") return around.kick()
  const { failure } = changed
  if (!(failure instanceof LocalFailed)) return yield* failure
  // What was to be started never was; without time for it, it may be another time.
  const isFinal = !(failure.error instanceof DeadlinePassed)
  const message = String((failure.error as { readonly message?: unknown }).message ?? failure.error)
  yield* owner.journal((at) => [
    ...(isUndo
      ? ([
          { type: "undoing", at, step, epoch },
          { type: "undo-failed", at, step, message }
        ] as const)
      : ([
          { type: "begun", at, step, epoch },
          { type: "failed", at, step, isDefinite: true, isFinal, message }
        ] as const))
  ])
})

/** How a child has ended; undefined: it has not. */
const endOf = Effect.fnUntraced(function* (txn: Txn, owner: Owner, step: number, at: number) {
  const { definition, id } = childOf(owner, step)
  const record = yield* SagaStore.record(txn, id)
  const { phase } = owner.state.steps[step]
  if (record === undefined) return undefined
  if (record.status === "compensated") {
    if (phase === "undoing") return { type: "undone", at, step, byHand: false } as const
    return { type: "failed", at, step, isDefinite: true, isFinal: true, message: `saga ${id} was undone` } as const
  }
  if (record.status !== "completed" || phase === "undoing") return undefined
  const read = yield* SagaStore.read(txn, id)
  const state = read === undefined ? undefined : SagaStore.stateOf(definition, read)
  assert(read !== undefined && state !== undefined, `the child ${id} is there, and of its definition`)
  const context = SagaContext.atEnd(definition, { id, started: read.started, state })
  const encoded = yield* Effect.exit(Effect.suspend(() => definition.output.encode(definition.outputOf(context))))
  if (Exit.isSuccess(encoded)) return { type: "done", at, step, result: encoded.value } as const
  const message = `the output of saga ${id} does not fit its schema`
  return { type: "failed", at, step, isDefinite: false, isFinal: true, message } as const
})

/**
 * Looks at the children; when none has ended, and `restUntil` says until when, lets go of the saga in the same transaction, so that a child that
 * ends later wakes it.
 */
export const look = Effect.fnUntraced(function* (
  { around, owner }: Runner,
  waits: ReadonlyArray<number>,
  restUntil: (at: number) => number | undefined
): Effect.fn.Return<"resting" | "changed" | "same", Fenced> {
  const make = Effect.fnUntraced(function* (txn: Txn, at: number) {
    const events: Array<SagaCore.Event> = []
    for (const step of waits) {
      const event = yield* endOf(txn, owner, step, at)
      if (event !== undefined) events.push(event)
    }
    return events.length > 0 ? { events } : { events, restUntil: restUntil(at) }
  })
  const before = owner.record.entries
  const changed = yield* Effect.mapError(owner.change(make, around.leaseMillis), (error) =>
    error instanceof LocalFailed ? new Fenced() : error
  )
  if (changed === "changed" && !owner.record.isOwned) return "resting"
  return owner.record.entries === before ? "same" : "changed"
})
