/**
 * Redis: Orbit as a server of Redis clients beside Debian's redis-server, in turns (A B A B), server on core 0 and redis-benchmark on core 1: how
 * many commands a second, with one and with 16 in each packet; the same with every reply on disk; what a million small keys take; and three nodes
 * beside etcd.
 */
import { tmpdir } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import * as Benchmark from "./redis/Benchmark.ts"
import * as Quorum from "./redis/Quorum.ts"
import * as Servers from "./redis/Servers.ts"

export interface Options {
  readonly rounds: number
  readonly quick: boolean
  readonly directory: string | undefined
  readonly progress: (text: string) => void
}

interface Row {
  readonly name: string
  readonly pipeline: number
  /** Every reply is on disk. */
  readonly syncs: boolean
  readonly redis: Benchmark.Measured
  readonly orbit: Benchmark.Measured
  /** Orbit's operations a second by Redis', the median of pairs. */
  readonly ratio: number
  readonly p99Ratio: number
  /** Redis' CPU time of a command by Orbit's: what the ratio would be on a machine that does nothing else. */
  readonly cpuRatio: number
  /** Runs that a server broke off, and that were made again. */
  readonly failures: number
}

interface Memory {
  readonly keys: number
  readonly idleBytes: Readonly<Record<Servers.Name, number>>
  /** What the keys have added. */
  readonly addedBytes: Readonly<Record<Servers.Name, number>>
}

export interface Report {
  readonly rows: ReadonlyArray<Row>
  readonly memory: Memory
  readonly quorum: ReadonlyArray<Quorum.Row>
}

const pipelines = [1, 16]
const names: ReadonlyArray<Servers.Name> = ["redis", "orbit"]
const requestsOf = { 1: 100_000, 16: 600_000 } as const
const quickShare = 10
const failuresMax = 5
const pauseMillis = 3_000
/** Each takes a disk's round: fewer of them are as long. */
const syncedShare = 10
const synced = new Set(["SET", "INCR", "LPUSH", "HSET"])

const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)]
}

const middle = (all: ReadonlyArray<Benchmark.Measured>): Benchmark.Measured => ({
  operationsPerSecond: median(all.map(({ operationsPerSecond }) => operationsPerSecond)),
  p50Millis: median(all.map(({ p50Millis }) => p50Millis)),
  p99Millis: median(all.map(({ p99Millis }) => p99Millis)),
  cpuMicros: median(all.map(({ cpuMicros }) => cpuMicros))
})

const compare = async (
  load: Benchmark.Load,
  pipeline: number,
  servers: ReadonlyArray<Servers.Server>,
  { quick, rounds, syncs }: { readonly rounds: number; readonly quick: boolean; readonly syncs: boolean }
): Promise<Row> => {
  const count = requestsOf[pipeline as 1] / (quick ? quickShare : 1) / (syncs ? syncedShare : 1)
  const found: Record<Servers.Name, Array<Benchmark.Measured>> = { redis: [], orbit: [] }
  let failures = 0
  const measured = async (server: Servers.Server): Promise<Benchmark.Measured> => {
    for (;;) {
      try {
        await Benchmark.flush(server.port)
        return await Benchmark.measure(load, { server, pipeline, requests: count })
      } catch (error) {
        if (++failures > failuresMax) throw error
        await sleep(pauseMillis)
      }
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const server of servers) found[server.name].push(await measured(server))
  }
  const pairs = found.redis.map((redis, at) => [redis, found.orbit[at]] as const)
  return {
    name: load.name,
    pipeline,
    syncs,
    redis: middle(found.redis),
    orbit: middle(found.orbit),
    ratio: median(pairs.map(([redis, orbit]) => orbit.operationsPerSecond / redis.operationsPerSecond)),
    p99Ratio: median(pairs.map(([redis, orbit]) => orbit.p99Millis / redis.p99Millis)),
    cpuRatio: median(pairs.map(([redis, orbit]) => redis.cpuMicros / orbit.cpuMicros)),
    failures
  }
}

const withServers = async <A>(
  options: Servers.Options,
  use: (servers: ReadonlyArray<Servers.Server>) => Promise<A>
): Promise<A> => {
  const servers: Array<Servers.Server> = []
  try {
    for (const name of names) servers.push(await Servers.start(name, options))
    return await use(servers)
  } finally {
    for (const server of servers) await server.stop()
  }
}

