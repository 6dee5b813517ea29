/**
 * Copying: puts all entries of a tree, as of one transaction, into another store, in the order of their keys, which leaves every node
 * full. A tree is compacted so, and a checkpoint made, while others go on reading the one that is copied.
 */
import type { Buggify } from "#world/Buggify.ts"
import type { Cursor, Source } from "../Engine.ts"
import type { StorageError } from "../StorageError.ts"
import { SourceOperations } from "./Operations.ts"
import type { Store } from "./Store.ts"
import { Transaction } from "./Transaction.ts"

export interface CopyOptions {
  readonly cursor: Cursor
  readonly to: Store
  readonly dirtyBytesMax: number
  readonly buggify: Buggify
  readonly later: (call: () => void) => void
}

/** Entries that are copied in one turn of the event loop. */
const entriesPerTurn = 1_024

/** A cursor as a source, as far as it goes without waiting. */
class Entries implements Source {
  step: ReturnType<Cursor["next"]> = "entry"
  private readonly cursor: Cursor

  constructor(cursor: Cursor) {
    this.cursor = cursor
  }

  next(): boolean {
    this.step = this.cursor.next()
    return this.step === "entry"
  }
  key(): Uint8Array {
    return this.cursor.key()
  }
  value(): Uint8Array {
    return this.cursor.value()
  }
}

/** Closes the cursor at its end. What was copied is visible in the other store, and durable only as far as it was spilled. */
export const copy = (options: CopyOptions, done: (error: StorageError | undefined) => void): void => {
  const { cursor, later, to } = options
  const transaction = new Transaction({ ...options, store: to, txn: to.state.txn + 1 })
  const { edit } = transaction
  const source = new Entries(cursor)
  const operations = new SourceOperations(source)
  const end = (error: StorageError | undefined): void => {
    cursor.close()
    if (error === undefined && edit.root !== to.state.root) {
      to.publish({ state: { txn: edit.txn, root: edit.root }, freed: edit.freed, dirtyBytes: edit.dirtyBytes })
    }
    done(error)
  }
  /** Whether the operation under way has still to be carried out. */
  let under = false
  const go = (error: StorageError | undefined): void => {
    if (error !== undefined) return end(error)
    if (!under && !operations.next()) {
      if (source.step === "end") return end(undefined)
      return cursor.fill(go)
    }
    under = true
    const how = transaction.run(operations, entriesPerTurn)
    if (how === "wait") return transaction.bring(operations, go)
    if (how === "full") return transaction.spill(go)
    if (how === "more") return later(() => go(undefined))
    under = false
    if (source.step === "end") return end(undefined)
    cursor.fill(go)
  }
  go(undefined)
}
