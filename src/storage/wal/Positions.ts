/**
 * Positions: where each record of one stream stands, dense and compact: four bytes a record for its offset, and one entry for each
 * run of records that share a segment. Pure.
 *
 * A record that was damaged, or whose segment is missing, has a place too: reading there finds out. Places are counted by
 * segment as they come and go, so that the log knows which segments nobody needs.
 */
import { assert } from "#base/Assert.ts"

/** Told how many more (or fewer) records of a segment are needed. */
export type Counter = (segment: number, change: number) => void

/** The segment of records whose place nobody knows. */
export const nowhere = 0

const offsetsMin = 16

export class Positions {
  /** The records are those in [first, end). */
  first: number
  end: number
  private readonly count: Counter
  private offsets = new Uint32Array(offsetsMin)
  /** The position that `offsets[0]` belongs to. */
  private origin: number
  /** Where each run begins, rising, and its segment. */
  private starts: Array<number> = []
  private segments: Array<number> = []

  constructor(first: number, count: Counter) {
    this.first = first
    this.end = first
    this.origin = first
    this.count = count
  }

  get isEmpty(): boolean {
    return this.first === this.end
  }

  /** The place of the record at `end`, which moves up by one. */
  push(segment: number, offset: number): void {
    const index = this.end - this.origin
    if (index === this.offsets.length) this.makeRoom()
    this.offsets[this.end - this.origin] = offset
    const last = this.segments.length - 1
    if (last < 0 || this.segments[last] !== segment) {
      this.starts.push(this.end)
      this.segments.push(segment)
    }
    this.end++
    this.count(segment, 1)
  }

  /** Records up to `end` that were written somewhere in a place that does not read. */
  pushTo(end: number, segment: number, offset: number): void {
    while (this.end < end) this.push(segment, offset)
  }

  segmentOf(position: number): number {
    return this.segments[this.runOf(position)]
  }

  offsetOf(position: number): number {
    assert(position >= this.first && position < this.end, "a position that is looked up is one of the stream's")
    return this.offsets[position - this.origin]
  }

  /** Drops the records before `position`; beyond the end, the stream goes on from there. */
  dropHead(position: number): void {
    if (position <= this.first) return
    if (position >= this.end) return this.restart(position)
    this.uncount(this.first, position)
    this.first = position
    const run = this.runOf(position)
    this.starts.splice(0, run)
    this.segments.splice(0, run)
    this.starts[0] = position
  }

  /** Drops the records from `position` on; before the first, the stream goes on from there. */
  dropTail(position: number): void {
    if (position >= this.end) return
    if (position <= this.first) return this.restart(position)
    this.uncount(position, this.end)
    const runs = this.runOf(position - 1) + 1
    this.starts.length = runs
    this.segments.length = runs
    this.end = position
  }

  /** The record at `position` has another place now. */
  move(position: number, segment: number, offset: number): void {
    const run = this.runOf(position)
    const old = this.segments[run]
    this.offsets[position - this.origin] = offset
    if (old === segment) return
    this.count(old, -1)
    this.count(segment, 1)
    // The run in up to three parts: before, the record, behind.
    const [start, end] = [this.starts[run], this.starts[run + 1] ?? this.end]
    const starts: Array<number> = []
    const segments: Array<number> = []
    const part = (at: number, to: number, of: number): void => {
      if (at === to) return
      starts.push(at)
      segments.push(of)
    }
    part(start, position, old)
    if (position > start || this.segments[run - 1] !== segment) part(position, position + 1, segment)
    part(position + 1, end, old)
    if (position + 1 === end && this.segments[run + 1] === segment) {
      this.starts.splice(run + 1, 1)
      this.segments.splice(run + 1, 1)
    }
    this.starts.splice(run, 1, ...starts)
    this.segments.splice(run, 1, ...segments)
  }

  /** Runs of records that share a segment, in order. */
  forEachRun(visit: (segment: number, from: number, to: number) => void): void {
    for (let run = 0; run < this.starts.length; run++) {
      visit(this.segments[run], this.starts[run], this.starts[run + 1] ?? this.end)
    }
  }

  /** The run that holds `position`, which is one of the stream's. */
  private runOf(position: number): number {
    assert(position >= this.first && position < this.end, "a position that is looked up is one of the stream's")
    const { starts } = this
    let low = 0
    let high = starts.length - 1
    // Most look-ups are for the newest.
    if (starts[high] <= position) return high
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (starts[middle] <= position) low = middle
      else high = middle - 1
    }
    return low
  }

  private uncount(from: number, to: number): void {
    for (let at = from; at < to;) {
      const run = this.runOf(at)
      const next = Math.min(to, this.starts[run + 1] ?? this.end)
      this.count(this.segments[run], at - next)
      at = next
    }
  }

  private restart(position: number): void {
    this.uncount(this.first, this.end)
    this.starts.length = 0
    this.segments.length = 0
    this.first = position
    this.end = position
    this.origin = position
    if (this.offsets.length > offsetsMin) this.offsets = new Uint32Array(offsetsMin)
  }

  /** Room for one more: over what was dropped where that is half of it, else twice as much. */
  private makeRoom(): void {
    const [from, to] = [this.first - this.origin, this.end - this.origin]
    if (from * 2 >= this.offsets.length) this.offsets.copyWithin(0, from, to)
    else {
      const larger = new Uint32Array(this.offsets.length * 2)
      larger.set(this.offsets.subarray(from, to))
      this.offsets = larger
    }
    this.origin = this.first
  }
}
