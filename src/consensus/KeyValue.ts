/**
 * KeyValue: keys and values as a group's state machine, with compare-and-set, transactions and sessions, over an engine that
 * several groups may share, each under a prefix of its own. Memory has the state in force (`KeyValueState`); the engine holds a copy
 * that trails it, and each of its batches leaves there the state as of one entry, with that entry's index (etcd issue 13766).
 *
 * - `flush` writes what was applied since the last one, buffered. Changes are cut into batches between entries, so one command
 *   is never parted. A refused batch is written again, first of all, by the next flush.
 * - `durable` trails what was flushed: it moves when an engine's `sync`, asked for after so many entries or bytes, has completed.
 * - A snapshot is the state as of the call, and costs nothing but the versions that it holds back. A restore takes one in beside the
 *   state (`KeyValueRestore`).
 *
 * Needs of its caller, beside what `StateMachine` says: a flush now and then, because what was not flushed is in memory twice.
 */
import { assert } from "#base/Assert.ts"
import * as Effect from "effect/Effect"
import * as Limits from "#base/Limits.ts"
import { Batch } from "#storage/Batch.ts"
import * as Engine from "#storage/Engine.ts"
import { Deferral } from "#storage/memory/Deferral.ts"
import { Corrupt, type StorageError } from "#storage/StorageError.ts"
import { Timers } from "#world/Timers.ts"
import * as Configuration from "./Configuration.ts"
import * as Records from "./KeyValueRecords.ts"
import { KeyValueRestore } from "./KeyValueRestore.ts"
import { KeyValueSnapshot } from "./KeyValueSnapshot.ts"
import { KeyValueState } from "./KeyValueState.ts"
import * as Sessions from "./Sessions.ts"
import type { Applied, Restore, Snapshot, StateMachine } from "./StateMachine.ts"

export interface Options {
  readonly port: Engine.Port
  /** What the group's keys in the engine begin with; of two groups, none begins with the other's. */
  readonly prefix: Uint8Array
  /** What a group that is new begins with: its members. Default: nothing, and nobody. */
  readonly initial?: Applied
  readonly sessions?: Sessions.Bounds
  /** Keys and values together. Puts above it are refused. */
  readonly stateBytesMax?: number
  /** Size at which a batch for the engine is closed. */
  readonly batchBytes?: number
  /** Entries, or bytes of batches, after which `durable` has to follow. */
  readonly syncEntries?: number
  readonly syncBytes?: number
}

const defaults = {
  initial: { index: 0, term: 0, configuration: Configuration.emptyState },
  sessions: Sessions.defaults,
  stateBytesMax: Limits.groupStateBytesMax,
  batchBytes: Limits.groupBatchBytesMax,
  syncEntries: 1_024,
  syncBytes: 1_048_576
}

/** A batch that is complete, and what the engine holds with it. */
interface Sealed {
  readonly batch: Batch
  readonly applied: Applied
}

interface Parts {
  readonly options: Options & typeof defaults
  readonly deferral: Deferral
  readonly generation: number
  readonly state: KeyValueState
  /** Where the state's changes go. */
  readonly batch: Batch
}

class KeyValue implements StateMachine {
  private readonly options: Parts["options"]
  private readonly deferral: Deferral
  private generation: number
  /** Of the last restore that was begun. */
  private lastGeneration: number
  private state: KeyValueState
  private batch: Batch
  /** Not written yet, in their order. */
  private sealed: Array<Sealed> = []
  private waiting: Array<{ readonly upTo: number; readonly done: Engine.Done<void> }> = []
  private isWriting = false
  private isSyncing = false
  private flushed: Applied
  private unsyncedBytes = 0
  private kept: Applied

  constructor({ batch, deferral, generation, options, state }: Parts) {
    this.options = options
    this.deferral = deferral
    this.generation = generation
    this.lastGeneration = generation
    this.state = state
    this.batch = batch
    this.flushed = state.applied
    this.kept = state.applied
  }

  get applied(): Applied {
    return this.state.applied
  }

  get durable(): Applied {
    return this.kept
  }

  apply(index: number, term: number, command: Uint8Array): Uint8Array {
    const answer = this.state.apply(index, term, command)
    if (this.batch.sizeBytes >= this.options.batchBytes) this.seal()
    return answer
  }

  pass(index: number, term: number, configuration: Configuration.ConfState | undefined): void {
    this.state.pass(index, term, configuration)
  }

  read(query: Uint8Array): Uint8Array {
    return this.state.read(query)
  }

  digest(): number {
    return this.state.digest()
  }

  // To the engine.

  private seal(): void {
    const { batch } = this
    this.batch = new Batch()
    this.state.settle(this.batch)
    this.sealed.push({ batch, applied: this.state.applied })
  }

  flush(done: Engine.Done<void>): void {
    const last = this.sealed.at(-1)?.applied ?? this.flushed
    // Also when there is nothing new: somebody waits for an answer, and it must not come within this call.
    if (last !== this.state.applied || this.sealed.length === 0) this.seal()
    this.waiting.push({ upTo: this.state.applied.index, done })
    if (!this.isWriting) this.write()
  }

