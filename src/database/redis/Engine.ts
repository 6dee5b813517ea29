/**
 * Engine: everything that a node has of Redis's data, and what commands share: the databases, the clock, what is changed and not yet stored, who
 * waits for keys. It is synchronous, and knows neither clients nor bytes of a protocol.
 *
 * Needs of its caller: `advance` before each run of commands, `settle` after each command, or MULTI, that may have changed something.
 */
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import { Blocking } from "./Blocking.ts"
import { Database, type Keeper, restoredVersion } from "./Database.ts"
import type { Entry } from "./Entry.ts"
import { Eviction, type Outcome } from "./Eviction.ts"
import * as Footprint from "./Footprint.ts"
import * as Frequency from "./Frequency.ts"
import { Journal } from "./Journal.ts"
import { Loading } from "./Loading.ts"
import { Overlay } from "./Overlay.ts"
import * as Settings from "./Settings.ts"
import { SlotSet } from "./SlotSet.ts"
import { SlottedTable } from "./SlottedTable.ts"
import { Staging } from "./Staging.ts"
import * as Stored from "./Stored.ts"

/** Classes of keyspace notifications, as bits; `NotifyFlags` of redis.conf. */
export const classes = {
  generic: 1 << 2,
  string: 1 << 3,
  list: 1 << 4,
  set: 1 << 5,
  hash: 1 << 6,
  zset: 1 << 7,
  expired: 1 << 8,
  evicted: 1 << 9,
  stream: 1 << 10,
  keyMiss: 1 << 11,
  newKey: 1 << 14
} as const

/** What others want to hear of keys. */
export interface Listener {
  /** The key has changed, appeared or gone; `isExpired`: its time had passed, so it is nobody's doing. */
  changed(database: number, key: string, isExpired: boolean): void
  /** All keys of a database, or of all (-1), are gone or others. */
  flushed(database: number): void
  /** For keyspace notifications; only of classes in `notified`. */
  notify(kind: number, event: string, database: number, key: string): void
}

export interface Parts {
  /** Milliseconds of the wall clock. */
  readonly wallMillis: () => number
  /** A number in [0, 1). */
  readonly random: () => number
  readonly settings?: Partial<Settings.Settings>
  /** Several nodes have the keys, and slots of them go from one to another. Default: all are here. */
  readonly isSlotted?: boolean
}

export const databasesCount = 16

export class Engine implements Keeper {
  /** By their numbers. SWAPDB changes places. */
  databases: Array<Database>
  readonly settings: Settings.Settings
  journal: Journal
  readonly blocking = new Blocking()
  readonly random: () => number
  /** Milliseconds of the wall clock, of the command that runs. */
  now: number
  /** Of the last modification. */
  versions = restoredVersion
  /** Since the start. */
  readonly counts = { hits: 0, misses: 0, expired: 0, evicted: 0 }
  /** Classes of events that somebody wants to hear of. */
  notified = 0
  /** Milliseconds of the wall clock: until then keys whose time has passed are not removed, though nobody sees them. */
  keepsExpiredUntil = 0
  /** Slots in which nothing may change that no command asks for: what is in them is being carried elsewhere. */
  still: ReadonlySet<number> = new Set()
  /** Slots that are another node's by now; keys of them are yet to be forgotten. */
  elsewhere: SlotSet = SlotSet.none
  /** Bytes of memory that all data takes, about (see `Footprint`). */
  usedBytes = 0
  /** How often keys are used is what decides, and is counted: by the policy. */
  countsUses = false
  private readonly eviction = new Eviction(this)
  private readonly isSlotted: boolean
  private listener: Listener | undefined
  /** Milliseconds of the wall clock as it goes on, within a command too. */
  readonly wallMillis: () => number

  constructor({ isSlotted = false, random, settings, wallMillis }: Parts) {
    this.isSlotted = isSlotted
    this.random = random
    this.wallMillis = wallMillis
    this.now = wallMillis()
    this.settings = { ...Settings.defaults, ...settings }
    this.setPolicy(this.settings.maxMemoryPolicy)
    this.journal = new Journal(0)
    this.databases = this.makeDatabases(0)
  }

