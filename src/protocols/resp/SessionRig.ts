/** SessionRig: sessions over connections in memory, with a clock that stands until it is moved, and a gate that can be shut: for tests. */
import * as Latin1 from "#base/Latin1.ts"
import { Engine } from "#database/redis/Engine.ts"
import type * as Net from "#world/Net.ts"
import { Executor } from "./Executor.ts"
import { handlers } from "./Handlers.ts"
import { Server } from "./Server.ts"
import type { ServerSettings } from "./ServerSettings.ts"
import { Sessions } from "./Sessions.ts"

/** A client's end. */
export class RigConnection implements Net.Connection {
  readonly local = { host: "127.0.0.1", port: 6379 }
  readonly remote: Net.Address
  readonly peerNames = undefined
  readonly bufferedBytes = 0
  /** As the session is told of things. */
  sink!: Net.StreamSink
  /** Each write. */
  writes: Array<Uint8Array> = []
  isEnded = false
  isReset = false
  isPaused = false
  /** It takes no more after the next write. */
  isFull = false

  constructor(port: number, host = "127.0.0.1") {
    this.remote = { host, port }
  }

  write(bytes: Uint8Array): boolean {
    this.writes.push(new Uint8Array(bytes))
    return !this.isFull
  }

  end(): void {
    this.isEnded = true
  }

  reset(): void {
    this.isReset = true
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  /** Everything since the last time. */
  received(): string {
    const { writes } = this
    this.writes = []
    return writes.map((bytes) => Latin1.decode(bytes)).join("")
  }

  sendOnly(text: string): void {
    this.sink.data(Latin1.encode(text))
  }

  send(text: string): string {
    this.sendOnly(text)
    return this.received()
  }

  /** A line of words. */
  ask(line: string): string {
    return this.send(`${line}\r\n`)
  }
}

export class SessionRig {
  now = 1_700_000_000_000
  readonly engine: Engine
  readonly server: Server
  readonly sessions: Sessions
  /** Replies wait to be let out. */
  isShut = false
  /** They are let out before the gate has said that they wait. */
  isQuick = false
  isHeld = true
  private gated: Array<(isStored: boolean) => void> = []
  private readonly armed = new Map<number, number>()
  private ports = 50_000

  constructor(settings: Partial<ServerSettings> = {}, { isSlotted = false }: { readonly isSlotted?: boolean } = {}) {
    this.engine = new Engine({ wallMillis: () => this.now, random: () => 0.5, isSlotted })
    this.server = new Server(this.engine, settings)
    const executor = new Executor(this.engine, handlers, this.server)
    const isHeld = (): boolean => this.isHeld
    const gate = {
      get isHeld(): boolean {
        return isHeld()
      },
      settled: (done: (isStored: boolean) => void): boolean => {
        if (this.isQuick) done(true)
        else if (this.isShut) this.gated.push(done)
        return this.isQuick || this.isShut
      }
    }
    const attachTimers = (sink: { fired(ticket: number): void }) => {
      this.fired = (ticket) => sink.fired(ticket)
      return {
        nowMicros: () => this.now * 1_000,
        set: (ticket: number, delayMicros: number) => void this.armed.set(ticket, this.now * 1_000 + delayMicros),
        clear: (ticket: number) => void this.armed.delete(ticket)
      }
    }
    this.sessions = new Sessions({ executor, gate, attachTimers })
  }

  connect(host?: string): RigConnection {
    const connection = new RigConnection(this.ports++, host)
    connection.sink = this.sessions.accept(connection)
    return connection
  }

  /** Lets the replies out that wait, or says that what they tell of is lost. */
  settle(isStored = true): void {
    const { gated } = this
    this.gated = []
    for (const done of gated) done(isStored)
  }

  /** Time goes on, and every timer fires that is due by then. */
  pass(millis: number): void {
    const end = this.now + millis
    for (;;) {
      const due = [...this.armed].filter(([, micros]) => micros <= end * 1_000).sort(([, a], [, b]) => a - b)
      if (due.length === 0) break
      const [ticket, micros] = due[0]
      this.armed.delete(ticket)
      this.now = Math.max(this.now, micros / 1_000)
      this.fired(ticket)
    }
    this.now = end
  }

  private fired: (ticket: number) => void = () => {}
}
