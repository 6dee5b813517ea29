/**
 * Durations: how often something took how long, by classes: each doubling of nanoseconds has 128 of them, so a class is known to less than a
 * hundredth of its size. Source: HdrHistogram with two digits, as Redis 7.0 keeps one for each command.
 */

/** Classes of a doubling, as a power of two. */
const stepBits = 7
const steps = 1 << stepBits
/** More than a second is a second. */
const nanosMax = 1_000_000_000
const classesCount = 2 * steps + (30 - stepBits - 1) * steps
const micro = 1_000

const classOf = (nanos: number): number => {
  const shift = Math.max(0, 31 - Math.clz32(nanos) - stepBits)
  return shift * steps + (nanos >> shift)
}

/** The largest number of a class. */
const lastOf = (at: number): number => {
  const shift = Math.max(0, (at >> stepBits) - 1)
  return (at - shift * steps + 1) * (1 << shift) - 1
}

export class Durations {
  private readonly counts = new Float64Array(classesCount)
  /** How many there were. */
  total = 0

  add(nanos: number, count: number): void {
    const bounded = Math.min(nanosMax, Math.max(1, Math.floor(nanos)))
    this.counts[classOf(bounded)] += count
    this.total += count
  }

  /** Nanoseconds that `percent` of all took at most. */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.ceil((percent / 100) * this.total))
    let seen = 0
    for (let at = 0; at < classesCount; at++) {
      seen += this.counts[at]
      if (seen >= wanted) return lastOf(at)
    }
    return nanosMax
  }

  /** For 1 µs, 2, 4 and so on, how many took at most that long, as far as there are more of them. */
  cumulated(): ReadonlyArray<readonly [micros: number, count: number]> {
    const found: Array<readonly [number, number]> = []
    let seen = 0
    let at = 0
    for (let limit = 1_024; seen < this.total; limit *= 2) {
      const before = seen
      for (const end = Math.min(classOf(Math.min(limit, nanosMax)), classesCount - 1); at <= end; at++) {
        seen += this.counts[at]
      }
      if (seen > before) found.push([Math.floor(lastOf(at - 1) / micro), seen])
    }
    return found
  }
}