  isStill(name: string): boolean {
    return this.still.size > 0 && this.still.has(SpacesRedis.slotOfText(name))
  }

  isElsewhere(name: string): boolean {
    return this.elsewhere.count > 0 && this.elsewhere.has(SpacesRedis.slotOfText(name))
  }

  /** Forgets all data, stored or not. Generations of what is stored from now on are above `since`, at which nobody began before. */
  reset(since: number): void {
    this.journal = new Journal(since)
    this.elsewhere = SlotSet.none
    this.usedBytes = 0
    this.eviction.reset()
    this.databases = this.makeDatabases(since)
    this.listener?.flushed(-1)
  }

  /** Copies of slots are counted from a time at which no other node, and not this one, began. */
  private makeDatabases(since: number): Array<Database> {
    let copies = since
    const makeKeys = this.isSlotted ? () => new SlottedTable<Entry>(() => copies++) : undefined
    return Array.from({ length: databasesCount }, (_, index) => new Database(index, this, makeKeys))
  }

  /** Who hears of all changes; undefined: nobody needs to. */
  listen(listener: Listener | undefined): void {
    this.listener = listener
  }

  /** Keys that were looked up or changed so far. */
  get used(): number {
    return this.counts.hits + this.counts.misses + this.versions
  }

  /**
   * Keys are as a record says that is stored: it has all of what they hold. Who watches them hears of it, and who waits for them when it is settled. Returns
   * what elements begin with that nobody reads any more.
   */
  become(record: Uint8Array): ReadonlyArray<Uint8Array> {
    this.advance()
    const garbage: Array<Uint8Array> = []
    const staging = new Staging(this)
    const { databaseAt } = staging
    const overlay = new Overlay(databaseAt, (prefix) => garbage.push(prefix))
    const loading = new Loading({ databaseAt, overlay, garbage: (prefix) => void garbage.push(prefix) })
    overlay.add(record)
    const gone: Array<Entry> = []
    const note = (entry: Entry | undefined): void => {
      if (entry === undefined) return
      const { database, elements, name } = entry
      if (elements !== undefined) garbage.push(Stored.elementsOf(database, name, elements.generation))
      gone.push(entry)
    }
    for (const layer of overlay.others()) {
      if (layer.head === undefined) note(this.databaseAt(layer.database).drop(layer.name))
      else loading.layer(layer)
    }
    const come = [...staging.entries()]
    for (const entry of come) {
      note(this.databaseAt(entry.database).adopt(entry))
      this.journal.rise(entry.elements?.generation ?? 0)
      entry.version = ++this.versions
      entry.use(this.now)
    }
    this.versions += 1
    this.journal.changes += come.length
    for (const entry of [...gone, ...come]) this.tell(entry, false)
    return garbage
  }

  /** It is as late as the clock says. */
  advance(): void {
    this.now = this.wallMillis()
  }

  /** Commands are done: whom they made ready goes on. */
  settle(): void {
    this.blocking.serve()
  }

  added(entry: Entry): void {
    if ((this.notified & classes.newKey) !== 0) {
      this.notify(classes.newKey, "new", this.numberOf(entry.database), entry.name)
    }
    this.changed(entry)
  }

  changed(entry: Entry): void {
    // That it came is no use of it.
    if (this.countsUses && entry.version !== 0) this.countUse(entry)
    entry.version = ++this.versions
    entry.use(this.now)
    this.weigh(entry)
    this.journal.changed(entry)
    this.tell(entry, false)
  }

  removed(entry: Entry, isExpired: boolean): void {
    this.versions += 1
    this.unweigh(entry)
    this.journal.removed(entry)
    this.tell(entry, isExpired)
    if (!isExpired) return
    this.counts.expired += 1
    this.notify(classes.expired, "expired", this.numberOf(entry.database), entry.name)
  }

