/** Merging: keys in their order, with changes in theirs laid over them. */
import type { Mutation } from "#keyspace/Request.ts"
import * as Keys from "#storage/Keys.ts"

export class Merging {
  private at = 0
  private readonly changes: ReadonlyArray<Mutation>
  private readonly out: (key: Uint8Array, value: Uint8Array) => void

  /** `changes`: in the order of the keys. */
  constructor(changes: ReadonlyArray<Mutation>, out: (key: Uint8Array, value: Uint8Array) => void) {
    this.changes = changes
    this.out = out
  }

  /** The next key. */
  take(entry: Mutation): void {
    for (; this.at < this.changes.length; this.at++) {
      const change = this.changes[this.at]
      const order = Keys.compare(change.key, entry.key)
      if (order > 0) break
      this.give(change)
      if (order < 0) continue
      this.at += 1
      return
    }
    this.give(entry)
  }

  /** There are no more keys. */
  finish(): void {
    for (; this.at < this.changes.length; this.at++) this.give(this.changes[this.at])
  }

  private give({ key, value }: Mutation): void {
    if (value !== undefined) this.out(key, value)
  }
}
