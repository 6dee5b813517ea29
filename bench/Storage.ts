/**
 * How fast the engines are, beside LevelDB (`classic-level`) and LMDB (`lmdb`), in one process and on one disk. Each measurement
 * gives every store a directory of its own; rounds alternate their order, and medians count. Where a store took part in fewer entries than it was
 * to load, because its time was over, the report says so.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { cpus, tmpdir } from "node:os"
import { join } from "node:path"
import { hostMillis } from "#sim/kernel/Tripwire.ts"
import * as Measures from "./StorageMeasures.ts"
import * as Stores from "./StorageStores.ts"

/** By store. */
export type Values = Readonly<Record<string, number>>

export interface Row {
  readonly name: string
  readonly unit: "a second" | "a CPU second" | "µs of CPU" | "times" | "ms" | "s"
  readonly values: Values
  /** What is asked of one of ours, and whether it is so. */
  readonly aim?: string
  readonly met?: boolean
}

export interface Report {
  readonly machine: string
  readonly node: string
  readonly rounds: number
  readonly entries: number
  readonly rows: ReadonlyArray<Row>
  readonly notes: ReadonlyArray<string>
}

export interface Options {
  readonly rounds: number
  readonly quick: boolean
  /** Names of the stores that take part; all when it is undefined. */
  readonly engines: ReadonlyArray<string> | undefined
  /** Where the stores are; a new temporary directory when it is undefined. */
  readonly directory: string | undefined
  readonly progress: (text: string) => void
}

export const names: ReadonlyArray<string> = Stores.all.map((contender) => contender.name)

const mebibyte = 1_048_576

/** Of every store's caches and buffers. */
const memoryBytesMax = 64 * mebibyte

interface Scale {
  readonly entries: number
  readonly loadSecondsMax: number
  readonly durableMillis: number
  readonly recoveryEntries: number
  readonly hotEntries: number
}

const full: Scale = {
  entries: 10_000_000,
  loadSecondsMax: 600,
  durableMillis: 3_000,
  recoveryEntries: 9_300_000,
  hotEntries: 100_000
}

const small: Scale = {
  entries: 500_000,
  loadSecondsMax: 30,
  durableMillis: 700,
  recoveryEntries: 600_000,
  hotEntries: 50_000
}

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)]

/** Values of one row, gathered over the rounds. */
class Gathered {
  private readonly values = new Map<string, Array<number>>()

  add(name: string, value: number): void {
    const values = this.values.get(name)
    if (values === undefined) this.values.set(name, [value])
    else values.push(value)
  }

  medians(): Values {
    return Object.fromEntries([...this.values].map(([name, values]) => [name, median(values)]))
  }
}

class Bench {
  readonly notes: Array<string> = []
  readonly scale: Scale
  private readonly contenders: ReadonlyArray<Stores.Contender>
  private readonly rounds: number
  private readonly parent: string
  private readonly progress: (text: string) => void
  private directories = 0

  constructor({ directory, engines, progress, quick, rounds }: Options) {
    this.contenders = Stores.all.filter(({ name }) => engines === undefined || engines.includes(name))
    this.scale = quick ? small : full
    this.rounds = rounds
    this.progress = progress
    if (directory !== undefined) mkdirSync(directory, { recursive: true })
    this.parent = mkdtempSync(join(directory ?? tmpdir(), "orbit-bench-"))
  }

  end(): void {
    rmSync(this.parent, { recursive: true, force: true })
  }

  /** In each round every store, in turn the first one first and the last one first, each in a directory that is new. */
  async each(
    what: string,
    rounds: number,
    use: (contender: Stores.Contender, options: Stores.OpenOptions) => Promise<void>
  ): Promise<void> {
    for (let round = 0; round < Math.min(rounds, this.rounds); round++) {
      for (const contender of round % 2 === 0 ? this.contenders : this.contenders.toReversed()) {
        this.progress(`${what}, round ${round + 1}: ${contender.name}`)
        const directory = join(this.parent, String(this.directories++))
        mkdirSync(directory)
        await use(contender, { directory, memoryBytesMax })
        rmSync(directory, { recursive: true })
      }
    }
  }
}

