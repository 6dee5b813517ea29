/**
 * Sagas: the service that starts sagas, works on them, and tells about them. A saga that was started goes on until it is completed, undone or
 * parked, whatever becomes of who started it and of the store that works on it.
 *
 * Needs of its caller: every definition that sagas in the keyspace may have, of all versions; a saga of another definition waits for a store that
 * has it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import { Transaction } from "../Transaction.ts"
import { Transactions } from "../Transactions.ts"
import type { RunError, StepError } from "../TxnError.ts"
import * as Saga from "./Saga.ts"
import * as SagaCleaning from "./SagaCleaning.ts"
import * as SagaContext from "./SagaContext.ts"
import * as SagaCore from "./SagaCore.ts"
import type { Status } from "./SagaCore.ts"
import { type Options, SagaDriver } from "./SagaDriver.ts"
import { SagaExists, SagaNotFound, SagaRefused, UnknownDefinition } from "./SagaError.ts"
import * as SagaKeys from "./SagaKeys.ts"
import * as SagaStore from "./SagaStore.ts"

/** What is known of a saga. */
export interface Known {
  readonly id: string
  readonly definition: string
  readonly version: number
  readonly status: Status
  /** Why it turned round. */
  readonly reason: string | undefined
  readonly steps: ReadonlyArray<{
    readonly name: string
    readonly phase: SagaCore.StepState["phase"]
    readonly attempts: number
    readonly undoAttempts: number
    /** What failed last. */
    readonly message: string | undefined
  }>
}

/** And what its definition makes of it. */
export interface Queried<I, O> extends Known {
  readonly input: I
  /** Of a saga that is completed. */
  readonly output: O | undefined
  /** Of a step that is done; undefined of one that is not. */
  readonly resultOf: <A>(step: Saga.Step<never, A, unknown>) => A | undefined
}

export type StartError = SagaExists | SagaRefused | UnknownDefinition

export class Sagas extends Context.Service<
  Sagas,
  {
    /**
     * Starts a saga, once: the same id, definition and input again do nothing. True: it was not there before. Ids have no slashes; those with
     * them are the nested ones'.
     */
    readonly start: <I, O, R>(
      definition: Saga.Definition<I, O, R>,
      id: string,
      input: I
    ) => Effect.Effect<boolean, StartError | RunError>
    /** The same within a transaction: it starts if, and only if, that one commits. */
    readonly startWithin: <I, O, R>(
      definition: Saga.Definition<I, O, R>,
      id: string,
      input: I
    ) => Effect.Effect<boolean, StartError | StepError, Transaction>
    readonly status: (id: string) => Effect.Effect<Known | undefined, UnknownDefinition | SagaRefused | RunError>
    readonly query: <I, O, R>(
      definition: Saga.Definition<I, O, R>,
      id: string
    ) => Effect.Effect<Queried<I, O> | undefined, UnknownDefinition | SagaRefused | RunError>
    /** Ids of sagas with this status, in order, behind `after`; at most `entriesMax`, of which the default is 100. */
    readonly list: (
      status: Status,
      options?: { readonly after?: string; readonly entriesMax?: number }
    ) => Effect.Effect<ReadonlyArray<string>, SagaRefused | RunError>
    /** Turns it round; refused when it is completed, or has turned round. */
    readonly cancel: (
      id: string,
      message: string
    ) => Effect.Effect<void, SagaNotFound | SagaRefused | UnknownDefinition | RunError>
    /** A parked one tries again; the steps that are named a person has undone, those of the others that it can. */
    readonly resume: (
      id: string,
      options?: { readonly settled?: ReadonlyArray<string> }
    ) => Effect.Effect<void, SagaNotFound | SagaRefused | UnknownDefinition | RunError>
  }
>()("orbit/txn/Sagas") {}

type Registry = ReadonlyMap<string, Saga.Any>

const nameOf = (name: string, version: number): string => `${name} ${version}`

const registryOf = (definitions: ReadonlyArray<Saga.Any>): Registry => {
  const registry = new Map<string, Saga.Any>()
  for (const definition of definitions.flatMap(Saga.allOf)) {
    const name = nameOf(definition.name, definition.version)
    const other = registry.get(name)
    assert(other === undefined || other === definition, `there is one saga ${name}`)
    registry.set(name, definition)
  }
  return registry
}

