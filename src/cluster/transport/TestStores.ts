/**
 * TestStores: stores that do nothing but send and note what comes, for tests of the transport. Frames carry a number, so that
 * `inOrder` can tell whether those of one lane came at most once and in the order in which they were sent.
 */
import * as Effect from "effect/Effect"
import type { Port, Sink } from "#consensus/Peers.ts"
import type { StoreId } from "#consensus/Replica.ts"
import type { Address, Credentials } from "#world/Net.ts"
import { getU32, putU32 } from "#base/Bytes.ts"
import { lanes, type Lane, type RequestPort } from "./Lane.ts"
import * as Settings from "./Settings.ts"
import type { Transport } from "./Transport.ts"
import * as TransportDriver from "./TransportDriver.ts"

export const cluster = "0123456789abcdef0123456789abcdef"
export const port = 7_000

export interface Came {
  readonly from: StoreId
  readonly lane: Lane
  readonly number: number
  readonly bytes: Uint8Array
}

/** One start of a store; it sends and hears on all lanes. */
export class Store implements Sink {
  readonly came: Array<Came> = []
  readonly events: Array<string> = []
  /** What the sink of requests is told of connections. */
  readonly requestEvents: Array<string> = []
  transport: Transport | undefined
  port: Port | undefined
  private requests: RequestPort | undefined
  /** The next frame's number. */
  private sent: number

  constructor(first = 0) {
    this.sent = first
  }

  attach(transport: Transport): void {
    this.transport = transport
    this.requests = transport.attachRequests({
      received: (from, bytes) => this.received(from, "requests", bytes),
      connected: (peer) => this.requestEvents.push(`connected ${peer}`),
      disconnected: (peer) => this.requestEvents.push(`disconnected ${peer}`),
      drained: (peer) => this.drained(peer, "requests")
    })
    this.port = transport.attach(this)
  }

  received(from: StoreId, lane: Lane, bytes: Uint8Array): void {
    this.came.push({ from, lane, number: getU32(bytes, 0), bytes })
  }
  connected(peer: StoreId): void {
    this.events.push(`connected ${peer}`)
  }
  disconnected(peer: StoreId): void {
    this.events.push(`disconnected ${peer}`)
  }
  drained(peer: StoreId, lane: Lane): void {
    this.events.push(`drained ${peer} ${lane}`)
  }

  /** Sends the next number; its bytes tell whether they are whole. False: it was not taken. */
  send(to: StoreId, lane: Lane, sizeBytes = 4): boolean {
    const bytes = new Uint8Array(sizeBytes).fill(this.sent)
    putU32(bytes, 0, this.sent++)
    if (lane === "requests") return this.requests!.send(to, bytes) === "taken"
    return this.port!.send(to, lane, bytes)
  }

  /** Numbers of the frames that came, from one store if it is given. */
  numbers(from?: StoreId): ReadonlyArray<number> {
    return this.came.filter((each) => from === undefined || each.from === from).map(({ number }) => number)
  }
}

export interface StoreOptions {
  readonly store: StoreId
  readonly epoch?: number
  readonly cluster?: string
  readonly listen: Address
  readonly peers: ReadonlyMap<StoreId, Address>
  readonly settings?: Settings.Settings
  readonly tls?: Credentials | undefined
}

/** The life of a store. */
export const live = Effect.fnUntraced(function* (store: Store, options: StoreOptions) {
  const { transport } = yield* TransportDriver.make({
    self: { cluster: options.cluster ?? cluster, store: options.store, epoch: options.epoch ?? 1 },
    listen: options.listen,
    peers: options.peers,
    settings: options.settings ?? Settings.defaults,
    tls: options.tls
  })
  store.attach(transport)
  return yield* Effect.never
}, Effect.scoped)

/** What is wrong with what came: a frame that is not whole, or one that does not come behind those before it. */
export const problems = (came: ReadonlyArray<Came>): ReadonlyArray<string> => {
  const newest = new Map<string, number>()
  const found: Array<string> = []
  for (const { bytes, from, lane, number } of came) {
    const key = `${from} ${lane}`
    if (number <= (newest.get(key) ?? -1)) found.push(`${key}: ${number} came behind ${newest.get(key)}`)
    if (bytes.subarray(4).some((byte) => byte !== (number & 255))) found.push(`${key}: ${number} is not whole`)
    newest.set(key, number)
  }
  return found
}

export const laneOf = (index: number): Lane => lanes[index % lanes.length]
