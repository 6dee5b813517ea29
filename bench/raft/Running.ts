/** Running: the client against a cluster, as a process of its own, and what it and the servers used. */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Clusters from "./Clusters.ts"

const clientFile = fileURLToPath(new URL("Client.ts", import.meta.url))

/** What the client prints. */
export interface Sample {
  readonly puts: number
  readonly failures: number
  readonly seconds: number
  readonly p50: number
  readonly p99: number
  /** The longest time in which nobody was answered, in milliseconds. */
  readonly longestSilence: number
  readonly cpuMicros: number
  readonly serverMicros: number
}

export const run = (
  cluster: Clusters.Cluster,
  { callers, groups, seconds }: { readonly callers: number; readonly seconds: number; readonly groups: number }
): Promise<Sample> =>
  new Promise((resolve, reject) => {
    const client = spawn(
      process.execPath,
      [clientFile, cluster.kind, cluster.ports.join(","), String(callers), String(seconds), String(groups)],
      { stdio: ["ignore", "pipe", "inherit"] }
    )
    const used = (): number => cluster.servers.reduce((sum, server) => sum + Clusters.cpuMicros(server), 0)
    let before = 0
    let text = ""
    client.stdout.on("data", (chunk: Buffer) => {
      if (text === "") before = used()
      text += chunk.toString()
    })
    client.on("exit", (code) => {
      if (code !== 0) return reject(new Error(`the client of ${cluster.name} ended with ${code}`))
      const sample = JSON.parse(text.trim().split("\n").at(-1)!) as Omit<Sample, "serverMicros">
      resolve({ ...sample, serverMicros: used() - before })
    })
  })
