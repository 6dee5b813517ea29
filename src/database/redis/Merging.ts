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

  /** Gives changes before the next key, or all that are left, but not more than `max` at a time. True: it did all of that. */
  reach(entry: Mutation | undefined, max: number): boolean {
    for (let given = 0; given < max; given++) {
      const change = this.changes[this.at]
      if (change === undefined || (entry !== undefined && Keys.compare(change.key, entry.key) >= 0)) return true
      this.at += 1
      this.give(change)
    }
    return false
  }

  /** The next key, which has been reached. */
  take(entry: Mutation): void {
    const change = this.changes[this.at]
    if (change === undefined || Keys.compare(change.key, entry.key) !== 0) return this.give(entry)
    this.at += 1
    this.give(change)
  }

  private give({ key, value }: Mutation): void {
    if (value !== undefined) this.out(key, value)
  }
}
