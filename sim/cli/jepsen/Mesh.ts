/**
 * Mesh: a loopback proxy in front of every link: from each node and each client to each node. Faults of the network are the weather on it.
 *
 * Doors of two kinds. `between` has a listener a pair: it knows who dials. A node's `door` has one listener for all other nodes, since all are told one
 * address of it; who dials is found from the line with which a relayed connection begins: it names the node.
 *
 * Places are numbers: nodes from 0 on, then clients.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import type { Address } from "#world/Net.ts"
import { Pump, type Weather } from "./Pump.ts"

const host = "127.0.0.1"
const relayLine = /^ORBIT-RELAY \S+ \S+ (\d+)\r\n/
const lineBytesMax = 512

/** What lies on the network, until the returned function is called. */
export interface Trouble {
  /** No byte of `from` reaches `to`. */
  readonly cuts?: (from: number, to: number) => boolean
  readonly delayMillisMax?: (from: number, to: number) => number
}

interface Pair {
  from: number | undefined
  readonly to: number
  readonly near: Socket
  far: Socket | undefined
  readonly forth: Pump
  back: Pump | undefined
  /** Nothing passes any more, and nobody is told. */
  isMute: boolean
}

const calm: Weather = { isCut: false, delayMillisMax: 0 }

export class Mesh {
  private readonly troubles = new Set<Trouble>()
  private readonly pairs = new Set<Pair>()
  private readonly listeners = new Set<Server>()
  private readonly draw: () => number

  /** `draw` gives numbers from 0 to 1. */
  constructor(draw: () => number) {
    this.draw = draw
  }

  /** Listens where `from` reaches the door of `to` that is at `port`. */
  between(from: number, to: number, port: number): Promise<Address> {
    return this.listen((near) => this.accept(near, from, to, port))
  }

  /** Listens where all nodes reach the door of `to` that is at `port`. */
  door(to: number, port: number): Promise<Address> {
    return this.listen((near) => this.accept(near, undefined, to, port))
  }

  private listen(accept: (near: Socket) => void): Promise<Address> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, accept)
    this.listeners.add(server)
    return new Promise((resolve, reject) => {
      server.on("error", reject)
      server.listen(0, host, () => resolve({ host, port: (server.address() as AddressInfo).port }))
    })
  }

  private weather(pair: Pair, isBack: boolean): Weather {
    if (pair.isMute) return { isCut: true, delayMillisMax: 0 }
    if (this.troubles.size === 0) return calm
    if (pair.from === undefined) return { isCut: true, delayMillisMax: 0 }
    const [from, to] = isBack ? [pair.to, pair.from] : [pair.from, pair.to]
    let isCut = false
    let delayMillisMax = 0
    for (const { cuts, delayMillisMax: delays } of this.troubles) {
      isCut ||= cuts?.(from, to) ?? false
      delayMillisMax = Math.max(delayMillisMax, delays?.(from, to) ?? 0)
    }
    return { isCut, delayMillisMax }
  }

  private accept(near: Socket, from: number | undefined, to: number, port: number): void {
    const { draw } = this
    const pair: Pair = {
      from,
      to,
      near,
      far: undefined,
      forth: new Pump({ source: near, weather: () => this.weather(pair, false), draw }),
      back: undefined,
      isMute: false
    }
    this.pairs.add(pair)
    if (from === undefined) {
      near.once("data", (chunk: Buffer) => {
        pair.from = this.relaying(chunk)
        this.open(pair, port)
      })
    }
    near.on("close", () => this.forget(pair))
    this.open(pair, port)
  }

  /** The node that relays, by the line with which its connection begins; undefined: nobody knows, and it waits while there is any trouble. */
  private relaying(chunk: Buffer): number | undefined {
    const number = relayLine.exec(chunk.toString("latin1", 0, lineBytesMax))?.[1]
    // Nodes count themselves from 1.
    return number === undefined ? undefined : Number(number) - 1
  }

  /** Dials the far end, as soon as a packet would come through both ways. */
  private open(pair: Pair, port: number): void {
    if (pair.far !== undefined || pair.near.destroyed) return
    if (this.weather(pair, false).isCut || this.weather(pair, true).isCut) {
      this.later.set(pair, port)
      return
    }
    const far = connect({ host, port, allowHalfOpen: true, noDelay: true })
    pair.far = far
    pair.back = new Pump({ source: far, weather: () => this.weather(pair, true), draw: this.draw })
    far.on("close", () => this.forget(pair))
    pair.forth.to(far)
    pair.back.to(pair.near)
  }

  /** Those whose first packet waits. */
  private readonly later = new Map<Pair, number>()

  private forget(pair: Pair): void {
    const { far, near } = pair
    if (!near.destroyed || (far !== undefined && !far.destroyed)) return
    pair.forth.close()
    pair.back?.close()
    this.later.delete(pair)
    this.pairs.delete(pair)
  }

  private changed(): void {
    for (const [pair, port] of [...this.later]) {
      this.later.delete(pair)
      this.open(pair, port)
    }
    for (const { back, forth } of this.pairs) {
      forth.flow()
      back?.flow()
    }
  }

  /** Until the returned function is called. */
  begin(trouble: Trouble): () => void {
    this.troubles.add(trouble)
    return () => {
      this.troubles.delete(trouble)
      this.changed()
    }
  }

  private of(node: number): ReadonlyArray<Pair> {
    return [...this.pairs].filter(({ from, to }) => from === node || to === node)
  }

  private static break(pair: Pair): void {
    pair.near.resetAndDestroy()
    pair.far?.resetAndDestroy()
  }

  /** All connections of a node break. */
  reset(node: number): void {
    for (const pair of this.of(node)) Mesh.break(pair)
  }

  /** The connections that a node has go silent, with no end; they break when the returned function is called. */
  mute(node: number): () => void {
    const muted = this.of(node)
    for (const pair of muted) pair.isMute = true
    return () => {
      for (const pair of muted) Mesh.break(pair)
    }
  }

  close(): void {
    for (const listener of this.listeners) listener.close()
    for (const pair of this.pairs) Mesh.break(pair)
  }
}
