/**
 * FrameServer: a store that exchanges frames with all others: numbers by itself, all the time, and echoes of what clients ask it to
 * reach all its peers with. It tells the trace of each frame that comes, for the judge.
 *
 * A frame is `purpose u8, epoch u32, number u32, client u32, call u32`, then bytes that follow from all of that and from who
 * sends it to whom on which lane. Epoch and number rise on each lane to each peer, through restarts of the sender.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { allocate, getU32, putU32, Reader } from "#base/Bytes.ts"
import { lanes, type Lane, type RequestPort } from "#cluster/transport/Lane.ts"
import * as Settings from "#cluster/transport/Settings.ts"
import * as TransportDriver from "#cluster/transport/TransportDriver.ts"
import type { Port, Sink } from "#consensus/Peers.ts"
import type { StoreId } from "#consensus/Replica.ts"
import type { ServerSpec } from "#sim/run/Scenario.ts"
import { Host } from "#world/Host.ts"
import { Net, type Address, type DatagramSocket } from "#world/Net.ts"
import * as Timers from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import * as Call from "../systems/Call.ts"

/** What the trace says of each frame that came. */
export const receivedEvent = "frames/received"

const cluster = "0123456789abcdef0123456789abcdef"
const purposes = { number: 0, question: 1, answer: 2 } as const
export const headBytes = 17

/** Between two rounds of numbers, and how many there are in one at most. */
const roundMicros = 25_000
const roundFramesMax = 4
const smallBytesMax = 400
/** One frame in so many is larger than what a connection buffers. */
const largeOneIn = 150
const largeBytesMax = 200_000

interface Way {
  readonly from: StoreId
  readonly to: StoreId
  readonly lane: Lane
}

/** Bytes that no other frame has behind its head. */
const fill = (bytes: Uint8Array, { from, lane, to }: Way): void => {
  let word = getU32(bytes, 1) * 31 + getU32(bytes, 5) * 1_009 + from * 257 + to * 65_537 + lanes.indexOf(lane)
  for (let at = headBytes; at < bytes.length; at++) {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) | 0
    bytes[at] = word >>> 24
  }
}

/** The frame is what its sender made of its head. */
const isWhole = (bytes: Uint8Array, way: Way): boolean => {
  if (bytes.length < headBytes) return false
  const again = bytes.slice()
  fill(again, way)
  return again.every((byte, at) => byte === bytes[at])
}

interface Asked {
  readonly call: number
  readonly address: Address
  /** Peers that have not answered yet. */
  readonly missing: Set<StoreId>
}

interface Parts {
  readonly store: StoreId
  readonly epoch: number
  readonly peers: ReadonlyArray<StoreId>
  readonly trace: Trace["Service"]
  /** An integer in [0, bound). */
  readonly random: (bound: number) => number
}

class Exchange implements Sink, Timers.Sink {
  port!: Port
  requests!: RequestPort
  timers!: Timers.Port
  socket!: DatagramSocket
  private readonly parts: Parts
  private readonly numbers = new Map<string, number>()
  /** The last call of each client. */
  private readonly asked = new Map<number, Asked>()

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** A client asks for echoes of all peers. */
  request(address: Address, bytes: Uint8Array): void {
    const request = Call.readRequest(bytes)
    if (request === undefined) return
    const { body, client, number: call } = request
    const lane = lanes[body.u8() % lanes.length]
    const sizeBytes = body.u32()
    if (!body.isWhole) return
    let asked = this.asked.get(client)
    if (asked === undefined || asked.call !== call) {
      asked = { call, address, missing: new Set(this.parts.peers) }
      this.asked.set(client, asked)
    }
    this.answerIfWhole(asked)
    for (const peer of asked.missing) this.send(peer, lane, { purpose: purposes.question, client, call, sizeBytes })
  }

