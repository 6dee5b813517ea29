/**
 * Nemesis: carries out strikes on processes and the mesh between them, and heals everything in the end.
 *
 * A node that is struck twice at once is down until the later one is over; who is down is not paused.
 */
import type { FaultEvent } from "#reports/Recording.ts"
import { definitions } from "#sim/faults/Fault.ts"
import type { Cluster } from "./Cluster.ts"
import type { Machine } from "./Machine.ts"
import type { Mesh, Trouble } from "./Mesh.ts"
import { aim, type Strike } from "./Strikes.ts"

export interface Parts {
  readonly cluster: Cluster
  readonly mesh: Mesh
  readonly machine: Machine
  readonly nodes: number
  /** The node that last had most of the data. */
  readonly owner: () => number | undefined
  readonly nowMicros: () => number
  readonly later: (delayMicros: number, call: () => void) => void
  readonly struck: (event: FaultEvent) => void
}

export class Nemesis {
  readonly counts: Record<string, number> = {}
  private readonly parts: Parts
  /** How to end what goes on. */
  private readonly going = new Set<() => void>()
  /** How many strikes hold each node down, and how many paused. */
  private readonly down: Array<number>
  private readonly held: Array<number>

  constructor(parts: Parts) {
    this.parts = parts
    this.down = Array.from({ length: parts.nodes }, () => 0)
    this.held = Array.from({ length: parts.nodes }, () => 0)
  }

  strike(strike: Strike): void {
    const { later, nowMicros, owner, struck } = this.parts
    const { amount, forMicros, kind } = strike
    const nodes = aim(strike, owner())
    this.counts[kind] = (this.counts[kind] ?? 0) + 1
    const at = nowMicros()
    const names = nodes.map((node) => `n${node}`).join(", ")
    const isOwner = nodes[0] === owner() ? ", which had most of the data" : ""
    const detail = `${names}${isOwner}${amount === 0 ? "" : `, ${amount}`}`
    struck({ type: "fault", at, until: at + forMicros, kind, group: definitions[kind].group, nodes, detail })
    const end = this.begin(strike, nodes)
    const once = (): void => {
      if (this.going.delete(once)) end()
    }
    this.going.add(once)
    later(forMicros, once)
  }

  /** Everything goes on, and everybody runs. */
  heal(): void {
    for (const end of [...this.going]) end()
    for (const process of this.parts.cluster.processes) {
      process.resume()
      void process.start()
    }
  }

  /** Returns how to end it. */
  private begin({ amount, kind }: Strike, nodes: ReadonlyArray<number>): () => void {
    const { machine, mesh } = this.parts
    const [node] = nodes
    switch (kind) {
      case "crash":
        return this.takeDown(node, "kill")
      case "stop":
        return this.takeDown(node, "stop")
      case "pause":
        return this.hold(node)
      case "half-open":
        return mesh.mute(node)
      case "reset":
        mesh.reset(node)
        return () => {}
      case "disk-full":
        return machine.fill(node)
      case "step":
        machine.step(node, amount)
        return () => {}
      default:
        return mesh.begin(this.trouble(kind, nodes, amount))
    }
  }

  private trouble(kind: Strike["kind"], nodes: ReadonlyArray<number>, amount: number): Trouble {
    const servers = this.parts.nodes
    const inside = (place: number): boolean => nodes.includes(place)
    const isClient = (place: number): boolean => place >= servers
    switch (kind) {
      case "partition":
        return {
          cuts: (from, to) => (isClient(from) || isClient(to) ? amount === 1 : true) && inside(from) !== inside(to)
        }
      case "partial":
        return { cuts: (from, to) => inside(from) && inside(to) && from !== to }
      case "one-way":
        return { cuts: (from, to) => from === nodes[0] && (nodes.length === 1 ? isClient(to) : to === nodes[1]) }
      case "delay":
        return { delayMillisMax: () => amount / 1_000 }
      default:
        throw new Error(`nobody knows how to do ${kind} to a process`)
    }
  }

  private takeDown(node: number, how: "kill" | "stop"): () => void {
    const process = this.parts.cluster.processes[node]
    this.down[node]++
    const gone = how === "kill" ? process.kill() : process.stop()
    return () => {
      this.down[node]--
      void gone.then(() => {
        if (this.down[node] === 0) void process.start()
      })
    }
  }

  private hold(node: number): () => void {
    const process = this.parts.cluster.processes[node]
    this.held[node]++
    process.pause()
    return () => {
      this.held[node]--
      if (this.held[node] === 0) process.resume()
    }
  }
}
