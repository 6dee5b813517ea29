/**
 * ClusterRig: several nodes in memory, each with its own engine and its own opinion of who answers for what, joined by connections that carry bytes when
 * they are told to: for tests.
 */
import * as Latin1 from "#base/Latin1.ts"
import type { Peer, Place, Shards } from "#database/redis/Shards.ts"
import { SlotSet } from "#database/redis/SlotSet.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import type * as Net from "#world/Net.ts"
import { NetError, type NetErrorCode } from "#world/WorldError.ts"
import { handlers } from "./Handlers.ts"
import { Messengers } from "./Messengers.ts"
import { RigJoint } from "./RigJoint.ts"
import { Scratch } from "./Scratch.ts"
import { type RigConnection, SessionRig } from "./SessionRig.ts"

/** A node's number, or why nobody answers. */
export type Owner = number | "held" | "loading" | "nowhere"

export class RigShards implements Shards {
  version = 1
  pass = "secret"
  peers: ReadonlyArray<Peer> = []
  /** How often it was asked to look again. */
  refreshes = 0
  /** By slot. */
  readonly places: Array<Owner>
  private readonly node: number

  constructor(node: number, owners: ReadonlyArray<Owner>) {
    this.node = node
    this.places = [...owners]
  }

  get owners(): ReadonlyArray<Peer> {
    const numbers = new Set(this.places)
    return this.peers.filter(({ node }) => numbers.has(node))
  }

  get own(): SlotSet {
    const others = new Set<Owner>(["nowhere", ...this.peers.map(({ node }) => node)])
    return SlotSet.of(this.places.flatMap((place, slot) => (others.has(place) ? [] : [[slot, slot] as const])))
  }

  get whole(): "here" | "held" | "loading" {
    return this.places.includes("held") ? "held" : this.places.includes("loading") ? "loading" : "here"
  }

  placeOf(slot: number): Place {
    const owner = this.places[slot]
    if (typeof owner === "string") return owner
    return owner === this.node ? "here" : (this.peers.find(({ node }) => node === owner) ?? "nowhere")
  }

  refresh(): void {
    this.refreshes += 1
  }

  set(slot: number, owner: Owner): void {
    const [before, after] = [this.places[slot], owner].map((each) => (each === "held" ? this.node : each))
    this.places[slot] = owner
    if (before !== after) this.version += 1
  }
}

const each = (slots: SlotSet): ReadonlyArray<number> =>
  slots.ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, at) => first + at))

const broken = (code: NetErrorCode): NetError => new NetError({ code, address: "", message: code })

/** One end of a connection between nodes. */
class WireEnd implements Net.Connection {
  readonly local: Net.Address
  readonly remote: Net.Address
  readonly peerNames = undefined
  readonly bufferedBytes = 0
  sink!: Net.StreamSink
  other!: WireEnd
  hasEnded = false
  isOver = false
  isPaused = false
  isEstablished = false
  /** What is to be told of it, in order. */
  private events: Array<() => void> = []
  private readonly wires: Wires

  constructor(wires: Wires, local: Net.Address, remote: Net.Address) {
    this.wires = wires
    this.local = local
    this.remote = remote
  }

  write(bytes: Uint8Array): boolean {
    // Nothing is buffered, so they may be written over.
    const copy = new Uint8Array(bytes)
    if (!this.hasEnded && !this.isOver) this.other.later(() => this.other.take(copy))
    return true
  }

  end(): void {
    if (this.hasEnded || this.isOver) return
    this.hasEnded = true
    this.other.later(() => {
      this.other.sink.ended()
      if (this.other.hasEnded) for (const each of [this, this.other]) each.later(() => each.close(undefined))
    })
  }

  reset(): void {
    for (const each of [this, this.other]) each.later(() => each.close(broken("reset")))
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
    this.wires.ready.add(this)
  }

  later(event: () => void): void {
    this.events.push(event)
    this.wires.ready.add(this)
  }

