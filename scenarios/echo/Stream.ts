/**
 * An echo over byte streams: what a client sends comes back, byte for byte and in order, whatever chunks the network makes
 * of it. The server keeps no more than a connection's buffer: it pauses reading while its writes do not drain.
 */
import * as Effect from "effect/Effect"
import { Reader, Writer } from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import * as Limits from "#base/Limits.ts"
import * as Atlas from "#sim/faults/Atlas.ts"
import type { Draw } from "#sim/kernel/Draw.ts"
import type { Judge } from "#sim/run/Judge.ts"
import type { Outcome } from "#sim/run/History.ts"
import type { ClientSpec, Perform, Scenario, ServerSpec } from "#sim/run/Scenario.ts"
import { Net, type Connection, type StreamSink } from "#world/Net.ts"
import { Timers, type Port } from "#world/Timers.ts"

/** A message of `sizeBytes`, filled from `fill`. */
export interface Operation {
  readonly sizeBytes: number
  readonly fill: number
  /** The client reads nothing for a while: buffers fill up, all the way back to its own. */
  readonly isRead?: "late"
  /** The client ends its side behind the message, and the server must then end its own behind the answer. */
  readonly isLast?: true
}

/** What came back. */
export interface Value {
  readonly sizeBytes: number
  readonly checksum: number
}

const headBytes = 8

const smallBytesMax = 500
/** More than the buffers of a connection hold, and much more: a server that keeps what it has no room for is found out. */
const largeBytesMax = 2 * Limits.connectionBufferedBytesMax
const hugeBytesMax = 20 * Limits.connectionBufferedBytesMax

const drawSize = (draw: Draw): number => {
  if (!draw.chance(1, 60)) return draw.between(0, smallBytesMax)
  return draw.chance(1, 6) ? draw.between(largeBytesMax, hugeBytesMax) : draw.between(smallBytesMax, largeBytesMax)
}

/** The length and a number, then bytes that no two messages share. */
const encode = ({ fill, sizeBytes }: Operation): Uint8Array => {
  const body = new Uint8Array(sizeBytes)
  let word = fill
  for (let i = 0; i < sizeBytes; i++) {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) | 0
    body[i] = word >>> 24
  }
  return Writer.make().u32(sizeBytes).u32(fill).raw(body).finish()
}

const valueOf = (bytes: Uint8Array): Value => ({ sizeBytes: bytes.length, checksum: crc32c(bytes) })

const server = Effect.fnUntraced(function* (spec: ServerSpec) {
  const net = yield* Net
  yield* net.listen(spec.self, (connection) => ({
    opened: () => {},
    data: (chunk) => {
      if (!connection.write(chunk)) connection.pause()
    },
    drained: () => connection.resume(),
    ended: () => connection.end(),
    closed: () => {}
  }))
  return yield* Effect.never
})

const timeoutMicros = 3_000_000
const tickets = { timeout: 0, stall: 1 } as const
/** How long a client that reads late reads nothing. */
const stallMicros = 200_000
/** A client writes so much at once, as long as there is room. */
const chunkBytes = 16_384

/** A client's session: one connection, dialled again when it broke; one message under way. */
class Session {
  private readonly dial: (sink: StreamSink) => Connection
  private readonly timer: Pick<Port, "set" | "clear">
  private connection: Connection | undefined
  private message: Uint8Array = new Uint8Array(0)
  private writtenBytes = 0
  private isLast = false
  private received: Array<Uint8Array> = []
  private receivedBytes = 0
  private done: ((outcome: Outcome<Value>) => void) | undefined

  constructor(dial: (sink: StreamSink) => Connection, timer: Pick<Port, "set" | "clear">) {
    this.dial = dial
    this.timer = timer
  }

  readonly perform: Perform<Operation, Value> = (operation, done) => {
    this.done = done
    this.message = encode(operation)
    this.writtenBytes = 0
    this.isLast = operation.isLast === true
    this.received = []
    this.receivedBytes = 0
    this.timer.set(tickets.timeout, timeoutMicros)
    this.connection ??= this.connect()
    if (operation.isRead === "late") {
      this.connection.pause()
      this.timer.set(tickets.stall, stallMicros)
    }
    this.write(this.connection)
  }

  /** As much as there is room for. */
  private write(connection: Connection): void {
    const { message } = this
    while (this.writtenBytes < message.length) {
      const chunk = message.subarray(this.writtenBytes, this.writtenBytes + chunkBytes)
      this.writtenBytes += chunk.length
      const hasRoom = connection.write(chunk)
      if (this.writtenBytes === message.length && this.isLast) connection.end()
      if (!hasRoom) return
    }
  }

