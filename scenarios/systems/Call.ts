/**
 * Call: requests over datagrams, for the clients of scenarios. A call has a number, is sent again until its answer comes,
 * and gives up after a while: the outcome is then unknown, because a copy of it may still be on its way.
 *
 * A request is `kind u8, client u32, number u32`, then its body; an answer is `kind u8, number u32`, then its body.
 */
import * as Effect from "effect/Effect"
import { Reader, Writer } from "#base/Bytes.ts"
import { Net, type Address } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import type { Outcome } from "#sim/run/History.ts"
import type { ClientSpec } from "#sim/run/Scenario.ts"

export const kinds = { request: 1, answer: 2, elsewhere: 3 } as const

export interface Request {
  readonly client: number
  readonly number: number
  /** What follows the head. */
  readonly body: Reader
}

/** Reads a request; undefined when it is none. */
export const readRequest = (bytes: Uint8Array): Request | undefined => {
  const reader = new Reader(bytes)
  if (reader.u8() !== kinds.request) return undefined
  const request = { client: reader.u32(), number: reader.u32(), body: reader }
  return reader.isWhole ? request : undefined
}

/** Begins an answer; its body follows. */
export const answer = (number: number): Writer => Writer.make().u8(kinds.answer).u32(number)

/** The server cannot serve this; another one, by index, may (`none`: it does not know which). */
export const elsewhere = (number: number, server: number): Uint8Array =>
  Writer.make().u8(kinds.elsewhere).u32(number).u8(server).finish()

/** The server that an `elsewhere` names when it knows no better one. */
export const none = 255

export interface Caller {
  /** `body` writes the request; `read` makes the value of the answer, or undefined when it is malformed. */
  readonly call: <Value>(
    body: (writer: Writer) => void,
    read: (body: Reader) => Value | undefined,
    done: (outcome: Outcome<Value>) => void
  ) => void
}

export interface CallOptions {
  /** Sent again, to the next server, when nothing came for this long. */
  readonly retryMicros: number
  readonly timeoutMicros: number
  /** Numbers in [0, 1), by which each wait is longer, up to twice as long: who asks in step with others is always the last of them. */
  readonly jitter?: () => number
}

const tickets = { retry: 0, timeout: 1 } as const

interface Pending {
  readonly number: number
  readonly bytes: Uint8Array
  readonly answered: (body: Reader) => void
  readonly unknown: (reason: string) => void
}

/** A client's socket, with one call at a time. */
export const make = Effect.fnUntraced(function* (spec: ClientSpec, options: CallOptions) {
  const net = yield* Net
  const timers = yield* Timers
  let pending: Pending | undefined
  let numbers = 0
  let server = spec.index % spec.servers.length
  /** Whose turn it was to be asked: a server that sends us elsewhere, and always to the same one, must not keep us from the others. */
  let turn = server

  const send = (): void => {
    timer.set(tickets.retry, Math.floor(options.retryMicros * (1 + (options.jitter?.() ?? 0))))
    socket.send(spec.servers[server], pending!.bytes)
  }
  const end = (): void => {
    pending = undefined
    timer.clear(tickets.retry)
    timer.clear(tickets.timeout)
  }
  const timer = timers.attach({
    fired: (ticket) => {
      if (pending === undefined) return
      if (ticket === tickets.retry) {
        turn = (turn + 1) % spec.servers.length
        server = turn
        send()
        return
      }
      const { unknown } = pending
      end()
      unknown("no answer")
    }
  })
  const received = (_: Address, bytes: Uint8Array): void => {
    const reader = new Reader(bytes)
    const kind = reader.u8()
    if (pending === undefined || reader.u32() !== pending.number) return
    if (kind === kinds.elsewhere) {
      const other = reader.u8()
      if (other !== none && other !== server && other < spec.servers.length) {
        server = other
        send()
      }
      return
    }
    if (kind === kinds.answer) pending.answered(reader)
  }
  const socket = yield* net.bind(spec.self, { received })

  const caller: Caller = {
    call: (body, read, done) => {
      const number = ++numbers
      const writer = Writer.make().u8(kinds.request).u32(spec.index).u32(number)
      body(writer)
      pending = {
        number,
        bytes: writer.finish(),
        answered: (reader) => {
          const value = read(reader)
          if (value === undefined || !reader.isWhole) return
          // First of all: the next call may begin inside `done`.
          end()
          done({ type: "ok", value })
        },
        unknown: (reason) => done({ type: "unknown", reason })
      }
      timer.set(tickets.timeout, options.timeoutMicros)
      send()
    }
  }
  return caller
})
