/**
 * Database: one of the numbered databases: keys, and when they expire. What it does to a key it tells the engine, so that it is stored, and that
 * others hear of it.
 *
 * A key whose time has passed is gone for whoever looks; looking removes it, and so does `expireSome`, which the engine calls now and then.
 */
import { assert } from "#base/Assert.ts"
import { type Deadline, Entry } from "./Entry.ts"
import { NamedTable } from "./NamedTable.ts"
import { SlottedTable } from "./SlottedTable.ts"
import type { Content } from "./Value.ts"

/** What a database needs of the engine. */
export interface Keeper {
  /** Milliseconds of the wall clock, as of the command that runs. */
  readonly now: number
  /** Until then keys whose time has passed stay, though nobody sees them. */
  readonly keepsExpiredUntil: number
  /** The key stays as it is, whatever its time. */
  isStill(key: string): boolean
  /** The key is another node's by now, and is yet to be forgotten. */
  isElsewhere(key: string): boolean
  random(): number
  /** The entry is new. */
  added(entry: Entry): void
  /** The entry is another now. */
  changed(entry: Entry): void
  /** It is not there any more. `isExpired`: its time had passed. */
  removed(entry: Entry, isExpired: boolean): void
  /** What the entry takes of memory is to be counted. */
  weigh(entry: Entry): void
  /** Nor is it any more. */
  unweigh(entry: Entry): void
  /** A key was looked up to be read. */
  met(entry: Entry | undefined): void
}

/** Deadlines that do not hold any more are dropped when there are so many times more of them than keys that expire. */
const staleMax = 2
const sparedMin = 64

/** So many keys tell how long those that expire have left. */
const askedMin = 64

/** Of an entry that was restored: not 0, which is that there is none, nor that of any change. */
export const restoredVersion = 1

/** It is still its entry's. */
const holds = (deadline: Deadline): boolean => deadline.entry.deadline === deadline

export class Database {
  readonly index: number
  private table: NamedTable<Entry>
  /** A binary heap by `at`; a deadline that is not its entry's any more is passed over. */
  private deadlines: Array<Deadline> = []
  /** Keys with a deadline. */
  expiring = 0
  private readonly keeper: Keeper
  private readonly makeKeys: () => NamedTable<Entry>

  /** `makeKeys`: where its keys lie, with none: by slots, where several nodes have them. */
  constructor(index: number, keeper: Keeper, makeKeys = (): NamedTable<Entry> => new NamedTable<Entry>()) {
    this.index = index
    this.keeper = keeper
    this.makeKeys = makeKeys
    this.table = makeKeys()
  }

  /** Where its keys lie, those included whose time has passed: to be looked at. */
  get keys(): NamedTable<Entry> {
    return this.table
  }

  /** Keys, those included whose time has passed and that nobody has met since. */
  get size(): number {
    return this.table.size
  }

  /** To be read. */
  get(key: string): Entry | undefined {
    const entry = this.peek(key)
    this.keeper.met(entry)
    return entry
  }

  /** To be changed: no statistics are kept of that. */
  peek(key: string): Entry | undefined {
    const entry = this.table.get(key)
    if (entry === undefined) return undefined
    const { now } = this.keeper
    if (entry.expiresAt === 0 || now < entry.expiresAt) return entry
    if (now >= this.keeper.keepsExpiredUntil && !this.keeper.isStill(key)) this.remove(entry, true)
    return undefined
  }

  /** Puts a content in place of whatever the key holds; it does not expire, unless `keepsTtl`. */
  set(key: string, content: Content, options?: { readonly keepsTtl?: boolean }): Entry {
    const existing = this.peek(key)
    if (existing === undefined) return this.add(key, content)
    if (options?.keepsTtl !== true) this.forgetDeadline(existing)
    existing.content = content
    this.keeper.changed(existing)
    return existing
  }

  /** A key that is not there, or whose time has passed. */
  add(key: string, content: Content): Entry {
    if (this.keeper.now < this.keeper.keepsExpiredUntil) this.clear(key)
    const entry = new Entry(key, this.index, content, this.keeper.now)
    this.table.set(key, entry)
    this.keeper.added(entry)
    return entry
  }