const unknown = (definition: string, version: number): UnknownDefinition =>
  new UnknownDefinition({
    definition,
    version,
    message: `this store has no saga ${definition} of version ${version} with these steps: give it to Sagas, or give changed steps another version`
  })

const same = (left: Uint8Array, right: Uint8Array): boolean =>
  left.length === right.length && left.every((byte, index) => byte === right[index])

const idOf = (id: string): Effect.Effect<string, SagaRefused> => {
  const message = SagaKeys.objection(id)
  return message === undefined ? Effect.succeed(id) : Effect.fail(new SagaRefused({ message }))
}

const start = Effect.fnUntraced(function* (registry: Registry, definition: Saga.Any, id: string, input: unknown) {
  const { name, version } = definition
  yield* idOf(id)
  if (id.includes("/")) return yield* new SagaRefused({ message: "an id with a slash is that of a nested saga" })
  if (registry.get(nameOf(name, version)) !== definition) return yield* unknown(name, version)
  const bytes = yield* definition.input.encode(input)
  const txn = yield* Transaction
  const read = yield* SagaStore.read(txn, id)
  if (read === undefined) {
    yield* SagaStore.create(txn, id, { definition, input: bytes, parent: undefined })
    return true
  }
  if (read.record.definition === name && same(read.started.input, bytes)) return false
  const message = `${id} is a saga ${read.record.definition} with ${read.record.definition === name ? "another input" : "other steps"}`
  return yield* new SagaExists({ id, message })
})

/** A saga, its definition and its state. */
const load = Effect.fnUntraced(function* (registry: Registry, id: string) {
  yield* idOf(id)
  const txn = yield* Transaction
  const read = yield* SagaStore.read(txn, id)
  if (read === undefined) return undefined
  const { definition: name, version } = read.record
  const definition = registry.get(nameOf(name, version))
  const state = definition === undefined ? undefined : SagaStore.stateOf(definition, read)
  if (definition === undefined || state === undefined) return yield* unknown(name, version)
  return { id, read, definition, state }
})

type Loaded = Exclude<Effect.Success<ReturnType<typeof load>>, undefined>

const knownOf = ({ definition, id, read, state }: Loaded): Known => ({
  id,
  definition: definition.name,
  version: definition.version,
  status: read.record.status,
  reason: state.reason,
  steps: state.steps.map(({ attempts, message, phase, undoAttempts }, step) => ({
    name: definition.plan.steps[step].name,
    phase,
    attempts,
    undoAttempts,
    message
  }))
})

const queriedOf = <I, O>(loaded: Loaded): Queried<I, O> => {
  const { definition, id, read, state } = loaded
  const context = SagaContext.atEnd(definition, { id, started: read.started, state })
  const phaseOf = (name: string) => state.steps[definition.steps.findIndex((step) => step.name === name)]?.phase
  return {
    ...knownOf(loaded),
    input: context.input as I,
    output: read.record.status === "completed" ? (definition.outputOf(context) as O) : undefined,
    resultOf: (step) => (phaseOf(step.name) === "done" ? context.result(step) : undefined)
  }
}

const found = Effect.fnUntraced(function* (registry: Registry, id: string) {
  const loaded = yield* load(registry, id)
  return loaded === undefined ? yield* new SagaNotFound({ id }) : loaded
})

/** Appends an event to a saga as it is then; answers it with the event. */
const append = Effect.fnUntraced(function* (loaded: Loaded, event: (at: number) => SagaCore.Event) {
  const txn = yield* Transaction
  const { definition, id, read, state } = loaded
  const next = yield* SagaStore.append(txn, id, read, { definition, state, event: event(txn.readAt()) })
  if (next instanceof SagaCore.Refusal) return yield* new SagaRefused({ message: `saga ${id}: ${next.message}` })
})

const cancel = Effect.fnUntraced(function* (registry: Registry, id: string, message: string) {
  const cut = message.slice(0, Limits.sagaMessageCharsMax).toWellFormed()
  const loaded = yield* found(registry, id)
  yield* append(loaded, (at) => ({ type: "cancelled", at, by: "caller", message: cut }))
})

