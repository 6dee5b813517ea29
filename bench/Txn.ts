/**
 * Txn: transfers between two of 100,000 accounts, each a transaction that is durable before it is answered, beside PostgreSQL on the same machine
 * and disk, in turns (A B A B), so that what else the machine does falls on all; transfers between ranges; scans of a snapshot.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { serverFlags } from "./txn/Flags.ts"
import * as Postgres from "./txn/Postgres.ts"
import type { Round } from "./txn/Rounds.ts"
import type { Contender, Sample } from "./txn/Sample.ts"
import type { Scanned } from "./txn/Scanning.ts"
import { Stores } from "./txn/Stores.ts"

export const parts = ["one", "three", "ranges", "scan"] as const
export type Part = (typeof parts)[number]

export interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly clients: ReadonlyArray<number>
  readonly engine: string
  readonly parts: ReadonlyArray<Part>
  readonly directory: string | undefined
  readonly progress: (text: string) => void
}

interface Row {
  readonly name: string
  readonly clients: number
  readonly transactionsPerSecond: number
  readonly p50Millis: number
  readonly p99Millis: number
  /** Of all servers, a transaction. */
  readonly serverCpuMicros: number
  readonly clientCpuMicros: number
  /** Attempts that were made again, of all. */
  readonly repeatedShare: number
  readonly failures: number
}

interface Ranges {
  readonly clients: number
  readonly rounds: Readonly<Record<string, Round>>
}

interface ScanRow {
  readonly engine: string
  readonly entries: number
  readonly ranges: number
  readonly entriesPerSecond: number
  readonly cpuNanosAnEntry: number
}

export interface Report {
  readonly rows: ReadonlyArray<Row>
  readonly ranges: ReadonlyArray<Ranges>
  readonly scan: ScanRow | undefined
}

const rangesClients = [1, 16]
const rangesCount = 8
const scanEntries = 1_000_000
const portBase = 17_300
const scanFile = fileURLToPath(new URL("txn/Scanning.ts", import.meta.url))

const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)]
}

const rowOf = (name: string, clients: number, samples: ReadonlyArray<Sample>): Row => {
  const of = (value: (sample: Sample) => number): number => median(samples.map(value))
  return {
    name,
    clients,
    transactionsPerSecond: of(({ seconds, transactions }) => transactions / seconds),
    p50Millis: of(({ p50 }) => p50),
    p99Millis: of(({ p99 }) => p99),
    serverCpuMicros: of(({ serverMicros, transactions }) => serverMicros / transactions),
    clientCpuMicros: of(({ clientMicros, transactions }) => clientMicros / transactions),
    repeatedShare: of(({ repeated, transactions }) => repeated / (transactions + repeated)),
    failures: samples.reduce((sum, { failures }) => sum + failures, 0)
  }
}

/** All of them in turns, with so many clients after so many. */
const turns = async (
  contenders: ReadonlyArray<Contender>,
  counts: ReadonlyArray<number>,
  { progress, rounds, seconds }: Options
): Promise<ReadonlyArray<Row>> => {
  const rows: Array<Row> = []
  for (const clients of counts) {
    const samples = contenders.map((): Array<Sample> => [])
    for (let round = 0; round < rounds; round++) {
      for (const [index, contender] of contenders.entries()) {
        progress(`${clients} clients, round ${round + 1} of ${rounds}: ${contender.name}`)
        samples[index].push(await contender.run(clients, seconds))
      }
    }
    for (const [index, { name }] of contenders.entries()) rows.push(rowOf(name, clients, samples[index]))
  }
  return rows
}

const transfers = async (root: string, options: Options): Promise<ReadonlyArray<Row>> => {
  const { clients, engine, parts: wanted, progress } = options
  const orbit = (stores: 1 | 3): Stores =>
    new Stores({
      name: stores === 1 ? "orbit, one node" : "orbit, three nodes",
      directory: root,
      portBase: portBase + 20 * stores,
      stores,
      engine,
      parts: 1,
      watches: false
    })
  const peers = Postgres.contenders(root)
  if (peers === undefined) progress("PostgreSQL is not installed (Debian: apt-get install postgresql): Orbit alone")
  const contenders: ReadonlyArray<Contender> = [
    ...(peers ?? []),
    ...(wanted.includes("one") ? [orbit(1)] : []),
    ...(wanted.includes("three") ? [orbit(3)] : [])
  ]
  try {
    for (const contender of contenders) {
      progress(`filling: ${contender.name}`)
      await contender.begin()
    }
    return await turns(contenders, clients, options)
  } finally {
    for (const contender of contenders) await contender.end()
  }
}

const betweenRanges = async (root: string, options: Options): Promise<Pick<Report, "rows" | "ranges">> => {
  const stores = new Stores({
    name: `orbit, three nodes, ${rangesCount} ranges`,
    directory: root,
    portBase,
    stores: 3,
    engine: options.engine,
    parts: rangesCount,
    watches: true
  })
  try {
    options.progress(`filling and cutting: ${stores.name}`)
    await stores.begin()
    const rows: Array<Row> = []
    const ranges: Array<Ranges> = []
    for (const clients of rangesClients) {
      await stores.rounds()
      rows.push(...(await turns([stores], [clients], options)))
      ranges.push({ clients, rounds: await stores.rounds() })
    }
    return { rows, ranges }
  } finally {
    stores.end()
  }
}

