/**
 * ObservedSteps: what commands of ranges do to what the keyspace has of sagas, as trace events, for `models/quint/SagaTrace.qnt`. A run with the
 * option `trace.steps` has them. It draws nothing.
 *
 * | event        | when, and what                                                                                     |
 * | ------------ | -------------------------------------------------------------------------------------------------- |
 * | `saga/wrote` | a command took effect that commits a transaction, or writes something of a saga: a `Wrote` as JSON |
 */
import { entryKinds, type Entry } from "#consensus/Message.ts"
import type { Group, Observer } from "#consensus/Observer.ts"
import * as Key from "#keyspace/Key.ts"
import * as RangeCommand from "#keyspace/RangeCommand.ts"
import * as Records from "#keyspace/Records.ts"
import * as Spaces from "#keyspace/Spaces.ts"
import * as Tuple from "#keyspace/Tuple.ts"
import { Malformed } from "#keyspace/TupleError.ts"
import * as Batch from "#storage/Batch.ts"
import type { Status } from "#txn/saga/SagaCore.ts"
import * as SagaEntry from "#txn/saga/SagaEntry.ts"
import * as SagaKeys from "#txn/saga/SagaKeys.ts"
import { states } from "#txn/saga/SagaParticipant.ts"
import type { Trace } from "#world/Trace.ts"

/** Something of a saga. An effect's `id` is its key at the participant. */
export type Kept =
  | {
      readonly type: "record"
      readonly id: string
      readonly definition: string
      readonly status: Status
      readonly epoch: number
    }
  | { readonly type: "entry"; readonly id: string; readonly number: number; readonly entry: EntryKept }
  | { readonly type: "effect"; readonly id: string; readonly isUndone: boolean }

/** An entry without what only its step understands. */
export interface EntryKept {
  readonly type: SagaEntry.Entry["type"]
  readonly step: number
  readonly epoch: number
  readonly isDefinite: boolean
  readonly isFinal: boolean
  readonly byParent: boolean
}

export interface Wrote {
  /** Transactions that are committed, and when. */
  readonly commits: ReadonlyArray<readonly [number, number]>
  /** By transaction. */
  readonly intents: ReadonlyArray<readonly [number, Kept]>
  /** By commit timestamp. */
  readonly versions: ReadonlyArray<readonly [number, Kept]>
}

const entryKept = (entry: SagaEntry.Entry): EntryKept => ({
  type: entry.type,
  step: "step" in entry ? entry.step : 0,
  epoch: "epoch" in entry ? entry.epoch : 0,
  isDefinite: entry.type === "failed" && entry.isDefinite,
  isFinal: entry.type === "failed" && entry.isFinal,
  byParent: entry.type === "cancelled" && entry.by === "parent"
})

const keptOf = (key: Uint8Array, value: Uint8Array | undefined): Kept | undefined => {
  if (value === undefined || Spaces.spaceOf(key) !== "sagas") return undefined
  const tuple = Tuple.decode(key, 1)
  if (tuple instanceof Malformed) return undefined
  const [tag, id, more] = tuple
  if (typeof id !== "string") return undefined
  if (tag === SagaKeys.tags.record) {
    const { definition, epoch, status } = SagaEntry.recordOf(value)
    return { type: "record", id, definition, status, epoch }
  }
  if (tag === SagaKeys.tags.entry && typeof more === "number") {
    return { type: "entry", id, number: more, entry: entryKept(SagaEntry.entryOf(value)) }
  }
  if (tag !== SagaKeys.tags.effect || typeof more !== "string") return undefined
  return { type: "effect", id: more, isUndone: value[1] === states.undone }
}

const wroteBy = (operations: Uint8Array): Wrote => {
  const commits: Array<readonly [number, number]> = []
  const intents: Array<readonly [number, Kept]> = []
  const versions: Array<readonly [number, Kept]> = []
  const put = (engineKey: Uint8Array, value: Uint8Array): void => {
    const end = Key.endOf(engineKey)
    if (engineKey[0] === Key.tags.intent) {
      const { txn, value: written } = Records.readIntent(value)
      const kept = keptOf(Key.keyOf(engineKey, end), written)
      if (kept !== undefined) intents.push([txn.id, kept])
    }
    if (engineKey[0] !== Key.tags.data) return
    const kind = Key.kindAt(engineKey, end)
    if (kind === Key.kinds.head) {
      const { at, value: written } = Records.readHead(value)
      const kept = keptOf(Key.keyOf(engineKey, end), written)
      if (kept !== undefined) versions.push([at, kept])
    }
    if (kind === Key.kinds.record) {
      const { outcome } = Records.readRecord(value)
      if (outcome.type === "committed") commits.push([Key.recordOf(engineKey, end), outcome.at])
    }
  }
  Batch.visit(operations, 0, operations.length, {
    put: (bytes, from, to, valueTo) => put(bytes.subarray(from, to), bytes.subarray(to, valueTo)),
    delete: () => {},
    deleteRange: () => {}
  })
  return { commits, intents, versions }
}

export class ObservedSteps implements Observer {
  private readonly trace: Trace["Service"]

  constructor(trace: Trace["Service"]) {
    this.trace = trace
  }

  applied({ id: group }: Group, { data, index, kind }: Entry, answer: Uint8Array | undefined): void {
    if (kind !== entryKinds.normal || answer?.[0] !== RangeCommand.answers.done[0]) return
    const command = RangeCommand.decode(data)
    if (command?.type !== "write") return
    const wrote = wroteBy(command.operations)
    if (wrote.commits.length + wrote.intents.length + wrote.versions.length === 0) return
    this.trace.emit("debug", "saga/wrote", { group, index, wrote: JSON.stringify(wrote) })
  }

  began(): void {}
  stepped(): void {}
  role(): void {}
  written(): void {}
  committed(): void {}
  durable(): void {}
  sent(): void {}
  configured(): void {}
  restored(): void {}
}
