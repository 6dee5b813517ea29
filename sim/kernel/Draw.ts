/** Draw: the generator's side of randomness, for decisions that are made before a run and stored in its plan. */
import type { Prng } from "#base/Prng.ts"

export class Draw {
  private readonly prng: Prng

  constructor(prng: Prng) {
    this.prng = prng
  }

  /** A uniform integer in [0, bound). */
  below(bound: number): number {
    return this.prng.below(bound)
  }

  /** A uniform integer in [low, high], both included. */
  between(low: number, high: number): number {
    return low + this.prng.below(high - low + 1)
  }

  /** True `numerator` times in `denominator`. */
  chance(numerator: number, denominator: number): boolean {
    return this.prng.below(denominator) < numerator
  }

  pick<A>(values: ReadonlyArray<A>): A {
    return values[this.prng.below(values.length)]
  }

  /** `count` different values, in random order; all of them when there are fewer. */
  sample<A>(values: ReadonlyArray<A>, count: number): Array<A> {
    const rest = [...values]
    const taken: Array<A> = []
    while (taken.length < count && rest.length > 0) {
      taken.push(...rest.splice(this.prng.below(rest.length), 1))
    }
    return taken
  }
}
