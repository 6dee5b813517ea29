/**
 * Foreign: what an adapter needs of a store from a package, in the package's own way: promises, and calls that answer at once.
 * `AdapterPort` makes an engine of it: order, visibility, snapshots and the end are settled there, once for all packages.
 *
 * Needs of its caller: one `write` at a time; a view is released when nothing reads with it any more; a cursor is read by one at
 * a time. Every promise may fail with the package's own error; `Failure` translates.
 */
import type { Batch } from "../Batch.ts"
import type { Bounds } from "../Engine.ts"
import { Refused } from "../StorageError.ts"

export type Entry = readonly [key: Uint8Array, value: Uint8Array]

export interface ForeignCursor {
  /** The next entries; none at the end. */
  read(): Promise<ReadonlyArray<Entry>>
  close(): Promise<void>
}

/** What a store tells of itself, in bytes. */
export interface Sizes {
  readonly diskBytes: number
  readonly memoryBytes: number
  readonly writtenBytes: number
  readonly details: Readonly<Record<string, number>>
}

/** `View`: a state of the store that the package keeps readable. */
export interface Foreign<View> {
  /** Longer keys are refused; at most `Limits.keyBytesMax`. */
  readonly keyBytesMax: number
  /** Answers from memory, or from the page cache of the system; undefined where the package has no such call. */
  readonly get: ((key: Uint8Array, view: View | undefined) => Uint8Array | undefined) | undefined
  /** Without a view: what is committed at the call. */
  fetch(key: Uint8Array, view: View | undefined): Promise<Uint8Array | undefined>
  view(): View
  release(view: View): void
  scan(view: View, bounds: Bounds, reverse: boolean): ForeignCursor
  /** All the batches' operations in their order, at once or not at all; `before` is what was there before. Synced: everything before too. */
  write(batches: ReadonlyArray<Batch>, synced: boolean, before: View): Promise<void>
  flush(): Promise<void>
  compact(): Promise<void>
  sizes(): Sizes
  /** Ends cursors and views that are open. */
  close(): Promise<void>
}

/** Imports a package, which is not a dependency of who does not use it. */
export const load = async <A>(name: string, load: () => Promise<A>): Promise<A> => {
  try {
    return await load()
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new Refused({
      reason: "not-installed",
      message: `the package ${name} cannot be loaded: run "npm install ${name}" (${message})`
    })
  }
}