const withStore = async <A>(
  contender: Stores.Contender,
  options: Stores.OpenOptions,
  use: (store: Stores.Store) => Promise<A>
): Promise<A> => {
  const store = await contender.open(options)
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

/** Whether one of ours reaches so many times what others do; undefined where one of them did not take part. */
const reaches = (values: Values, ours: string, times: Values): boolean | undefined => {
  const all = Object.entries(times)
  if (!(ours in values) || all.some(([name]) => !(name in values))) return undefined
  return all.every(([name, least]) => values[ours] >= least * values[name])
}

const row = (name: string, unit: Row["unit"], values: Values, aim?: string, met?: boolean): Row => ({
  name,
  unit,
  values,
  ...(aim !== undefined && { aim }),
  ...(met !== undefined && { met })
})

const durable = async (bench: Bench, rounds: number): Promise<ReadonlyArray<Row>> => {
  const rows: Array<Row> = []
  const aims: ReadonlyArray<readonly [callers: number, aim: string | undefined, times: Values | undefined]> = [
    [1, "lsm ≥ classic-level", { "classic-level": 1 }],
    [16, undefined, undefined],
    [256, "lsm ≥ 3 × classic-level, 1.5 × lmdb", { "classic-level": 3, lmdb: 1.5 }]
  ]
  for (const [callers, aim, times] of aims) {
    const what = `durable puts, ${callers} ${callers === 1 ? "caller" : "callers"}`
    const [rates, cpu] = [new Gathered(), new Gathered()]
    await bench.each(what, rounds, (contender, options) =>
      withStore(contender, options, async (store) => {
        await Measures.durablePuts(store, callers, bench.scale.durableMillis / 5)
        const rate = await Measures.durablePuts(store, callers, bench.scale.durableMillis)
        rates.add(contender.name, rate.perSecond)
        cpu.add(contender.name, rate.cpuMicros)
      })
    )
    const values = rates.medians()
    rows.push(row(what, "a second", values, aim, times && reaches(values, "lsm", times)))
    rows.push(row("", "µs of CPU", cpu.medians()))
  }
  return rows
}

/** Each of [0, count) once, in no order: no `count` here is a multiple of this prime. */
const scattered = (index: number, count: number): number => (index * 7_919) % count

/** What one store shows on its way from empty to loaded, compacted, reopened and read. */
const course = async (bench: Bench): Promise<ReadonlyArray<Row>> => {
  const { entries, hotEntries, loadSecondsMax } = bench.scale
  const gathered = {
    load: new Gathered(),
    loadCpu: new Gathered(),
    writeAmplification: new Gathered(),
    spaceAmplification: new Gathered(),
    cold: new Gathered(),
    hot: new Gathered(),
    scan: new Gathered()
  }
  await bench.each("load and reads", 1, async (contender, options) => {
    const { name } = contender
    const unsynced = { ...options, isUnsynced: true }
    const count = await withStore(contender, unsynced, async (store) => {
      const rate = await Measures.load(store, { entries, secondsMax: loadSecondsMax })
      if (rate.count < entries) {
        bench.notes.push(`${name} loaded ${rate.count.toLocaleString("en-US")} entries in ${loadSecondsMax} s.`)
      }
      gathered.load.add(name, rate.perSecond)
      gathered.loadCpu.add(name, rate.cpuMicros)
      const userBytes = rate.count * (Measures.keyBytes + Measures.valueBytes)
      const { writtenBytes } = store.sizes()
      if (writtenBytes !== undefined) gathered.writeAmplification.add(name, writtenBytes / userBytes)
      await store.compact()
      gathered.spaceAmplification.add(name, store.sizes().diskBytes / userBytes)
      return rate.count
    })
    await withStore(contender, unsynced, async (store) => {
      const keys = Array.from({ length: Math.min(20_000, count) }, (_, index) =>
        Measures.keyOf(scattered(index, count))
      )
      gathered.cold.add(name, (await Measures.reads(store, keys)).perSecond)
      // Neighbours in the order of keys, so that their blocks fit into a cache, read in no order.
      const hot: Array<Uint8Array> = []
      await store.scan(hotEntries, (key) => hot.push(key.slice()))
      const order = hot.map((_, index) => hot[scattered(index, hot.length)])
      await Measures.reads(store, order)
      const rates: Array<Measures.Rate> = []
      for (let round = 0; round < 3; round++) rates.push(await Measures.reads(store, order))
      gathered.hot.add(name, median(rates.map((rate) => rate.perCpuSecond)))
      await Measures.scan(store, hotEntries)
      gathered.scan.add(name, (await Measures.scan(store, count)).perCpuSecond)
    })
  })
  const [load, hot, scan, space] = [gathered.load, gathered.hot, gathered.scan, gathered.spaceAmplification].map(
    (values) => values.medians()
  )
  const { memory, ...cached } = hot
  const inMemory: Values = memory === undefined ? {} : { memory }
  const least = (values: Values, name: string, aim: number): boolean | undefined =>
    name in values ? values[name] >= aim : undefined
  const ours = (values: Values, aim: number): boolean | undefined => {
    const found = Stores.all.filter(({ isOurs, name }) => isOurs && name in values)
    return found.length === 0 ? undefined : found.every(({ name }) => values[name] >= aim)
  }
  return [
    row(
      "unsynced load, all it owes paid",
      "a second",
      load,
      "lsm ≥ classic-level",
      reaches(load, "lsm", { "classic-level": 1 })
    ),
    row("", "µs of CPU", gathered.loadCpu.medians()),
    row("write amplification", "times", gathered.writeAmplification.medians()),
    row("space after compaction", "times", space, "lsm < 1.3", "lsm" in space ? space["lsm"] < 1.3 : undefined),
    row("point reads just after opening", "a second", gathered.cold.medians()),
    row(
      "point reads from memory",
      "a CPU second",
      inMemory,
      "memory ≥ 1,000,000",
      least(inMemory, "memory", 1_000_000)
    ),
    row("point reads from cached blocks", "a CPU second", cached, "lsm ≥ 150,000", least(cached, "lsm", 150_000)),
    row("scan", "a CPU second", scan, "ours ≥ 1,000,000", ours(scan, 1_000_000))
  ]
}

const stalls = async (bench: Bench): Promise<ReadonlyArray<Row>> => {
  const [p50, p99, p999, max] = [new Gathered(), new Gathered(), new Gathered(), new Gathered()]
  await bench.each("puts while others load", 1, (contender, options) =>
    withStore(contender, { ...options, isUnsynced: true }, async (store) => {
      const { entries, loadSecondsMax } = bench.scale
      const found = await Measures.stalls(store, { entries: entries / 2, secondsMax: loadSecondsMax / 2 })
      p50.add(contender.name, found.p50)
      p99.add(contender.name, found.p99)
      p999.add(contender.name, found.p999)
      max.add(contender.name, found.max)
    })
  )
  return [
    row("a put while others load, p50", "ms", p50.medians()),
    row("p99", "ms", p99.medians()),
    row("p99.9", "ms", p999.medians()),
    row("max", "ms", max.medians())
  ]
}

const recovery = async (bench: Bench): Promise<ReadonlyArray<Row>> => {
  const seconds = new Gathered()
  const { loadSecondsMax, recoveryEntries } = bench.scale
  await bench.each("recovery", 1, async (contender, options) => {
    const kept = { ...options, keepsLog: true, isUnsynced: true }
    await withStore(contender, kept, (store) =>
      Measures.load(store, { entries: recoveryEntries, secondsMax: loadSecondsMax, owes: true })
    )
    const before = hostMillis()
    const store = await contender.open(kept)
    seconds.add(contender.name, (hostMillis() - before) / 1_000)
    await store.close()
  })
  const gibibytes = (recoveryEntries * (Measures.keyBytes + Measures.valueBytes)) / 1_073_741_824
  return [row(`opening after ${gibibytes.toFixed(2)} GiB of puts`, "s", seconds.medians())]
}

export const bench = async (options: Options): Promise<Report> => {
  const bench = new Bench(options)
  try {
    const rows = [
      ...(await durable(bench, options.rounds)),
      ...(await course(bench)),
      ...(await stalls(bench)),
      ...(await recovery(bench))
    ]
    return {
      machine: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`,
      node: process.version,
      rounds: options.rounds,
      entries: bench.scale.entries,
      rows,
      notes: bench.notes
    }
  } finally {
    bench.end()
  }
}

const shown = (value: number | undefined): string =>
  value === undefined
    ? ""
    : value >= 1_000
      ? Math.round(value).toLocaleString("en-US")
      : value >= 100
        ? value.toFixed(0)
        : value.toFixed(value >= 10 ? 1 : 2)

/** The table that a person reads. */
export const render = (report: Report): string => {
  const stores = names.filter((name) => report.rows.some(({ values }) => name in values))
  const head = ["", "", ...stores, "lsm : level", "lsm : lmdb", "aim", ""]
  const rows = report.rows.map(({ aim = "", met, name, unit, values }) => {
    const ratio = (other: string): string =>
      "lsm" in values && other in values ? (values["lsm"] / values[other]).toFixed(2) : ""
    return [
      name,
      unit,
      ...stores.map((store) => shown(values[store])),
      ratio("classic-level"),
      ratio("lmdb"),
      aim,
      met === undefined ? "" : met ? "✓" : "✗"
    ]
  })
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((line) => line[column].length)))
  const line = (cells: ReadonlyArray<string>): string =>
    cells
      .map((cell, column) =>
        column >= 2 && column < stores.length + 4 ? cell.padStart(widths[column]) : cell.padEnd(widths[column])
      )
      .join("  ")
      .trimEnd()
  return [
    `storage · ${report.machine} · Node.js ${report.node} · ${report.entries.toLocaleString("en-US")} entries of 16 and 100 bytes · median of ${report.rounds}`,
    "",
    ...[head, ...rows].map(line),
    "",
    "A second is by the clock on the wall; CPU time is of all threads, the garbage collector's too. Budget of memory: 64 MiB each,",
    "but for the memory engine; LMDB has the system's cache. Just after opening nothing is in a store's own cache, and the system",
    "may have the files in its.",
    ...report.notes
  ].join("\n")
}