const rowsOf = (options: Options, syncs: boolean, directory: string): Promise<ReadonlyArray<Row>> =>
  withServers({ syncs, directory }, async (servers) => {
    const rows: Array<Row> = []
    const loads = syncs ? Benchmark.loads.filter(({ name }) => synced.has(name)) : Benchmark.loads
    // What is run first is compiled first: once, not counted.
    for (const load of loads) await compare(load, 16, servers, { quick: true, rounds: 1, syncs })
    for (const pipeline of pipelines) {
      for (const load of loads) {
        const row = await compare(load, pipeline, servers, { ...options, syncs })
        options.progress(lineOf(row))
        rows.push(row)
      }
    }
    return rows
  })

const memoryOf = (keys: number, directory: string): Promise<Memory> =>
  withServers({ syncs: false, directory }, async (servers) => {
    const idleBytes = { redis: 0, orbit: 0 }
    const addedBytes = { redis: 0, orbit: 0 }
    for (const { name, port, residentBytes } of servers) {
      idleBytes[name] = residentBytes()
      await Benchmark.fill(port, keys)
      addedBytes[name] = residentBytes() - idleBytes[name]
    }
    return { keys, idleBytes, addedBytes }
  })

export const bench = async (options: Options): Promise<Report> => {
  const directory = options.directory ?? tmpdir()
  const rows = [...(await rowsOf(options, false, directory)), ...(await rowsOf(options, true, directory))]
  const memory = await memoryOf(options.quick ? 200_000 : 1_000_000, directory)
  const { progress, quick } = options
  return { rows, memory, quorum: await Quorum.bench({ directory, progress, seconds: quick ? 2 : 10 }) }
}

const thousands = (value: number): string => (value / 1_000).toFixed(1).padStart(8)

const lineOf = ({ cpuRatio, failures, name, orbit, p99Ratio, pipeline, ratio, redis, syncs }: Row): string =>
  [
    `${name}${syncs ? " synced" : ""}`.padEnd(16),
    String(pipeline).padStart(3),
    thousands(redis.operationsPerSecond),
    thousands(orbit.operationsPerSecond),
    ratio.toFixed(2).padStart(7),
    redis.p99Millis.toFixed(2).padStart(8),
    orbit.p99Millis.toFixed(2).padStart(8),
    p99Ratio.toFixed(1).padStart(6),
    redis.cpuMicros.toFixed(2).padStart(8),
    orbit.cpuMicros.toFixed(2).padStart(8),
    cpuRatio.toFixed(2).padStart(6),
    failures === 0 ? "" : ` (${failures} runs broken off)`
  ].join(" ")

const heading = "command          -P  redis k  orbit k   ratio  p99 ms A p99 ms B  ratio cpu us A cpu us B  ratio"

const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MiB`

export const render = ({ memory, quorum, rows }: Report): string => {
  const groups = [
    ...pipelines.map((pipeline) => ({
      title: `-P ${pipeline}`,
      of: rows.filter((row) => !row.syncs && row.pipeline === pipeline)
    })),
    { title: "every reply on disk", of: rows.filter(({ syncs }) => syncs) }
  ]
  const medians = groups.map(
    ({ of, title }) =>
      `median, ${title}: ${median(of.map(({ ratio }) => ratio)).toFixed(2)}, by CPU time ${median(of.map(({ cpuRatio }) => cpuRatio)).toFixed(2)}, p99 ${median(of.map((row) => row.p99Ratio)).toFixed(1)} times`
  )
  const { addedBytes, idleBytes, keys } = memory
  return [
    "redis-server 7.0.15 (A) and Orbit (B), one core each, 50 connections, thousands of commands a second",
    heading,
    ...rows.map(lineOf),
    ...medians,
    `memory of ${keys} small keys: ${mebibytes(addedBytes.redis)} and ${mebibytes(addedBytes.orbit)}, ${(addedBytes.orbit / addedBytes.redis).toFixed(2)} times; idle ${mebibytes(idleBytes.redis)} and ${mebibytes(idleBytes.orbit)}`,
    Quorum.render(quorum)
  ].join("\n")
}
