/**
 * RaftGroups: what many groups cost a store: how much of a core ten thousand idle ones take, how much of one group's throughput a
 * thousand active ones keep, and for how long nobody is answered when a leader's process is killed.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Clusters from "./raft/Clusters.ts"
import { run } from "./raft/Running.ts"

interface Rate {
  readonly putsPerSecond: number
  /** Of all three servers, a put. */
  readonly serverCpuMicros: number
}

export interface Report {
  /** Shares of a core, each store's. */
  readonly idleShares: ReadonlyArray<number>
  readonly idleGroups: number
  readonly one: Rate
  readonly many: Rate
  readonly manyGroups: number
  readonly silenceAfterKillMillis: number
}

const idleGroups = 10_000
const manyGroups = 1_000
const callers = 1_000
const portBase = 17_400

const wait = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

const withCluster = async <A>(
  directory: string | undefined,
  groups: number,
  use: (cluster: Clusters.Cluster) => Promise<A>
): Promise<A> => {
  const root = mkdtempSync(join(directory ?? tmpdir(), "orbit-groups-"))
  const [, plain] = Clusters.orbit(root, portBase, groups)
  try {
    return await use(plain)
  } finally {
    Clusters.stop(plain)
    rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}

const idle = (directory: string | undefined, seconds: number) =>
  withCluster(directory, idleGroups, async (cluster) => {
    // Until all have elected and fallen asleep.
    await wait(45_000)
    const before = cluster.servers.map(Clusters.cpuMicros)
    await wait(seconds * 1_000)
    return cluster.servers.map((server, i) => (Clusters.cpuMicros(server) - before[i]) / (seconds * 1_000_000))
  })

const active = (directory: string | undefined, groups: number, seconds: number): Promise<Rate> =>
  withCluster(directory, groups, async (cluster) => {
    await wait(10_000)
    const { puts, seconds: took, serverMicros } = await run(cluster, { callers, seconds, groups })
    return { putsPerSecond: puts / took, serverCpuMicros: serverMicros / puts }
  })

const kill = (directory: string | undefined) =>
  withCluster(directory, 1, async (cluster) => {
    await wait(5_000)
    const measured = run(cluster, { callers: 16, seconds: 8, groups: 1 })
    await wait(4_000)
    // The one that works hardest leads.
    const used = cluster.servers.map(Clusters.cpuMicros)
    cluster.servers[used.indexOf(Math.max(...used))].kill("SIGKILL")
    const { longestSilence } = await measured
    return longestSilence
  })

export interface Options {
  readonly seconds: number
  readonly directory: string | undefined
  readonly progress: (text: string) => void
}

export const bench = async ({ directory, progress, seconds }: Options): Promise<Report> => {
  progress("a leader is killed")
  const silenceAfterKillMillis = await kill(directory)
  progress(`${callers} callers of one group`)
  const one = await active(directory, 1, seconds)
  progress(`${callers} callers of ${manyGroups} groups`)
  const many = await active(directory, manyGroups, seconds)
  progress(`${idleGroups} idle groups`)
  const idleShares = await idle(directory, 2 * seconds)
  return { idleShares, idleGroups, one, many, manyGroups, silenceAfterKillMillis }
}

const rate = ({ putsPerSecond, serverCpuMicros }: Rate): string =>
  `${putsPerSecond.toFixed(0)} puts/s (${serverCpuMicros.toFixed(0)} µs of server CPU each)`

export const render = (report: Report): string =>
  [
    `${report.idleGroups} idle groups: ${report.idleShares.map((share) => `${(100 * share).toFixed(2)} %`).join(", ")} of a core in each store`,
    `${callers} callers: one group ${rate(report.one)}, ${report.manyGroups} groups ${rate(report.many)}: ${(report.many.putsPerSecond / report.one.putsPerSecond).toFixed(2)} of it`,
    `the leader's process is killed under load: nobody is answered for ${report.silenceAfterKillMillis.toFixed(0)} ms`
  ].join("\n")
