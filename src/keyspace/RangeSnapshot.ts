/**
 * RangeSnapshot: a range as a snapshot's bytes (`SnapshotFormat`): its state, then everything that the engine has of its keys, in order, then their intents,
 * then the entries of its audit trail.
 * It holds a snapshot of the engine until it is closed.
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import * as SnapshotFormat from "#consensus/SnapshotFormat.ts"
import type { Applied, Snapshot } from "#consensus/StateMachine.ts"
import type * as Engine from "#storage/Engine.ts"
import type { Deferral } from "#storage/memory/Deferral.ts"
import * as Key from "./Key.ts"
import * as RangeState from "./RangeState.ts"

const noBytes = new Uint8Array(0)

export class RangeSnapshot implements Snapshot {
  readonly applied: Applied
  private readonly state: RangeState.RangeState
  private readonly deferral: Deferral
  private readonly held: Engine.Snapshot
  private readonly port: Engine.Port
  private cursor: Engine.Cursor
  /** What comes behind the part that is being read. */
  private parts: Array<Required<Engine.Bounds>>
  private at: "begin" | "records" | "end" = "begin"
  private isClosed = false

  /** Of what the engine shows, which has to be the state's. */
  constructor(port: Engine.Port, deferral: Deferral, state: RangeState.RangeState) {
    this.deferral = deferral
    this.state = state
    this.applied = state.applied
    this.port = port
    this.held = port.snapshot()
    this.cursor = port.scan({ bounds: Key.bounds(state.descriptor), at: this.held })
    this.parts = [Key.intents(state.descriptor)]
    if (state.trail !== undefined) this.parts.push(Key.auditOf(state.descriptor.range))
  }

  next(sizeBytes: number, done: Engine.Done<Uint8Array>): void {
    assert(!this.isClosed, "a closed snapshot is not read")
    if (this.at === "end") return this.deferral.defer(() => done(undefined, noBytes))
    const writer = Bytes.Writer.make()
    if (this.at === "begin") {
      this.at = "records"
      SnapshotFormat.put(writer.u8(SnapshotFormat.version), noBytes, RangeState.encode(this.state))
    }
    this.fill(writer, sizeBytes, done)
  }

  private fill(writer: Bytes.Writer, sizeBytes: number, done: Engine.Done<Uint8Array>): void {
    while (writer.sizeBytes < sizeBytes) {
      const step = this.cursor.next()
      if (step === "wait") {
        return this.cursor.fill((error) => {
          if (error === undefined && !this.isClosed) return this.fill(writer, sizeBytes, done)
          // Whoever closed it does not wait any more.
          done(error, writer.finish())
        })
      }
      const next = step === "end" ? this.parts.shift() : undefined
      if (next !== undefined) {
        this.cursor.close()
        this.cursor = this.port.scan({ bounds: next, at: this.held })
        continue
      }
      if (step === "end") {
        this.at = "end"
        SnapshotFormat.put(writer, noBytes, noBytes).u32(this.state.digest)
        break
      }
      SnapshotFormat.put(writer, this.cursor.key(), this.cursor.value())
    }
    const bytes = writer.finish()
    this.deferral.defer(() => done(undefined, bytes))
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.cursor.close()
    this.held.release()
  }
}