  /** What has changed of the entry is nothing that anybody watches or waits for. */
  changedQuietly(entry: Entry): void {
    this.weigh(entry)
    this.journal.changed(entry)
  }

  /** Something is to be stored of the entry that is no change of data. */
  noted(entry: Entry): void {
    this.weigh(entry)
    this.journal.noted(entry)
  }

  weigh(entry: Entry): void {
    const heldBytes = Footprint.of(entry)
    // Mostly it is what it was.
    if (heldBytes === entry.heldBytes) return
    this.usedBytes += heldBytes - entry.heldBytes
    entry.heldBytes = heldBytes
  }

  unweigh(entry: Entry): void {
    this.usedBytes -= entry.heldBytes
    entry.heldBytes = 0
  }

  private countUse(entry: Entry): void {
    const { lfuDecayMinutes, lfuLogFactor } = this.settings
    const frequency = Frequency.decayed(entry, this.now, lfuDecayMinutes)
    entry.frequency = Frequency.raised(frequency, this.random(), lfuLogFactor)
  }

  /** Which keys go when there is too much; a name of `maxmemory-policy`. */
  setPolicy(policy: string): void {
    this.settings.maxMemoryPolicy = policy
    this.countsUses = policy.endsWith("lfu")
    this.eviction.reset()
  }

  /** Has keys go, those whose time has passed first, until so many bytes are free. */
  free(sizeBytes: number): Outcome {
    return this.eviction.run(sizeBytes)
  }

  evict(entry: Entry): void {
    this.databaseAt(entry.database).evict(entry)
    this.counts.evicted += 1
    this.notify(classes.evicted, "evicted", this.numberOf(entry.database), entry.name)
  }

  private tell({ database, name }: Entry, isExpired: boolean): void {
    const number = this.numberOf(database)
    if (this.blocking.count > 0) this.blocking.signal(number, name)
    this.listener?.changed(number, name, isExpired)
  }

  /** The number by which clients call the database with this index. */
  private numberOf(index: number): number {
    return this.databases[index].index === index ? index : this.databases.findIndex((each) => each.index === index)
  }

  met(entry: Entry | undefined): void {
    if (entry === undefined) this.counts.misses += 1
    else {
      this.counts.hits += 1
      if (this.countsUses) this.countUse(entry)
      entry.use(this.now)
    }
  }

  notify(kind: number, event: string, database: number, key: string): void {
    if ((this.notified & kind) !== 0) this.listener?.notify(kind, event, database, key)
  }

  /** Two databases exchange their numbers: who uses one sees the other's keys from now on. */
  swap(left: number, right: number): void {
    const { databases } = this
    const kept = databases[left]
    databases[left] = databases[right]
    databases[right] = kept
    this.journal.arranged(databases.map(({ index }) => index))
    this.versions += 1
    this.blocking.signalAll(left)
    this.blocking.signalAll(right)
    this.listener?.flushed(left)
    this.listener?.flushed(right)
  }

  /** As it was stored: by number, which database it is. */
  arrange(order: Uint8Array): void {
    const byIndex = [...this.databases].sort((left, right) => left.index - right.index)
    this.databases = Array.from(order, (index) => byIndex[index])
  }

  /** The database that was made with this index, whatever its number is. */
  databaseAt(index: number): Database {
    return this.databases[this.numberOf(index)]
  }

  /** Everything of a database, or of all (-1), goes; returns how much that was. */
  flush(database: number): number {
    let flushed = 0
    const { listener } = this
    // Nobody wants to hear of each key.
    this.listener = undefined
    for (const [number, each] of this.databases.entries())
      if (database < 0 || number === database) flushed += each.flush()
    this.listener = listener
    listener?.flushed(database)
    return flushed
  }

  /** Removes keys whose time has passed, at most `max` of each database; returns how many. */
  expire(max: number): number {
    if (!this.settings.isActivelyExpiring) return 0
    this.advance()
    if (this.now < this.keepsExpiredUntil) return 0
    let expired = 0
    for (const database of this.databases) expired += database.expireSome(max)
    if (expired > 0) this.settle()
    return expired
  }
}
