/**
 * Journal: what of the data is not stored yet, and in which batch it will be. Changes of one key, or one element, between two batches are one:
 * what is stored is how things are when the batch is taken, never how they came to be so. So a batch may be repeated.
 *
 * Batches are taken one after the other: the next one when the last is stored. `ticket` is what a reply has to wait for that must not be known
 * before what it tells of is durable.
 *
 * Needs of its caller: `gather` and `take` between commands, never within one, so that a batch holds whole commands.
 */
import { assert } from "#base/Assert.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import type { Entry } from "./Entry.ts"
import * as Record from "./Record.ts"
import type { SlotSet } from "./SlotSet.ts"
import * as Stored from "./Stored.ts"
import { StringValue } from "./StringValue.ts"
import { type ElementSink, typeOf } from "./Value.ts"

export interface Batch {
  /** When it is stored, so is everything up to this ticket. */
  readonly ticket: number
  /** Its changes; undefined: what came and went has left none. */
  readonly record: Uint8Array | undefined
  /** What elements begin with that nobody reads any more once the batch is stored. */
  readonly garbage: ReadonlyArray<Uint8Array>
}

/** To put so much in a record takes less than a millisecond, in which no command runs. */
const sliceWeight = 512
const fullWeight = 4_096

const expectedBytesMax = 2_097_152

/** Longer strings are stored in pieces. */
const inlineBytesMax = 65_536

const decimal = (content: string | number): string => (typeof content === "number" ? String(content) : content)

export class Journal implements ElementSink {
  private dirty: Array<Entry> = []
  private gone: Array<Entry> = []
  private garbage: Array<Uint8Array> = []
  /** Of the batch that fills. */
  private record = new Record.Builder()
  private arrangement: ReadonlyArray<number> | undefined
  private generations: number
  /** Of the batch that fills. */
  private filling = 1
  /** Of the last one that was stored. */
  stored = 0
  /** Changes that are not in the record yet: what it may cost at most to put them there. */
  private weight = 0
  /** Of those that are. */
  private gathered = 0
  /** Called when changes should be gathered: more of them would hold up commands for longer than people notice. */
  filled: (() => void) | undefined
  /** Changes of data since the start. */
  changes = 0
  /** By slot, since somebody asked: the ticket of what has changed there last. */
  private slots: Float64Array | undefined

  /** Generations are above `since`: those of earlier owners are not. */
  constructor(since: number) {
    this.generations = since
  }

  /** Later ones are new. */
  get generation(): number {
    return this.generations
  }

  /** Generations are above `since` from now on. */
  rise(since: number): void {
    this.generations = Math.max(this.generations, since)
  }

  changed(entry: Entry): void {
    this.changes += 1
    this.noted(entry)
  }

  /** Something is to be stored of the entry that is no change of data: when it was used, and the like. */
  noted(entry: Entry): void {
    // What is changed again costs a batch nothing more, unless another element is.
    if (!entry.isDirty) {
      entry.isDirty = true
      this.dirty.push(entry)
      this.touch(entry)
    } else if (typeof entry.content !== "object") return
    this.weigh()
  }

  private weigh(): void {
    this.weight += 1
    if (this.weight >= sliceWeight) this.filled?.()
  }

  removed(entry: Entry): void {
    this.changes += 1
    this.weigh()
    this.touch(entry)
    entry.isGone = true
    if (entry.isStored) this.gone.push(entry)
  }

  /** Databases have other numbers now: by number, which one it is. */
  arranged(databases: ReadonlyArray<number>): void {
    this.weigh()
    this.arrangement = databases
  }

  /** 0: everything is stored. */
  get ticket(): number {
    if (this.hasChanges) return this.filling
    return this.stored === this.filling - 1 ? 0 : this.filling - 1
  }

  /** Of what has changed in these slots alone; 0: all of it is stored. */
  ticketOf(slots: SlotSet): number {
    // Until now nobody wanted to know.
    this.slots ??= new Float64Array(SpacesRedis.slots).fill(this.ticket)
    let ticket = 0
    for (const slot of slots.list) ticket = Math.max(ticket, this.slots[slot])
    return ticket > this.stored ? ticket : 0
  }

  private touch({ name }: Entry): void {
    if (this.slots !== undefined) this.slots[SpacesRedis.slotOfText(name)] = this.filling
  }

  /** A batch should be taken, whoever waits. */
  get isFull(): boolean {
    return this.gathered + this.weight >= fullWeight
  }

  get hasChanges(): boolean {
    return this.gathered > 0 || this.weight > 0
  }

  /** Puts what has changed in the batch that fills. It stays open: what changes again is put there again. */
  gather(): void {
    const { dirty, gone } = this
    this.dirty = []
    this.gone = []
    for (const entry of gone) {
      this.record.key(entry.database, entry.name)
      this.record.gone()
      this.discard(entry)
    }
    // A key that went and came again is put after it was deleted.
    for (const entry of dirty) if (!entry.isGone) this.write(entry)
    if (this.arrangement !== undefined) this.record.databases(this.arrangement)
    this.arrangement = undefined
    this.gathered += this.weight
    this.weight = 0
  }

  /** What has changed since the last batch; undefined: nothing. */
  take(): Batch | undefined {
    if (!this.hasChanges) return undefined
    assert(this.stored === this.filling - 1, "one batch is stored at a time")
    this.gather()
    const batch = { ticket: this.filling++, record: this.record.finish(), garbage: this.garbage }
    // One batch is much like the next.
    this.record = new Record.Builder(Math.min(expectedBytesMax, batch.record?.length ?? 0))
    this.garbage = []
    this.gathered = 0
    return batch
  }

  /** The batch is durable. */
  done({ ticket }: Batch): void {
    assert(ticket === this.stored + 1, "batches are stored in their order")
    this.stored = ticket
  }

  put(sub: string, bytes: string): void {
    this.record.put(sub, bytes)
  }

  remove(sub: string): void {
    this.record.remove(sub)
  }

  private write(entry: Entry): void {
    const { content, database, expiresAt, name } = entry
    const isInline = typeof content !== "object" && decimal(content).length <= inlineBytesMax
    const isNew = entry.elements?.content !== content
    if (isNew) this.discard(entry)
    this.record.key(database, name)
    let head = ""
    if (isInline) head = decimal(content)
    else {
      if (isNew) entry.elements = { content, generation: ++this.generations }
      this.record.elements(entry.elements!.generation)
      const value = typeof content === "object" ? content : StringValue.of(content)
      // Of a text, only all of it can be new.
      if (isNew || value === content) value.persist(this, isNew)
      head = value.head()
    }
    this.record.head(Stored.types.indexOf(typeOf(content)), expiresAt, entry.elements?.generation ?? 0, isInline, head)
    entry.isDirty = false
    entry.isStored = true
  }

  private discard(entry: Entry): void {
    const { database, elements, name } = entry
    if (elements === undefined) return
    this.garbage.push(Stored.elementsOf(database, name, elements.generation))
    entry.elements = undefined
  }
}
