/**
 * Metrics: what a node counts, as Prometheus reads it (text format 0.0.4). Counting is plain arithmetic; all else happens when somebody asks.
 *
 * Names follow Prometheus's conventions: base units in the name, `_total` behind what only rises. A family is registered once, with its help; what is
 * emitted stands in `docs/server.md`, which a test compares.
 */
import { assert } from "#base/Assert.ts"

export type Labels = Readonly<Record<string, string>>

export interface Sample {
  readonly labels?: Labels
  readonly value: number
}

type Type = "counter" | "gauge" | "histogram"

export interface Meta {
  readonly name: string
  readonly type: Type
  readonly help: string
}

interface Family extends Meta {
  readonly lines: () => ReadonlyArray<string>
}

const namePattern = /^[a-z_][a-z0-9_]*$/

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')

const labelled = (labels: Labels | undefined): string => {
  const pairs = Object.entries(labels ?? {}).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`
}

const shown = (value: number): string => {
  if (value === Infinity) return "+Inf"
  return value === -Infinity ? "-Inf" : String(value)
}

/** Series that one family keeps; what comes when there are so many already is counted under the label `other`. */
const seriesMax = 1_000

/** Counts by one label. */
export class Counters {
  private readonly label: string
  private readonly counts = new Map<string, number>()

  constructor(label: string) {
    this.label = label
  }

  add(of: string, count = 1): void {
    const known = this.counts.get(of)
    if (known !== undefined || this.counts.size < seriesMax) this.counts.set(of, (known ?? 0) + count)
    else this.counts.set("other", (this.counts.get("other") ?? 0) + count)
  }

  samples(): ReadonlyArray<Sample> {
    return [...this.counts].map(([of, value]) => ({ labels: { [this.label]: of }, value }))
  }
}

/** How values are distributed: how many are at most each bound. */
export class Histogram {
  private readonly bounds: ReadonlyArray<number>
  private readonly counts: Array<number>
  private sum = 0

  /** `bounds` rise. */
  constructor(bounds: ReadonlyArray<number>) {
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  observe(value: number): void {
    let bucket = 0
    while (bucket < this.bounds.length && value > this.bounds[bucket]) bucket++
    this.counts[bucket]++
    this.sum += value
  }

  lines(name: string): ReadonlyArray<string> {
    let total = 0
    const buckets = this.counts.map((count, at) => {
      total += count
      return `${name}_bucket{le="${shown(this.bounds[at] ?? Infinity)}"} ${total}`
    })
    return [...buckets, `${name}_sum ${shown(this.sum)}`, `${name}_count ${total}`]
  }
}

/** From a tenth of a millisecond to ten seconds. */
export const secondsBounds = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10
]

export class Metrics {
  private readonly all = new Map<string, Family>()

  private register(family: Family): void {
    assert(namePattern.test(family.name), "a metric's name is of small letters, digits and _")
    assert(!this.all.has(family.name), "a metric is registered once")
    assert((family.type === "counter") === family.name.endsWith("_total"), "counters alone end in _total")
    this.all.set(family.name, family)
  }

  /** What is read when somebody asks. */
  read(
    meta: Omit<Meta, "type"> & { readonly type: "counter" | "gauge" },
    of: () => number | ReadonlyArray<Sample>
  ): void {
    const lines = (): ReadonlyArray<string> => {
      const read = of()
      const samples = typeof read === "number" ? [{ value: read }] : read
      return samples.map(({ labels, value }: Sample) => `${meta.name}${labelled(labels)} ${shown(value)}`)
    }
    this.register({ ...meta, lines })
  }

  counters(name: string, help: string, label: string): Counters {
    const counters = new Counters(label)
    this.read({ name, help, type: "counter" }, () => counters.samples())
    return counters
  }

  histogram(name: string, help: string, bounds: ReadonlyArray<number>): Histogram {
    const histogram = new Histogram(bounds)
    this.register({ name, help, type: "histogram", lines: () => histogram.lines(name) })
    return histogram
  }

  /** In the order of their names. */
  families(): ReadonlyArray<Meta> {
    return [...this.all.values()].sort((left, right) => (left.name < right.name ? -1 : 1))
  }

  /** The page that Prometheus reads. A family without samples is named all the same. */
  text(): string {
    const parts: Array<string> = []
    for (const { help, name, type } of this.families()) {
      parts.push(`# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`, `# TYPE ${name} ${type}`)
      parts.push(...this.all.get(name)!.lines())
    }
    return `${parts.join("\n")}\n`
  }
}
