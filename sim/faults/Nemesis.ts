/**
 * Nemesis: carries out a schedule of faults on a cluster, and heals it at the end of the safety phase. What the links and
 * disks suffer is worked out anew from the faults that are active whenever one begins or ends, so overlapping faults never undo each other.
 */
import type { Epoch, Kernel } from "#sim/kernel/Kernel.ts"
import type { Machine } from "#sim/world/Machine.ts"
import type { SimConnection } from "#sim/world/SimConnection.ts"
import type { SimNet } from "#sim/world/SimNet.ts"
import type { Atlas } from "./Atlas.ts"
import { definitions, type Fault, type Kind } from "./Fault.ts"

/** The cluster as the nemesis handles it. Servers are the machines [0, servers); the rest are clients. */
export interface Victim {
  readonly kernel: Kernel
  readonly net: SimNet
  readonly machines: ReadonlyArray<Machine>
  readonly servers: number
  readonly atlas: Atlas
  /** Starts a server's program anew, if it is down by then. */
  readonly startIn: (server: number, delayMicros: number) => void
  /** From its next start on, a server runs with another version or other options. */
  readonly change: (server: number, change: { readonly version?: number; readonly optionsDraw?: number }) => void
  /** A fault struck; `detail` is for people. */
  readonly struck: (fault: Fault, detail: string) => void
  readonly paused: (server: number, paused: boolean) => void
  readonly wiped: (server: number) => void
}

export class Nemesis {
  private readonly victim: Victim
  private readonly active = new Set<Fault>()
  /** How many pauses are on an incarnation. */
  private readonly pauses = new Map<Epoch, number>()
  /** The ends that a `half-open` fault silenced. */
  private readonly silenced = new Map<Fault, ReadonlyArray<SimConnection>>()
  private healed = false

  constructor(victim: Victim) {
    this.victim = victim
  }

  /** Queues the faults of a schedule that fit the cluster. */
  schedule(faults: ReadonlyArray<Fault>): void {
    const { kernel, servers } = this.victim
    for (const fault of faults) {
      if (fault.nodes.some((node) => node >= servers)) continue
      kernel.call(fault.atMicros, () => {
        if (!this.healed) this.begin(fault)
      })
    }
  }

  /** Ends every fault and lets everything run again. */
  heal(): void {
    const { machines, net, servers } = this.victim
    this.healed = true
    for (const fault of this.active) this.endConnections(fault)
    this.active.clear()
    for (const machine of machines) {
      machine.clock.drift(0)
      machine.faults.heal()
      machine.disk.unstick()
      if (machine.index < servers) {
        this.resume(machine)
        this.victim.startIn(machine.index, 0)
      }
    }
    for (const link of net.allLinks) link.heal()
  }

  private begin(fault: Fault): void {
    const detail = this.strike(fault)
    if (detail === undefined) return
    this.victim.struck(fault, detail)
  }

  /** For a fault that lasts: it is active from now to its end. */
  private last(fault: Fault): void {
    const { kernel } = this.victim
    this.active.add(fault)
    this.apply()
    kernel.call(kernel.now + fault.forMicros, () => {
      if (!this.active.delete(fault)) return
      this.endConnections(fault)
      this.apply()
    })
  }

  private names(nodes: ReadonlyArray<number>): string {
    return nodes.map((node) => this.victim.machines[node].name).join(", ")
  }

  /** What it did, in words; undefined: nothing, because it did not fit the moment. */
  private strike(fault: Fault): string | undefined {
    switch (definitions[fault.kind].group) {
      case "network":
        return this.strikeNetwork(fault)
      case "disk":
        return this.strikeDisk(fault)
      case "clock":
        return this.strikeClock(fault)
      case "process":
        return this.strikeProcess(fault)
    }
  }

  private strikeNetwork(fault: Fault): string | undefined {
    const { amount, kind, nodes } = fault
    switch (kind) {
      case "clog":
        return this.clog(fault)
      case "half-open": {
        const connections = this.pairsOf(nodes[0])
        for (const connection of connections) connection.silent = true
        if (connections.length === 0) return undefined
        this.silenced.set(fault, connections)
        this.last(fault)
        return `${this.names(nodes)}: ${connections.length} ends`
      }
      case "reset": {
        const connections = this.pairsOf(nodes[0])
        for (const connection of connections) connection.broken("reset")
        return connections.length === 0 ? undefined : `${this.names(nodes)}: ${connections.length} ends`
      }
      default:
        this.last(fault)
        return `${nodes.length === 0 ? "all links" : this.names(nodes)}, ${amount}`
    }
  }

