/** SlotSet: some of the slots of Redis's keys: a bit each. */
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"

/** Both included. */
export type SlotRange = readonly [first: number, last: number]

const words = SpacesRedis.slots / 32

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
    for (const [first, last] of ranges) for (let slot = first; slot <= last; slot++) set.add(slot)
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
    const found: Array<[first: number, last: number]> = []
    for (const slot of this.list) {
      const before = found.at(-1)
      if (before?.[1] === slot - 1) before[1] = slot
      else found.push([slot, slot])
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

  without(other: SlotSet): SlotSet {
    return this.with(other, (own, others) => own & ~others)
  }

  /** The last of them, at most so many. */
  last(max: number): SlotSet {
    const set = new SlotSet()
    for (let slot = SpacesRedis.slots - 1; slot >= 0 && set.counted < max; slot--) if (this.has(slot)) set.add(slot)
    return set
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
