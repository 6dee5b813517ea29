/**
 * Recovery: what a log's segments say, read from the first to the last. Pure; it keeps three things apart:
 *
 * - A torn tail: in the last group of the last segment, from the first byte that does not read. Nothing that was written after
 *   this group had become durable is there, so nobody was told that it is. It is cut.
 * - Damage of a record whose header reads: the stream keeps the position, and a replay gives it as `damaged`.
 * - Damage of a header: a gap. Whose records stood there is told by what comes later: a stream that goes on where it was lost
 *   nothing (`epoch` would show a lost `cutTail`), one that goes on further up lost what is between, one of which nothing comes any more
 *   is in doubt: it may have lost records from its end.
 *
 * What cannot be told from a torn tail: damage in the last group that strikes before anything else has been written, which a mark
 * is as soon as the log has been idle for a moment, and before the next opening, which would find it. Damage of a group and of all that
 * follows it together is taken for a torn tail as well, but where the next group did it, which landed there: its first header says where it
 * belongs (`strayed`).
 */
import { Corrupt } from "../StorageError.ts"
import * as Format from "./Format.ts"
import { type Counter, nowhere } from "./Positions.ts"
import type { Visitor } from "./Scanner.ts"
import { epochAfterCut, epochBeforeCut, Stream } from "./Stream.ts"

/** Something that was durable and does not read: records [from, to) of a stream, where that is known. */
export interface Damage {
  readonly corrupt: Corrupt
  readonly stream: number | undefined
  readonly from: number
  readonly to: number
}

/** How the last segment ends. */
export interface Tail {
  /** Where its records end; what is behind goes. */
  readonly end: number
  /** Where its last group begins: from there to `end` it may not be durable yet. */
  readonly group: number
  /** Something was cut. */
  readonly torn: boolean
}

/** A record, or a gap (`kind` 0), of the group that is being read. */
class Item {
  kind = 0
  offset = 0
  /** Where a gap ends. */
  to = 0
  blank = false
  stream = 0
  position = 0
  epoch = 0
  sound = false
  table: Uint8Array | undefined
}

const tableDamaged = "the table of streams does not read"

export class Recovery implements Visitor {
  readonly streams = new Map<number, Stream>()
  readonly damage: Array<Damage> = []
  /** Records that the segments hold, needed or not. */
  records = 0
  /** The table of the first segment was there: without it nobody knows what streams there are. */
  isFounded = false
  private readonly count: Counter
  private segment = 0
  private path = ""
  private isFirst = false
  /** Where the group begins whose items are held. */
  private group = 0
  /** The items of that group; used again for the next. */
  private readonly held: Array<Item> = []
  private heldCount = 0
  /** The last place that did not read, for records that must have stood somewhere. */
  private place: { readonly corrupt: Corrupt; readonly segment: number; readonly offset: number } | undefined

  constructor(count: Counter) {
    this.count = count
  }

  /** The next segment's bytes follow, from behind its header. */
  begin(segment: number, path: string, isFirst: boolean): void {
    this.segment = segment
    this.path = path
    this.isFirst = isFirst
    this.group = Format.segmentHeaderBytes
  }

  /** A segment's header does not read, or a whole segment is not there: anything may have been lost with it. */
  lost(path: string, segment: number, message: string): void {
    this.noteGap(new Corrupt({ path, offsetBytes: 0, message }), segment, 0)
  }

  record(offset: number, header: Format.RecordHeader, sound: boolean, table: Uint8Array | undefined): void {
    if (header.group > this.group) this.beginGroup(header.group)
    const item = this.hold(offset)
    item.kind = header.kind
    item.stream = header.stream
    item.position = header.position
    item.epoch = header.epoch
    item.sound = sound
    item.table = table
    this.records++
  }

  gap(from: number, to: number, blank: boolean): void {
    const item = this.hold(from)
    item.kind = 0
    item.to = to
    item.blank = blank
  }

