/**
 * Latches: of the requests that a leaseholder evaluates, those that touch the same keys go one after the other, in the order in which they
 * came, each once what was before it shows. Two that only look do not keep each other waiting.
 *
 * Single keys are told apart by their checksum: two that share one wait for each other, and nothing else comes of it. A latch costs as much as
 * it has keys, one of spans as many as there are latches.
 */
import { assert } from "#base/Assert.ts"
import { crc32c } from "#base/Crc32c.ts"
import * as Keys from "#storage/Keys.ts"
import type { Span } from "./Request.ts"

export interface Touched {
  readonly reads: ReadonlyArray<Uint8Array>
  readonly writes: ReadonlyArray<Uint8Array>
  readonly readSpans: ReadonlyArray<Span>
  readonly writeSpans: ReadonlyArray<Span>
}

const nothing: ReadonlyArray<never> = []
export const none: Touched = { reads: nothing, writes: nothing, readSpans: nothing, writeSpans: nothing }

interface Point {
  readonly latch: Latch
  readonly isWrite: boolean
}

export class Latch {
  readonly touched: Touched
  /** How many there are before it. */
  waitsFor = 0
  readonly followers: Array<Latch> = []
  isGranted = false
  isReleased = false
  private readonly granted: (latch: Latch) => void
  readonly hashes: ReadonlyArray<number>

  constructor(touched: Touched, granted: (latch: Latch) => void) {
    this.touched = touched
    this.granted = granted
    this.hashes = [...touched.reads, ...touched.writes].map((key) => crc32c(key))
  }

  grant(): void {
    this.isGranted = true
    this.granted(this)
  }

  get hasSpans(): boolean {
    return this.touched.readSpans.length + this.touched.writeSpans.length > 0
  }
}

const isIn = (key: Uint8Array, { from, to }: Span): boolean => Keys.compare(from, key) <= 0 && Keys.compare(key, to) < 0

const meet = (left: Span, right: Span): boolean =>
  Keys.compare(left.from, right.to) < 0 && Keys.compare(right.from, left.to) < 0

/** Whether something that one writes is in a span of the other, at least one of which is written. */
const clashBySpans = (spans: Latch, other: Latch): boolean => {
  const { readSpans, writeSpans } = spans.touched
  const { reads, readSpans: otherReads, writeSpans: otherWrites, writes } = other.touched
  return (
    writeSpans.some(
      (span) =>
        reads.some((key) => isIn(key, span)) ||
        writes.some((key) => isIn(key, span)) ||
        otherReads.some((each) => meet(span, each)) ||
        otherWrites.some((each) => meet(span, each))
    ) || readSpans.some((span) => writes.some((key) => isIn(key, span)) || otherWrites.some((each) => meet(span, each)))
  )
}

export class Latches {
  private readonly points = new Map<number, Array<Point>>()
  private readonly live = new Set<Latch>()
  private spans = 0
  private free: Array<Latch> = []
  private isGranting = false

  get count(): number {
    return this.live.size
  }

  /** Calls `granted` when it is the latch's turn, maybe at once, within this call. */
  acquire(touched: Touched, granted: (latch: Latch) => void): Latch {
    const latch = new Latch(touched, granted)
    const before = new Set<Latch>()
    const { hashes } = latch
    for (let i = 0; i < hashes.length; i++) {
      const there = this.points.get(hashes[i]) ?? nothing
      const isWrite = i >= touched.reads.length
      // Back to the last that writes: it waits itself for all before it.
      for (let at = there.length - 1; at >= 0; at--) {
        const point = there[at]
        if (isWrite || point.isWrite) before.add(point.latch)
        if (point.isWrite) break
      }
    }
    if (latch.hasSpans || this.spans > 0) {
      for (const other of this.live) {
        if (latch.hasSpans && clashBySpans(latch, other)) before.add(other)
        else if (other.hasSpans && clashBySpans(other, latch)) before.add(other)
      }
    }
    this.add(latch)
    latch.waitsFor = before.size
    for (const other of before) other.followers.push(latch)
    if (before.size === 0) latch.grant()
    return latch
  }

  private add(latch: Latch): void {
    this.live.add(latch)
    if (latch.hasSpans) this.spans++
    latch.hashes.forEach((hash, i) => {
      const point = { latch, isWrite: i >= latch.touched.reads.length }
      const there = this.points.get(hash)
      if (there === undefined) this.points.set(hash, [point])
      else there.push(point)
    })
  }

  /** Also of one that was not granted: when its turn comes it is passed over; until then it stays between those before and behind it. */
  release(latch: Latch): void {
    assert(!latch.isReleased, "a latch is released once")
    latch.isReleased = true
    if (!latch.isGranted) return
    this.remove(latch)
    this.grant()
  }

  private remove(latch: Latch): void {
    this.live.delete(latch)
    if (latch.hasSpans) this.spans--
    for (const hash of latch.hashes) {
      const there = this.points.get(hash)
      const at = there?.findIndex((point) => point.latch === latch) ?? -1
      if (there === undefined || at < 0) continue
      there.splice(at, 1)
      if (there.length === 0) this.points.delete(hash)
    }
    for (const follower of latch.followers) if (--follower.waitsFor === 0) this.free.push(follower)
  }

  /** Not from within each other: a long queue would be a deep stack. */
  private grant(): void {
    if (this.isGranting) return
    this.isGranting = true
    while (this.free.length > 0) {
      const { free } = this
      this.free = []
      for (const latch of free) {
        if (latch.isReleased) this.remove(latch)
        else latch.grant()
      }
    }
    this.isGranting = false
  }
}
