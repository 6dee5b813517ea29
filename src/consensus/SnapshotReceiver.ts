/**
 * SnapshotReceiver: one snapshot on its way to this replica. Chunks are taken in order; what it has is the answer to every chunk, also to
 * one that came twice or too early, so that the sender goes on from there after a broken connection. What was taken stands apart
 * from the state in force, and is dropped when nobody sends on.
 */
import type { StorageError } from "#storage/StorageError.ts"
import type { Chunk, ChunkAnswer } from "./Envelope.ts"
import * as Message from "./Message.ts"
import { kinds } from "./Message.ts"
import type { Restore } from "./StateMachine.ts"

export class SnapshotReceiver {
  readonly first: Chunk
  private readonly restore: Restore
  private readonly answer: (answer: ChunkAnswer) => void
  /** Everything is there: the core may have the label, with the content. */
  private readonly complete: (message: Message.Message, restore: Restore, ended: (isTaken: boolean) => void) => void
  private readonly failed: (error: StorageError) => void
  private readonly queue: Array<Chunk> = []
  private queuedTo = 0
  private takenTo = 0
  private isTaking = false
  /** Everything was taken, or given up. */
  isOver = false
  heardTick: number

  constructor(
    first: Chunk,
    restore: Restore,
    tick: number,
    calls: {
      readonly answer: (answer: ChunkAnswer) => void
      readonly complete: (message: Message.Message, restore: Restore, ended: (isTaken: boolean) => void) => void
      readonly failed: (error: StorageError) => void
    }
  ) {
    this.first = first
    this.restore = restore
    this.heardTick = tick
    this.answer = calls.answer
    this.complete = calls.complete
    this.failed = calls.failed
  }

  /** Of the same snapshot and leadership. */
  isOf({ from, index, term }: Chunk): boolean {
    return from === this.first.from && index === this.first.index && term === this.first.term
  }

  take(chunk: Chunk, tick: number): void {
    this.heardTick = tick
    if (this.isOver) return
    if (chunk.offset !== this.queuedTo || this.queue.some(({ isLast }) => isLast)) return this.tell("taken")
    this.queue.push(chunk)
    this.queuedTo += chunk.bytes.length
    this.next()
  }

  private next(): void {
    if (this.isTaking || this.queue.length === 0) return
    const chunk = this.queue[0]
    if (chunk.isLast && chunk.bytes.length === 0) return this.finish()
    this.isTaking = true
    this.restore.take(chunk.bytes, (error) => {
      this.isTaking = false
      if (this.isOver) return
      if (error !== undefined) return this.refuse(error)
      this.takenTo += chunk.bytes.length
      this.queue.shift()
      if (chunk.isLast) return this.finish()
      this.tell("taken")
      this.next()
    })
  }

  private finish(): void {
    const { configuration, from, index, indexTerm, term, to } = this.first
    this.isOver = true
    const snapshot = { index, term: indexTerm, configuration, data: new Uint8Array(0) }
    this.complete(Message.make(kinds.snapshot, to, { from, term, snapshot }), this.restore, () => this.tell("done"))
  }

  private refuse(error: StorageError): void {
    this.tell("refused")
    this.abandon()
    this.failed(error)
  }

  private tell(outcome: ChunkAnswer["outcome"]): void {
    const { from, group, index, term, to } = this.first
    this.answer({ type: "chunk-answer", group, from: to, to: from, term, index, offset: this.takenTo, outcome })
  }

  /** Nobody sends on. */
  abandon(): void {
    if (this.isOver) return
    this.isOver = true
    this.restore.abandon()
  }
}
