/**
 * StreamGroup: a group of consumers of a stream: how far it has read, who its consumers are, and what was delivered to whom and is not
 * acknowledged yet. What is pending is in the order of ids twice: for the group, and for each consumer.
 *
 * Stored as one element for the group, one for each consumer, one for each pending entry, so that a delivery or an acknowledgement writes
 * little whatever the group has pending: `g`, the group's number; behind that `c` and the consumer's number, or `p` and the id.
 */
import { assert } from "#base/Assert.ts"
import * as Footprint from "./Footprint.ts"
import { OrderedIds } from "./OrderedIds.ts"
import * as Packed from "./Packed.ts"
import * as StreamId from "./StreamId.ts"
import type { ElementSink } from "./Value.ts"

/** It is not known how many entries the group has read. */
export const unknown = -1

/** An entry that was delivered and not acknowledged. Only its group changes it. */
export interface Pending {
  consumer: Consumer
  /** Milliseconds of the wall clock. */
  deliveredAt: number
  deliveries: number
  isStored: boolean
}

export class Consumer {
  readonly name: string
  /** Under which it is stored: never given again. */
  readonly number: number
  /** When it last asked for something, in milliseconds of the wall clock. */
  seenAt: number
  readonly pending = new OrderedIds<Pending>()
  isStored = false

  constructor(name: string, number: number, seenAt: number) {
    this.name = name
    this.number = number
    this.seenAt = seenAt
  }
}

/** What has changed since it was last stored. */
interface Changes {
  isGroup: boolean
  readonly consumers: Set<Consumer>
  readonly pending: Set<string>
  readonly removed: Set<string>
}

/** What groups of one stream hold of memory, about. */
export interface Held {
  bytes: number
}

const { consumer: consumerBytes, group: groupBytes, pending: pendingBytes } = Footprint.elementBytes

const noChanges = (): Changes => ({ isGroup: false, consumers: new Set(), pending: new Set(), removed: new Set() })

const isGroup = "g"
const isConsumer = "c"
const isPending = "p"
/** Of a number in the name of an element. */
const orderedBytes = 7

export class StreamGroup {
  readonly name: string
  /** Under which it is stored: never given again. */
  readonly number: number
  /** The last entry that was delivered to somebody. */
  lastId: string
  /** How many entries of all that were ever added come up to `lastId`; `unknown`: that is not known. */
  entriesRead: number
  readonly pending = new OrderedIds<Pending>()
  readonly consumers = new Map<string, Consumer>()
  private readonly held: Held
  private consumerNumbers = 0
  /** Undefined as long as nothing of it is stored. */
  private changes: Changes | undefined

  constructor(name: string, number: number, lastId: string, entriesRead: number, held: Held) {
    this.held = held
    held.bytes += groupBytes
    this.name = name
    this.number = number
    this.lastId = lastId
    this.entriesRead = entriesRead
  }

  /** Its own part of what groups hold. */
  get heldBytes(): number {
    return groupBytes + this.consumers.size * consumerBytes + this.pending.size * pendingBytes
  }

  setLast(lastId: string, entriesRead: number): void {
    this.lastId = lastId
    this.entriesRead = entriesRead
    if (this.changes !== undefined) this.changes.isGroup = true
  }

  addConsumer(name: string, now: number): Consumer {
    assert(!this.consumers.has(name), "a consumer is added once")
    const consumer = new Consumer(name, ++this.consumerNumbers, now)
    this.consumers.set(name, consumer)
    this.held.bytes += consumerBytes
    this.changes?.consumers.add(consumer)
    if (this.changes !== undefined) this.changes.isGroup = true
    return consumer
  }

  /** Removes a consumer with all that is pending for it; returns how much that was. */
  removeConsumer(consumer: Consumer): number {
    const { size } = consumer.pending
    consumer.pending.each(StreamId.zero, (id, pending) => {
      this.pending.delete(id)
      this.forget(id, pending)
    })
    this.consumers.delete(consumer.name)
    this.held.bytes -= consumerBytes + size * pendingBytes
    if (this.changes !== undefined) {
      this.changes.consumers.delete(consumer)
      if (consumer.isStored) this.changes.removed.add(this.consumerSub(consumer))
    }
    return size
  }

  seen(consumer: Consumer, now: number): void {
    if (consumer.seenAt === now) return
    consumer.seenAt = now
    this.changes?.consumers.add(consumer)
  }

  /** The entry is pending for this consumer from now on, whoever had it before. */
  deliver(id: string, consumer: Consumer, deliveredAt: number, deliveries: number): void {
    const pending = this.pending.get(id)
    if (pending === undefined) {
      const made = { consumer, deliveredAt, deliveries, isStored: false }
      this.pending.set(id, made)
      consumer.pending.set(id, made)
      this.held.bytes += pendingBytes
    } else {
      if (pending.consumer !== consumer) {
        pending.consumer.pending.delete(id)
        consumer.pending.set(id, pending)
        pending.consumer = consumer
      }
      pending.deliveredAt = deliveredAt
      pending.deliveries = deliveries
    }
    this.changes?.pending.add(id)
  }

  /** It is not pending any more; false: it was not. */
  acknowledge(id: string): boolean {
    const pending = this.pending.get(id)
    if (pending === undefined) return false
    this.pending.delete(id)
    pending.consumer.pending.delete(id)
    this.held.bytes -= pendingBytes
    this.forget(id, pending)
    return true
  }