  close(error: NetError | undefined): void {
    if (this.isOver) return
    this.isOver = true
    this.sink.closed(error)
  }

  /** Tells what there is to be told; the memory of what was read is used again. */
  run(): void {
    while (this.isEstablished && !this.isPaused && this.events.length > 0) this.events.shift()!()
  }

  private take(bytes: Uint8Array): void {
    const { cutBytes } = this.wires
    for (let at = 0; at < bytes.length && !this.isOver; at += cutBytes) {
      const chunk = bytes.slice(at, at + cutBytes)
      this.sink.data(chunk)
      chunk.fill(0x58)
    }
  }
}

class Wires {
  readonly ready = new Set<WireEnd>()
  readonly ends: Array<WireEnd> = []
  /** Bytes arrive in pieces of at most so many. */
  cutBytes = 65_536
}

export class ClusterNode extends SessionRig {
  readonly number: number
  readonly shards: RigShards
  readonly address: Net.Address
  readonly joint: RigJoint
  readonly messengers = new Messengers(this.server)
  /** Nobody reaches it. */
  isDown = false
  /** What is to be called when the present turn is over. */
  private laters: Array<() => void> = []

  constructor(number: number, owners: ReadonlyArray<Owner>) {
    super({}, { isSlotted: true })
    this.number = number
    this.engine.reset(1_000 * number)
    this.address = { host: "127.0.0.1", port: 7_000 + number }
    this.shards = new RigShards(number, owners)
    this.server.node = number
    this.server.shards = this.shards
    const { engine, shards } = this
    this.joint = new RigJoint({
      node: number,
      engine,
      isHere: (slots) => each(slots).every((slot) => shards.placeOf(slot) === "here"),
      hold: (slots, isHeld) => {
        for (const slot of each(slots)) shards.set(slot, isHeld ? "held" : number)
        this.server.resumed()
      },
      later: (act) => this.laters.push(act)
    })
    this.server.joint = this.joint
    this.server.scratch = new Scratch(this.server, handlers)
    const { messengers } = this
    this.server.relay = (channel, message, isShard) => messengers.send(channel, message, isShard)
    this.server.rested = () => messengers.flush()
  }

  /** False: there was nothing to be done. */
  settleLaters(): boolean {
    const { laters } = this
    this.laters = []
    for (const act of laters) act()
    return laters.length > 0
  }
}

export class ClusterRig {
  readonly nodes: ReadonlyArray<ClusterNode>
  private readonly wires = new Wires()
  private ports = 30_000
  private readonly ownerOf: (slot: number) => number

  /** `ownerOf`: who answers for a slot at first. Default: one after the other. */
  constructor(count: number, ownerOf = (slot: number): number => 1 + (slot % count)) {
    this.ownerOf = ownerOf
    const owners = Array.from({ length: SpacesRedis.slots }, (_, slot) => ownerOf(slot))
    this.nodes = Array.from({ length: count }, (_, index) => new ClusterNode(index + 1, owners))
    for (const node of this.nodes) {
      node.shards.peers = this.nodes
        .filter((other) => other !== node)
        .map(({ address, number, shards }) => ({ node: number, address, relay: address, pass: shards.pass }))
      node.server.dial = ({ relay }, sink) => this.dial(relay, sink)
    }
  }

  /** Connections that nodes have made to each other so far. */
  get dialled(): number {
    return this.wires.ends.length / 2
  }

  set cutBytes(sizeBytes: number) {
    this.wires.cutBytes = sizeBytes
  }

  /** A key that the node, counted from 1, has at first; another one for each index. */
  key(node: number, index = 0): string {
    for (let at = 0, found = 0; ; at++) {
      const name = `key${at}`
      if (this.ownerOf(SpacesRedis.slotOfText(name)) === node && found++ === index) return name
    }
  }

  slotOf(key: string): number {
    return SpacesRedis.slotOfText(key)
  }

