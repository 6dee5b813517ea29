/**
 * Maintenance: when an engine writes checkpoints, and what else it does with its files, job by job. `Checkpoints` has the files, this
 * has what they mean to the engine: the log may drop what is before a checkpoint only when the checkpoint is durable under its
 * name, and a checkpoint holds nothing that the log could still lose.
 *
 * A full disk refuses a checkpoint, and the log goes on. Any other failure of a write stops the engine.
 */
import * as Effect from "effect/Effect"
import type { Buggify } from "#world/Buggify.ts"
import * as Completion from "#world/Completion.ts"
import type * as Disk from "#world/Disk.ts"
import type { Trace } from "#world/Trace.ts"
import type { DiskError } from "#world/WorldError.ts"
import type { Done, Verified } from "../Engine.ts"
import type * as Log from "../Log.ts"
import { Refused, Stopped, type StorageError } from "../StorageError.ts"
import * as Checkpoints from "./Checkpoints.ts"
import type { Content } from "./Content.ts"
import type { Jobs } from "./Jobs.ts"
import type { Writes } from "./Writes.ts"

export interface MaintenanceParts {
  readonly disk: Disk.Disk["Service"]
  readonly directory: string
  readonly log: Log.Log
  readonly stream: number
  readonly content: Content
  readonly writes: Writes
  readonly jobs: Jobs
  readonly trace: Trace["Service"]
  readonly buggify: Buggify
  readonly blockBytes: number
  readonly logBytesMax: number
  /** What opening found. */
  readonly current: Checkpoints.File | undefined
  readonly numberMax: number
  readonly loggedBytes: number
}

const closed = new Refused({ reason: "closed", message: "the engine is closed: open it again" })

export class Maintenance {
  /** Bytes that were written to checkpoints, copies for others not counted. */
  writtenBytes = 0
  checkpoints = 0
  private readonly parts: MaintenanceParts
  private current: Checkpoints.File | undefined
  private numberMax: number
  /** Bytes of batches since the last checkpoint began. */
  private loggedBytes: number
  /** How many of them are due another attempt. */
  private dueBytes: number
  private isDue = false
  private isClosed = false
  private verification: Checkpoints.Verification | undefined

  constructor(parts: MaintenanceParts) {
    this.parts = parts
    this.current = parts.current
    this.numberMax = parts.numberMax
    this.loggedBytes = parts.loggedBytes
    this.dueBytes = this.boundBytes()
  }

  get diskBytes(): number {
    return this.current?.sizeBytes ?? 0
  }

  /** A batch was applied: the engine's turn to write a checkpoint may have come. */
  logged(sizeBytes: number): void {
    this.loggedBytes += sizeBytes
    if (this.isDue || this.isClosed) return
    if (this.loggedBytes < this.dueBytes && !this.parts.buggify("storage/memory-early-checkpoint")) return
    this.isDue = true
    this.post(this.checkpointDue(), (error) => {
      this.isDue = false
      if (error === undefined) return
      this.dueBytes = this.loggedBytes + this.boundBytes() / 4
      this.parts.trace.mark("storage/memory-checkpoint-refused")
      this.parts.trace.emit("warn", "storage/memory-checkpoint-refused", { reason: error.message })
    })
  }

  flush(done: Done<void>): void {
    const { writes } = this.parts
    const before = Completion.submit<void, StorageError>((synced) => {
      if (writes.end === undefined) writes.sync(synced)
      else synced(writes.end, undefined)
    })
    this.post(Effect.andThen(before, this.checkpointDue()), done)
  }

  /** Writes what is visible now as a new engine. */
  copyTo(directory: string, done: Done<void>): void {
    const { content } = this.parts
    const at = content.visible
    content.snapshots.take(at)
    this.post(this.copy(directory, at), (error) => {
      content.snapshots.release(at)
      done(error, undefined)
    })
  }

