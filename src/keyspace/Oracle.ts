/**
 * Oracle: gives out timestamps, pure: the part of the system range's leaseholder. It gives from memory, up to a bound that is replicated
 * before anything below it is given; so a leader that comes after begins at the bound, above all that was given before it (Percolator, OSDI
 * 2010, section 2.1).
 *
 * Promises: no timestamp is given twice, by this or by any other leader's oracle; those of one rise. They follow the wall clock where it
 * lets them, and go on without it where it stands still, goes back or is wrong: nothing rests on it.
 *
 * Its driver's duties:
 * 1. Make one for each leadership, once its first read of the replicated bound is linearizable, and forget it with the leadership.
 * 2. Before each `give`, a linearizable read of the system range: or a leader that does not know yet that it is none would give timestamps
 *    that are lower than what its successor gave before.
 * 3. After each `give`, ask `wanted`; replicate what it says, then call `raised` or `failed`. The replicated bound never goes down.
 */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import type { Timestamp } from "./Request.ts"

/** A clock that cannot be right says nothing. */
const heard = (wallMicros: number): number => (wallMicros < Limits.wallMicrosMax ? Math.floor(wallMicros) : 0)

export class Oracle {
  /** The last one that was given. */
  private last: Timestamp
  /** Replicated: what is given is not above it. */
  private bound: Timestamp
  private isRaising = false
  private readonly aheadMicros: number

  constructor(bound: Timestamp, aheadMicros: number = Limits.oracleAheadMicros) {
    this.last = bound
    this.bound = bound
    this.aheadMicros = aheadMicros
  }

  /** So many, the last of which is returned: they are the numbers up to it. Undefined: the bound is to be raised first. */
  give(count: number, wallMicros: number): Timestamp | undefined {
    assert(
      Number.isInteger(count) && count > 0 && count <= Limits.timestampsMax,
      "timestamps are given one or more at a time"
    )
    const wall = heard(wallMicros)
    // One that is far behind the clock would make what it names look old as soon as the bound follows.
    if (Math.max(this.last + count, wall) > this.bound) return undefined
    this.last = Math.max(this.last + count, wall)
    return this.last
  }

  /** What the bound should be: undefined, as it is. It is told once, until `raised` or `failed`. */
  wanted(count: number, wallMicros: number): Timestamp | undefined {
    if (this.isRaising) return undefined
    const used = Math.max(this.last + count, heard(wallMicros))
    // With half of it left there is time to raise it before anybody has to wait.
    if (this.bound - used >= this.aheadMicros / 2) return undefined
    assert(Number.isSafeInteger(used + this.aheadMicros), "timestamps are below 2^53")
    this.isRaising = true
    return used + this.aheadMicros
  }

  /** The bound was replicated. */
  raised(bound: Timestamp): void {
    this.isRaising = false
    this.bound = Math.max(this.bound, bound)
  }

  /** Nobody knows whether it was: `wanted` tells again. */
  failed(): void {
    this.isRaising = false
  }
}
