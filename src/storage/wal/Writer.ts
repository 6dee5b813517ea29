/**
 * Writer: takes records from everybody, and has one write under way at a time; what arrives meanwhile is the next group. Files
 * are open for write-through, so a group is one trip to the device.
 *
 * It begins a turn of the event loop after the first record has come: those that others submit in the same turn go along.
 * Completions are called in the order of submission. A buffered record is complete as soon as all before it are; it is written
 * with the next synced one, when enough bytes have gathered, or when the log has been idle for a moment.
 *
 * When the disk is full, the group is taken back (cut off, and the cut made durable, so that it cannot come back after a crash),
 * and all that is waiting is refused, because positions build on each other. What was complete already, buffered records and cuts,
 * is kept for the next group. After any other failure nothing is written any more.
 */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import type * as Disk from "#world/Disk.ts"
import type * as Timers from "#world/Timers.ts"
import type { DiskError } from "#world/WorldError.ts"
import type { Done, Durability } from "../Engine.ts"
import { Refused, Stopped, type StorageError } from "../StorageError.ts"
import * as Format from "./Format.ts"
import { Group, sync } from "./Group.ts"
import * as Rotation from "./Rotation.ts"
import type { Segments } from "./Segments.ts"
import { Stream } from "./Stream.ts"

export interface WriterOptions {
  /** A segment that has this many bytes gets no more records; one record may be larger. */
  readonly segmentBytesMax: number
  readonly groupBytesMax: number
  /** Buffered records are written when they have this many bytes. */
  readonly bufferedBytesMax: number
  /** More than these waiting: `overloaded`. */
  readonly waitingBytesMax: number
  /**
   * The file is up to so much longer than its records, so that most writes do not change its size; 0: never. Small groups find zeros there that
   * were written: a system that has to note for each which blocks hold something takes half as long again.
   */
  readonly aheadBytes: number
  /** Idle for so long, the log writes what is buffered, and marks its last group as durable. */
  readonly idleMicros: number
}

/** What the writer tells its owner. */
export interface WriterOwner {
  /** So many bytes that callers gave became durable; cuts among them may have freed segments. */
  written(givenBytes: number): void
  stopped(error: Stopped): void
  /** True when a rare way is wanted that is legal at any time. */
  buggify(site: string): boolean
  mark(name: string): void
}

type State = "idle" | "writing" | "rotating" | "taking-back" | "stopped" | "closed"

/** Timers. */
const turnTicket = 0
const idleTicket = 1
/** Calls to the disk. */
const writeTicket = 0
const aheadTicket = 1
const takeBackTicket = 2
const takeBackSyncTicket = 3
const trimTicket = 4
const closeTicket = 5

/** Groups are small of which so many go into what is written ahead: for larger ones it costs more than it spares. */
const aheadShare = 16

interface Refusal {
  readonly done: Done<void> | undefined
  readonly error: StorageError
  readonly stream: Stream | undefined
}

const noParts: ReadonlyArray<Uint8Array> = []

const refusedFull = new Refused({ reason: "no-space", message: "the device is full: free some space" })
const refusedClosed = new Refused({ reason: "closed", message: "the log is closed: open it again" })
const refusedBytes = new Refused({
  reason: "overloaded",
  message: "too many bytes wait to be written: try again when some records have completed"
})

export class Writer implements Disk.Sink, Timers.Sink {
  /** Groups that were written, each with its sync. */
  syncs = 0
  private readonly options: WriterOptions
  private readonly disk: Disk.Port
  private readonly streams: Map<number, Stream>
  private readonly segments: Segments
  private readonly owner: WriterOwner
  private readonly timers: Timers.Port
  private file: Disk.File | undefined
  /** The size of the newest segment's file. */
  private fileBytes = 0
  /** What is written ahead of small groups. */
  private zeros: Uint8Array | undefined
  /** The newest segment gets no more records. */
  private isFull = false
  private state: State = "idle"
  /** What is to be written, group by group; there is always one to add to. */
  private ready: Array<Group> = [new Group()]
  private flight: Group | undefined
  private readonly spare: Array<Group> = []
  private waitingBytes = 0
  /** The last group was refused for want of space: nothing is complete before it is durable. */
  private spaceInDoubt = false
  private refusals: Array<Refusal> = []
  private turnIsSet = false
  /** Between `hold` and `flush`, and whether a turn was asked for then. */
  private isHeld = false
  private turnIsWanted = false
  /** Something buffered was taken since the last turn. */
  private completesInTurn = false
  private idleIsSet = false
  private isRotating = false
  private onClosed: (() => void) | undefined
  /** Something was written since the last mark. */
  private isUnmarked = true
  private stop: Stopped | undefined

