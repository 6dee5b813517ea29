/**
 * Store: what the parts of an LSM engine share: memtables, tables, manifest, snapshots, and what has gone wrong.
 */
import type * as Disk from "#world/Disk.ts"
import type { Trace } from "#world/Trace.ts"
import { Refused, type Stopped } from "../StorageError.ts"
import type { Snapshots } from "../memory/Snapshots.ts"
import type { Cache } from "./Cache.ts"
import type { View } from "./Lookup.ts"
import type { All } from "./LsmOptions.ts"
import type * as Manifest from "./Manifest.ts"
import type { ManifestFile } from "./ManifestFile.ts"
import type { Memtables } from "./Memtables.ts"
import type { TableOptions } from "./JobMessage.ts"
import type { TableSet } from "./TableSet.ts"

export const closed = new Refused({ reason: "closed", message: "the engine is closed: open it again" })

export interface StoreParts {
  readonly options: All
  readonly disk: Disk.Disk["Service"]
  readonly trace: Trace["Service"]
  readonly buggify: (site: string) => boolean
  readonly cache: Cache
  readonly snapshots: Snapshots
  readonly memtables: Memtables
  readonly tables: TableSet
  readonly manifest: ManifestFile
  readonly numbers: Numbers
}

/** Numbers of files, which are never used twice. */
export class Numbers {
  next: number

  constructor(next: number) {
    this.next = next
  }

  readonly take = (): number => this.next++
}

export class Store {
  readonly parts: StoreParts
  readonly tableOptions: TableOptions
  view: View
  /** The sequence number that reads see. */
  visible: number
  isClosed = false
  /** Nothing is written any more. */
  stopped: Stopped | undefined
  /** Bytes written to tables, by the level that they were written to. */
  readonly writtenBytes: Array<number> = []
  /** The copy of a memtable that is being flushed. */
  copyBytes = 0
  flushes = 0
  compactions = 0
  moves = 0
  stalls = 0

  constructor(parts: StoreParts) {
    const { blockBytes, bloomBitsPerKey, compression, restartInterval } = parts.options
    this.parts = parts
    this.tableOptions = { blockBytes, bloomBitsPerKey, compression, restartInterval }
    this.visible = parts.memtables.sequence
    this.view = this.look()
  }

  /** Why nothing is written any more. */
  get end(): Stopped | Refused | undefined {
    return this.stopped ?? (this.isClosed ? closed : undefined)
  }

  /** Memtables or tables have changed. */
  changed(): void {
    this.view = this.look()
  }

  stop(error: Stopped): void {
    if (this.stopped !== undefined) return
    this.stopped = error
    const { directory } = this.parts.options
    this.parts.trace.emit("error", "storage/lsm-stopped", { directory, message: error.cause.message })
  }

  /** The state of a manifest whose tables hold everything before a place of the log. */
  stateAt(logPosition: number, sequence: number): Manifest.State {
    return { logPosition, sequence, nextNumber: this.parts.numbers.next }
  }

  wrote(level: number, sizeBytes: number): void {
    this.writtenBytes[level] = (this.writtenBytes[level] ?? 0) + sizeBytes
  }

  private look(): View {
    const { memtables, tables } = this.parts
    return { trees: memtables.trees(), version: tables.current }
  }
}
