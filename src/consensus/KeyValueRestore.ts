/**
 * KeyValueRestore: takes a snapshot into an engine, beside the state in force, which goes on. What it takes goes to a generation of
 * the group's keys of its own, in buffered batches; one synced batch at the end names that generation, and deletes those before.
 * So a crash at any moment leaves one of both, whole, and opening deletes the rest of the other.
 */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import { Batch } from "#storage/Batch.ts"
import type * as Engine from "#storage/Engine.ts"
import * as Keys from "#storage/Keys.ts"
import type { Deferral } from "#storage/memory/Deferral.ts"
import { Corrupt, type StorageError } from "#storage/StorageError.ts"
import * as Records from "./KeyValueRecords.ts"
import type { KeyValueState } from "./KeyValueState.ts"
import { SnapshotReader, type Visitor } from "./SnapshotFormat.ts"
import type { Applied, Restore } from "./StateMachine.ts"

export interface RestoreParts {
  readonly port: Engine.Port
  readonly deferral: Deferral
  readonly prefix: Uint8Array
  /** Of what is taken: higher than any before. */
  readonly generation: number
  readonly applied: Applied
  /** An empty state whose changes go to the given batch, as keys of this generation. */
  readonly state: KeyValueState
  /** It is in force, durably: the state takes over. */
  readonly taken: (state: KeyValueState) => void
  /** It may be put in place. */
  readonly mayTake: () => boolean
}

export class KeyValueRestore implements Restore, Visitor {
  private readonly parts: RestoreParts
  private readonly space: Uint8Array
  private readonly reader: SnapshotReader
  private batch: Batch
  private appliedRecord: Uint8Array | undefined
  private error: StorageError | undefined
  private at: "taking" | "finishing" | "over" = "taking"

  constructor(parts: RestoreParts) {
    this.parts = parts
    this.space = Records.generationPrefix(parts.prefix, parts.generation)
    this.reader = new SnapshotReader(this, Limits.valueBytesMax)
    this.batch = this.emptied()
  }

  // Of a snapshot's bytes.

  applied(record: Uint8Array): boolean {
    const read = Records.readApplied(record)
    if (read === undefined) return false
    this.appliedRecord = Records.appliedRecord(this.parts.applied, read.revision)
    // The label that it came with has to be its own.
    if (Keys.compare(record, this.appliedRecord) !== 0) return false
    return true
  }

  record(key: Uint8Array, value: Uint8Array): boolean {
    if (!Records.isSound(key, value)) return false
    this.parts.state.load(key, value)
    this.batch.put(Records.keyIn(this.space, key[0], key.subarray(1)), value)
    return this.batch.refused === undefined
  }

  end(digest: number): boolean {
    const { applied, state } = this.parts
    const { revision } = Records.readApplied(this.appliedRecord!)!
    return state.loaded(applied, revision) && state.digest() === digest
  }

  take(bytes: Uint8Array, done: Engine.Done<void>): void {
    assert(this.at === "taking", "a snapshot is taken before it is finished or abandoned")
    if (this.error === undefined && !this.reader.take(bytes)) this.error = malformed
    if (this.error !== undefined || this.batch.sizeBytes < Limits.groupBatchBytesMax) {
      const { error } = this
      this.parts.deferral.defer(() => done(error, undefined))
      return
    }
    const { batch } = this
    this.batch = new Batch()
    this.parts.port.write(batch, "buffered", (error) => {
      this.error ??= error
      done(this.error, undefined)
    })
  }

  finish(done: Engine.Done<void>): void {
    assert(this.at === "taking", "a restore is finished once")
    const { generation, mayTake, port, prefix, state, taken } = this.parts
    assert(mayTake(), "a snapshot is put in place while nothing else is under way, and no later one is there")
    this.at = "finishing"
    if (!this.reader.isWhole) this.error ??= malformed
    if (this.error !== undefined) return this.fail(this.error, done)
    port.write(this.batch, "buffered", (error) => {
      if (error !== undefined) return this.fail(error, done)
      const before = Records.generationPrefix(prefix, 0)
      const switching = new Batch()
        .put(Records.keyIn(this.space, Records.tags.applied, new Uint8Array(0)), this.appliedRecord!)
        .put(Records.selectorKey(prefix), Records.selectorRecord(generation))
        .deleteRange(before, this.space)
      port.write(switching, "synced", (error) => {
        if (error !== undefined) return this.fail(error, done)
        assert(mayTake(), "nothing begins while a snapshot is put in place")
        this.at = "over"
        taken(state)
        done(undefined, undefined)
      })
    })
  }

  abandon(): void {
    assert(this.at !== "finishing", "a restore is not abandoned while it is finished")
    if (this.at === "over") return
    this.at = "over"
    // Should this fail, the next restore that is finished deletes them, or the next start.
    this.parts.port.write(this.emptied(), "buffered", () => {})
  }

  private fail(error: StorageError, done: Engine.Done<void>): void {
    this.at = "taking"
    this.error = error
    this.abandon()
    this.parts.deferral.defer(() => done(error, undefined))
  }

  /** A batch that deletes what there is of this generation. */
  private emptied(): Batch {
    const { generation, prefix } = this.parts
    return new Batch().deleteRange(this.space, Records.generationPrefix(prefix, generation + 1))
  }
}

const malformed = new Corrupt({
  path: "snapshot",
  offsetBytes: 0,
  message: "these bytes are no snapshot of a key-value group: ask its leader for another one"
})