  constructor(parts: {
    readonly options: WriterOptions
    readonly disk: Disk.Port
    readonly streams: Map<number, Stream>
    readonly segments: Segments
    readonly owner: WriterOwner
    readonly attach: (sink: Timers.Sink) => Timers.Port
  }) {
    this.options = parts.options
    this.disk = parts.disk
    this.streams = parts.streams
    this.segments = parts.segments
    this.owner = parts.owner
    this.timers = parts.attach(this)
  }

  /** Goes on in the newest segment, whose file ends where its records end; `isFull`: behind it, in a new one. */
  begin(file: Disk.File, isFull: boolean): void {
    this.file = file
    this.fileBytes = this.segments.newest.end
    this.isFull = isFull
    this.setIdle()
  }

  append(
    number: number,
    position: number,
    parts: ReadonlyArray<Uint8Array>,
    durability: Durability,
    done: Done<void>
  ): void {
    let sizeBytes = Format.recordHeaderBytes
    for (let index = 0; index < parts.length; index++) sizeBytes += parts[index].length
    assert(sizeBytes <= Limits.recordBytesMax, "a record has at most Limits.recordBytesMax bytes")
    const stream = this.streamAt(number, position)
    const error = this.problem(sizeBytes)
    if (error !== undefined) return this.refuse(done, error, stream)
    if (stream.refusals > 0 && position !== stream.next) return this.refuse(done, stream.refusal!, stream)
    assert(stream.doubt === undefined, "a stream that may have lost its end is cut before it goes on")
    assert(position === stream.next, "positions of a stream rise by one")
    stream.next = position + 1
    stream.isKnown = true
    const waits = durability === "synced" || this.spaceInDoubt
    if (!waits) this.completesInTurn = true
    this.groupFor(sizeBytes).add({ kind: Format.kinds.append, stream, position, parts, waits, done })
    this.waitingBytes += sizeBytes
    this.setTurn()
  }

  /** Everything that was submitted before is durable when it completes. */
  sync(done: Done<void>): void {
    if (this.stop !== undefined || this.state === "closed")
      return this.refuse(done, this.stop ?? refusedClosed, undefined)
    this.groupFor(0).add({ kind: sync, stream: undefined, position: 0, waits: true, done })
    this.setTurn()
  }

  hold(): void {
    this.isHeld = true
  }

  /**
   * Writes what was appended, if it is time and nothing else is being written. What has something to complete first has its turn: what is
   * complete and is not marked so would be refused with the rest of its group.
   */
  flush(): void {
    this.isHeld = false
    if (!this.turnIsWanted) return
    this.turnIsWanted = false
    if (this.completesInTurn || this.refusals.length > 0) return this.setTurn()
    if (this.state !== "idle") return
    if (this.ready[0].sizeBytes > 0 && this.isDue()) this.launch()
    else this.setTurn()
  }

  cutHead(number: number, position: number): void {
    const stream = this.streamAt(number, position)
    if (position <= stream.first && stream.isKnown) return
    this.control(Format.kinds.cutHead, stream, position)
    stream.first = position
    stream.next = Math.max(stream.next, position)
    stream.isKnown = true
  }

  cutTail(number: number, position: number): void {
    const stream = this.streamAt(number, position)
    if (position >= stream.next && stream.doubt === undefined) return
    assert(position <= stream.next, "what is cut off a stream is not above its end")
    this.control(Format.kinds.cutTail, stream, position)
    stream.cutsWaiting++
    stream.first = Math.min(stream.first, position)
    stream.next = position
    stream.doubt = undefined
  }

  /** Writes a record again that stands at `position` already; false: it is no longer needed. */
  carry(stream: Stream, position: number, payload: Uint8Array): boolean {
    if (this.stop !== undefined || this.state === "closed" || stream.cutsWaiting > 0) return false
    if (position < stream.first || position >= stream.positions.end) return false
    this.control(Format.kinds.carry, stream, position, [payload])
    return true
  }

