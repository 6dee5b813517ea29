/**
 * Meeting: whether who waits is woken: one connection waits for a key, a second one, to the next server, puts something there. Nobody else uses the
 * key, so it depends on nothing but the server whether the first one hears of it.
 */
import type { Address, Net } from "#world/Net.ts"
import type { Timers } from "#world/Timers.ts"
import { type Answered, Connection } from "./Connection.ts"
import { isError } from "./Replies.ts"

type Command = ReadonlyArray<string>

export interface Deed {
  readonly waits: ReadonlyArray<Command>
  readonly puts: Command
  /** Who waits is told only of what comes after: it is put again until then. */
  readonly isRepeated?: boolean
}

export type Ending = { readonly type: "met" } | { readonly type: "failed"; readonly reason: string }

/** By then the first one waits, or was not quick enough this time. */
const pauseMicros = 40_000
const repeatMicros = 500_000
const tickets = { put: 0 } as const

export class Meeting {
  private readonly waiting: Connection
  private readonly putting: Connection
  private readonly timer: ReturnType<Timers["Service"]["attach"]>
  private put: (() => void) | undefined

  constructor(parts: {
    readonly net: Net["Service"]
    readonly timers: Timers["Service"]
    readonly servers: ReadonlyArray<Address>
    readonly first: number
  }) {
    this.waiting = new Connection(parts)
    this.putting = new Connection({ ...parts, first: parts.first + 1 })
    this.timer = parts.timers.attach({ fired: () => this.put?.() })
  }

  /** One at a time. */
  attend({ isRepeated = false, puts, waits }: Deed, done: (ending: Ending) => void): void {
    let waited: Answered | undefined
    let hasPut = false
    let isOver = false
    const settle = (): void => {
      if (waited === undefined || !hasPut || isOver) return
      isOver = true
      const reason = failureOf(waited)
      // Maybe another server is better.
      if (reason !== undefined) for (const connection of [this.waiting, this.putting]) connection.leave()
      done(reason === undefined ? { type: "met" } : { type: "failed", reason })
    }
    this.put = () => {
      if (isOver) return
      this.putting.call([puts], () => {
        hasPut = true
        settle()
        if (isRepeated && waited === undefined) this.timer.set(tickets.put, repeatMicros)
      })
    }
    this.waiting.call(waits, (answered) => {
      waited = answered
      settle()
    })
    this.timer.set(tickets.put, pauseMicros)
  }
}

const failureOf = (answered: Answered): string | undefined => {
  if (answered.type === "broken") return `who waited was not woken: ${answered.reason}`
  const last = answered.replies[answered.replies.length - 1]
  if (last === null) return "who waited was told that the time was over"
  return isError(last) ? last.error : undefined
}
