/**
 * Snapshots: the sequence numbers at which somebody reads, each with its number of readers. They are the engine's `Retention`.
 */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import type { Retention } from "./Retention.ts"

export class Snapshots implements Retention {
  /** Rising. */
  private readonly sequences: Array<number> = []
  private readonly readers: Array<number> = []
  private released = 0

  /** Different sequence numbers that are read. */
  get count(): number {
    return this.sequences.length
  }

  /** Sequence numbers that were given up so far. */
  get releases(): number {
    return this.released
  }

  /** The oldest sequence number that is read, or `Infinity`. */
  get oldest(): number {
    return this.sequences.length === 0 ? Infinity : this.sequences[0]
  }

  /** The sequence numbers that are read, rising. */
  list(): ReadonlyArray<number> {
    return this.sequences.slice()
  }

  /** One more reader at a sequence number. */
  take(sequence: number): void {
    const at = this.find(sequence)
    if (this.sequences[at] === sequence) this.readers[at]++
    else {
      assert(this.sequences.length < Limits.snapshotsMax, "snapshots are released: less than the limit are open")
      this.sequences.splice(at, 0, sequence)
      this.readers.splice(at, 0, 1)
    }
  }

  release(sequence: number): void {
    const at = this.find(sequence)
    assert(this.sequences[at] === sequence, "a snapshot is released once")
    if (--this.readers[at] > 0) return
    this.sequences.splice(at, 1)
    this.readers.splice(at, 1)
    this.released++
  }

  needs(older: number, newer: number): boolean {
    if (this.sequences.length === 0) return false
    const at = this.find(older)
    return at < this.sequences.length && this.sequences[at] < newer
  }

  /** The first place whose sequence number is not below. */
  private find(sequence: number): number {
    let low = 0
    let high = this.sequences.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.sequences[middle] < sequence) low = middle + 1
      else high = middle
    }
    return low
  }
}