  /** The segment is over, and another one was made behind it: all of it was durable. */
  endDurable(options: { readonly endKnown: boolean }): void {
    const last = this.heldCount > 0 ? this.held[this.heldCount - 1] : undefined
    // Zeros behind the last record are room that was never used, unless it is known that records stood there.
    if (last !== undefined && last.kind === 0 && last.blank && !options.endKnown) this.heldCount--
    this.flush()
  }

  /** The last segment is over: its last group counts up to the first byte that does not read. */
  endTorn(end: number): Tail {
    for (let index = 0; index < this.heldCount; index++) {
      const item = this.held[index]
      if (item.kind !== 0 && item.sound) {
        this.apply(item)
        continue
      }
      // The table was durable before the segment had its name.
      if (item.offset === Format.segmentHeaderBytes)
        this.noteGap(this.corrupt(item.offset, tableDamaged), this.segment, 0)
      const torn = item.kind !== 0 || !item.blank || index < this.heldCount - 1
      this.heldCount = 0
      return { end: item.offset, group: Math.min(this.group, item.offset), torn }
    }
    this.heldCount = 0
    return { end, group: this.group, torn: false }
  }

  /** What was taken for a torn tail, from `from` on, is a write at `at` that went astray: it hit what was durable, and is missing elsewhere. */
  strayed(from: number, at: number): void {
    this.noteGap(this.corrupt(from, `a write of another place stands at ${at}`), this.segment, from)
  }

  /** All segments were read: reports records whose segment is not there. */
  finish(exists: (segment: number) => boolean, missingPath: (segment: number) => string): void {
    for (const stream of this.streams.values()) {
      stream.rollBack()
      stream.positions.forEachRun((segment, from, to) => {
        if (exists(segment)) return
        const path = missingPath(segment)
        const message = `the segment with record ${from} of stream ${stream.number} is missing: bring it back, or repair from a replica`
        this.damage.push({ corrupt: new Corrupt({ path, offsetBytes: 0, message }), stream: stream.number, from, to })
      })
    }
  }

  private hold(offset: number): Item {
    if (this.heldCount === this.held.length) this.held.push(new Item())
    const item = this.held[this.heldCount++]
    item.offset = offset
    return item
  }

  /** Everything before `group` was durable, also the first part of a gap that reaches into it. */
  private beginGroup(group: number): void {
    const last = this.heldCount > 0 ? this.held[this.heldCount - 1] : undefined
    const gap = last !== undefined && last.kind === 0 && last.to > group ? last : undefined
    const { blank, offset, to } = gap ?? new Item()
    if (gap !== undefined) {
      this.heldCount--
      if (offset < group) this.gap(offset, group, blank)
    }
    this.flush()
    this.group = group
    if (gap !== undefined) this.gap(Math.max(offset, group), to, blank)
  }

  /** Everything held was durable. */
  private flush(): void {
    for (let index = 0; index < this.heldCount; index++) this.apply(this.held[index])
    this.heldCount = 0
  }

  private apply(item: Item): void {
    switch (item.kind) {
      case Format.kinds.append:
        return this.append(item)
      case Format.kinds.carry:
        return this.carry(item)
      case Format.kinds.cutHead:
        return this.streamOf(item).positions.dropHead(item.position)
      case Format.kinds.cutTail:
        return this.cutTail(item)
      case Format.kinds.table:
        return this.table(item)
      case Format.kinds.mark:
        return
      default:
        return this.noteGap(
          this.corrupt(item.offset, `nothing reads from here to ${item.to}, where records stood`),
          this.segment,
          item.offset
        )
    }
  }

  private append(item: Item): void {
    const { epoch, position } = item
    const stream = this.streamOf(item)
    const { positions } = stream
    if (epoch !== stream.epoch || position !== positions.end) this.bridge(stream, item, stream.epoch)
    positions.push(this.segment, item.offset)
    stream.epoch = epoch
    stream.doubt = undefined
    if (!item.sound) this.damaged(item)
  }