const scan = (root: string, { engine, progress, rounds }: Options): Promise<ScanRow> =>
  new Promise((resolve, reject) => {
    progress(`filling and scanning ${scanEntries} entries: orbit, one node, ${engine}`)
    const given = [join(root, "scan"), String(portBase + 99), engine, String(rounds), String(scanEntries)]
    const child = spawn(process.execPath, [...serverFlags, "--max-old-space-size=8192", scanFile, ...given], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    let text = ""
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()))
    child.on("close", (code) => {
      if (code !== 0) return reject(new Error(`the scanning process ended with ${code}`))
      const { entries, ranges, scans } = JSON.parse(text.trim().split("\n").at(-1)!) as Scanned
      resolve({
        engine,
        entries,
        ranges,
        entriesPerSecond: entries / median(scans.map(({ seconds }) => seconds)),
        cpuNanosAnEntry: (median(scans.map(({ cpuMicros }) => cpuMicros)) * 1_000) / entries
      })
    })
  })

export const bench = async (options: Options): Promise<Report> => {
  const root = mkdtempSync(join(options.directory ?? tmpdir(), "orbit-txn-"))
  const wants = (part: Part): boolean => options.parts.includes(part)
  try {
    const rows = wants("one") || wants("three") ? await transfers(root, options) : []
    const between = wants("ranges") ? await betweenRanges(root, options) : { rows: [], ranges: [] }
    const scanned = wants("scan") ? await scan(root, options) : undefined
    return { rows: [...rows, ...between.rows], ranges: between.ranges, scan: scanned }
  } finally {
    rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}

const table = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const ratio = (row: Row, name: string): string => {
    const peer = rows.find((each) => each.name === name && each.clients === row.clients)
    return peer === undefined ? "" : (row.transactionsPerSecond / peer.transactionsPerSecond).toFixed(2)
  }
  const head =
    "server                          clients    txn/s   of fn   of stmts   p50 ms   p99 ms   server CPU µs   client CPU µs   repeated"
  return [
    head,
    ...rows.map(
      (row) =>
        [
          row.name.padEnd(30),
          String(row.clients).padStart(8),
          row.transactionsPerSecond.toFixed(0).padStart(8),
          ratio(row, "postgres function").padStart(7),
          ratio(row, "postgres statements").padStart(10),
          row.p50Millis.toFixed(2).padStart(8),
          row.p99Millis.toFixed(2).padStart(8),
          row.serverCpuMicros.toFixed(0).padStart(15),
          row.clientCpuMicros.toFixed(0).padStart(15),
          `${(row.repeatedShare * 100).toFixed(2)}%`.padStart(10)
        ].join(" ") + (row.failures > 0 ? `   ${row.failures} failed` : "")
    )
  ]
}

const explained: ReadonlyArray<readonly [string, string]> = [
  [
    "timestamp",
    "asked twice: to begin, and to commit when all intents are in place; the oracle gives them in batches, each after a barrier"
  ],
  ["get", "both balances at once, of two leaseholders, each after a barrier"],
  ["prepare", "an intent in each of two ranges at the same time: one round of consensus"],
  ["validate", "asked of what was read and not written: here nothing"],
  [
    "decide",
    "the record at the anchor: one round of consensus; then the client is answered, and intents become versions"
  ]
]

const roundsTable = ({ clients, rounds }: Ranges): ReadonlyArray<string> => [
  "",
  `Rounds of a transfer between ranges, ${clients} ${clients === 1 ? "client" : "clients"} (calls, p50 and p99 ms, by the store that noted most):`,
  ...explained.map(([name, text]) => {
    const round = rounds[name]
    const numbers =
      round === undefined
        ? "     none               "
        : `${String(round.calls).padStart(7)} ${round.p50.toFixed(2).padStart(8)} ${round.p99.toFixed(2).padStart(8)}`
    return `  ${name.padEnd(10)} ${numbers}   ${text}`
  })
]

const scanLines = ({ cpuNanosAnEntry, engine, entries, entriesPerSecond, ranges }: ScanRow): ReadonlyArray<string> => [
  "",
  `Scan of ${entries} entries (keys of 16 bytes, values of 100) at one timestamp, ${engine}, ${ranges} ranges, in the server's process: ` +
    `${(entriesPerSecond / 1_000).toFixed(0)} thousand entries/s, ${cpuNanosAnEntry.toFixed(0)} ns of CPU each.`
]

export const render = ({ ranges, rows, scan: scanned }: Report): string =>
  [
    ...(rows.length > 0
      ? [
          ...table(rows),
          "",
          "Every commit is durable (fdatasync) before it is answered. Server CPU is that of all processes of the server, client CPU that of the client's.",
          "orbit: strictly serializable; one request on a plain connection is a whole transaction (get both, put both); with three nodes the",
          "oracle's leaseholder is another store than the accounts', which the client asks. Servers are warmed up with 64 clients.",
          "postgres: its own settings, read committed, pgbench with prepared statements on a Unix socket; function: one call of a PL/pgSQL function;",
          "statements: BEGIN, two updates, COMMIT. of fn, of stmts: transactions a second beside theirs."
        ]
      : []),
    ...ranges.flatMap(roundsTable),
    ...(scanned === undefined ? [] : scanLines(scanned))
  ].join("\n")
