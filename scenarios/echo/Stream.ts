/**
 * An echo over byte streams: what a client sends comes back, byte for byte and in order, whatever chunks the network makes
 * of it. The server keeps no more than a connection's buffer: it pauses reading while its writes do not drain.
 */
import * as Effect from "effect/Effect"
import { Reader, Writer } from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import * as Atlas from "#sim/faults/Atlas.ts"
import type { Judge } from "#sim/run/Judge.ts"
import type { Outcome } from "#sim/run/History.ts"
import type { ClientSpec, Perform, Scenario, ServerSpec } from "#sim/run/Scenario.ts"
import { Net, type Connection, type StreamSink } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"

/** A message of `sizeBytes`, filled from `fill`. */
export interface Operation {
  readonly sizeBytes: number
  readonly fill: number
}

/** What came back. */
export interface Value {
  readonly sizeBytes: number
  readonly checksum: number
}

const headBytes = 8

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

/** A client's session: one connection, dialled again when it broke; one message under way. */
class Session {
  private readonly dial: (sink: StreamSink) => Connection
  private readonly setTimeout: (armed: boolean) => void
  private connection: Connection | undefined
  private expected = 0
  private received: Array<Uint8Array> = []
  private receivedBytes = 0
  private done: ((outcome: Outcome<Value>) => void) | undefined

  constructor(dial: (sink: StreamSink) => Connection, setTimeout: (armed: boolean) => void) {
    this.dial = dial
    this.setTimeout = setTimeout
  }

  readonly perform: Perform<Operation, Value> = (operation, done) => {
    this.done = done
    this.expected = operation.sizeBytes + headBytes
    this.received = []
    this.receivedBytes = 0
    this.setTimeout(true)
    this.connection ??= this.connect()
    this.connection.write(encode(operation))
  }

  private connect(): Connection {
    // A sink is never called from within `dial`, so it always knows its connection; one that was given up is not heard.
    const connection: Connection = this.dial({
      opened: () => {},
      data: (chunk) => {
        if (connection === this.connection) this.data(chunk)
      },
      drained: () => {},
      ended: () => {
        if (connection === this.connection) this.broken("ended by the server")
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
    if (this.receivedBytes < this.expected) return
    const whole = Writer.make()
    for (const part of this.received) whole.raw(part)
    const bytes = whole.finish()
    this.received = []
    this.receivedBytes = 0
    this.finish({ type: "ok", value: valueOf(bytes.subarray(headBytes)) })
  }

  private finish(outcome: Outcome<Value>): void {
    const { done } = this
    this.done = undefined
    this.setTimeout(false)
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
  const timer = timers.attach({ fired: () => session.broken("no answer in time") })
  const session: Session = new Session(
    (sink) => net.port.dial(server, sink),
    (armed) => (armed ? timer.set(0, timeoutMicros) : timer.clear(0))
  )
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
      sizeBytes: draw.chance(1, 30) ? draw.between(0, 100_000) : draw.between(0, 500),
      fill: (index + 1) * 1_000_003 + turn
    }),
    client,
    final: (index) => [{ sizeBytes: 64, fill: index }],
    label: ({ fill, sizeBytes }) => `echo ${sizeBytes} bytes of ${fill}`
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
