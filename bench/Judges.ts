/**
 * How fast the judges are, beside what Porcupine and Elle have published: histories of key-value stores and transactions
 * that `JudgeHistories.ts` makes, and the published histories themselves where their folder is given (`--histories`);
 * none of them is part of this tree. Reading counts where a history comes from a file. CPU time counts all threads, the
 * garbage collector's too; on a machine with other work only that is to be trusted.
 */
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { cpus } from "node:os"
import { basename, join } from "node:path"
import * as KeyValue from "#models/KeyValue.ts"
import * as Elle from "#sim/elle/Elle.ts"
import * as Format from "#sim/judges/formats/Format.ts"
import * as Interpretation from "#sim/judges/Interpretation.ts"
import * as Linearizability from "#sim/judges/Linearizability.ts"
import { hostMillis } from "#sim/kernel/Tripwire.ts"
import * as JudgeHistories from "./JudgeHistories.ts"

export interface Row {
  readonly name: string
  /** What was judged: `1,712 operations`. */
  readonly size: string
  readonly verdict: string
  /** Medians over the rounds. */
  readonly wallMillis: number
  readonly cpuMillis: number
  /** Transactions a second of CPU time, where the aim is one. */
  readonly perCpuSecond?: number
  /** Resident memory at its peak so far, with the history. */
  readonly peakMebibytes?: number
  /** What others have published. */
  readonly published: string
  /** Milliseconds at most; of `perCpuSecond`, at least. Absent where nobody has published a figure. */
  readonly aim?: number
  /** Whether CPU time meets it; of the start-up, the clock on the wall. */
  readonly met?: boolean
}

export interface Report {
  readonly machine: string
  readonly node: string
  readonly rounds: number
  readonly rows: ReadonlyArray<Row>
  /** What was not measured, and why. */
  readonly notes: ReadonlyArray<string>
}

export interface Options {
  readonly rounds: number
  /** The folder of published histories. */
  readonly histories: string | undefined
}

interface Measured {
  readonly verdict: string
  readonly wallMillis: number
  readonly cpuMillis: number
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)]

const rounded = (millis: number): number => Math.round(millis * 10) / 10

/** The first round warms the compiler up and is not counted. */
const measure = (rounds: number, judge: () => string): Measured => {
  const wall: Array<number> = []
  const cpu: Array<number> = []
  const verdicts = new Set<string>()
  for (let round = 0; round <= rounds; round++) {
    const cpuBefore = process.cpuUsage()
    const before = hostMillis()
    verdicts.add(judge())
    const used = process.cpuUsage(cpuBefore)
    if (round === 0) continue
    wall.push(hostMillis() - before)
    cpu.push((used.user + used.system) / 1_000)
  }
  return { verdict: [...verdicts].join(" or "), wallMillis: rounded(median(wall)), cpuMillis: rounded(median(cpu)) }
}

const count = (value: number): string => value.toLocaleString("en-US")

const timed = (
  row: Pick<Row, "name" | "size" | "published"> & { readonly aimMillis: number | undefined },
  measured: Measured
): Row => {
  const { aimMillis, ...rest } = row
  if (aimMillis === undefined) return { ...rest, ...measured }
  return { ...rest, ...measured, aim: rounded(aimMillis), met: measured.cpuMillis <= aimMillis }
}

/** What is made valid must be judged so, or else it is not worth measuring. */
const valid = (name: string, verdict: boolean | string): string => {
  if (verdict !== true && verdict !== "linearizable")
    throw new Error(`${name} must be valid to be measured: ${verdict}`)
  return "valid"
}

const listAppend = (rounds: number): Row => {
  const transactions = 1_000_000
  const history = JudgeHistories.listAppend({ transactions, clients: 20, length: 3, keys: 10 })
  const measured = measure(Math.min(rounds, 3), () =>
    valid("list-append", Elle.check(history, { model: "list-append" }).valid)
  )
  const perCpuSecond = Math.round(transactions / (measured.cpuMillis / 1_000))
  return {
    name: "list-append, strict-serializable",
    size: `${count(transactions)} transactions of 3`,
    ...measured,
    perCpuSecond,
    peakMebibytes: Math.round(process.resourceUsage().maxRSS / 1_024),
    published: "Elle: 100,000 to 160,000 a second on a server",
    aim: 100_000,
    met: perCpuSecond >= 100_000
  }
}

const causal = (rounds: number): Row => {
  const transactions = 10_000
  const history = JudgeHistories.registers({ transactions, clients: 100, length: 20, keys: 1_000 })
  return timed(
    {
      name: "rw-register, causal",
      size: `${count(transactions)} transactions of 20`,
      published: "",
      aimMillis: 1_000
    },
    measure(rounds, () =>
      valid("rw-register", Elle.check(history, { model: "rw-register", consistency: "causal" }).valid)
    )
  )
}

/** Porcupine's milliseconds for its own histories of as many operations, judged as one object, and by key. */
const porcupineWhole: ReadonlyMap<number, number> = new Map([
  [337, 1_800],
  [405, 2_900]
])
const porcupineByKey: ReadonlyMap<number, number> = new Map([[1_712, 180]])

const told = (millis: number | undefined): string => (millis === undefined ? "" : `Porcupine: ${millis / 1_000} s`)

const keyValueRow = (rounds: number, shape: JudgeHistories.KeyValueShape, partition: boolean): Row => {
  const entries = JudgeHistories.keyValue(shape)
  const model = KeyValue.make({ absent: "" })
  const aimMillis = partition ? porcupineByKey.get(shape.operations) : porcupineWhole.get(shape.operations)
  return timed(
    {
      name: `key-value, ${partition ? "by key" : "whole"}`,
      size: `${count(shape.operations)} operations, ${shape.clients} clients`,
      published: told(aimMillis),
      aimMillis
    },
    measure(rounds, () => valid("key-value", Linearizability.check(model, entries, { partition }).type))
  )
}

