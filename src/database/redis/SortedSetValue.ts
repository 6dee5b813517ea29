/**
 * SortedSetValue: members with scores: a table for the score of a member, a `SortedSet` for the order. Each member is an element of what is
 * stored, and its bytes are the score's.
 *
 * The encoding is only a name here: it goes from `listpack` to `skiplist` at the configured bounds and never back.
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import * as Latin1 from "#base/Latin1.ts"
import * as Footprint from "./Footprint.ts"
import { type Before, SortedSet } from "./SortedSet.ts"
import { Table } from "./Table.ts"
import { TableChanges } from "./TableChanges.ts"
import type { ElementSink, Value } from "./Value.ts"

const small = "s"
const large = "l"

const scoreBytes = new Uint8Array(8)

const encode = (score: number): string => {
  Bytes.putF64(scoreBytes, 0, score)
  return Latin1.decode(scoreBytes)
}

const decode = (bytes: string): number => {
  Latin1.write(bytes, scoreBytes, 0)
  return Bytes.getF64(scoreBytes, 0)
}

export class SortedSetValue implements Value {
  readonly type = "zset"
  /** To be read; it is changed by the methods below, and `order` with it. */
  readonly scores: Table<number>
  private readonly order = new SortedSet()
  /** What Redis holds in a listpack. */
  isSmall = true
  /** The longest member that was put in, in bytes. */
  private widestBytes = 0
  /** Of all members, as they lie in memory. */
  private textBytes = 0
  private readonly changes = new TableChanges()

  constructor(scores: Table<number> = new Table()) {
    this.scores = scores
    for (let i = 0; i < scores.size; i++) this.order.add(scores.valueAt(i), scores.nameAt(i))
  }

  /** To be filled with what is computed: no listpack before it is one. */
  static result(): SortedSetValue {
    const value = new SortedSetValue()
    value.isSmall = false
    return value
  }

  /** As it was stored. */
  static load(head: string, elements: Iterable<readonly [sub: string, bytes: string]>): SortedSetValue {
    const value = new SortedSetValue()
    value.isSmall = head === small
    for (const [member, bytes] of elements) value.set(member, decode(bytes))
    value.changes.begin()
    return value
  }

  get size(): number {
    return this.scores.size
  }

  get encoding(): string {
    return this.isSmall ? "listpack" : "skiplist"
  }

  get heldBytes(): number {
    return Footprint.fixedBytes.zset + this.scores.size * Footprint.elementBytes.zset + this.textBytes
  }

  score(member: string): number | undefined {
    return this.scores.get(member)
  }

  /** Adds a member, or moves it; returns whether it is new. A listpack keeps -0 as 0. */
  set(member: string, given: number): boolean {
    assert(!Number.isNaN(given), "a score is a number")
    const score = this.isSmall ? given + 0 : given
    const position = this.scores.position(member)
    if (position >= 0) {
      this.order.remove(this.scores.valueAt(position), member)
      this.order.add(score, member)
      this.scores.setAt(position, score)
    } else {
      if (member.length > this.widestBytes) this.widestBytes = member.length
      this.textBytes += Footprint.ofText(member.length)
      this.scores.add(member, score)
      this.order.add(score, member)
    }
    this.changes.note(member)
    return position < 0
  }

  delete(member: string): boolean {
    const position = this.scores.position(member)
    if (position < 0) return false
    this.order.remove(this.scores.valueAt(position), member)
    this.scores.deleteAt(position)
    this.textBytes -= Footprint.ofText(member.length)
    this.changes.note(member)
    return true
  }

  /** Members before this one, which has this score. */
  rankOf(score: number, member: string): number {
    return this.order.rankOf(score, member)
  }

  /** Members before the bound. */
  rank(before: Before): number {
    return this.order.rank(before)
  }

  /** Visits at most `count` members from the one of this rank on, `isReverse`: backwards. Nothing changes meanwhile. */
  visit(rank: number, count: number, isReverse: boolean, visit: (member: string, score: number) => void): void {
    this.order.visit(rank, count, isReverse, visit)
  }

  /** Names the encoding after changes: above either bound it is the large one from now on. */
  settle(entriesMax: number, bytesMax: number): void {
    if (this.isSmall && (this.scores.size > entriesMax || this.widestBytes > bytesMax)) this.isSmall = false
  }

  /** Names the encoding of what was computed: the small one, if it fits in there. */
  compact(entriesMax: number, bytesMax: number): void {
    if (this.isSmall || this.scores.size > entriesMax || this.widestBytes > bytesMax) return
    this.isSmall = true
    // There a zero has no sign.
    for (const [member, score] of this.scores) if (score === 0) this.set(member, score)
  }

  head(): string {
    return this.isSmall ? small : large
  }

  persist(sink: ElementSink, whole: boolean): void {
    this.changes.persist(this.scores, sink, whole, encode)
  }

  clone(): SortedSetValue {
    const copy = new SortedSetValue(this.scores.clone())
    copy.isSmall = this.isSmall
    copy.widestBytes = this.widestBytes
    copy.textBytes = this.textBytes
    return copy
  }
}