  readOn(): void {
    this.connection?.resume()
  }

  private connect(): Connection {
    // A sink is never called from within `dial`, so it always knows its connection; one that was given up is not heard.
    const connection: Connection = this.dial({
      opened: () => {},
      data: (chunk) => {
        if (connection === this.connection) this.data(chunk)
      },
      drained: () => {
        if (connection === this.connection) this.write(connection)
      },
      ended: () => {
        if (connection === this.connection) this.ended()
      },
      closed: (error) => {
        if (connection === this.connection) this.broken(error?.code ?? "closed")
      }
    })
    return connection
  }

  private data(chunk: Uint8Array): void {
    this.received.push(chunk)
    this.receivedBytes += chunk.length
    if (this.receivedBytes >= this.message.length && !this.isLast) this.complete()
  }

  private complete(): void {
    const whole = Writer.make()
    for (const part of this.received) whole.raw(part)
    const bytes = whole.finish()
    this.received = []
    this.receivedBytes = 0
    this.finish({ type: "ok", value: valueOf(bytes.subarray(headBytes)) })
  }

  /** After the last message the answer must be whole. Otherwise the server has died: its system ends what it left. */
  private ended(): void {
    if (this.done === undefined || !this.isLast || this.receivedBytes < this.message.length)
      return this.broken("ended by the server")
    this.connection = undefined
    this.complete()
  }

  private finish(outcome: Outcome<Value>): void {
    const { done } = this
    this.done = undefined
    this.timer.clear(tickets.timeout)
    this.timer.clear(tickets.stall)
    done?.(outcome)
  }

  /** The connection is of no use any more. */
  broken(reason: string): void {
    const { connection } = this
    this.connection = undefined
    connection?.reset()
    if (this.done !== undefined) this.finish({ type: "unknown", reason })
  }
}

const client = Effect.fnUntraced(function* (spec: ClientSpec) {
  const net = yield* Net
  const timers = yield* Timers
  const server = spec.servers[spec.index % spec.servers.length]
  const timer = timers.attach({
    fired: (ticket) => (ticket === tickets.stall ? session.readOn() : session.broken("no answer in time"))
  })
  const session: Session = new Session((sink) => net.port.dial(server, sink), timer)
  return session.perform
})

/** Every answer is the message that was sent. */
const sameBytes: Judge<Operation, Value> = {
  name: "echo",
  make: () => ({
    finish: (history) => {
      for (const { client: index, completedAt, operation, outcome } of history) {
        if (outcome.type !== "ok") continue
        const sent = valueOf(encode(operation).subarray(headBytes))
        if (sent.sizeBytes === outcome.value.sizeBytes && sent.checksum === outcome.value.checksum) continue
        return {
          detail: `client ${index} sent ${sent.sizeBytes} bytes (${sent.checksum.toString(16)}) and got ${outcome.value.sizeBytes} (${outcome.value.checksum.toString(16)})`,
          atMicros: completedAt
        }
      }
      return "pass"
    }
  })
}

export const scenario: Scenario<Operation, Value> = {
  name: "echo/stream",
  summary: "an echo over byte streams: every byte comes back once and in order, however it is cut",
  nodes: { default: 1, min: 1, max: 3 },
  clients: { default: 3, min: 1, max: 5 },
  durationMicros: 10_000_000,
  livenessMicros: 20_000_000,
  server,
  workload: {
    gapMicros: 100_000,
    draw: (draw, { client: index, index: turn }) => ({
      sizeBytes: drawSize(draw),
      fill: (index + 1) * 1_000_003 + turn,
      ...(draw.chance(1, 4) ? { isRead: "late" } : {}),
      ...(draw.chance(1, 10) ? { isLast: true } : {})
    }),
    client,
    final: (index) => [
      { sizeBytes: 64, fill: index },
      { sizeBytes: largeBytesMax, fill: index, isRead: "late", isLast: true }
    ],
    label: ({ fill, isLast, isRead, sizeBytes }) =>
      `echo ${sizeBytes} bytes of ${fill}${isRead === "late" ? ", read late" : ""}${isLast === true ? ", then end" : ""}`
  },
  faults: [
    "delay",
    "partition",
    "one-way",
    "clog",
    "half-open",
    "fragment",
    "slow-link",
    "reset",
    "skew",
    "drift",
    "step",
    "crash",
    "stop",
    "pause"
  ],
  atlas: Atlas.nothing,
  judges: [sameBytes],
  describe: (bytes) => {
    const reader = new Reader(bytes)
    return bytes.length >= headBytes
      ? `${bytes.length} bytes: ${reader.u32()} of ${reader.u32()}`
      : `${bytes.length} bytes`
  }
}
