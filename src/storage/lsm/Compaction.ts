/**
 * Compaction: merges the entries of some tables into new tables, and leaves out what nobody can read any more. Pure: its driver
 * (`CompactJob`) reads what `Merge` waits for and writes what the builders give.
 *
 * What may go, of entries between the same two snapshots (or none): all but the newest of a key; what a newer range delete
 * covers. A delete, and a range delete, may go when no snapshot is older and no table below has anything of their keys: else
 * what it hides would come back. With no snapshot older and nothing below at all, the sequence number of a put becomes 0,
 * which is one byte; a range delete that stays beside it is newer than a snapshot, so it was newer than the put too.
 */
import * as Bytes from "#base/Bytes.ts"
import * as Keys from "../Keys.ts"
import { RangeDeletes } from "../memory/RangeDeletes.ts"
import { Merge } from "./Merge.ts"
import type { StreamedRun } from "./StreamedRun.ts"
import { TableBuilder, type BuilderOptions } from "./TableBuilder.ts"

export interface KeyRange {
  readonly from: Uint8Array
  readonly to: Uint8Array
}

export interface Fragment extends KeyRange {
  readonly sequence: number
}

export interface Options {
  readonly builder: Omit<BuilderOptions, "number">
  /** A table that holds so much is closed at the next key. */
  readonly tableBytes: number
  /** Output tables get these numbers, one after the other. The last one takes all that is left. */
  readonly numbers: ReadonlyArray<number>
  /** Sequence numbers at which somebody reads, ascending. */
  readonly snapshots: ReadonlyArray<number>
  /** What deeper tables hold, in any order. */
  readonly below: ReadonlyArray<KeyRange>
  /** Range deletes of all tables that are merged. */
  readonly ranges: ReadonlyArray<Fragment>
}

/** `table`: `finished` is a whole table; call again. */
export type Progress = "wait" | "slice" | "table" | "end"

export class Compaction {
  private readonly merge: Merge<StreamedRun>
  private readonly options: Options
  private readonly ranges: RangeDeletes
  private readonly snapshots: ReadonlyArray<number>
  private readonly zeroes: boolean
  private readonly below: ReadonlyArray<KeyRange>
  /** Tables below up to this one end at or below the current key. */
  private belowAt = 0
  private outputs = 0
  private key = new Uint8Array(64)
  private keyLength = -1
  private stripe = -1
  /** Where the table that is being built begins to hold range deletes; `undefined`: at the first one. */
  private rangesFrom: Uint8Array | undefined
  private ended = false
  private isAtEntry = false
  builder: TableBuilder | undefined

  constructor(sources: ReadonlyArray<StreamedRun>, options: Options) {
    this.merge = new Merge(sources)
    this.options = options
    this.snapshots = options.snapshots
    this.below = options.below.slice().sort((a, b) => Keys.compare(a.from, b.from))
    this.zeroes = options.below.length === 0
    this.ranges = new RangeDeletes({ needs: (older, newer) => this.stripeOf(older) !== this.stripeOf(newer) })
    const sorted = options.ranges.slice().sort((a, b) => a.sequence - b.sequence)
    for (const { from, to, sequence } of sorted) this.ranges.add(from, to, sequence)
  }

  /** The run that the merge waits for. */
  get waiting(): StreamedRun {
    return this.merge.waiting
  }

  /** Merges at most so many entries, and no more than there is to be written of. At `table` and `end` the builder holds a table that is to be finished, or none. */
  run(entries: number): Progress {
    if (this.ended) return "end"
    for (let left = entries; left > 0; left--) {
      if (!this.isAtEntry) {
        const step = this.merge.next()
        if (step === "wait") return "wait"
        if (step === "end") {
          this.ended = true
          this.closeTable(undefined)
          return "end"
        }
      }
      this.isAtEntry = false
      if (!this.take()) {
        this.isAtEntry = true
        return "table"
      }
      if (this.builder?.hasStretch === true) break
    }
    return "slice"
  }

