/** AdapterCursor: a foreign cursor as ours: entries come in blocks, so most steps need not wait. */
import { assert } from "#base/Assert.ts"
import type { Cursor, Done, Step } from "../Engine.ts"
import type { Refused } from "../StorageError.ts"
import type { Entry, ForeignCursor } from "./Foreign.ts"

export interface CursorParts {
  /** Undefined: the cursor cannot be, as `refused` says. */
  readonly foreign: ForeignCursor | undefined
  readonly refused: Refused | undefined
  /** Runs a foreign call to its completion. */
  readonly run: <A>(call: () => Promise<A>, done: Done<A | undefined>) => void
  /** Answers later. */
  readonly defer: (answer: () => void) => void
  /** Called once, when nothing reads any more. */
  readonly closed: () => void
}

export class AdapterCursor implements Cursor {
  private readonly parts: CursorParts
  private block: ReadonlyArray<Entry> = []
  private at = -1
  private isAtEnd = false
  private isFilling = false
  private isClosed = false

  constructor(parts: CursorParts) {
    this.parts = parts
  }

  next(): Step {
    if (this.at < this.block.length) this.at++
    if (this.at < this.block.length) return "entry"
    return this.isAtEnd ? "end" : "wait"
  }

  key(): Uint8Array {
    return this.block[this.at][0]
  }

  value(): Uint8Array {
    return this.block[this.at][1]
  }

  fill(done: Done<void>): void {
    const { defer, foreign, refused, run } = this.parts
    assert(!this.isFilling, "one fill at a time")
    if (foreign === undefined || this.isClosed || this.isAtEnd) return defer(() => done(refused, undefined))
    this.isFilling = true
    run(
      () => foreign.read(),
      (error, block) => {
        this.isFilling = false
        if (error === undefined && block !== undefined) {
          this.block = block
          this.at = -1
          this.isAtEnd = block.length === 0
        }
        if (this.isClosed) this.end()
        done(error, undefined)
      }
    )
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.block = []
    this.isAtEnd = true
    if (!this.isFilling) this.end()
  }

  private end(): void {
    const { closed, foreign, run } = this.parts
    if (foreign === undefined) return
    // What a cursor fails with at its end is nobody's any more.
    run(() => foreign.close(), closed)
  }
}