const resume = Effect.fnUntraced(function* (registry: Registry, id: string, settled: ReadonlyArray<string>) {
  for (const name of settled) {
    const loaded = yield* found(registry, id)
    const step = loaded.definition.steps.findIndex((each) => each.name === name)
    if (step < 0) return yield* new SagaRefused({ message: `saga ${id} has no step ${name}` })
    yield* append(loaded, (at) => ({ type: "undone", at, step, byHand: true }))
  }
  const loaded = yield* found(registry, id)
  // When the last of them is settled there is nothing left to try.
  if (settled.length > 0 && loaded.read.record.status !== "parked") return
  yield* append(loaded, (at) => ({ type: "resumed", at }))
})

/** Between two looks at what has ended for long. */
const cleaningMillisMax = 3_600_000

/** Lives as long as its scope; what it was at then goes on elsewhere, or when it comes back. */
export const make = Effect.fnUntraced(function* <const D extends ReadonlyArray<Saga.Any>>(
  definitions: D,
  options: Options = {}
): Effect.fn.Return<
  Sagas["Service"],
  never,
  Transactions | Timers | Trace | Scope.Scope | Saga.Requirements<D[number]>
> {
  const transactions = yield* Transactions
  const timers = yield* Timers
  const trace = yield* Trace
  const scope = yield* Effect.scope
  const context = yield* Effect.context<Saga.Requirements<D[number]>>()
  const registry = registryOf(definitions)
  const { leaseMillis = 10_000, retentionMillis = 604_800_000, runningMax = 64, scanMillis = 1_000 } = options
  const port = timers.attach({ fired: () => {} })
  const driver = new SagaDriver(
    { transactions, trace, leaseMillis, nowMicros: () => port.nowMicros() },
    { runningMax, scanMillis },
    {
      definitionOf: (name, version) => registry.get(nameOf(name, version)),
      context: context as Context.Context<unknown>,
      kicks: yield* Queue.sliding<void>(1),
      scope
    }
  )
  yield* Effect.forkIn(driver.run, scope)
  if (retentionMillis < Infinity) {
    const everyMillis = Math.min(cleaningMillisMax, Math.max(scanMillis, retentionMillis / 10))
    yield* Effect.forkIn(SagaCleaning.run(transactions, { retentionMillis, everyMillis }), scope)
  }
  const kicked = <A, E>(change: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.tap(change, () => Effect.sync(() => driver.kick()))
  const reading = { readOnly: true }
  return {
    start: (definition, id, input) => kicked(transactions.run(start(registry, definition, id, input))),
    startWithin: (definition, id, input) => start(registry, definition, id, input),
    status: (id) =>
      Effect.map(transactions.run(load(registry, id), reading), (loaded) =>
        loaded === undefined ? undefined : knownOf(loaded)
      ),
    query: (definition, id) =>
      Effect.flatMap(transactions.run(load(registry, id), reading), (loaded) => {
        if (loaded === undefined) return Effect.succeed(undefined)
        return loaded.definition === definition
          ? Effect.succeed(queriedOf(loaded))
          : Effect.fail(unknown(definition.name, definition.version))
      }),
    list: (status, { after, entriesMax = 100 } = {}) => {
      const message = after === undefined ? undefined : SagaKeys.objection(after)
      if (message !== undefined) return Effect.fail(new SagaRefused({ message }))
      const body = Effect.flatMap(Transaction, (txn) => SagaStore.withStatus(txn, status, { after, entriesMax }))
      return transactions.run(body, reading)
    },
    cancel: (id, message) => kicked(transactions.run(cancel(registry, id, message))),
    resume: (id, { settled = [] } = {}) => kicked(transactions.run(resume(registry, id, settled)))
  }
})

export const layer = <const D extends ReadonlyArray<Saga.Any>>(
  definitions: D,
  options?: Options
): Layer.Layer<Sagas, never, Transactions | Timers | Trace | Saga.Requirements<D[number]>> =>
  Layer.effect(Sagas, make(definitions, options))