  /** Passes the current entry on, or not; false: the table has to be closed before it. */
  private take(): boolean {
    const source = this.merge.top
    const { keys, keyFrom, keyTo } = source
    const isNew = this.keyLength < 0 || Keys.compareIn(keys, keyFrom, keyTo, this.key, 0, this.keyLength) !== 0
    if (isNew && this.isFull()) {
      this.closeTable(Bytes.copy(keys, keyFrom, keyTo))
      return false
    }
    if (isNew) this.remember(keys, keyFrom, keyTo)
    const stripe = this.stripeOf(source.sequence)
    if (!isNew && stripe === this.stripe) return true
    this.stripe = stripe
    if (this.isCovered(source, stripe)) return true
    const isOldest = stripe === 0
    if (source.isDelete && isOldest && !this.isBelow(keys, keyFrom, keyTo)) return true
    const sequence = isOldest && this.zeroes && !source.isDelete ? 0 : source.sequence
    this.open().add(keys, keyFrom, keyTo, sequence, source.isDelete, source.values, source.valueFrom, source.valueTo)
    return true
  }

  private open(): TableBuilder {
    return (this.builder ??= new TableBuilder({
      ...this.options.builder,
      number: this.options.numbers[this.outputs++]
    }))
  }

  private isFull(): boolean {
    return (
      this.builder !== undefined &&
      this.outputs < this.options.numbers.length &&
      this.builder.dataBytes >= this.options.tableBytes
    )
  }

  /** Gives the table its share of the range deletes: those before `to`. */
  private closeTable(to: Uint8Array | undefined): void {
    if (!this.ranges.isEmpty) {
      const from = this.rangesFrom
      this.ranges.forEach((fragmentFrom, fragmentTo, sequences) => {
        const low = from !== undefined && Keys.compare(from, fragmentFrom) > 0 ? from : fragmentFrom
        const high = to !== undefined && Keys.compare(to, fragmentTo) < 0 ? to : fragmentTo
        if (Keys.compare(low, high) >= 0) return
        const kept = sequences.filter((sequence) => this.stripeOf(sequence) > 0 || this.isBelowRange(low, high))
        if (kept.length > 0) this.open().addRange(low, high, kept)
      })
      this.rangesFrom = to
    }
  }

  /** How many snapshots are older: entries with the same answer are seen by the same readers. */
  private stripeOf(sequence: number): number {
    const { snapshots } = this
    let stripe = snapshots.length
    while (stripe > 0 && snapshots[stripe - 1] >= sequence) stripe--
    return stripe
  }

  private isCovered(source: StreamedRun, stripe: number): boolean {
    if (this.ranges.isEmpty) return false
    const newest = stripe < this.snapshots.length ? this.snapshots[stripe] : Infinity
    return this.ranges.newest(source.keys, source.keyFrom, source.keyTo, newest) > source.sequence
  }

  /** Whether a deeper table may have the key; keys are asked for in ascending order. */
  private isBelow(keys: Uint8Array, from: number, to: number): boolean {
    const { below } = this
    while (this.belowAt < below.length) {
      const end = below[this.belowAt].to
      if (Keys.compareIn(end, 0, end.length, keys, from, to) > 0) break
      this.belowAt++
    }
    for (let i = this.belowAt; i < below.length; i++) {
      const range = below[i]
      if (Keys.compareIn(range.from, 0, range.from.length, keys, from, to) > 0) return false
      if (Keys.compareIn(range.to, 0, range.to.length, keys, from, to) > 0) return true
    }
    return false
  }

  private isBelowRange(from: Uint8Array, to: Uint8Array): boolean {
    return this.below.some((range) => Keys.compare(range.from, to) < 0 && Keys.compare(from, range.to) < 0)
  }

  private remember(keys: Uint8Array, from: number, to: number): void {
    const length = to - from
    if (length > this.key.length) this.key = new Uint8Array(length * 2)
    for (let i = 0; i < length; i++) this.key[i] = keys[from + i]
    this.keyLength = length
  }
}
