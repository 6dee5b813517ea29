/**
 * ReadSet: what a transaction has read: keys, and spans that are disjoint. It has at most so many bytes: where it grows over them, neighbours
 * that have much in common become spans, so that a large transaction meets conflicts that are none rather than a bound.
 */
import * as Limits from "#base/Limits.ts"
import type { Reads, Span, Timestamp } from "#keyspace/Request.ts"
import * as Keys from "#storage/Keys.ts"
import { KeyMap } from "./KeyMap.ts"

/** What a key or a span costs beside its bytes. */
const entryBytes = 32

const later = (left: Uint8Array, right: Uint8Array): Uint8Array => (Keys.compare(left, right) < 0 ? right : left)

export class ReadSet {
  private points = new KeyMap<true>()
  /** From each span's begin to its end. */
  private spans = new KeyMap<Uint8Array>()
  private sizeBytes = 0
  private changes = 0
  private readonly sizeBytesMax: number

  constructor(sizeBytesMax = Limits.transactionReadsBytesMax) {
    this.sizeBytesMax = sizeBytesMax
  }

  /** Another one after each change. */
  get version(): number {
    return this.changes
  }

  get isEmpty(): boolean {
    return this.points.size === 0 && this.spans.size === 0
  }

  has(key: Uint8Array): boolean {
    if (this.points.get(key) !== undefined) return true
    const before = this.spans.floor(key)
    return before !== undefined && Keys.compare(key, before.value) < 0
  }

  addKey(key: Uint8Array): void {
    if (this.has(key)) return
    this.points.set(key, true)
    this.grow(entryBytes + key.length)
  }

  /** Spans that overlap or touch become one. */
  addSpan({ from, to }: Span): void {
    if (Keys.compare(from, to) >= 0) return
    const before = this.spans.floor(from)
    const joins = before !== undefined && Keys.compare(before.value, from) >= 0
    if (joins && Keys.compare(before.value, to) >= 0) return
    const start = joins ? before.key : from
    let end = joins ? later(before.value, to) : to
    for (const span of [...this.spans.entries(start, Keys.after(end))]) {
      end = later(end, span.value)
      this.spans.delete(span.key)
      this.sizeBytes -= entryBytes + span.key.length + span.value.length
    }
    for (const { key } of [...this.points.entries(start, end)]) {
      this.points.delete(key)
      this.sizeBytes -= entryBytes + key.length
    }
    this.spans.set(start, end)
    this.grow(entryBytes + start.length + end.length)
  }

  private grow(addedBytes: number): void {
    this.sizeBytes += addedBytes
    this.changes += 1
    if (this.sizeBytes > this.sizeBytesMax) this.coarsen()
  }

  /** Half of the gaps close, those between the keys that have most in common, until there is room for as much again. */
  private coarsen(): void {
    let spans = this.ordered()
    while (spans.length > 1 && spans.reduce((sum, span) => sum + costOf(span), 0) > this.sizeBytesMax / 2) {
      const common = spans.slice(1).map(({ from }, at) => commonOf(spans[at].from, from))
      const closing = [...common].sort((left, right) => right - left)[(common.length - 1) >>> 1]
      let left = (common.length + 1) >>> 1
      const joined: Array<Span> = [spans[0]]
      for (const [at, span] of spans.slice(1).entries()) {
        const last = joined[joined.length - 1]
        if (common[at] >= closing && left > 0) {
          left -= 1
          joined[joined.length - 1] = { from: last.from, to: span.to }
        } else joined.push(span)
      }
      spans = joined
    }
    this.points = new KeyMap()
    this.spans = new KeyMap()
    for (const { from, to } of spans) this.spans.set(from, to)
    this.sizeBytes = spans.reduce((sum, span) => sum + costOf(span), 0)
  }

  /** Keys and spans as spans, in order. */
  private ordered(): ReadonlyArray<Span> {
    const keys = Array.from(this.points.entries(), ({ key }) => ({ from: key, to: Keys.after(key) }))
    const spans = Array.from(this.spans.entries(), ({ key, value }) => ({ from: key, to: value }))
    return [...keys, ...spans].sort((left, right) => Keys.compare(left.from, right.from))
  }

  /** What must not have changed since then; keys that `isWritten` are somebody else's to check. */
  since(since: Timestamp, isWritten: (key: Uint8Array) => boolean = () => false): Reads {
    return {
      since,
      keys: this.points.keys().filter((key) => !isWritten(key)),
      spans: Array.from(this.spans.entries(), ({ key, value }) => ({ from: key, to: value }))
    }
  }
}

const costOf = ({ from, to }: Span): number => entryBytes + from.length + to.length

const commonOf = (left: Uint8Array, right: Uint8Array): number =>
  Keys.commonBytes(left, 0, left.length, right, 0, right.length)
