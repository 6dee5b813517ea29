/**
 * Cluster: the processes of a run, each with a directory, ports and a configuration of its own, and the mesh between them: each node is told
 * addresses of the mesh where others are told a node's own.
 */
import { createHash, randomInt } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import type { Address } from "#world/Net.ts"
import type { Mesh } from "./Mesh.ts"
import { type Hooks, ServerProcess } from "./ServerProcess.ts"

export interface Options {
  /** The tree whose server runs. */
  readonly tree: string
  /** Everything of the run lies below. */
  readonly directory: string
  readonly seed: string
  readonly nodes: number
  readonly clients: number
  /** For each node's process. */
  readonly environment: (node: number) => Readonly<Record<string, string>>
  readonly hooks: (node: number) => Hooks
}

const host = "127.0.0.1"
const askMillisMax = 400
const slotsLine = /^orbit_redis_slots (\d+)$/m

interface Ports {
  readonly redis: number
  readonly nodes: number
  readonly admin: number
}

/** Below those that systems give to whoever dials: a node that comes back has to find its own free. */
const portMin = 10_000
const portMax = 32_000
const attemptsMax = 1_000

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.on("error", () => resolve(false)).listen(port, host, () => void server.close(() => resolve(true)))
  })

/** Ports that nobody has now, each another one. */
const freePorts = async (count: number): Promise<ReadonlyArray<number>> => {
  const ports = new Set<number>()
  for (let attempt = 0; attempt < attemptsMax && ports.size < count; attempt++) {
    const port = randomInt(portMin, portMax)
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  if (ports.size < count) throw new Error(`no ${count} ports from ${portMin} to ${portMax} are free`)
  return [...ports]
}

export const dataOf = (directory: string, node: number): string => join(directory, `node-${node}`)

export const logOf = (directory: string, node: number): string => join(directory, `node-${node}.log`)

export class Cluster {
  readonly processes: ReadonlyArray<ServerProcess>
  /** Where each client reaches each node. */
  readonly doors: ReadonlyArray<ReadonlyArray<Address>>
  private readonly ports: ReadonlyArray<Ports>

  constructor(
    processes: ReadonlyArray<ServerProcess>,
    doors: ReadonlyArray<ReadonlyArray<Address>>,
    ports: ReadonlyArray<Ports>
  ) {
    this.processes = processes
    this.doors = doors
    this.ports = ports
  }

  /** The node that has the most of the data, asked behind the mesh's back; undefined: none says that it has any. Of several, the last. */
  async owner(): Promise<number | undefined> {
    const slots = await Promise.all(this.processes.map((_, node) => this.slotsOf(node)))
    const most = Math.max(...slots)
    return most === 0 ? undefined : slots.lastIndexOf(most)
  }

  private async slotsOf(node: number): Promise<number> {
    const process = this.processes[node]
    if (!process.isRunning || process.isPaused) return 0
    try {
      const signal = AbortSignal.timeout(askMillisMax)
      const response = await fetch(`http://${host}:${this.ports[node].admin}/metrics`, { signal })
      return Number(slotsLine.exec(await response.text())?.[1] ?? 0)
    } catch {
      return 0
    }
  }

  /** Nobody is left. */
  async end(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.kill()))
  }

  abandon(): void {
    for (const process of this.processes) process.abandon()
  }
}

/** Makes directories and configurations; starts nothing. */
export const make = async (options: Options, mesh: Mesh): Promise<Cluster> => {
  const { clients, directory, environment, hooks, nodes, seed, tree } = options
  const all = Array.from({ length: nodes }, (_, node) => node)
  const free = await freePorts(3 * nodes)
  const ports = all.map((node) => ({ redis: free[3 * node], nodes: free[3 * node + 1], admin: free[3 * node + 2] }))
  const clusterId = createHash("sha256").update(seed).digest("hex").slice(0, 32)
  const processes: Array<ServerProcess> = []
  for (const node of all) {
    const links: Array<string> = []
    for (const other of all) {
      const own = { host, port: ports[other].nodes }
      const address = other === node ? own : await mesh.between(node, other, ports[other].nodes)
      links.push(`${other + 1}=${address.host}:${address.port}`)
    }
    const announced = await mesh.door(node, ports[node].redis)
    const data = dataOf(directory, node)
    mkdirSync(data, { recursive: true })
    const file = join(directory, `node-${node}.json`)
    const configuration = {
      clusterId,
      nodeId: node + 1,
      nodes: links,
      clusterListen: `${host}:${ports[node].nodes}`,
      dataDirectory: join(data, "data"),
      redisPort: ports[node].redis,
      redisBind: host,
      redisAnnounce: `${announced.host}:${announced.port}`,
      adminPort: ports[node].admin,
      adminBind: host,
      logFormat: "json"
    }
    writeFileSync(file, `${JSON.stringify(configuration, undefined, 2)}\n`)
    const argv = ["serve", "--config", file]
    const main = join(tree, "src/server/main.ts")
    const logFile = logOf(directory, node)
    processes.push(new ServerProcess({ main, argv, environment: environment(node), logFile }, hooks(node)))
  }
  const doors: Array<ReadonlyArray<Address>> = []
  for (let client = 0; client < clients; client++) {
    const own: Array<Address> = []
    for (const node of all) own.push(await mesh.between(nodes + client, node, ports[node].redis))
    doors.push(own)
  }
  return new Cluster(processes, doors, ports)
}
