/** SlotSet: some of the slots of Redis's keys: a bit each. */
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"

/** Both included. */
export type SlotRange = readonly [first: number, last: number]

const words = SpacesRedis.slots / 32

const full = 0xffff_ffff

const bitsIn = (word: number): number => {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

export class SlotSet {
  private readonly bits = new Uint32Array(words)
  private counted = 0

  static of(ranges: ReadonlyArray<SlotRange>): SlotSet {
    const set = new SlotSet()
    for (const [first, last] of ranges) set.addAll(first, last)
    return set
  }

  static readonly none: SlotSet = SlotSet.of([])
  static readonly all: SlotSet = SlotSet.of([[0, SpacesRedis.slots - 1]])

  /** How many there are. */
  get count(): number {
    return this.counted
  }

  has(slot: number): boolean {
    return ((this.bits[slot >>> 5] >>> (slot & 31)) & 1) === 1
  }

  /** Rising. */
  get list(): ReadonlyArray<number> {
    const found: Array<number> = []
    for (let at = 0; at < words; at++) {
      for (let word = this.bits[at]; word !== 0; word &= word - 1) found.push(32 * at + 31 - Math.clz32(word & -word))
    }
    return found
  }

  /** Rising, with others between each two. */
  get ranges(): ReadonlyArray<SlotRange> {
    const found: Array<SlotRange> = []
    const end = SpacesRedis.slots
    for (let first = this.next(0, true); first < end;) {
      const after = this.next(first, false)
      found.push([first, after - 1])
      first = this.next(after, true)
    }
    return found
  }

  /** The other one has all of them. */
  isWithin(other: SlotSet): boolean {
    return this.bits.every((word, at) => (word & ~other.bits[at]) === 0)
  }

  and(other: SlotSet): SlotSet {
    return this.with(other, (own, others) => own | others)
  }

  within(other: SlotSet): SlotSet {
    return this.with(other, (own, others) => own & others)
  }

  without(other: SlotSet): SlotSet {
    return this.with(other, (own, others) => own & ~others)
  }

  /** The last of them, at most so many. */
  last(max: number): SlotSet {
    const set = new SlotSet()
    for (let slot = SpacesRedis.slots - 1; slot >= 0 && set.counted < max; slot--) if (this.has(slot)) set.add(slot)
    return set
  }

  /** The first from there on that is one of them, or is not; how many slots there are: there is none. */
  private next(from: number, isMember: boolean): number {
    const skipped = isMember ? 0 : full
    for (let slot = from; slot < SpacesRedis.slots; slot++) {
      while ((slot & 31) === 0 && slot < SpacesRedis.slots && this.bits[slot >>> 5] === skipped) slot += 32
      if (slot < SpacesRedis.slots && this.has(slot) === isMember) return slot
    }
    return SpacesRedis.slots
  }

  private addAll(first: number, last: number): void {
    for (let slot = first; slot <= last; slot++) {
      while ((slot & 31) === 0 && slot + 31 <= last && this.bits[slot >>> 5] === 0) {
        this.bits[slot >>> 5] = full
        this.counted += 32
        slot += 32
      }
      if (slot <= last) this.add(slot)
    }
  }

  private add(slot: number): void {
    if (this.has(slot)) return
    this.bits[slot >>> 5] |= 1 << (slot & 31)
    this.counted += 1
  }

  private with(other: SlotSet, wordOf: (own: number, others: number) => number): SlotSet {
    const set = new SlotSet()
    for (let at = 0; at < words; at++) {
      set.bits[at] = wordOf(this.bits[at], other.bits[at])
      set.counted += bitsIn(set.bits[at])
    }
    return set
  }
}
