/**
 * Client: asks servers for transactions, and now and then, as an administrator, to split a range or to hand its lease over. It stays with one
 * server as long as that one answers: asking another one the same again might run a transaction twice.
 */
import * as Effect from "effect/Effect"
import { Reader, Writer } from "#base/Bytes.ts"
import type { Outcome } from "#sim/run/History.ts"
import type { ClientSpec, Perform } from "#sim/run/Scenario.ts"
import { Net, type DatagramSocket } from "#world/Net.ts"
import { Timers, type Port } from "#world/Timers.ts"
import * as Call from "../systems/Call.ts"
import * as Requests from "./Requests.ts"
import * as Step from "./Step.ts"

export type Operation =
  | ({ readonly type: "run" } & Step.Program)
  | ({ readonly type: "manage" } & Requests.Management)
  /** A server is to tell what it has of the audit trail. */
  | { readonly type: "tell"; readonly server: number }

/** Of what administrators ask for: whether it was done. */
export type Value = Requests.Committed | boolean

export const label = (operation: Operation): string => {
  if (operation.type === "run") return Step.label(operation)
  if (operation.type === "tell") return `trail of server ${operation.server}`
  const { deed, place, server } = operation
  return `${deed} at ${place}${deed === "split" || deed === "merge" ? "" : `, server ${server}`}`
}

const tickets = { again: 0, over: 1 } as const
/** Longer than a server takes to give up. */
const timeoutMicros = 5_000_000

interface Asked {
  readonly number: number
  readonly server: number
  readonly bytes: Uint8Array
  readonly answered: (body: Reader) => void
  readonly unanswered: () => void
}

type Done = (outcome: Outcome<Value>) => void

class Client {
  private readonly spec: ClientSpec
  private readonly timer: Port
  private readonly retryMicros: number
  private readonly lives = new Map<number, number>()
  private server: number
  private numbers = 0
  private asked: Asked | undefined
  socket: DatagramSocket | undefined

  constructor(spec: ClientSpec, timers: Timers["Service"]) {
    this.spec = spec
    this.server = spec.index % spec.servers.length
    this.retryMicros = Number(spec.options["retryMillis"] ?? 150) * 1_000
    this.timer = timers.attach({ fired: (ticket) => this.fired(ticket) })
  }

  readonly perform: Perform<Operation, Value> = (operation, done) => {
    if (operation.type === "run") this.run(operation, done)
    else if (operation.type === "tell") this.tell(operation.server, done)
    else this.manage(operation, done)
  }

  private run(program: Step.Program, done: Done): void {
    const { server } = this
    const life = this.lives.get(server)
    if (life === undefined) {
      const greeted = (body: Reader): void => {
        this.lives.set(server, body.u32())
        this.run(program, done)
      }
      return this.ask(
        server,
        (writer) => writer.u8(Requests.kinds.greet),
        greeted,
        () => {
          this.server = (server + 1) % this.spec.servers.length
          done({ type: "failed", reason: "the server does not answer" })
        }
      )
    }
    const answered = (body: Reader): void => {
      const ending = Requests.readEnding(body)
      if (ending?.type === "committed") return done({ type: "ok", value: ending.value })
      if (ending?.type === "aborted") return done({ type: "failed", reason: ending.reason })
      // The server that has run it, if one has, has forgotten.
      if (ending?.type !== "unknown") this.lives.delete(server)
      done({ type: "unknown", reason: ending?.type === "unknown" ? ending.reason : "the server began anew" })
    }
    this.ask(
      server,
      (writer) => Requests.writeProgram(writer, life, program),
      answered,
      () => {
        this.server = (server + 1) % this.spec.servers.length
        done({ type: "unknown", reason: "no answer" })
      }
    )
  }

  private manage(operation: Requests.Management, done: Done): void {
    const answered = (body: Reader): void => done({ type: "ok", value: body.u8() === 1 })
    const write = (writer: Writer): Writer => Requests.writeManagement(writer, operation)
    this.ask(this.server, write, answered, () => done({ type: "unknown", reason: "no answer" }))
  }

  private tell(server: number, done: Done): void {
    const answered = (body: Reader): void =>
      done(body.u8() === 1 ? { type: "ok", value: true } : { type: "failed", reason: "it cannot be read" })
    this.ask(
      server % this.spec.servers.length,
      (writer) => writer.u8(Requests.kinds.tell),
      answered,
      () => done({ type: "failed", reason: "no answer" })
    )
  }

  // One question at a time.

  private ask(
    server: number,
    write: (writer: Writer) => Writer,
    answered: (body: Reader) => void,
    unanswered: () => void
  ): void {
    const number = ++this.numbers
    const writer = Writer.make().u8(Call.kinds.request).u32(this.spec.index).u32(number)
    this.asked = { number, server, bytes: write(writer).finish(), answered, unanswered }
    this.timer.set(tickets.over, timeoutMicros)
    this.send(this.asked)
  }

  private send({ bytes, server }: Asked): void {
    this.timer.set(tickets.again, this.retryMicros)
    this.socket!.send(this.spec.servers[server], bytes)
  }

  private fired(ticket: number): void {
    const { asked } = this
    if (asked === undefined) return
    if (ticket === tickets.again) return this.send(asked)
    this.end()
    asked.unanswered()
  }

  readonly received = (bytes: Uint8Array): void => {
    const { asked } = this
    const reader = new Reader(bytes)
    if (reader.u8() !== Call.kinds.answer || reader.u32() !== asked?.number) return
    this.end()
    asked.answered(reader)
  }

  /** First of all: the next question may be asked by whoever is told of the answer. */
  private end(): void {
    this.asked = undefined
    this.timer.clear(tickets.again)
    this.timer.clear(tickets.over)
  }
}

export const make = Effect.fnUntraced(function* (spec: ClientSpec) {
  const net = yield* Net
  const client = new Client(spec, yield* Timers)
  client.socket = yield* net.bind(spec.self, { received: (_, bytes) => client.received(bytes) })
  return client.perform
})