  received(from: StoreId, lane: Lane, bytes: Uint8Array): void {
    const reader = new Reader(bytes)
    const [purpose, epoch, number, client, call] = [reader.u8(), reader.u32(), reader.u32(), reader.u32(), reader.u32()]
    const whole = isWhole(bytes, { from, to: this.parts.store, lane })
    this.parts.trace.emit("debug", receivedEvent, { from, lane, epoch, number, whole })
    if (purpose === purposes.question) {
      this.send(from, lane, { purpose: purposes.answer, client, call, sizeBytes: bytes.length - headBytes })
    } else if (purpose === purposes.answer) {
      const asked = this.asked.get(client)
      if (asked !== undefined && asked.call === call && asked.missing.delete(from)) this.answerIfWhole(asked)
    }
  }

  connected(): void {}

  disconnected(): void {}

  drained(peer: StoreId, lane: Lane): void {
    this.send(peer, lane, { purpose: purposes.number, client: 0, call: 0, sizeBytes: 1 })
  }

  fired(): void {
    const { peers, random } = this.parts
    this.timers.set(0, roundMicros)
    for (let left = random(roundFramesMax + 1); left > 0; left--) {
      const sizeBytes = random(random(largeOneIn) === 0 ? largeBytesMax : smallBytesMax)
      const lane = lanes[random(lanes.length)]
      this.send(peers[random(peers.length)], lane, { purpose: purposes.number, client: 0, call: 0, sizeBytes })
    }
  }

  private answerIfWhole({ address, call, missing }: Asked): void {
    if (missing.size > 0) return
    this.socket.send(address, Call.answer(call).u32(this.parts.peers.length).finish())
  }

  private send(
    to: StoreId,
    lane: Lane,
    content: { readonly purpose: number; readonly client: number; readonly call: number; readonly sizeBytes: number }
  ): void {
    const { epoch, store } = this.parts
    const key = `${to} ${lane}`
    const number = (this.numbers.get(key) ?? 0) + 1
    this.numbers.set(key, number)
    const bytes = allocate(headBytes + content.sizeBytes)
    bytes[0] = content.purpose
    putU32(bytes, 1, epoch)
    putU32(bytes, 5, number)
    putU32(bytes, 9, content.client)
    putU32(bytes, 13, content.call)
    fill(bytes, { from: store, to, lane })
    if (lane === "requests") this.requests.send(to, bytes)
    else this.port.send(to, lane, bytes)
  }
}

const settingsOf = ({ options }: ServerSpec): Settings.Settings => {
  const creditBytes = Number(options["creditBytes"])
  const lane = (name: Lane): Settings.LaneSettings => ({ ...Settings.defaults.lanes[name], creditBytes })
  return {
    ...Settings.defaults,
    lanes: { system: lane("system"), normal: lane("normal"), requests: lane("requests"), bulk: lane("bulk") },
    writeBytesMax: Number(options["writeBytes"])
  }
}

export const server = Effect.fnUntraced(function* (spec: ServerSpec) {
  const net = yield* Net
  const host = yield* Host
  const random = yield* Random.Random
  const store = spec.index + 1
  const peers = new Map(
    spec.peers.flatMap((address, index): ReadonlyArray<[StoreId, Address]> =>
      index === spec.index ? [] : [[index + 1, address]]
    )
  )
  const exchange = new Exchange({
    store,
    epoch: host.incarnation,
    peers: [...peers.keys()],
    trace: yield* Trace,
    random: (bound) => Math.floor(random.nextDoubleUnsafe() * bound)
  })
  const { transport } = yield* TransportDriver.make({
    self: { cluster, store, epoch: host.incarnation },
    listen: spec.self,
    peers,
    settings: settingsOf(spec)
  })
  exchange.timers = (yield* Timers.Timers).attach(exchange)
  exchange.socket = yield* net.bind(spec.self, { received: (from, bytes) => exchange.request(from, bytes) })
  exchange.requests = transport.attachRequests({
    received: (from, bytes) => exchange.received(from, "requests", bytes),
    connected: () => {},
    disconnected: () => {},
    drained: (peer) => exchange.drained(peer, "requests")
  })
  exchange.port = transport.attach(exchange)
  exchange.timers.set(0, roundMicros)
  return yield* Effect.never
})