  /** Both ends of every connection of a node. */
  private pairsOf(node: number): ReadonlyArray<SimConnection> {
    return this.victim.net
      .connectionsOf(node)
      .flatMap((connection) => (connection.peer === undefined ? [connection] : [connection, connection.peer]))
  }

  private strikeDisk(fault: Fault): string | undefined {
    const { amount, kind, nodes } = fault
    const machine = this.victim.machines[nodes[0]]
    switch (kind) {
      case "lose-unsynced":
      case "torn-write":
      case "lose-directory-entry":
        return this.crash(fault, machine)
      case "misdirect":
        machine.faults.misdirectNext = true
        return machine.name
      case "bit-rot": {
        const places: Array<string> = []
        for (let i = 0; i < amount; i++) {
          const place = machine.disk.rot()
          if (place !== undefined) places.push(place)
        }
        return places.length === 0 ? undefined : `${machine.name}: ${places.join(", ")}`
      }
      case "lying-sync":
        // What it claims to have kept may be gone at the next power loss: as good as a wiped disk.
        if (!this.victim.atlas.claimWipe(machine.index)) return undefined
        this.last(fault)
        return machine.name
      default:
        this.last(fault)
        return `${machine.name}, ${amount}`
    }
  }

  private strikeClock(fault: Fault): string {
    const { amount, kind, nodes } = fault
    if (kind === "drift") this.last(fault)
    else this.victim.machines[nodes[0]].clock.step(amount)
    const others = nodes.length === 1 ? "" : `, ${this.names(nodes.slice(1))}: ${-amount}`
    return `${this.names(nodes.slice(0, 1))}: ${amount}${others} ${kind === "drift" ? "ppm" : "µs"}`
  }

  private strikeProcess(fault: Fault): string | undefined {
    const machine = this.victim.machines[fault.nodes[0]]
    if (!machine.isUp && fault.kind !== "wipe") return undefined
    switch (fault.kind) {
      case "stop":
        machine.stop(() => this.victim.startIn(machine.index, fault.forMicros))
        return machine.name
      case "pause":
        return this.pause(fault, machine)
      case "kill-at-io":
        this.setPowerLoss(machine, { losesUnsynced: true, tearsWrites: true, losesEntries: true })
        machine.faults.killAtCall =
          machine.faults.killAtCall === 0 ? fault.amount : Math.min(machine.faults.killAtCall, fault.amount)
        machine.faults.killDownMicros = fault.forMicros
        return `${machine.name}: at call ${fault.amount}`
      case "wipe":
        if (!this.victim.atlas.claimWipe(machine.index)) return undefined
        machine.crash({ powerLost: true })
        machine.disk.wipe()
        this.victim.wiped(machine.index)
        this.victim.startIn(machine.index, fault.forMicros)
        return machine.name
      default:
        return this.crash(fault, machine)
    }
  }

  private setPowerLoss(
    machine: Machine,
    loss: { losesUnsynced: boolean; tearsWrites: boolean; losesEntries: boolean }
  ): void {
    machine.faults.losesUnsynced = loss.losesUnsynced
    machine.faults.tearsWrites = loss.tearsWrites
    machine.faults.losesEntries = loss.losesEntries
  }

  private crash(fault: Fault, machine: Machine): string | undefined {
    if (!machine.isUp) return undefined
    const kind: Kind = fault.kind
    this.setPowerLoss(machine, {
      losesUnsynced: kind === "lose-unsynced" || kind === "torn-write",
      tearsWrites: kind === "torn-write",
      losesEntries: kind === "lose-directory-entry"
    })
    const powerLost = kind === "lose-unsynced" || kind === "torn-write" || kind === "lose-directory-entry"
    if (powerLost && fault.amount === 1) {
      machine.faults.killAtSync = true
      machine.faults.killDownMicros = fault.forMicros
      return `${machine.name}: inside its next sync`
    }
    machine.crash({ powerLost })
    if (kind === "version") this.victim.change(machine.index, { version: fault.amount })
    if (kind === "config") this.victim.change(machine.index, { optionsDraw: fault.amount })
    this.victim.startIn(machine.index, fault.forMicros)
    return machine.name
  }

