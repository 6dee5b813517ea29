/**
 * KeyValueSnapshot: a key-value group's state as a snapshot's bytes (`SnapshotFormat`): the applied record, then the records with their tags.
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import type { Done } from "#storage/Engine.ts"
import type { TreeCursor } from "#storage/memory/TreeCursor.ts"
import type { Deferral } from "#storage/memory/Deferral.ts"
import type { KeyValueState } from "./KeyValueState.ts"
import * as Records from "./KeyValueRecords.ts"
import { put, version } from "./SnapshotFormat.ts"
import type { Applied, Snapshot } from "./StateMachine.ts"

const noBytes = new Uint8Array(0)

/** Of a state whose batch was just settled: sessions are in its tree. */
export class KeyValueSnapshot implements Snapshot {
  readonly applied: Applied
  private readonly state: KeyValueState
  private readonly deferral: Deferral
  private readonly revision: number
  private readonly digest: number
  private readonly sequence: number
  private readonly cursor: TreeCursor
  private at: "begin" | "records" | "end" | "closed" = "begin"

  constructor(state: KeyValueState, deferral: Deferral) {
    const { content } = state
    this.state = state
    this.deferral = deferral
    this.applied = state.applied
    this.revision = state.revision
    this.digest = state.digest()
    this.sequence = content.visible
    content.snapshots.take(this.sequence)
    this.cursor = content.entries(this.sequence)
  }

  next(sizeBytes: number, done: Done<Uint8Array>): void {
    assert(this.at !== "closed", "a closed snapshot is not read")
    const bytes = this.stretch(sizeBytes)
    this.deferral.defer(() => done(undefined, bytes))
  }

  close(): void {
    if (this.at === "closed") return
    this.at = "closed"
    this.state.content.snapshots.release(this.sequence)
  }

  private stretch(sizeBytes: number): Uint8Array {
    if (this.at === "end") return noBytes
    const writer = Bytes.Writer.make()
    if (this.at === "begin") {
      this.at = "records"
      put(writer.u8(version), noBytes, Records.appliedRecord(this.applied, this.revision))
    }
    while (writer.sizeBytes < sizeBytes || writer.sizeBytes === 0) {
      if (!this.cursor.next()) {
        this.at = "end"
        put(writer, noBytes, noBytes).u32(this.digest)
        break
      }
      put(writer, this.cursor.key(), this.cursor.value())
    }
    return writer.finish()
  }
}
