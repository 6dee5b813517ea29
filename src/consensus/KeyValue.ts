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
import * as Trail from "./Trail.ts"

export interface Options extends Partial<Trail.Bounds> {
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
}

const defaults = {
  initial: { index: 0, term: 0, configuration: Configuration.emptyState },
  sessions: Sessions.defaults,
  stateBytesMax: Limits.groupStateBytesMax,
  batchBytes: Limits.groupBatchBytesMax,
  ...Trail.bounds
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
  private readonly trail: Trail.Trail

  constructor({ batch, deferral, generation, options, state }: Parts) {
    this.options = options
    this.deferral = deferral
    this.generation = generation
    this.lastGeneration = generation
    this.state = state
    this.batch = batch
    this.trail = new Trail.Trail(options.port, options, state.applied)
  }

  get applied(): Applied {
    return this.state.applied
  }

  get durable(): Applied {
    return this.trail.durable
  }

  get needsFlush(): boolean {
    return this.trail.needsFlush
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
    this.batch = this.trail.begin()
    this.state.settle(this.batch)
    this.trail.add(batch, this.state.applied)
  }

  flush(done: Engine.Done<void>): void {
    // Also when there is nothing new: somebody waits for an answer, and it must not come within this call.
    if (!this.trail.has(this.state.applied) || this.trail.isEmpty) this.seal()
    this.trail.flush(done)
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
      mayTake: () => this.trail.isIdle && generation > this.generation,
      taken: (state) => {
        this.generation = generation
        this.state = state
        this.batch = batch
        this.trail.replaced(applied)
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