  /** No more records are taken, and nobody is told anything; `done` is called when nothing is under way any more. */
  close(done: () => void): void {
    this.timers.clear(turnTicket)
    this.timers.clear(idleTicket)
    this.state = "closed"
    this.onClosed = done
    if (!this.isRotating) this.file!.size(closeTicket)
  }

  fired(ticket: number): void {
    if (ticket === turnTicket) {
      this.turnIsSet = false
      this.turn()
    } else {
      this.idleIsSet = false
      this.idle()
    }
  }

  done(ticket: number): void {
    if (ticket === closeTicket) return this.closed()
    if (this.state === "stopped" || this.state === "closed") return
    if (ticket === writeTicket) this.written()
    else if (ticket === takeBackSyncTicket) this.takenBack()
  }

  bytes(): void {}

  failed(ticket: number, error: DiskError): void {
    if (ticket === closeTicket) return this.closed()
    if (this.state === "stopped" || this.state === "closed" || ticket === trimTicket) return
    if (error.code !== "no-space") return this.stopFor(error)
    // The group that asked for room ahead says itself whether there is enough.
    if (ticket === aheadTicket) this.fileBytes = this.segments.newest.end
    else if (ticket === writeTicket) this.takeBack()
    else this.stopFor(error)
  }

  /** Operations of a file are done in their order: this was the last one. */
  private closed(): void {
    this.file!.close()
    this.onClosed!()
  }

  private streamAt(number: number, position: number): Stream {
    const known = this.streams.get(number)
    if (known === undefined) {
      const stream = new Stream(number, position, this.segments.count)
      this.streams.set(number, stream)
      return stream
    }
    if (!known.isKnown && known.refusals === 0) known.seat(position)
    return known
  }

  private problem(sizeBytes: number): StorageError | undefined {
    if (this.stop !== undefined) return this.stop
    if (this.state === "closed") return refusedClosed
    return this.waitingBytes + sizeBytes > this.options.waitingBytesMax ? refusedBytes : undefined
  }

  private refuse(done: Done<void> | undefined, error: StorageError, stream: Stream | undefined): void {
    if (stream !== undefined) {
      stream.refusals++
      stream.refusal = error
    }
    this.refusals.push({ done, error, stream })
    this.setTurn()
  }

  /** The group that has room for so many bytes more. */
  private groupFor(sizeBytes: number): Group {
    const last = this.ready[this.ready.length - 1]
    if (last.sizeBytes === 0 || last.sizeBytes + sizeBytes <= this.options.groupBytesMax) return last
    const next = this.spare.pop() ?? new Group()
    this.ready.push(next)
    return next
  }

  /** A record that nobody waits for. */
  private control(
    kind: number,
    stream: Stream | undefined,
    position: number,
    parts: ReadonlyArray<Uint8Array> = noParts
  ): void {
    if (this.stop !== undefined || this.state === "closed") return
    const group = this.groupFor(Format.recordHeaderBytes + (parts.length === 0 ? 0 : parts[0].length))
    const before = group.sizeBytes
    group.add({ kind, stream, position, parts, waits: false })
    this.waitingBytes += group.sizeBytes - before
    this.setTurn()
  }

  private setTurn(): void {
    if (this.isHeld) this.turnIsWanted = true
    if (this.turnIsSet || this.isHeld) return
    this.turnIsSet = true
    this.timers.set(turnTicket, 0)
  }

  private setIdle(): void {
    if (this.idleIsSet) return
    this.idleIsSet = true
    this.timers.set(idleTicket, this.options.idleMicros)
  }

  private turn(): void {
    this.completesInTurn = false
    this.tellRefusals()
    this.completeTaken()
    if (this.state === "idle") this.start()
  }

  private tellRefusals(): void {
    const { refusals } = this
    if (refusals.length === 0) return
    this.refusals = []
    for (const { stream } of refusals) if (stream !== undefined) stream.refusals--
    for (const { done, error } of refusals) done?.(error, undefined)
  }

  /** Completes buffered records before which nothing waits; those that come meanwhile have the next turn. */
  private completeTaken(): void {
    if (this.flight !== undefined && !this.completeBuffered(this.flight, this.flight.count)) return
    const groups = this.ready.length
    const newest = this.ready[groups - 1]
    const count = newest.count
    for (let index = 0; index < groups; index++) {
      const group = this.ready[index]
      if (!this.completeBuffered(group, group === newest ? count : group.count)) return
    }
  }

