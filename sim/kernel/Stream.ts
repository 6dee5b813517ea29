/**
 * Named streams of decisions. Every choice of a simulated run is drawn from a stream of its own purpose
 * (`net/n0>n1/delay`, `schedule/pick`), so that a draw more in one place never moves a draw in another.
 *
 * A decision is an integer in [0, bound), and 0 is always its calm value: no extra delay, no loss, no preemption, first
 * in first out. Streams run in one of three ways: they draw; they draw and write down (`journal`); or they replay
 * what was written down, calm where nothing is.
 */
import seedrandom from "seedrandom"
import { Prng } from "#base/Prng.ts"

/** The generator for a name under a seed: `seedrandom` (Alea) spreads the text over a state, sfc32 draws from it. */
export const prngOf = (seed: string, name: string): Prng => {
  const spread = seedrandom.alea(`${seed}\u0000${name}`)
  return new Prng(spread.int32(), spread.int32(), spread.int32(), spread.int32())
}

export class Stream {
  readonly name: string
  private readonly prng: Prng | undefined
  private readonly replayed: Map<number, number> | undefined
  private readonly written: Array<number> | undefined
  private index = 0

  constructor(
    name: string,
    prng: Prng | undefined,
    replayed: Map<number, number> | undefined,
    written: Array<number> | undefined
  ) {
    this.name = name
    this.prng = prng
    this.replayed = replayed
    this.written = written
  }

  /** A uniform integer in [0, bound), bound in [1, 2^32]. */
  below(bound: number): number {
    if (this.prng !== undefined) {
      const value = this.prng.below(bound)
      if (this.written !== undefined) {
        if (value !== 0) this.written.push(this.index, value)
        this.index++
      }
      return value
    }
    return Math.min(this.recall(), bound - 1)
  }

  /** The decision that was written down for this place; what is recalled is written down again. */
  private recall(): number {
    const index = this.index++
    const value = this.replayed?.get(index)
    if (value === undefined) return 0
    this.written?.push(index, value)
    return value
  }

  /** True `numerator` times in `denominator`. A chance of none decides nothing and draws nothing. */
  chance(numerator: number, denominator: number): boolean {
    if (numerator <= 0) return false
    if (this.prng !== undefined) {
      const hit = this.prng.below(denominator) < numerator
      if (this.written !== undefined) {
        if (hit) this.written.push(this.index, 1)
        this.index++
      }
      return hit
    }
    return this.recall() !== 0
  }
}

/** All streams of a run, made when first asked for. */
export class Streams {
  private readonly seed: string
  private readonly streams = new Map<string, Stream>()
  private readonly replay: Readonly<Record<string, ReadonlyArray<number>>> | undefined
  private readonly written: Map<string, Array<number>> | undefined

  constructor(options: {
    readonly seed: string
    /** Replays these decisions and draws nothing. */
    readonly replay?: Readonly<Record<string, ReadonlyArray<number>>> | undefined
    /** Writes down what is drawn. */
    readonly journal?: boolean | undefined
  }) {
    this.seed = options.seed
    this.replay = options.replay
    this.written = options.journal === true ? new Map() : undefined
  }

  get(name: string): Stream {
    let stream = this.streams.get(name)
    if (stream === undefined) {
      stream = this.make(name)
      this.streams.set(name, stream)
    }
    return stream
  }

  private make(name: string): Stream {
    let written: Array<number> | undefined
    if (this.written !== undefined) {
      written = []
      this.written.set(name, written)
    }
    if (this.replay !== undefined) {
      const pairs = Object.hasOwn(this.replay, name) ? this.replay[name] : []
      const values = new Map<number, number>()
      for (let i = 0; i + 1 < pairs.length; i += 2) values.set(pairs[i], pairs[i + 1])
      return new Stream(name, undefined, values, written)
    }
    return new Stream(name, prngOf(this.seed, name), undefined, written)
  }

  /** What was written down, streams sorted by name, calm ones left out. In a replay: what was recalled. */
  decisions(): Readonly<Record<string, ReadonlyArray<number>>> | undefined {
    if (this.written === undefined) return undefined
    const entries = [...this.written].filter(([, pairs]) => pairs.length > 0)
    entries.sort(([left], [right]) => (left < right ? -1 : 1))
    return Object.fromEntries(entries)
  }
}