  /** Two of each node. */
  get keys(): ReadonlyArray<string> {
    return this.nodes.flatMap(({ number }) => [this.key(number, 0), this.key(number, 1)])
  }

  connect(node: number): RigConnection {
    return this.node(node).connect()
  }

  node(number: number): ClusterNode {
    return this.nodes[number - 1]
  }

  /** Carries what is under way between nodes, and what that causes, until nothing is, or so often. */
  run(roundsMax = Infinity): void {
    const { ready } = this.wires
    for (let rounds = 0; rounds < 10_000; rounds++) {
      if (rounds === roundsMax) return
      for (const end of [...ready]) {
        ready.delete(end)
        end.run()
      }
      let isBusy = false
      for (const node of this.nodes) isBusy = node.settleLaters() || isBusy
      for (const node of this.nodes) node.pass(0)
      if (ready.size === 0 && !isBusy) return
    }
    throw new Error("nodes never come to rest")
  }

  /** Time goes on everywhere, and what is under way arrives. */
  pass(millis: number): void {
    this.run()
    for (let left = millis; left > 0; left -= 10) {
      for (const node of this.nodes) node.pass(Math.min(left, 10))
      this.run()
    }
  }

  /** A line of words; what has come when everything has arrived. */
  ask(client: RigConnection, line: string): string {
    client.sendOnly(`${line}\r\n`)
    this.run()
    return client.received()
  }

  /** From now on another node answers for a key's slot, with what is in it, or nobody does; both know at once, others when `tell` is called. False: not now. */
  move(key: string, owner: Owner): boolean {
    const slot = SpacesRedis.slotOfText(key)
    // Who holds slots still gives none away.
    if (this.isHeld(key)) return false
    const from = this.nodes.find(({ shards }) => shards.placeOf(slot) === "here")
    const to = typeof owner === "number" ? this.node(owner) : undefined
    if (from === to) return true
    from?.shards.set(slot, owner)
    from?.server.left((each) => each === slot)
    for (const database of from?.engine.databases ?? []) {
      for (let entry = database.anyOf(slot); entry !== undefined; entry = database.anyOf(slot)) {
        const { content, expiresAt, name } = entry
        database.unrestore(entry)
        to?.engine.databaseAt(entry.database).restore(name, content, expiresAt)
      }
    }
    to?.shards.set(slot, to.number)
    to?.server.resumed()
    from?.server.resumed()
    return true
  }

  /** A command of several nodes is being run with it. */
  isHeld(key: string): boolean {
    return this.nodes.some(({ joint }) => joint.held?.has(SpacesRedis.slotOfText(key)) === true)
  }

  /** A node hears who answers for a key. */
  tell(node: number, key: string, owner: Owner): void {
    const { server, shards } = this.node(node)
    shards.set(SpacesRedis.slotOfText(key), owner)
    server.resumed()
  }

  /** Breaks all connections between nodes. */
  breakAll(): void {
    for (const end of this.wires.ends) if (!end.isOver) end.reset()
  }

  private dial(address: Net.Address, sink: Net.StreamSink): Net.Connection {
    const own = { host: "127.0.0.1", port: this.ports++ }
    const near = new WireEnd(this.wires, own, address)
    const far = new WireEnd(this.wires, address, own)
    near.other = far
    far.other = near
    near.sink = sink
    this.wires.ends.push(near, far)
    const target = this.nodes.find((node) => node.address.port === address.port)
    near.isEstablished = true
    if (target === undefined || target.isDown) {
      near.later(() => near.close(broken("refused")))
      return near
    }
    near.later(() => {
      far.sink = target.sessions.accept(far)
      far.isEstablished = true
      this.wires.ready.add(far)
      near.sink.opened()
    })
    return near
  }
}

/** A request of bulk strings. */
export const bulks = (...argv: ReadonlyArray<string>): string =>
  `*${argv.length}\r\n${argv.map((argument) => `$${Latin1.encode(argument).length}\r\n${argument}\r\n`).join("")}`