  /** The same, whatever the key holds: that goes, and what comes has its place, so a scan meets it. */
  replace(key: string, content: Content): Entry {
    const existing = this.peek(key)
    if (existing === undefined) return this.add(key, content)
    const entry = new Entry(key, this.index, content, this.keeper.now)
    this.table.set(key, entry)
    this.forgetDeadline(existing)
    this.keeper.removed(existing, false)
    this.keeper.added(entry)
    return entry
  }

  /** A key that is stored already: nobody is told. It is not there. `expiresAt`: milliseconds of the wall clock; 0: never. */
  restore(key: string, content: Content, expiresAt: number): Entry {
    const entry = new Entry(key, this.index, content, this.keeper.now)
    entry.isStored = true
    entry.version = restoredVersion
    this.table.add(key, entry)
    this.restoreAs(entry, content, expiresAt)
    return entry
  }

  /** An entry of another engine's, which is stored, in place of what is kept under its name: nobody is told. Returns what that was, as `drop` does. */
  adopt(entry: Entry): Entry | undefined {
    const existing = this.table.get(entry.name)
    if (existing !== undefined) this.forget(existing)
    entry.heldBytes = 0
    // It has the place of what was there: a scan meets it.
    this.table.set(entry.name, entry)
    this.keeper.weigh(entry)
    if (entry.deadline !== undefined) this.arm(entry.deadline)
    return existing
  }

  /** What was restored has another content: nobody is told. */
  restoreAs(entry: Entry, content: Content, expiresAt: number): void {
    this.forgetDeadline(entry)
    entry.content = content
    this.keeper.weigh(entry)
    if (expiresAt === 0) return
    entry.deadline = { at: expiresAt, entry }
    this.arm(entry.deadline)
  }

  /** What was restored is not there after all: nobody is told. */
  unrestore(entry: Entry): void {
    this.table.delete(entry.name)
    this.forgetDeadline(entry)
    this.keeper.unweigh(entry)
  }

  /** Whatever was kept under a name is not: nobody is told, and nothing of it is to be stored. */
  drop(key: string): Entry | undefined {
    const entry = this.table.get(key)
    if (entry === undefined) return undefined
    this.table.delete(key)
    this.forget(entry)
    return entry
  }

  /** One of the keys of a slot, where keys lie by slots; undefined: there is none. */
  anyOf(slot: number): Entry | undefined {
    const { table } = this
    assert(table instanceof SlottedTable, "slots come and go only where keys lie by slots")
    return table.in(slot).at(-1)
  }

  /** It is not in the table any more, or another has its place. */
  private forget(entry: Entry): void {
    entry.isGone = true
    this.forgetDeadline(entry)
    this.keeper.unweigh(entry)
  }

  delete(key: string): boolean {
    const entry = this.peek(key)
    if (entry === undefined) return false
    this.remove(entry, false)
    return true
  }

  /** What it holds has changed in place. */
  touched(entry: Entry): void {
    this.keeper.changed(entry)
  }

  /** After elements were taken out: a collection that is empty goes. True: it went. */
  dropIfEmpty(entry: Entry): boolean {
    const { content } = entry
    if (typeof content !== "object" || content.size > 0) return false
    this.remove(entry, false)
    return true
  }

  /** `at`: milliseconds of the wall clock; 0: never. */
  expireAt(entry: Entry, at: number): void {
    if (at === entry.expiresAt) return
    this.forgetDeadline(entry)
    if (at !== 0) {
      entry.deadline = { at, entry }
      this.arm(entry.deadline)
    }
    this.keeper.changed(entry)
  }

  /** One of the keys, each as likely as any other; undefined: there is none. */
  random(): Entry | undefined {
    for (;;) {
      const drawn = this.sample(false)
      // One that is kept though its time has passed is given after all: there may be no other.
      if (drawn === undefined || this.peek(drawn.name) !== undefined || this.find(drawn.name) !== undefined)
        return drawn
    }
  }

