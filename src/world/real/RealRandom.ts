/**
 * RealRandom: Effect's `Random` from Orbit's own generator (sfc32), seeded once from the operating system.
 *
 * For jitter, sampling and tie-breaking: no output of it is a secret, and none identifies anything. One generator for
 * both worlds, so that what a simulation explores is what production draws from; 3.5 ns a draw.
 */
import { randomBytes } from "node:crypto"
import type * as Random from "effect/Random"
import { Prng } from "#base/Prng.ts"

/** The generator's author lets it run this many steps until every seed bit has reached every word. */
const warmUpDraws = 12

export class RealRandom implements Random.Random {
  private readonly prng: Prng

  constructor() {
    const seed = randomBytes(16)
    this.prng = new Prng(seed.readInt32LE(0), seed.readInt32LE(4), seed.readInt32LE(8), seed.readInt32LE(12))
    for (let draw = 0; draw < warmUpDraws; draw++) this.prng.next()
  }

  nextDoubleUnsafe(): number {
    return this.prng.double()
  }

  /**
   * Any safe integer: a sign and 53 bits of magnitude from three draws. (Effect's own generators scale a 53-bit double to
   * 54 bits instead, and so return odd integers only.)
   */
  nextIntUnsafe(): number {
    const magnitude = this.prng.double() * 9007199254740992
    return (this.prng.next() & 1) === 0 || magnitude === 0 ? magnitude : -magnitude
  }
}