  /** False: an entry waits. */
  private completeBuffered(group: Group, count: number): boolean {
    while (group.completed < count) {
      const index = group.completed
      if (group.waits[index]) return false
      group.completed++
      const done = group.dones[index]
      if (done === undefined) continue
      group.dones[index] = undefined
      done(undefined, undefined)
    }
    return true
  }

  /** Writes the first group if it is time. */
  private start(): void {
    if (this.isDue()) return this.launch()
    if (!this.spaceInDoubt && (this.ready[0].count > 0 || this.isUnmarked)) this.setIdle()
  }

  private isDue(): boolean {
    const [first] = this.ready
    // On a full disk it is the next record that finds out whether there is room again.
    if (this.spaceInDoubt) return this.ready.some((group) => group.isWanted)
    if (this.ready.length > 1 || first.isWanted) return true
    return first.count > 0 && first.sizeBytes >= this.options.bufferedBytesMax
  }

  private launch(): void {
    const group = this.ready.shift()!
    if (this.ready.length === 0) this.ready.push(this.spare.pop() ?? new Group())
    this.flight = group
    if (group.sizeBytes === 0) return this.landed()
    const { newest } = this.segments
    const isTooLong =
      newest.end > Format.segmentHeaderBytes && newest.end + group.sizeBytes > this.options.segmentBytesMax
    if (this.isFull || isTooLong || this.owner.buggify("storage/wal-early-rotation")) this.rotate()
    else this.write()
  }

  private write(): void {
    const group = this.flight!
    const { newest } = this.segments
    const end = newest.end + group.sizeBytes
    const bytes = group.seal(newest.salt, newest.end)
    this.state = "writing"
    const { aheadBytes } = this.options
    const goesAhead = end > this.fileBytes && aheadBytes > 0
    const isSmall = aheadShare * group.sizeBytes <= aheadBytes
    if (goesAhead) this.fileBytes = end + aheadBytes
    if (goesAhead && !isSmall) this.file!.truncate(aheadTicket, this.fileBytes)
    this.file!.writeAt(writeTicket, newest.end, bytes)
    // Behind the group, for which somebody waits.
    if (goesAhead && isSmall) this.file!.writeAt(aheadTicket, end, (this.zeros ??= new Uint8Array(aheadBytes)))
  }

  private rotate(): void {
    const { directory, identity, newest } = this.segments
    this.state = "rotating"
    this.isRotating = true
    const header = {
      segment: newest.number + 1,
      identity,
      base: newest.base + newest.end,
      previous: newest.number,
      previousEnd: newest.end
    }
    const table = Rotation.tableOf(this.streams)
    Rotation.make({ disk: this.disk, directory, header, table, sink: this }, (error, made) => {
      this.isRotating = false
      if (this.state !== "rotating") {
        made?.file.close()
        return this.onClosed === undefined ? undefined : this.file!.size(closeTicket)
      }
      if (made === undefined) {
        if (error?.code === "no-space") return this.refuseAll()
        return this.stopFor(error!)
      }
      // The next header says where this one ends: that the file does too is only thrift.
      if (this.fileBytes > newest.end) this.file!.truncate(trimTicket, newest.end)
      this.file!.close()
      this.file = made.file
      this.fileBytes = made.sizeBytes
      this.isFull = false
      this.segments.add(header.segment, header.base, made.sizeBytes)
      this.write()
    })
  }

  private written(): void {
    this.syncs++
    const group = this.flight!
    const { newest } = this.segments
    const offset = newest.end
    this.segments.grow(group.sizeBytes)
    this.fileBytes = Math.max(this.fileBytes, newest.end)
    for (let index = 0; index < group.count; index++) this.apply(group, index, offset)
    this.isUnmarked = group.count > 1 || group.kinds[0] !== Format.kinds.mark
    this.spaceInDoubt = false
    this.landed()
  }