  /** The key as it is stored here, its time passed or not: nothing is noted, and nothing removed. */
  find(key: string): Entry | undefined {
    return this.table.get(key)
  }

  /** One of the keys, or of those that expire, each as likely as any other, its time passed or not. */
  sample(isExpiring: boolean): Entry | undefined {
    const draw = (): number => this.keeper.random()
    if (!isExpiring) return this.table.random(draw)
    // At most two in three deadlines do not hold any more, and few more than that.
    while (this.expiring > 0) {
      const deadline = this.deadlines[Math.floor(draw() * this.deadlines.length)]
      if (holds(deadline)) return deadline.entry
    }
    return undefined
  }

  /** Of those that expire, the next to do so. */
  soonest(): Entry | undefined {
    while (this.deadlines.length > 0) {
      const [first] = this.deadlines
      if (holds(first)) return first.entry
      this.popDeadline()
    }
    return undefined
  }

  /** Milliseconds that keys which expire have left, as some of them tell. */
  ttlMillis(): number {
    const { deadlines } = this
    const step = Math.max(1, Math.floor(deadlines.length / askedMin))
    let [asked, sum] = [0, 0]
    for (let place = 0; place < deadlines.length; place += step) {
      if (!holds(deadlines[place])) continue
      asked += 1
      sum += Math.max(0, deadlines[place].at - this.keeper.now)
    }
    return asked === 0 ? 0 : Math.floor(sum / asked)
  }

  /** Has a key go to make room. */
  evict(entry: Entry): void {
    this.remove(entry, false)
  }

  /** All entries. Nothing is added or removed meanwhile. */
  each(visit: (entry: Entry) => void): void {
    for (const [, entry] of this.table) visit(entry)
  }

  /** Removes everything; returns how much that was. */
  flush(): number {
    const { size } = this.table
    const { table } = this
    this.table = this.makeKeys()
    this.deadlines = []
    this.expiring = 0
    for (const [name, entry] of table) {
      if (this.keeper.isElsewhere(name)) this.keeper.unweigh(entry)
      else this.keeper.removed(entry, false)
    }
    return size
  }

  /** Removes at most `max` keys whose time has passed; returns how many. */
  expireSome(max: number): number {
    let expired = 0
    while (expired < max && this.deadlines.length > 0) {
      const [first] = this.deadlines
      if (first.at > this.keeper.now) break
      // Those behind it wait with it: not for long.
      if (holds(first) && this.keeper.isStill(first.entry.name)) break
      this.popDeadline()
      if (!holds(first)) continue
      this.remove(first.entry, true)
      expired += 1
    }
    return expired
  }

  private remove(entry: Entry, isExpired: boolean): void {
    this.table.delete(entry.name)
    this.forgetDeadline(entry)
    this.keeper.removed(entry, isExpired)
  }

  /** What is kept under this name, though its time has passed, makes room. */
  private clear(key: string): void {
    const kept = this.table.get(key)
    if (kept !== undefined) this.remove(kept, true)
  }

  private forgetDeadline(entry: Entry): void {
    if (entry.deadline === undefined) return
    entry.deadline = undefined
    this.expiring -= 1
  }

  private arm(deadline: Deadline): void {
    this.expiring += 1
    if (this.deadlines.length > staleMax * this.expiring + sparedMin) {
      this.deadlines = this.deadlines.filter(holds).sort((left, right) => left.at - right.at)
    }
    this.pushDeadline(deadline)
  }

  private pushDeadline(deadline: Deadline): void {
    const { deadlines } = this
    let place = deadlines.length
    deadlines.push(deadline)
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (deadlines[parent].at <= deadline.at) break
      deadlines[place] = deadlines[parent]
      place = parent
    }
    deadlines[place] = deadline
  }

  private popDeadline(): void {
    const { deadlines } = this
    const last = deadlines.pop()!
    const { length } = deadlines
    if (length === 0) return
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      if (child >= length) break
      if (child + 1 < length && deadlines[child + 1].at < deadlines[child].at) child += 1
      if (last.at <= deadlines[child].at) break
      deadlines[place] = deadlines[child]
      place = child
    }
    deadlines[place] = last
  }
}