  verify(position: number, done: Done<Verified | undefined>): void {
    const step = Effect.suspend(() => {
      const { current } = this
      if (current === undefined) return Effect.succeed<Verified>({ position: 0, bytesRead: 0, rot: [] })
      if (position === 0 || this.verification?.number !== current.number) {
        this.verification = Checkpoints.beginVerification(current)
      }
      return Checkpoints.verify(this.parts.disk, current, this.verification)
    })
    this.post<Verified | undefined>(step, done)
  }

  /** Gives up what is under way, as soon as it is between two blocks. */
  close(): void {
    this.isClosed = true
    this.parts.jobs.close()
  }

  private post<A>(effect: Effect.Effect<A, StorageError>, done: Done<A>): void {
    const fail = (error: StorageError): void => done(error, undefined as A)
    this.parts.jobs.post({
      run: Effect.match(effect, { onFailure: fail, onSuccess: (value) => done(undefined, value) }),
      cancel: () => fail(closed)
    })
  }

  /** What may be logged before a checkpoint is due: it costs as much as it holds. */
  private boundBytes(): number {
    return Math.max(this.parts.logBytesMax, this.diskBytes)
  }

  /** Writes a checkpoint of what is visible, unless the newest one is that. */
  private checkpointDue(): Effect.Effect<void, StorageError> {
    return Effect.suspend(() => {
      const { content, writes } = this.parts
      const position = writes.applied
      if (writes.end !== undefined) return Effect.fail(writes.end)
      if (position === (this.current?.position ?? 1)) return Effect.void
      const at = content.visible
      content.snapshots.take(at)
      return this.checkpoint(position, at).pipe(
        Effect.catchTag("DiskError", (error) => Effect.fail(this.failed(error))),
        Effect.ensuring(Effect.sync(() => content.snapshots.release(at)))
      )
    })
  }

  private readonly checkpoint = Effect.fnUntraced({ self: this }, function* (position: number, at: number) {
    const { blockBytes, buggify, content, directory, disk, log, stream, trace } = this.parts
    const { loggedBytes } = this
    // Batches that are visible may not be durable: the log must not lose what a checkpoint holds.
    yield* Completion.submit<void, StorageError>((done) => log.sync(done))
    const file = yield* Checkpoints.write(disk, {
      directory,
      number: ++this.numberMax,
      position,
      blockBytes,
      entries: content.entries(at),
      end: () => (this.isClosed ? closed : undefined)
    })
    const old = this.current
    this.current = file
    this.checkpoints++
    this.writtenBytes += file.sizeBytes
    this.loggedBytes -= loggedBytes
    this.dueBytes = this.boundBytes()
    trace.emit("info", "storage/memory-checkpoint", { number: file.number, sizeBytes: file.sizeBytes, position })
    if (buggify("storage/memory-late-cut")) trace.mark("storage/memory-late-cut")
    else log.cutHead(stream, position)
    if (old !== undefined) yield* Checkpoints.removeFile(disk, old)
  })

  private readonly copy = Effect.fnUntraced(
    { self: this },
    function* (directory: string, at: number) {
      const { blockBytes, content, disk } = this.parts
      if (directory === this.parts.directory || (yield* Checkpoints.isTaken(disk, directory))) {
        return yield* new Refused({ reason: "exists", message: `${directory} holds something: name a new directory` })
      }
      yield* Checkpoints.makeDirectory(disk, directory)
      yield* Checkpoints.write(disk, {
        directory,
        number: 1,
        position: 1,
        blockBytes,
        entries: content.entries(at),
        end: () => (this.isClosed ? closed : undefined)
      })
    },
    Effect.catchTag("DiskError", (error) => Effect.fail(error.code === "no-space" ? noSpace(error) : error))
  )

  /** A write of the engine's own files failed. */
  private failed(error: DiskError): StorageError {
    if (error.code === "no-space") return noSpace(error)
    const stopped = new Stopped({ cause: error, message: `a checkpoint could not be written: ${error.message}` })
    this.parts.writes.stopBy(stopped)
    return stopped
  }
}

const noSpace = (error: DiskError): Refused => new Refused({ reason: "no-space", message: error.message })