  private write(): void {
    const [next] = this.sealed
    const { generation } = this
    this.isWriting = true
    this.options.port.write(next.batch, "buffered", (error) => {
      this.isWriting = false
      assert(generation === this.generation, "a snapshot is restored while nothing else is under way")
      if (error !== undefined) return this.answer(this.waiting.splice(0), error)
      this.sealed.shift()
      this.flushed = next.applied
      this.unsyncedBytes += next.batch.sizeBytes
      this.sync()
      const { index } = next.applied
      const answered = this.waiting.filter(({ upTo }) => upTo <= index)
      this.waiting = this.waiting.filter(({ upTo }) => upTo > index)
      if (this.waiting.length > 0) this.write()
      this.answer(answered, undefined)
    })
  }

  private answer(waiting: ReadonlyArray<{ readonly done: Engine.Done<void> }>, error: StorageError | undefined): void {
    for (const { done } of waiting) done(error, undefined)
  }

  private sync(): void {
    const { port, syncBytes, syncEntries } = this.options
    const { flushed, generation, kept, unsyncedBytes } = this
    const isDue = flushed.index - kept.index >= syncEntries || unsyncedBytes >= syncBytes
    if (this.isSyncing || !isDue) return
    this.isSyncing = true
    port.sync((error) => {
      this.isSyncing = false
      // An engine that could not sync takes no more writes: the next flush tells.
      if (error !== undefined || generation !== this.generation) return
      this.unsyncedBytes -= unsyncedBytes
      this.kept = flushed
      this.sync()
    })
  }

  // Snapshots.

  snapshot(): Snapshot {
    this.seal()
    return new KeyValueSnapshot(this.state, this.deferral)
  }

  restore(applied: Applied): Restore {
    const { options } = this
    const generation = ++this.lastGeneration
    const batch = new Batch()
    const space = Records.generationPrefix(options.prefix, generation)
    return new KeyValueRestore({
      port: options.port,
      deferral: this.deferral,
      prefix: options.prefix,
      generation,
      applied,
      state: new KeyValueState({ ...options, applied }, space, batch),
      mayTake: () => !this.isWriting && this.waiting.length === 0 && generation > this.generation,
      taken: (state) => {
        this.generation = generation
        this.state = state
        this.batch = batch
        this.sealed = []
        this.unsyncedBytes = 0
        this.flushed = applied
        this.kept = applied
      }
    })
  }
}

/** Deletes the state of a group that is no more here; durable with the engine's next synced batch. */
export const remove = ({ port, prefix }: Pick<Options, "port" | "prefix">): Effect.Effect<void, StorageError> =>
  Engine.make(port).write(
    new Batch().deleteRange(Records.selectorKey(prefix), Records.generationPrefix(prefix, Records.generationMax + 1)),
    "buffered"
  )

const corrupt = (message: string): Corrupt =>
  new Corrupt({ path: "", offsetBytes: 0, message: `a group's state in the engine cannot be read: ${message}` })

/** Reads what the engine has of the group, and removes what an unfinished restore left there. */
export const open = Effect.fn("KeyValue.open")(function* (
  given: Options
): Effect.fn.Return<StateMachine, StorageError, Timers> {
  const options = { ...defaults, ...given }
  const { initial, port, prefix } = options
  const engine = Engine.make(port)
  const deferral = new Deferral((yield* Timers).attach)
  const selected = yield* engine.get(Records.selectorKey(prefix))
  const generation = selected === undefined ? 0 : Records.readSelector(selected)
  if (generation === undefined) return yield* corrupt("its generation")
  const space = Records.generationPrefix(prefix, generation)
  const above = Records.generationPrefix(prefix, generation + 1)
  const batch = new Batch()
  const state = new KeyValueState({ ...options, applied: initial }, space, batch)
  const found = yield* engine.get(Records.keyIn(space, Records.tags.applied, new Uint8Array(0)))
  const read = found === undefined ? { applied: initial, revision: 0 } : Records.readApplied(found)
  if (read === undefined) return yield* corrupt("its last entry")
  let stray: Uint8Array | undefined
  yield* engine.scan({ bounds: { from: space, to: above } }, (key, record) => {
    const own = key.subarray(space.length)
    if (own[0] === Records.tags.applied) return
    if (Records.isSound(own, record)) state.load(own, record)
    else stray ??= own
  })
  if (stray !== undefined || !state.loaded(read.applied, read.revision)) return yield* corrupt("a key or a session")
  const end = Records.generationPrefix(prefix, Records.generationMax + 1)
  let isClean = true
  yield* engine.scan({ bounds: { from: above, to: end } }, () => {
    isClean = false
    return false
  })
  if (!isClean) yield* engine.write(new Batch().deleteRange(above, end), "buffered")
  return new KeyValue({ options, deferral, generation, state, batch })
})