  /** Consumers by the bytes of their names. */
  byName(): ReadonlyArray<Consumer> {
    return [...this.consumers.values()].sort((left, right) => (left.name < right.name ? -1 : 1))
  }

  persist(sink: ElementSink, whole: boolean): void {
    const { changes } = this
    this.changes = noChanges()
    if (whole || changes === undefined) {
      this.storeGroup(sink)
      for (const consumer of this.consumers.values()) this.storeConsumer(sink, consumer)
      this.pending.each(StreamId.zero, (id, pending) => this.storePending(sink, id, pending))
      return
    }
    if (changes.isGroup) this.storeGroup(sink)
    // What was removed and is pending again is put, and not removed.
    for (const id of changes.pending) changes.removed.delete(this.pendingSub(id))
    for (const sub of changes.removed) sink.remove(sub)
    for (const consumer of changes.consumers) this.storeConsumer(sink, consumer)
    for (const id of changes.pending) this.storePending(sink, id, this.pending.get(id)!)
  }

  /** Removes all that is stored of it. */
  erase(sink: ElementSink): void {
    if (this.changes === undefined) return
    sink.remove(this.sub())
    for (const sub of this.changes.removed) sink.remove(sub)
    for (const consumer of this.consumers.values()) if (consumer.isStored) sink.remove(this.consumerSub(consumer))
    this.pending.each(StreamId.zero, (id, { isStored }) => {
      if (isStored) sink.remove(this.pendingSub(id))
    })
  }

  clone(held: Held): StreamGroup {
    const copy = new StreamGroup(this.name, this.number, this.lastId, this.entriesRead, held)
    held.bytes += this.consumers.size * consumerBytes
    copy.consumerNumbers = this.consumerNumbers
    for (const { name, number, seenAt } of this.consumers.values()) {
      copy.consumers.set(name, new Consumer(name, number, seenAt))
    }
    this.pending.each(StreamId.zero, (id, { consumer, deliveredAt, deliveries }) => {
      copy.deliver(id, copy.consumers.get(consumer.name)!, deliveredAt, deliveries)
    })
    return copy
  }

  private forget(id: string, pending: Pending): void {
    if (this.changes === undefined) return
    this.changes.pending.delete(id)
    if (pending.isStored) this.changes.removed.add(this.pendingSub(id))
  }

  private sub(): string {
    return isGroup + Packed.ordered(this.number)
  }

  private consumerSub({ number }: Consumer): string {
    return this.sub() + isConsumer + Packed.ordered(number)
  }

  private pendingSub(id: string): string {
    return this.sub() + isPending + id
  }

  private storeGroup(sink: ElementSink): void {
    sink.put(
      this.sub(),
      this.lastId + Packed.number(this.entriesRead + 1) + Packed.number(this.consumerNumbers) + Packed.text(this.name)
    )
  }

  private storeConsumer(sink: ElementSink, consumer: Consumer): void {
    sink.put(this.consumerSub(consumer), Packed.number(consumer.seenAt) + Packed.text(consumer.name))
    consumer.isStored = true
  }

  private storePending(sink: ElementSink, id: string, pending: Pending): void {
    const { consumer, deliveredAt, deliveries } = pending
    sink.put(
      this.pendingSub(id),
      Packed.number(consumer.number) + Packed.number(deliveredAt) + Packed.number(deliveries)
    )
    pending.isStored = true
  }

  /** Takes what was stored of groups, in the order of its names. */
  static loader(held: Held): { readonly groups: Map<string, StreamGroup>; take(sub: string, bytes: string): void } {
    const groups = new Map<string, StreamGroup>()
    let group: StreamGroup | undefined
    const byNumber = new Map<number, Consumer>()
    const take = (sub: string, bytes: string): void => {
      const reader = new Packed.Reader(bytes)
      if (sub.length === 1 + orderedBytes) {
        const lastId = reader.take(16)
        const entriesRead = reader.number() - 1
        const numbers = reader.number()
        group = new StreamGroup(reader.text(), new Packed.Reader(sub, 1).ordered(), lastId, entriesRead, held)
        group.consumerNumbers = numbers
        group.changes = noChanges()
        groups.set(group.name, group)
        byNumber.clear()
        return
      }
      assert(group !== undefined && sub.startsWith(group.sub()), "a group is stored before what belongs to it")
      const kind = sub[1 + orderedBytes]
      if (kind === isConsumer) {
        const seenAt = reader.number()
        const consumer = new Consumer(reader.text(), new Packed.Reader(sub, 2 + orderedBytes).ordered(), seenAt)
        consumer.isStored = true
        group.consumers.set(consumer.name, consumer)
        held.bytes += consumerBytes
        byNumber.set(consumer.number, consumer)
        return
      }
      const consumer = byNumber.get(reader.number())
      assert(consumer !== undefined, "a consumer is stored before what is pending for it")
      const pending = { consumer, deliveredAt: reader.number(), deliveries: reader.number(), isStored: true }
      const id = sub.slice(2 + orderedBytes)
      group.pending.set(id, pending)
      consumer.pending.set(id, pending)
      held.bytes += pendingBytes
    }
    return { groups, take }
  }
}