  /** The group under way is durable: tells everybody, and goes on. */
  private landed(): void {
    const group = this.flight!
    this.state = "idle"
    this.flight = undefined
    this.waitingBytes -= group.sizeBytes
    while (group.completed < group.count) {
      const done = group.dones[group.completed++]
      if (done !== undefined) done(undefined, undefined)
    }
    const { givenBytes } = group
    this.recycle(group)
    this.owner.written(givenBytes)
    const isEmpty = this.ready.length === 1 && this.ready[0].count === 0 && this.refusals.length === 0
    if (!isEmpty) this.setTurn()
    else if (this.isUnmarked) this.setIdle()
  }

  private apply(group: Group, index: number, offset: number): void {
    const stream = group.streams[index]
    if (stream === undefined) return
    const position = group.positions[index]
    const { positions } = stream
    const { number } = this.segments.newest
    stream.isBorn = true
    switch (group.kinds[index]) {
      case Format.kinds.append:
        return positions.push(number, offset + group.offsets[index])
      case Format.kinds.cutHead:
        return positions.dropHead(position)
      case Format.kinds.cutTail:
        stream.cutsWaiting--
        return positions.dropTail(position)
      case Format.kinds.carry:
        if (position >= positions.first && position < positions.end) {
          positions.move(position, number, offset + group.offsets[index])
        }
    }
  }

  private recycle(group: Group): void {
    group.clear()
    if (this.spare.length < 2) this.spare.push(group)
  }

  /** Nothing was written for a while: what is buffered goes to disk, or a mark behind the last group. */
  private idle(): void {
    if (this.state !== "idle" || this.spaceInDoubt) return
    if (this.ready[0].count === 0) {
      if (!this.isUnmarked) return
      this.control(Format.kinds.mark, undefined, 0)
      this.owner.mark("storage/wal-mark")
    }
    this.launch()
  }

  /** The disk is full: nothing of the group may be found after a crash. */
  private takeBack(): void {
    const { end } = this.segments.newest
    this.state = "taking-back"
    this.flight!.unseal()
    this.fileBytes = end
    this.file!.truncate(takeBackTicket, end)
    this.file!.sync(takeBackSyncTicket)
  }

  private takenBack(): void {
    this.owner.mark("storage/wal-no-space")
    this.refuseAll()
  }

  /** Refuses what is not complete, and keeps the rest for the next group. */
  private refuseAll(): void {
    const groups = this.flight === undefined ? this.ready : [this.flight, ...this.ready]
    this.flight = undefined
    this.ready = [new Group()]
    this.waitingBytes = 0
    this.state = "idle"
    this.spaceInDoubt = true
    for (const group of groups) {
      for (const stream of group.streams) {
        if (stream === undefined) continue
        stream.rollBack()
        stream.cutsWaiting = 0
      }
    }
    for (const group of groups) for (let index = 0; index < group.count; index++) this.keepOrRefuse(group, index)
  }

  private keepOrRefuse(group: Group, index: number): void {
    const stream = group.streams[index]
    const done = group.dones[index]
    const kind = group.kinds[index]
    const position = group.positions[index]
    if (index >= group.completed && (kind === Format.kinds.append || kind === sync)) {
      return this.refuse(done, refusedFull, stream)
    }
    if (stream === undefined) return
    if (kind === Format.kinds.cutHead) return this.cutHead(stream.number, position)
    if (kind === Format.kinds.cutTail) return position < stream.next ? this.cutTail(stream.number, position) : undefined
    // What is carried is read again.
    if (kind !== Format.kinds.append) return
    const payload = group.payload(index)
    this.groupFor(Format.recordHeaderBytes + payload.length).add({
      kind,
      stream,
      position,
      parts: [payload],
      waits: false
    })
    this.completesInTurn = true
    this.waitingBytes += Format.recordHeaderBytes + payload.length
    stream.next = position + 1
    stream.isKnown = true
  }

  /** Nobody knows what is durable of what was under way: nothing more is written. */
  private stopFor(cause: DiskError): void {
    this.state = "stopped"
    const stop = new Stopped({
      cause,
      message: `the log takes no more writes until it is opened again: ${cause.message}`
    })
    this.stop = stop
    const groups = this.flight === undefined ? this.ready : [this.flight, ...this.ready]
    this.flight = undefined
    this.ready = [new Group()]
    for (const group of groups) {
      for (; group.completed < group.count; group.completed++) {
        const done = group.dones[group.completed]
        if (done !== undefined) this.refuse(done, stop, undefined)
      }
    }
    this.owner.stopped(stop)
  }
}
