/**
 * Raft: puts of 256 bytes on three real processes on loopback with fdatasync, beside etcd on the same machine, in turns (A B A B), so that what
 * else the machine does falls on both.
 *
 * Two doors of ours: etcd's own gRPC, asked by the very client that asks etcd, and a plain framed connection, which shows what the store
 * costs without HTTP/2.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Clusters from "./raft/Clusters.ts"
import { run, type Sample } from "./raft/Running.ts"

export interface Row {
  readonly server: string
  readonly door: "grpc" | "plain"
  readonly callers: number
  readonly putsPerSecond: number
  readonly failures: number
  readonly p50Millis: number
  readonly p99Millis: number
  /** Of all three servers, a put. */
  readonly serverCpuMicros: number
  readonly clientCpuMicros: number
}

const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)]
}

const rowOf = ({ kind, name }: Clusters.Cluster, callers: number, samples: ReadonlyArray<Sample>): Row => ({
  server: name,
  door: kind,
  callers,
  putsPerSecond: median(samples.map(({ puts, seconds }) => puts / seconds)),
  failures: samples.reduce((sum, { failures }) => sum + failures, 0),
  p50Millis: median(samples.map(({ p50 }) => p50)),
  p99Millis: median(samples.map(({ p99 }) => p99)),
  serverCpuMicros: median(samples.map(({ puts, serverMicros }) => serverMicros / puts)),
  clientCpuMicros: median(samples.map(({ cpuMicros, puts }) => cpuMicros / puts))
})

export interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly callers: ReadonlyArray<number>
  readonly directory: string | undefined
  readonly progress: (text: string) => void
}

export const bench = async ({
  callers,
  directory,
  progress,
  rounds,
  seconds
}: Options): Promise<ReadonlyArray<Row>> => {
  const root = mkdtempSync(join(directory ?? tmpdir(), "orbit-raft-"))
  const peer = Clusters.etcd(root, 17_200)
  if (peer === undefined) progress("etcd is not installed (Debian: apt-get install etcd-server): Orbit alone")
  const clusters = [...Clusters.orbit(root, 17_100), ...(peer === undefined ? [] : [peer])]
  try {
    // Until both have a leader.
    await new Promise((resolve) => setTimeout(resolve, 4_000))
    const rows: Array<Row> = []
    for (const count of callers) {
      const samples = clusters.map((): Array<Sample> => [])
      for (let round = 0; round < rounds; round++) {
        for (let i = 0; i < clusters.length; i++) {
          progress(`${count} callers, round ${round + 1} of ${rounds}: ${clusters[i].name} by ${clusters[i].kind}`)
          samples[i].push(await run(clusters[i], { callers: count, seconds, groups: 1 }))
        }
      }
      for (let i = 0; i < clusters.length; i++) rows.push(rowOf(clusters[i], count, samples[i]))
    }
    return rows
  } finally {
    for (const cluster of clusters) Clusters.stop(cluster)
    rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}

export const render = (rows: ReadonlyArray<Row>): string => {
  const lines = ["server  door   callers   puts/s   of etcd   p50 ms   p99 ms   server CPU µs   client CPU µs"]
  for (const row of rows) {
    const peer = rows.find(({ callers, server }) => server === "etcd" && callers === row.callers)
    const ratio = peer === undefined ? "" : (row.putsPerSecond / peer.putsPerSecond).toFixed(2)
    lines.push(
      [
        row.server.padEnd(7),
        row.door.padEnd(5),
        String(row.callers).padStart(8),
        row.putsPerSecond.toFixed(0).padStart(8),
        ratio.padStart(9),
        row.p50Millis.toFixed(2).padStart(8),
        row.p99Millis.toFixed(2).padStart(8),
        row.serverCpuMicros.toFixed(0).padStart(15),
        row.clientCpuMicros.toFixed(0).padStart(15)
      ].join(" ") + (row.failures > 0 ? `   ${row.failures} failed` : "")
    )
  }
  return (
    `${lines.join("\n")}\n\nThree processes on loopback, fdatasync, values of 256 bytes, one client process. Server CPU is that of all three.\n` +
    "grpc: the same client asks both, in etcd's protocol. plain: frames on one connection, without HTTP/2."
  )
}
