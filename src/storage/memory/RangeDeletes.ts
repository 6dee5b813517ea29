/**
 * RangeDeletes: which keys range deletes cover, and with which sequence numbers. Overlapping ranges are cut into fragments that
 * do not overlap (Pebble and RocksDB do the same), so a key is looked up in one of them:
 *
 *     [a, e) at 7, [c, g) at 9        a ....... c ....... e ....... g
 *                                     |   7     |  9, 7   |    9    |
 *
 * A fragment keeps the sequence numbers that `Retention` asks for, the newest first; most have one. Adding a range costs a
 * binary search and one step for each fragment that it covers.
 */
import * as Bytes from "#base/Bytes.ts"
import * as Keys from "../Keys.ts"
import type { Retention } from "./Retention.ts"

/** Memory of a boundary beside its key and sequence numbers: two places in arrays, a small array, a small typed array. */
const boundaryBytes = 200

const gap: ReadonlyArray<number> = []

export class RangeDeletes {
  private readonly retention: Retention
  /** Fragment i covers [starts[i], starts[i + 1]); the last one is a gap. Neighbours differ. */
  private starts: Array<Uint8Array> = []
  private sequences: Array<ReadonlyArray<number>> = []
  private memory = 0

  constructor(retention: Retention) {
    this.retention = retention
  }

  get isEmpty(): boolean {
    return this.starts.length === 0
  }

  get memoryBytes(): number {
    return this.memory
  }

  /** Adds [from, to) at a sequence number above all before it. */
  add(from: Uint8Array, to: Uint8Array, sequence: number): void {
    if (Keys.compare(from, to) >= 0) return
    const first = this.cut(from)
    const end = this.cut(to)
    for (let i = first; i < end; i++) this.set(i, this.pruned([sequence, ...this.sequences[i]]))
    this.join(first, end)
  }

  /** The newest sequence number not above `at` of the ranges that cover the key; 0: none does. */
  newest(key: Uint8Array, from: number, to: number, at: number): number {
    const fragment = this.fragmentOf(key, from, to)
    if (fragment < 0) return 0
    const sequences = this.sequences[fragment]
    for (let i = 0; i < sequences.length; i++) if (sequences[i] <= at) return sequences[i]
    return 0
  }

  /** The fragments in order, gaps left out: [from, to) and its sequence numbers, the newest first. */
  forEach(visit: (from: Uint8Array, to: Uint8Array, sequences: ReadonlyArray<number>) => void): void {
    for (let i = 0; i + 1 < this.starts.length; i++) {
      if (this.sequences[i].length > 0) visit(this.starts[i], this.starts[i + 1], this.sequences[i])
    }
  }

  /** Forgets the range that was added as [from, to) at `sequence`: nothing that it covers is left. */
  remove(from: Uint8Array, to: Uint8Array, sequence: number): void {
    const first = Math.max(0, this.fragmentOf(from, 0, from.length))
    const end = this.fragmentOf(to, 0, to.length)
    for (let i = first; i <= end; i++) {
      const at = this.sequences[i].indexOf(sequence)
      if (at >= 0) this.set(i, this.sequences[i].toSpliced(at, 1))
    }
    this.join(first, end)
  }

  /** The fragment that holds the key, -1 before the first. */
  private fragmentOf(key: Uint8Array, from: number, to: number): number {
    let low = 0
    let high = this.starts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const start = this.starts[middle]
      if (Keys.compareIn(start, 0, start.length, key, from, to) <= 0) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** Makes the key a boundary; the number of the fragment that begins there. */
  private cut(key: Uint8Array): number {
    const fragment = this.fragmentOf(key, 0, key.length)
    if (fragment >= 0 && Keys.compare(this.starts[fragment], key) === 0) return fragment
    const sequences = fragment < 0 ? gap : this.sequences[fragment]
    this.starts.splice(fragment + 1, 0, Bytes.copy(key))
    this.sequences.splice(fragment + 1, 0, sequences)
    this.memory += boundaryBytes + key.length + sequences.length * 8
    return fragment + 1
  }

  private set(fragment: number, sequences: ReadonlyArray<number>): void {
    this.memory += (sequences.length - this.sequences[fragment].length) * 8
    this.sequences[fragment] = sequences
  }

  private pruned(sequences: ReadonlyArray<number>): ReadonlyArray<number> {
    const kept = [sequences[0]]
    for (let i = 1; i < sequences.length; i++) {
      if (this.retention.needs(sequences[i], kept[kept.length - 1])) kept.push(sequences[i])
    }
    return kept
  }

  /** Removes the boundaries from `first` to `last` between fragments that are the same. */
  private join(first: number, last: number): void {
    let kept = first
    for (let i = first; i < this.starts.length; i++) {
      const before = kept === 0 ? gap : this.sequences[kept - 1]
      if (i <= last && areSame(before, this.sequences[i])) {
        this.memory -= boundaryBytes + this.starts[i].length + this.sequences[i].length * 8
      } else {
        this.starts[kept] = this.starts[i]
        this.sequences[kept] = this.sequences[i]
        kept++
      }
    }
    this.starts.length = kept
    this.sequences.length = kept
  }
}

const areSame = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
