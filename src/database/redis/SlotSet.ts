/** SlotSet: some of the slots of Redis's keys. */
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"

/** Both included. */
export type SlotRange = readonly [first: number, last: number]

export class SlotSet {
  private readonly flags = new Uint8Array(SpacesRedis.slots)
  private counted = 0

  static of(ranges: ReadonlyArray<SlotRange>): SlotSet {
    const set = new SlotSet()
    for (const [first, last] of ranges) {
      set.flags.fill(1, first, last + 1)
    }
    set.counted = set.flags.reduce((sum, flag) => sum + flag, 0)
    return set
  }

  static readonly none: SlotSet = SlotSet.of([])
  static readonly all: SlotSet = SlotSet.of([[0, SpacesRedis.slots - 1]])

  /** How many there are. */
  get count(): number {
    return this.counted
  }

  has(slot: number): boolean {
    return this.flags[slot] === 1
  }

  /** Rising, with others between each two. */
  get ranges(): ReadonlyArray<SlotRange> {
    const found: Array<SlotRange> = []
    for (let first = this.flags.indexOf(1); first >= 0; first = this.flags.indexOf(1, first)) {
      const end = this.flags.indexOf(0, first)
      const last = (end < 0 ? SpacesRedis.slots : end) - 1
      found.push([first, last])
      first = last + 1
    }
    return found
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
    for (let slot = SpacesRedis.slots - 1; slot >= 0 && set.counted < max; slot--) {
      set.flags[slot] = this.flags[slot]
      set.counted += this.flags[slot]
    }
    return set
  }

  private with(other: SlotSet, flagOf: (own: number, others: number) => number): SlotSet {
    const set = new SlotSet()
    for (let slot = 0; slot < SpacesRedis.slots; slot++) {
      set.flags[slot] = flagOf(this.flags[slot], other.flags[slot])
      set.counted += set.flags[slot]
    }
    return set
  }
}
