/**
 * WriteBuffer: what a transaction has written, until it commits: the last write of each key, in the order of the keys, what it notes for the audit
 * trail, and what has to be put back for each savepoint. Its bounds are the caller's to check before it writes (`sizeBytesAfter`).
 */
import type { Note } from "#keyspace/audit/AuditEntry.ts"
import type { Mutation, Span } from "#keyspace/Request.ts"
import { KeyMap } from "./KeyMap.ts"

/** A place in a transaction that it can go back to. */
export interface Savepoint {
  readonly number: number
}

interface Undo {
  readonly key: Uint8Array
  /** Absent: the key had not been written. */
  readonly before: Mutation | undefined
}

/** What an entry costs beside its bytes. */
const entryBytes = 64

const bytesOf = ({ key, value }: Mutation): number => entryBytes + key.length + (value?.length ?? 0)

export class WriteBuffer {
  private readonly writes = new KeyMap<Mutation>()
  private readonly undone: Array<Undo> = []
  /** In the order in which they were made. */
  readonly notes: Array<Note> = []
  /** The lengths of `undone` and `notes` at each savepoint that is there. */
  private readonly savepoints: Array<{
    readonly savepoint: Savepoint
    readonly length: number
    readonly notes: number
  }> = []
  private savepointsMade = 0
  private contentBytes = 0
  private undoBytes = 0
  private keyBytes = 0

  get count(): number {
    return this.writes.size
  }

  /** Keys and values, what savepoints keep included. */
  get sizeBytes(): number {
    return this.contentBytes + this.undoBytes
  }

  /** Of the keys alone. */
  get keysBytes(): number {
    return this.keyBytes
  }

  /** At most, once the write is in it. */
  sizeBytesAfter(write: Mutation): number {
    return this.sizeBytes + bytesOf(write)
  }

  /** The last write of the key: its value may be absent. */
  get(key: Uint8Array): Mutation | undefined {
    return this.writes.get(key)
  }

  put(write: Mutation): void {
    const before = this.writes.get(write.key)
    if (this.savepoints.length > 0) {
      this.undone.push({ key: write.key, before })
      this.undoBytes += before === undefined ? entryBytes : bytesOf(before)
    }
    this.replace(write.key, before, write)
  }

  private replace(key: Uint8Array, before: Mutation | undefined, after: Mutation | undefined): void {
    if (before !== undefined) {
      this.contentBytes -= bytesOf(before)
      this.keyBytes -= key.length
    }
    if (after === undefined) this.writes.delete(key)
    else {
      this.contentBytes += bytesOf(after)
      this.keyBytes += key.length
      this.writes.set(key, after)
    }
  }

  /** In the order of the keys. */
  within({ from, to }: Span): ReadonlyArray<Mutation> {
    return Array.from(this.writes.entries(from, to), ({ value }) => value)
  }

  /** All of it, in the order of the keys. */
  mutations(): ReadonlyArray<Mutation> {
    return Array.from(this.writes.entries(), ({ value }) => value)
  }

  get savepointCount(): number {
    return this.savepoints.length
  }

  savepoint(): Savepoint {
    const savepoint = { number: ++this.savepointsMade }
    this.savepoints.push({ savepoint, length: this.undone.length, notes: this.notes.length })
    return savepoint
  }

  /** As it was at the savepoint, which stays; later ones are gone. False: it is gone itself. */
  rollbackTo(savepoint: Savepoint): boolean {
    const at = this.savepoints.findIndex((each) => each.savepoint === savepoint)
    if (at === -1) return false
    const { length, notes } = this.savepoints[at]
    this.notes.length = notes
    while (this.undone.length > length) {
      const { before, key } = this.undone.pop()!
      this.undoBytes -= before === undefined ? entryBytes : bytesOf(before)
      this.replace(key, this.writes.get(key), before)
    }
    this.savepoints.length = at + 1
    return true
  }
}
