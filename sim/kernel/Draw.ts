/** Draw: the generator's side of randomness, for decisions that are made before a run and stored in its plan. */

/** Where draws come from: a generator, or choices that somebody made. */
export interface Source {
  /** An integer in [0, bound). */
  below(bound: number): number
}

export class Draw {
  private readonly source: Source

  constructor(source: Source) {
    this.source = source
  }

  /** A uniform integer in [0, bound). */
  below(bound: number): number {
    return this.source.below(bound)
  }

  /** A uniform integer in [low, high], both included. */
  between(low: number, high: number): number {
    return low + this.source.below(high - low + 1)
  }

  /** True `numerator` times in `denominator`. */
  chance(numerator: number, denominator: number): boolean {
    return this.source.below(denominator) < numerator
  }

  pick<A>(values: ReadonlyArray<A>): A {
    return values[this.source.below(values.length)]
  }

  /** `count` different values, in random order; all of them when there are fewer. */
  sample<A>(values: ReadonlyArray<A>, count: number): Array<A> {
    const rest = [...values]
    const taken: Array<A> = []
    while (taken.length < count && rest.length > 0) {
      taken.push(...rest.splice(this.source.below(rest.length), 1))
    }
    return taken
  }
}