  private carry(item: Item): void {
    const stream = this.streamOf(item)
    const { positions } = stream
    const { position } = item
    if (!item.sound) this.damaged(item)
    if (position < positions.first) return
    if (position >= positions.end) {
      this.bridge(stream, item, stream.epoch)
      positions.push(this.segment, item.offset)
    } else if (item.sound || positions.segmentOf(position) === nowhere) {
      positions.move(position, this.segment, item.offset)
    }
  }

  private cutTail(item: Item): void {
    const stream = this.streamOf(item)
    const { positions } = stream
    const before = epochAfterCut(stream.epoch)
    if (item.epoch !== before || item.position > positions.end) this.bridge(stream, item, before)
    positions.dropTail(item.position)
    stream.epoch = item.epoch
    stream.doubt = undefined
  }

  private table(item: Item): void {
    if (item.table === undefined) {
      this.noteGap(this.corrupt(item.offset, tableDamaged), this.segment, item.offset)
      return
    }
    if (this.isFirst) this.isFounded = true
    for (const entry of Format.decodeTable(item.table)) {
      let stream = this.streams.get(entry.stream)
      if (stream === undefined) {
        stream = this.make(entry.stream, entry.first)
        stream.epoch = entry.epoch
        // Before the first segment that is left, records without a place are those that it carries on or that were cut.
        if (this.isFirst) stream.positions.pushTo(entry.end, nowhere, 0)
      }
      const { positions } = stream
      positions.dropHead(entry.first)
      if (entry.epoch !== stream.epoch || entry.end !== positions.end) {
        this.bridge(stream, { offset: item.offset, position: entry.end, epoch: entry.epoch }, stream.epoch)
      }
      stream.epoch = entry.epoch
      stream.doubt = undefined
      if (entry.inDoubt)
        stream.doubt = this.corrupt(item.offset, "damage found earlier may have taken the stream's end")
    }
  }

  private make(number: number, first: number): Stream {
    const stream = new Stream(number, first, this.count)
    stream.isBorn = true
    this.streams.set(number, stream)
    return stream
  }

  private streamOf(item: Item): Stream {
    const known = this.streams.get(item.stream)
    if (known !== undefined) return known
    // Behind a gap nobody knows whether this is the stream's first record: the one before it is taken for lost.
    const lostOne = this.place !== undefined && item.position > 0 && item.kind !== Format.kinds.cutHead
    const stream = this.make(item.stream, lostOne ? item.position - 1 : item.position)
    stream.epoch = item.kind === Format.kinds.cutTail ? epochBeforeCut(item.epoch) : item.epoch
    return stream
  }

  /**
   * Something of the stream is missing before this item. When its epoch is the one that is due, records from the end up to the
   * item's position; else a cut of its tail is missing too, and none of the records so far can be believed.
   */
  private bridge(stream: Stream, item: Pick<Item, "offset" | "position" | "epoch">, epochDue: number): void {
    const { positions } = stream
    this.place ??= {
      corrupt: this.corrupt(item.offset, `a record of stream ${stream.number} is out of its order`),
      segment: this.segment,
      offset: item.offset
    }
    const { corrupt, offset, segment } = this.place
    if (item.epoch !== epochDue || item.position < positions.end)
      positions.dropTail(Math.min(positions.first, item.position))
    if (positions.end < item.position) {
      this.damage.push({ corrupt, stream: stream.number, from: positions.end, to: item.position })
    }
    positions.pushTo(item.position, segment, offset)
  }

  private damaged(item: Item): void {
    const message = `record ${item.position} of stream ${item.stream} does not match its checksum`
    const { position, stream } = item
    this.damage.push({ corrupt: this.corrupt(item.offset, message), stream, from: position, to: position + 1 })
  }

  private corrupt(offsetBytes: number, message: string): Corrupt {
    return new Corrupt({ path: this.path, offsetBytes, message: `${message}: repair from a replica or a backup` })
  }

  /** From now on every stream known so far is in doubt, until something of it follows. */
  private noteGap(corrupt: Corrupt, segment: number, offset: number): void {
    this.place = { corrupt, segment, offset }
    this.damage.push({ corrupt, stream: undefined, from: 0, to: 0 })
    for (const stream of this.streams.values()) stream.doubt ??= corrupt
  }
}
