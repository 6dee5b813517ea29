/**
 * Load: how much a range is asked, and where it would be cut so that each half is asked about as much (the load-based splitting of CockroachDB,
 * its split decider). What is asked is counted in windows of a second. From the first window over the bound on, some keys that are asked for are
 * sampled, all equally likely, and it is counted for each how many requests lie before it, behind it, and on both sides.
 *
 * Only a range that was over the bound in each of so many windows in a row is cut, and only where both sides are asked about as much and few
 * requests are about both: a single key that all ask for cannot be cut, and what is read and written together would cost a second phase.
 *
 * Pure. Of a request below the bound it costs one addition.
 */
import * as Keys from "#storage/Keys.ts"

export interface Options {
  /** Requests a second; more are too many for one range. Infinity: none are. */
  readonly perSecondMax: number
  /** A whole number below the bound, each equally likely. */
  readonly below: (bound: number) => number
}

const windowMicros = 1_000_000
/** Windows in a row before a range is cut. */
const windowsMin = 10
/** Windows without sampling where no key was found: a range that cannot be cut is not looked at all the time. */
const windowsRested = 60
const samplesMax = 20
/** Requests that a sample has to have seen. */
const seenMin = 100
/** Of all requests: how many more one side may have than the other, and how many may be about both. */
const imbalanceMax = 0.25
const acrossMax = 0.2

interface Sample {
  key: Uint8Array
  before: number
  behind: number
  across: number
}

export class Load {
  private readonly options: Options
  private requests = 0
  private rate = 0
  private sinceMicros: number | undefined
  /** Undefined: it is not sampled. */
  private samples: Array<Sample> | undefined
  private sampled = 0
  private windows = 0
  private restedWindows = 0

  constructor(options: Options) {
    this.options = options
  }

  /** Requests a second, in the last window. */
  get perSecond(): number {
    return this.rate
  }

  /** So much that it is not to be taken in by a neighbour: together they might be over the bound. */
  get isHigh(): boolean {
    return this.rate > this.options.perSecondMax / 2
  }

  /** A request has come; true: it wants to know about which keys (`asked`). */
  count(): boolean {
    this.requests++
    return this.samples !== undefined
  }

  /** The first and the last key that a request is about. */
  asked(first: Uint8Array, last: Uint8Array): void {
    const { samples } = this
    if (samples === undefined) return
    for (const sample of samples) {
      if (Keys.compare(last, sample.key) < 0) sample.before++
      else if (Keys.compare(first, sample.key) >= 0) sample.behind++
      else sample.across++
    }
    const { below } = this.options
    const at = samples.length < samplesMax ? samples.length : below(++this.sampled + samplesMax)
    if (at < samplesMax) samples[at] = { key: below(2) === 0 ? first : last, before: 0, behind: 0, across: 0 }
  }

  /** To be called several times a window. A key: the range is to be cut there. */
  look(nowMicros: number): Uint8Array | undefined {
    const { perSecondMax } = this.options
    this.sinceMicros ??= nowMicros
    const passedMicros = nowMicros - this.sinceMicros
    if (passedMicros < windowMicros) return undefined
    this.rate = (this.requests * 1_000_000) / passedMicros
    this.requests = 0
    this.sinceMicros = nowMicros
    if (this.restedWindows > 0) this.restedWindows--
    if (this.rate <= perSecondMax) {
      this.rest(0)
      return undefined
    }
    if (this.restedWindows > 0) return undefined
    this.samples ??= []
    if (++this.windows <= windowsMin) return undefined
    const key = best(this.samples)
    this.rest(key === undefined ? windowsRested : 0)
    return key
  }

  private rest(windows: number): void {
    this.samples = undefined
    this.sampled = 0
    this.windows = 0
    if (windows > 0) this.restedWindows = windows
  }
}

const best = (samples: ReadonlyArray<Sample>): Uint8Array | undefined => {
  let found: { readonly key: Uint8Array; readonly score: number } | undefined
  for (const { across, before, behind, key } of samples) {
    const seen = before + behind + across
    const imbalance = Math.abs(before - behind) / Math.max(1, before + behind)
    if (seen < seenMin || imbalance > imbalanceMax || across > acrossMax * seen) continue
    const score = imbalance + across / seen
    if (found === undefined || score < found.score) found = { key, score }
  }
  return found?.key
}