  /** The process stands still for as long as any pause of it lasts; one that is started meanwhile does not. */
  private pause(fault: Fault, machine: Machine): string {
    const { kernel, paused } = this.victim
    const epoch = machine.epoch!
    this.pauses.set(epoch, (this.pauses.get(epoch) ?? 0) + 1)
    if (!epoch.paused) {
      machine.pause()
      paused(machine.index, true)
    }
    kernel.call(kernel.now + fault.forMicros, () => {
      const left = this.pauses.get(epoch)! - 1
      this.pauses.set(epoch, left)
      if (left > 0) return
      this.pauses.delete(epoch)
      if (machine.epoch === epoch) this.resume(machine)
    })
    return machine.name
  }

  private resume(machine: Machine): void {
    if (machine.epoch?.paused !== true) return
    machine.resume()
    this.victim.paused(machine.index, false)
  }

  /** Everything stops; then one link after the other goes on, in a drawn order (FoundationDB's swizzle-clog). */
  private clog(fault: Fault): string {
    const { kernel, net } = this.victim
    const links = net.allLinks.filter((link) => link.from !== link.to)
    const times = kernel.streams.get("nemesis/clog")
    for (const link of links) {
      link.clogs++
      kernel.call(kernel.now + 1 + times.below(Math.max(1, fault.forMicros)), () => {
        if (link.clogs > 0) link.clogs--
        link.release()
      })
    }
    return `${links.length} links`
  }

  /** Connections that were silenced find out when the last fault that silences them ends. */
  private endConnections(fault: Fault): void {
    const ends = this.silenced.get(fault) ?? []
    this.silenced.delete(fault)
    const others = new Set([...this.silenced.values()].flat())
    for (const end of ends) if (!others.has(end)) end.broken("reset")
  }

  /** Works out the state of links, disks and clocks from the active faults. */
  private apply(): void {
    const { machines, net, servers } = this.victim
    const everywhere = {
      cuts: 0,
      lossPerMille: this.most("loss"),
      duplicatePerMille: this.most("duplicate"),
      reorderPerMille: this.most("reorder"),
      delayMicros: this.most("delay"),
      fragmentBytes: this.least("fragment")
    }
    const slowest = machines.map((_, index) => this.least("slow-link", index))
    for (const link of net.allLinks) {
      Object.assign(link, everywhere)
      const slow = [slowest[link.from], slowest[link.to]].filter((bytes) => bytes > 0)
      link.bytesPerMilli = slow.length === 0 ? 0 : Math.min(...slow)
    }
    for (const fault of this.active) {
      for (const link of net.allLinks) if (cuts(fault, link.from, link.to, servers)) link.cuts++
    }
    for (const link of net.allLinks) link.release()
    for (const machine of machines.slice(0, servers)) {
      const { faults, index } = machine
      faults.ioErrorPerMille = this.most("io-error", index)
      faults.slowSyncMicros = this.most("slow-sync", index)
      faults.full = this.isActive("disk-full", index)
      faults.lying = this.isActive("lying-sync", index)
      if (this.isActive("stuck-sync", index)) faults.stuck = true
      else if (faults.stuck) machine.disk.unstick()
      machine.clock.drift(this.drift(index))
    }
  }

  private of(kind: Kind, node: number | undefined): ReadonlyArray<Fault> {
    return [...this.active].filter((fault) => fault.kind === kind && (node === undefined || fault.nodes.includes(node)))
  }

  private most(kind: Kind, node?: number): number {
    return this.of(kind, node).reduce((most, fault) => Math.max(most, fault.amount), 0)
  }

  /** The smallest amount, where a small one is the worse; 0 when there is none. */
  private least(kind: Kind, node?: number): number {
    const faults = this.of(kind, node)
    return faults.length === 0 ? 0 : Math.min(...faults.map((fault) => fault.amount))
  }

  /** The latest decides: two drifts at once would leave the bound. */
  private drift(node: number): number {
    const latest = this.of("drift", node).at(-1)
    if (latest === undefined) return 0
    return latest.nodes[0] === node ? latest.amount : -latest.amount
  }

  private isActive(kind: Kind, node: number): boolean {
    return this.of(kind, node).length > 0
  }
}

/** Whether a fault cuts the way from one machine to another. */
const cuts = (fault: Fault, from: number, to: number, servers: number): boolean => {
  if (from === to) return false
  const [first, second] = fault.nodes
  switch (fault.kind) {
    case "partition": {
      if (from >= servers && to >= servers) return false
      if ((from >= servers || to >= servers) && fault.amount !== 1) return false
      return fault.nodes.includes(from) !== fault.nodes.includes(to)
    }
    case "one-way":
      return from === first && (second === undefined ? to >= servers : to === second)
    case "partial":
      return (from === first && to === second) || (from === second && to === first)
    default:
      return false
  }
}
