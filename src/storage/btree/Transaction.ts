/**
 * Transaction: carries out operations on an edit of a store, and brings the pages that they want into memory. When the edit has more
 * pages in memory than it may, it writes them and goes on.
 */
import type { Buggify } from "#world/Buggify.ts"
import { Edit, type Resident, type Wanted } from "./Edit.ts"
import type { Operations } from "./Operations.ts"
import type { Page } from "./Page.ts"
import { isMeant } from "./PageCache.ts"
import type { Failure } from "./PageFile.ts"
import { u32 } from "./PageFormat.ts"
import { Taken } from "./Placement.ts"
import type { Store } from "./Store.ts"

/** Pages that are read at a time for the operations that come next: fewer where memory is for fewer. */
const readAheadMax = 64
/** More pages than the way to any key has. */
const broughtMax = 64

export interface TransactionOptions {
  readonly store: Store
  readonly txn: number
  /** Pages in memory that are not on disk, in bytes, before they are written. */
  readonly dirtyBytesMax: number
  readonly buggify: Buggify
}

/** Either it is done now (`true`), or `done` is called later. */
type Finished = (error: Failure | undefined) => void

export class Transaction implements Resident {
  readonly edit: Edit
  readonly taken = new Taken()
  private readonly store: Store
  private readonly options: TransactionOptions
  /** Pages that were brought for the operation under way: the cache may be too small to hold them until it is done. */
  private readonly brought = new Map<number, Page>()

  constructor(options: TransactionOptions) {
    const { store, txn } = options
    this.options = options
    this.store = store
    this.edit = new Edit({
      root: store.state.root,
      txn,
      dirtyBytes: store.dirtyBytes,
      pageBytes: store.pageBytes,
      resident: this,
      buffers: store.buffers
    })
  }

  page(bytes: Uint8Array, at: number): Page | undefined {
    const cached = this.store.cache.get(bytes, at)
    if (cached !== undefined || this.brought.size === 0) return cached
    const brought = this.brought.get(u32(bytes, at))
    return brought !== undefined && isMeant(brought, bytes, at) ? brought : undefined
  }

  /** Carries out as many operations as it can now, at most `operationsMax`. */
  run(operations: Operations, operationsMax: number): "done" | "wait" | "full" | "more" {
    const { edit } = this
    for (let count = 0; count < operationsMax; count++) {
      if (!operations.apply(edit)) return "wait"
      if (this.brought.size > 0) this.brought.clear()
      if (!operations.next()) return "done"
      if (edit.dirtyBytes > this.options.dirtyBytesMax || this.options.buggify("storage/btree-spill")) return "full"
    }
    return "more"
  }

  /** Brings what the edit wants, and what operations that come next will want, into memory. */
  bring(ahead: Pick<Operations, "lookAhead">, done: Finished): void {
    const { edit } = this
    const wanted = new Map<number, Wanted>()
    const pagesMax = Math.min(readAheadMax, this.options.dirtyBytesMax / (4 * this.store.pageBytes))
    const add = (): boolean => {
      if (edit.wanted !== undefined) wanted.set(edit.wanted.reference.number, edit.wanted)
      edit.wanted = undefined
      return wanted.size < pagesMax
    }
    if (this.brought.size >= broughtMax) this.brought.clear()
    add()
    ahead.lookAhead(edit, add)
    let left = wanted.size
    let failure: Failure | undefined
    for (const { kind, reference } of wanted.values()) {
      this.store.load(reference, kind, (error, page) => {
        failure ??= error
        if (page !== undefined) this.brought.set(page.number, page)
        if (--left === 0) done(failure)
      })
    }
  }

  /** Writes the edit's pages to have their memory; before that what readers see, which is another commit. */
  spill(done: Finished): void {
    const { edit, store, taken } = this
    const write = (): void => {
      store.spill(edit.root, edit.freed, taken, (error) => {
        edit.dirtyBytes = 0
        done(error)
      })
    }
    if (store.isDurable) return write()
    store.persist((error) => {
      if (error !== undefined) return done(error)
      edit.freed.settle()
      write()
    })
  }

  /** None of it has happened. */
  abandon(): void {
    this.store.abandon(this.taken)
  }
}
