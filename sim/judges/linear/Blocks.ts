/**
 * Blocks: where a history tells which operations must stand together in any linearization, and in which order within, it
 * is decided in linear time (Gibbons and Korach, "Testing Shared Memories", 1997, who have a block for each write).
 *
 *   from the first return in a block to its last call, nothing else can stand: a forward zone;
 *   where the last call comes first, there is some moment between them for the whole block: a backward zone.
 *
 * Blocks can be put in an order exactly when no two forward zones overlap and no backward zone lies within a forward one:
 * block A must come before block B when A's first return is before B's last call, and such a relation has a cycle only
 * where it has one of two.
 */
import { never } from "./Entries.ts"
import type { Part } from "./Part.ts"

/** The block of each operation: 1 + one of the operations, 0 for what must stand first, or one of the two below. */
export type BlockOf = Int32Array

/** The operation constrains nothing. */
export const ignored = -1
/** The operation has no place in any block, so it cannot have returned. */
export const impossible = -2

export class Blocks {
  private readonly part: Part
  /** 1 for operations that need not be in their block unless they returned. */
  private readonly reads: Uint8Array
  private readonly firstReturns: Int32Array
  private readonly lastCalls: Int32Array
  private readonly reached: Int32Array
  private readonly zones: Int32Array

  constructor(part: Part, reads: Uint8Array) {
    this.part = part
    this.reads = reads
    this.firstReturns = new Int32Array(part.length + 1)
    this.lastCalls = new Int32Array(part.length + 1)
    this.reached = new Int32Array(part.length + 1)
    this.zones = new Int32Array(part.events.length)
  }

  /**
   * Whether what was called before a place has an order that keeps blocks together, levels within a block ascending, and
   * time. A block of which nothing returned is not known to have happened.
   */
  fit(blockOf: BlockOf, levelOf: Int32Array, horizon: number): boolean {
    const { firstReturns, lastCalls, reached, reads } = this
    const { events, returns } = this.part
    firstReturns.fill(never)
    lastCalls.fill(-1)
    reached.fill(-1)
    const end = Math.min(horizon, events.length)
    for (let place = 0; place < end; place += 1) {
      const operation = events[place]! >> 1
      const block = blockOf[operation]!
      if (block === ignored || (reads[operation] === 1 && returns[operation]! >= horizon)) continue
      if (block === impossible) return false
      if ((events[place]! & 1) === 0) {
        if (levelOf[operation]! < reached[block]!) return false
        lastCalls[block] = place
      } else {
        if (levelOf[operation]! > reached[block]!) reached[block] = levelOf[operation]!
        if (firstReturns[block] === never) firstReturns[block] = place
      }
    }
    return this.disjoint()
  }

  private disjoint(): boolean {
    const { firstReturns, lastCalls, zones } = this
    zones.fill(0)
    for (let block = 1; block < firstReturns.length; block += 1) {
      const first = firstReturns[block]!
      if (first === never) continue
      if (first < lastCalls[block]!) zones[first] = block
      else zones[lastCalls[block]!] = -block
    }
    /** Where the latest forward zone ends; forward zones found so far do not overlap. */
    let forwardEnd = firstReturns[0] === never ? -1 : lastCalls[0]!
    for (let place = 0; place < zones.length; place += 1) {
      const block = zones[place]!
      if (block > 0) {
        if (place < forwardEnd) return false
        forwardEnd = lastCalls[block]!
      } else if (block < 0 && firstReturns[-block]! < forwardEnd) return false
    }
    return true
  }
}