const startUp = (rounds: number): Row => {
  const main = join(import.meta.dirname, "../sim/cli/elle/main.ts")
  const history =
    '{"process":0,"type":"invoke","f":"write","value":1}\n{"process":0,"type":"ok","f":"write","value":1}\n'
  const wall: Array<number> = []
  for (let round = 0; round <= Math.max(rounds, 9); round++) {
    const before = hostMillis()
    const { status } = spawnSync(process.execPath, [main, "--model", "register", "-"], { input: history })
    if (status !== 0) throw new Error(`the command ended with ${status}`)
    if (round > 0) wall.push(hostMillis() - before)
  }
  const wallMillis = rounded(median(wall))
  return {
    name: "start-up of the command",
    size: "1 operation",
    verdict: "valid",
    wallMillis,
    // A child's CPU time is not this process's; the wall clock tells.
    cpuMillis: 0,
    published: "",
    aim: 300,
    met: wallMillis <= 300
  }
}

/** Porcupine's histories, as far as they are in the folder. */
const published = (rounds: number, folder: string): ReadonlyArray<Row> => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((file) => join(folder, file))
  const judge = (name: Interpretation.Name, bytes: Uint8Array, partition: boolean): string => {
    const nil = Format.detect(bytes) === "porcupine" ? "exact" : "any"
    const { entries, model } = Interpretation.interpret(Format.read(bytes), name, { nil })
    return Linearizability.check(model, entries, { partition }).type
  }
  const etcd = files.filter((file) => /etcd_\d+\.log$/.test(file)).map((file) => readFileSync(file))
  const rows: Array<Row> = []
  if (etcd.length > 0) {
    const verdicts = (): string => {
      const all = etcd.map((bytes) => judge("cas-register", bytes, true))
      return `${all.filter((type) => type === "linearizable").length} valid, ${all.filter((type) => type === "refused").length} not`
    }
    const row = {
      name: "Porcupine's etcd histories",
      size: `${etcd.length} of 102 histories`,
      published: `Porcupine: 0.44 s for 102, ${rounded((440 * etcd.length) / 102)} ms for ${etcd.length}`,
      aimMillis: (440 * etcd.length) / 102
    }
    rows.push(timed(row, measure(rounds, verdicts)))
  }
  for (const file of files.filter((one) => /c\d+-(ok|bad)\.txt$/.test(one)).sort()) {
    const bytes = readFileSync(file)
    const operations = Format.read(bytes).count
    for (const partition of [true, false]) {
      const aimMillis = partition ? porcupineByKey.get(operations) : porcupineWhole.get(operations)
      const row = {
        name: `${basename(file)}, ${partition ? "by key" : "whole"}`,
        size: `${count(operations)} operations`,
        published: told(aimMillis),
        aimMillis
      }
      rows.push(
        timed(
          row,
          measure(rounds, () => judge("kv", bytes, partition))
        )
      )
    }
  }
  return rows
}

export const bench = ({ histories, rounds }: Options): Report => {
  // The largest first: the peak of memory is then its own.
  const rows = [listAppend(rounds), causal(rounds)]
  rows.push(keyValueRow(rounds, { operations: 1_712, clients: 50, keys: 10 }, true))
  rows.push(keyValueRow(rounds, { operations: 337, clients: 10, keys: 10 }, false))
  rows.push(keyValueRow(rounds, { operations: 405, clients: 10, keys: 10 }, false))
  const found = histories === undefined ? [] : published(rounds, histories)
  const missing =
    histories === undefined
      ? ["Porcupine's own histories were not measured: give their folder with --histories."]
      : found.length === 0
        ? [`No histories of Porcupine are in ${histories} (etcd_*.log, c??-*.txt).`]
        : []
  return {
    machine: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`,
    node: process.version,
    rounds,
    rows: [...rows, ...found, startUp(rounds)],
    notes: missing
  }
}

const duration = (millis: number): string =>
  millis === 0 ? "" : millis >= 1_000 ? `${(millis / 1_000).toFixed(2)} s` : `${millis} ms`

/** The table that a person reads, with what others have published beside it. */
export const render = (report: Report): string => {
  const head = ["", "history", "verdict", "wall", "CPU", "aim", "", "published"]
  const rows = report.rows.map((row) => {
    const rate = row.perCpuSecond === undefined ? "" : `, ${count(row.perCpuSecond)}/s`
    const memory = row.peakMebibytes === undefined ? "" : `, ${count(row.peakMebibytes)} MiB`
    const aim = row.aim === undefined ? "" : row.perCpuSecond === undefined ? duration(row.aim) : `${count(row.aim)}/s`
    const met = row.met === undefined ? "" : row.met ? "✓" : "✗"
    const cpu = `${duration(row.cpuMillis)}${rate}${memory}`
    return [row.name, row.size, row.verdict, duration(row.wallMillis), cpu, aim, met, row.published]
  })
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)))
  const line = (row: ReadonlyArray<string>): string =>
    row
      .map((cell, column) => (column >= 3 && column <= 5 ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join("  ")
      .trimEnd()
  return [
    `judges · ${report.machine} · Node.js ${report.node} · median of ${report.rounds}`,
    "",
    ...[head, ...rows].map(line),
    "",
    "CPU time is of all threads, the garbage collector's too; memory is the peak of the process, the history included.",
    ...report.notes
  ].join("\n")
}
