/**
 * Quorum: three nodes of Orbit as processes, every reply on the disks of two of them, beside three of etcd, in turns: writes of 256 bytes by as many
 * callers. Orbit is asked by redis-benchmark, which goes to where the keys are, as clients of a Redis Cluster do; etcd by the client of `bench -- raft`
 * through its own gRPC.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import * as Clusters from "../raft/Clusters.ts"
import { run as putToEtcd } from "../raft/Running.ts"

const execute = promisify(execFile)

export interface Row {
  readonly server: string
  readonly callers: number
  readonly writesPerSecond: number
  readonly p50Millis: number
  readonly p99Millis: number
  /** Of all three servers, a write. */
  readonly cpuMicros: number
}

export interface Options {
  readonly directory: string
  readonly seconds: number
  readonly progress: (text: string) => void
}

const numbers = [1, 2, 3]
const callersOf = [1, 64, 256]
const valueBytes = 256
const keys = 100_000
const portBase = 17_400
const callersWarming = 16
const secondsWarming = 6
const startMillisMax = 60_000
const runMillisMax = 120_000
const main = fileURLToPath(new URL("../../src/server/main.ts", import.meta.url))

const start = (root: string): ReadonlyArray<ChildProcess> => {
  const nodes = numbers.map((node) => `${node}=127.0.0.1:${portBase + 10 + node}`)
  const config = join(root, "cluster.json")
  writeFileSync(config, JSON.stringify({ clusterId: randomBytes(16).toString("hex"), nodes }))
  return numbers.map((node) => {
    const data = join(root, `node-${node}`)
    mkdirSync(data)
    const given = ["--config", config, "--node-id", node, "--redis-port", portBase + node, "--data-directory", data]
    const flags = [...given, "--redis-cluster", "yes", "--durability", "quorum", "--admin-port", 0].map(String)
    return spawn(process.execPath, ["--max-semi-space-size=32", main, ...flags], { stdio: "ignore" })
  })
}

type Slots = ReadonlyArray<readonly [first: number, last: number, at: readonly [host: string, port: number]]>

/** How many slots each node has, as one of them says; undefined: it says nothing yet. */
const sharesOf = async (node: number): Promise<ReadonlyArray<number> | undefined> => {
  const flags = ["-p", String(portBase + node), "--json", "cluster", "slots"]
  try {
    const { stdout } = await execute("redis-cli", flags, { timeout: runMillisMax })
    const shares = numbers.map(() => 0)
    for (const [first, last, [, port]] of JSON.parse(stdout) as Slots) shares[port - portBase - 1] += last - first + 1
    return shares
  } catch {
    return undefined
  }
}

/** Nobody gives a slot or two away for them to be quite even. */
const shareMin = Math.floor(SpacesRedis.slots / numbers.length) - 2

/** Every node has its share, and all know that. */
const atRest = async (): Promise<void> => {
  const until = Date.now() + startMillisMax
  for (;;) {
    const told = await Promise.all(numbers.map(sharesOf))
    if (told.every((shares) => shares?.every((share) => share >= shareMin))) return
    if (Date.now() > until) throw new Error("three nodes of Orbit do not come to have a third of the slots each")
    await sleep(500)
  }
}

const fields = /"([^"]*)"/g

const measure = async (callers: number, requests: number, nodes: ReadonlyArray<ChildProcess>): Promise<Row> => {
  const used = (): number => nodes.reduce((sum, node) => sum + Clusters.cpuMicros(node), 0)
  const before = used()
  const flags = [
    "-p",
    portBase + 1,
    "--cluster",
    "-t",
    "set",
    "-c",
    callers,
    "-n",
    requests,
    "-d",
    valueBytes,
    "-r",
    keys
  ]
  const { stdout } = await execute("redis-benchmark", [...flags.map(String), "--csv"], { timeout: runMillisMax })
  const row = stdout.trim().split("\n").at(-1) ?? ""
  const [, rate, , , p50, , p99] = [...row.matchAll(fields)].map(([, text]) => Number(text))
  if (!(rate > 0)) throw new Error(`redis-benchmark says: ${stdout.slice(0, 300)}`)
  const cpuMicros = (used() - before) / requests
  return { server: "orbit", callers, writesPerSecond: rate, p50Millis: p50, p99Millis: p99, cpuMicros }
}

const measureEtcd = async (etcd: Clusters.Cluster, callers: number, seconds: number): Promise<Row> => {
  const { p50, p99, puts, seconds: took, serverMicros } = await putToEtcd(etcd, { callers, seconds, groups: 1 })
  const cpuMicros = serverMicros / puts
  return { server: "etcd", callers, writesPerSecond: puts / took, p50Millis: p50, p99Millis: p99, cpuMicros }
}

export const bench = async ({ directory, progress, seconds }: Options): Promise<ReadonlyArray<Row>> => {
  const root = mkdtempSync(join(directory, "orbit-bench-quorum-"))
  const nodes = start(root)
  const etcd = Clusters.etcd(root, portBase + 100)
  if (etcd === undefined) progress("etcd is not installed (Debian: apt-get install etcd-server): three nodes alone")
  try {
    const rows: Array<Row> = []
    // A short run first says how many writes fill the time.
    const measureOrbit = async (callers: number, seconds: number): Promise<Row> => {
      const { writesPerSecond } = await measure(callers, 40 * callers, nodes)
      return measure(callers, Math.ceil(seconds * writesPerSecond), nodes)
    }
    await atRest()
    // Uncounted: code is compiled then, and leases are where the work is.
    await measureOrbit(callersWarming, secondsWarming)
    if (etcd !== undefined) await measureEtcd(etcd, callersWarming, secondsWarming)
    for (const callers of callersOf) {
      const row = await measureOrbit(callers, seconds)
      const both = etcd === undefined ? [row] : [row, await measureEtcd(etcd, callers, seconds)]
      for (const each of both) progress(lineOf(each))
      rows.push(...both)
    }
    return rows
  } finally {
    for (const node of nodes) node.kill("SIGKILL")
    if (etcd !== undefined) Clusters.stop(etcd)
    rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}

const lineOf = ({ callers, cpuMicros, p50Millis, p99Millis, server, writesPerSecond }: Row): string =>
  [
    server.padEnd(8),
    String(callers).padStart(7),
    writesPerSecond.toFixed(0).padStart(9),
    p50Millis.toFixed(2).padStart(8),
    p99Millis.toFixed(2).padStart(8),
    cpuMicros.toFixed(0).padStart(8)
  ].join(" ")

export const render = (rows: ReadonlyArray<Row>): string =>
  [
    "three nodes, writes of 256 bytes on the disks of two",
    "server   callers  writes/s   p50 ms   p99 ms   cpu us",
    ...rows.map(lineOf)
  ].join("\n")
