/**
 * SnapshotSender: one snapshot on its way to one follower, in chunks. A few chunks are under way; what is not answered is
 * sent again, so a broken connection costs those and not the whole. It fails when the follower has lost what it had taken, or
 * is silent for too long; the core then begins anew.
 */
import type { StorageError } from "#storage/StorageError.ts"
import type { Chunk, ChunkAnswer } from "./Envelope.ts"
import type { NodeId } from "./NodeId.ts"
import type { GroupId } from "./Replica.ts"
import type { Snapshot } from "./StateMachine.ts"

export interface SenderOptions {
  readonly chunkBytes: number
  /** Chunks that may be unanswered. */
  readonly windowChunks: number
  /** Ticks without an answer, after which what is unanswered is sent again. */
  readonly retryTicks: number
  /** And after which it fails. */
  readonly patienceTicks: number
}

export class SnapshotSender {
  readonly to: NodeId
  readonly index: number
  private readonly group: GroupId
  private readonly from: NodeId
  private readonly term: number
  private readonly snapshot: Snapshot
  private readonly options: SenderOptions
  /** False: nothing can leave now; it will be sent again. */
  private readonly send: (chunk: Chunk) => void
  /** Takes bytes of the host's budget a tick; false: there are none left. */
  private readonly mayRead: (sizeBytes: number) => boolean
  private readonly ended: (outcome: "finished" | "failed") => void
  private readonly unread: (error: StorageError) => void
  private unanswered: Array<Chunk> = []
  private offset = 0
  private isReading = false
  private isRead = false
  private isEnded = false
  private heardTick: number
  private sentTick: number

  constructor(given: {
    readonly group: GroupId
    readonly from: NodeId
    readonly to: NodeId
    readonly term: number
    readonly snapshot: Snapshot
    readonly tick: number
    readonly options: SenderOptions
    readonly send: (chunk: Chunk) => void
    readonly mayRead: (sizeBytes: number) => boolean
    readonly ended: (outcome: "finished" | "failed") => void
    /** The state could not be read; it has failed. */
    readonly unread: (error: StorageError) => void
  }) {
    this.group = given.group
    this.from = given.from
    this.to = given.to
    this.term = given.term
    this.snapshot = given.snapshot
    this.index = given.snapshot.applied.index
    this.options = given.options
    this.send = given.send
    this.mayRead = given.mayRead
    this.ended = given.ended
    this.unread = given.unread
    this.heardTick = given.tick
    this.sentTick = given.tick
  }

  /** Reads and sends on, as far as window and budget allow. */
  advance(): void {
    const { options } = this
    if (this.isEnded || this.isReading || this.isRead || this.unanswered.length >= options.windowChunks) return
    if (!this.mayRead(options.chunkBytes)) return
    this.isReading = true
    this.snapshot.next(options.chunkBytes, (error, bytes) => {
      this.isReading = false
      if (this.isEnded) return
      if (error !== undefined) {
        this.end("failed")
        return this.unread(error)
      }
      this.isRead = bytes.length === 0
      const { applied } = this.snapshot
      const chunk: Chunk = {
        type: "chunk",
        group: this.group,
        from: this.from,
        to: this.to,
        term: this.term,
        index: applied.index,
        indexTerm: applied.term,
        configuration: applied.configuration,
        offset: this.offset,
        isLast: this.isRead,
        bytes
      }
      this.offset += bytes.length
      this.unanswered.push(chunk)
      this.send(chunk)
      this.advance()
    })
  }

  answered({ index, offset, outcome }: ChunkAnswer, tick: number): void {
    if (this.isEnded || index !== this.index) return
    this.heardTick = tick
    this.sentTick = tick
    if (outcome === "done") return this.end("finished")
    if (outcome === "refused") return this.end("failed")
    const { unanswered } = this
    // It has less than what it had confirmed: it started anew.
    if (unanswered.length > 0 && offset < unanswered[0].offset) return this.end("failed")
    this.unanswered = unanswered.filter((chunk) => chunk.offset + chunk.bytes.length > offset || chunk.isLast)
    this.advance()
  }

  tick(tick: number): void {
    if (this.isEnded) return
    if (tick - this.heardTick >= this.options.patienceTicks) return this.end("failed")
    if (tick - this.sentTick >= this.options.retryTicks) {
      this.sentTick = tick
      for (const chunk of this.unanswered) this.send(chunk)
    }
    this.advance()
  }

  end(outcome: "finished" | "failed"): void {
    if (this.isEnded) return
    this.isEnded = true
    this.unanswered = []
    this.snapshot.close()
    this.ended(outcome)
  }
}
