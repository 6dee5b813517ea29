/**
 * Whether the LSM engine keeps to its budget of memory: loads, overwrites, reads and scans for a while, on more data than the budget
 * holds, and looks every tenth of a second at what the engine counts and at what the process has. The process is more than the engine:
 * Node.js itself, a worker thread that merges, what the garbage collector has still to find. So its growth is told, and the
 * engine's own count is judged.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { hostMillis } from "#sim/kernel/Tripwire.ts"
import * as Measures from "./StorageMeasures.ts"
import * as Stores from "./StorageStores.ts"

export interface Report {
  readonly budgetMebibytes: number
  readonly seconds: number
  readonly entries: number
  /** What the engine counted at most. */
  readonly countedMebibytesMax: number
  /** Resident memory of the process before the engine was opened, at most, and at the end. */
  readonly residentMebibytesBefore: number
  readonly residentMebibytesMax: number
  readonly residentMebibytesEnd: number
  readonly samples: number
  readonly kept: boolean
}

export interface Options {
  readonly budgetMebibytes: number
  readonly seconds: number
  readonly directory: string | undefined
  readonly progress: (text: string) => void
}

const mebibyte = 1_048_576
const sampleMillis = 100

/** Entries beyond which the load begins again: with 116 bytes each half a gigabyte. */
const entriesMax = 4_000_000

interface Samples {
  counted: number
  resident: number
  count: number
}

/** Writes and reads in turn, until time is over; gives the number of entries that were written. */
const work = async (store: Stores.Store, end: number): Promise<number> => {
  let written = 0
  for (let round = 0; hostMillis() < end; round++) {
    const from = (round * 20_000) % entriesMax
    const { count } = await Measures.load(store, { entries: 20_000, from, secondsMax: 60, owes: true })
    written += count
    const known = Math.min(written, entriesMax)
    const keys = Array.from({ length: 500 }, (_, index) => Measures.keyOf((round * 31 + index * 7_919) % known))
    await Measures.reads(store, keys)
    if (round % 10 === 9) await Measures.scan(store, 50_000)
  }
  return written
}

export const bench = async ({ budgetMebibytes, directory, progress, seconds }: Options): Promise<Report> => {
  if (directory !== undefined) mkdirSync(directory, { recursive: true })
  const parent = mkdtempSync(join(directory ?? tmpdir(), "orbit-budget-"))
  const residentBefore = process.memoryUsage.rss()
  const samples: Samples = { counted: 0, resident: 0, count: 0 }
  const lsm = Stores.all.find(({ name }) => name === "lsm")!
  const store = await lsm.open({ directory: parent, memoryBytesMax: budgetMebibytes * mebibyte })
  const sampling = setInterval(() => {
    samples.counted = Math.max(samples.counted, store.sizes().memoryBytes)
    samples.resident = Math.max(samples.resident, process.memoryUsage.rss())
    if (++samples.count % 100 === 0) progress(`${Math.round(samples.resident / mebibyte)} MiB resident at most`)
  }, sampleMillis)
  try {
    const entries = await work(store, hostMillis() + seconds * 1_000)
    const inMebibytes = (bytes: number): number => Math.round(bytes / mebibyte)
    return {
      budgetMebibytes,
      seconds,
      entries,
      countedMebibytesMax: inMebibytes(samples.counted),
      residentMebibytesBefore: inMebibytes(residentBefore),
      residentMebibytesMax: inMebibytes(samples.resident),
      residentMebibytesEnd: inMebibytes(process.memoryUsage.rss()),
      samples: samples.count,
      kept: samples.count > 0 && samples.counted <= budgetMebibytes * mebibyte
    }
  } finally {
    clearInterval(sampling)
    await store.close()
    rmSync(parent, { recursive: true, force: true })
  }
}

export const render = (report: Report): string =>
  [
    `memory of the LSM engine · budget ${report.budgetMebibytes} MiB · ${report.seconds} s, ${report.entries.toLocaleString("en-US")} entries written, ${report.samples} samples`,
    "",
    `counted by the engine, at most   ${report.countedMebibytesMax} MiB  ${report.kept ? "✓" : "✗"}`,
    `resident before it was opened    ${report.residentMebibytesBefore} MiB`,
    `resident at most                 ${report.residentMebibytesMax} MiB`,
    `resident at the end              ${report.residentMebibytesEnd} MiB`
  ].join("\n")
