/**
 * AdminDoor: health and metrics by HTTP, over `Net`, so that the simulator's nodes have it too. It knows four paths, takes no bodies and asks for no
 * password: it is for loopback, or for a network where only those are who may look.
 *
 * Bounds: connections, bytes of a request, time that a connection may be silent; who does not read its answers is not read any more, and is silent.
 */
import * as Effect from "effect/Effect"
import { type Address, type Closable, type Connection, Net, type StreamSink } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import * as Binds from "./Binds.ts"
import type { Health, Verdict } from "./Health.ts"
import { encode, type HttpAnswer, HttpRequests, type Parsed } from "./HttpRequest.ts"
import type { Counters, Metrics } from "./Metrics.ts"
import type { Config } from "./Settings.ts"

const sweepTicket = 0
/** Sweeps in the time that a connection may be silent. */
const sweeps = 4

const text = (status: number, body: string): HttpAnswer => ({
  status,
  type: "text/plain; charset=utf-8",
  body: `${body}\n`
})

const health = (verdict: Verdict): HttpAnswer => ({
  status: verdict === undefined ? 200 : 503,
  type: "application/json",
  body: `${JSON.stringify(verdict === undefined ? { status: "ok" } : { status: "unavailable", reason: verdict })}\n`
})

const prometheus = "text/plain; version=0.0.4; charset=utf-8"

class Session implements StreamSink {
  private readonly connection: Connection
  private readonly door: Sessions
  private readonly requests: HttpRequests
  private readonly waiting: Array<Parsed> = []
  private isAnswering = false
  /** Answers wait for the client to read. */
  private isFull = false
  private isPaused = false
  lastMicros: number

  constructor(connection: Connection, door: Sessions, bytesMax: number) {
    this.connection = connection
    this.door = door
    this.requests = new HttpRequests(bytesMax)
    this.lastMicros = door.nowMicros()
  }

  opened(): void {}

  data(chunk: Uint8Array): void {
    this.lastMicros = this.door.nowMicros()
    this.waiting.push(...this.requests.take(chunk))
    this.next()
  }

  drained(): void {
    this.isFull = false
    this.next()
  }

  ended(): void {
    this.connection.end()
  }

  closed(): void {
    this.waiting.length = 0
    this.door.all.delete(this)
  }

  /** It is silent, or the node ends. */
  cut(): void {
    this.connection.reset()
  }

  get isIdle(): boolean {
    return !this.isAnswering && this.waiting.length === 0
  }

  /** Answers in the order of the questions, one at a time; nothing is read while any wait. */
  private next(): void {
    while (!this.isAnswering && !this.isFull && this.waiting.length > 0) this.take(this.waiting.shift()!)
    const pauses = !this.isIdle || this.isFull
    if (pauses === this.isPaused) return
    this.isPaused = pauses
    if (pauses) this.connection.pause()
    else this.connection.resume()
  }

  private take(parsed: Parsed): void {
    if (parsed.type === "wrong") {
      this.door.counts.add("wrong")
      const answer = text(parsed.status, "this is no request that is understood here")
      return this.answer(answer, { hasBody: true, keepsAlive: false })
    }
    const { keepsAlive, method, path } = parsed.request
    this.isAnswering = true
    let isLater = false
    this.door.respond(method, path, (answer) => {
      this.isAnswering = false
      this.answer(answer, { hasBody: method !== "HEAD", keepsAlive: keepsAlive && !this.door.isDraining })
      if (isLater) this.next()
    })
    isLater = true
  }

  private answer(answer: HttpAnswer, how: { readonly hasBody: boolean; readonly keepsAlive: boolean }): void {
    this.isFull = !this.connection.write(encode(answer, how))
    if (!how.keepsAlive) this.connection.end()
  }
}

class Sessions {
  readonly all = new Set<Session>()
  readonly nowMicros: () => number
  readonly counts: Counters
  isDraining = false
  private readonly health: Health
  private readonly metrics: Metrics

  constructor(options: { readonly metrics: Metrics; readonly health: Health; readonly nowMicros: () => number }) {
    this.health = options.health
    this.metrics = options.metrics
    this.nowMicros = options.nowMicros
    this.counts = this.metrics.counters("orbit_admin_requests_total", "Requests at the admin door, by path.", "path")
    this.metrics.read(
      { name: "orbit_admin_connections", type: "gauge", help: "Open connections at the admin door." },
      () => this.all.size
    )
  }

  respond(method: string, path: string, done: (answer: HttpAnswer) => void): void {
    const known = ["/health/live", "/health/ready", "/health/startup", "/metrics"].includes(path)
    this.counts.add(known ? path : "other")
    if (!known) return done(text(404, "there is /health/live, /health/ready, /health/startup and /metrics"))
    if (method !== "GET" && method !== "HEAD") return done(text(405, "only GET and HEAD are understood here"))
    if (path === "/metrics") return done({ status: 200, type: prometheus, body: this.metrics.text() })
    if (path === "/health/ready") return this.health.ready((verdict) => done(health(verdict)))
    return done(health(path === "/health/live" ? undefined : this.health.startup()))
  }

  cutSilent(idleMicrosMax: number): void {
    const silentSince = this.nowMicros() - idleMicrosMax
    for (const session of [...this.all]) if (session.lastMicros <= silentSince) session.cut()
  }
}

const refusing: StreamSink = { opened: () => {}, data: () => {}, drained: () => {}, ended: () => {}, closed: () => {} }

export interface Options {
  readonly config: Config
  readonly metrics: Metrics
  readonly health: Health
}

export interface AdminDoor {
  readonly addresses: ReadonlyArray<Address>
  /** Answers what has been asked, and takes nothing new from those connections. */
  readonly drain: () => void
}

/** Listens for the life of the scope. */
export const open = Effect.fnUntraced(function* ({ config, health, metrics }: Options) {
  const net = yield* Net
  const timers = yield* Timers
  const trace = yield* Trace
  const idleMicrosMax = config.adminIdleMillisMax * 1_000
  const port = timers.attach({
    fired: () => {
      sessions.cutSilent(idleMicrosMax)
      port.set(sweepTicket, idleMicrosMax / sweeps)
    }
  })
  const sessions = new Sessions({ metrics, health, nowMicros: () => port.nowMicros() })
  const accept = (connection: Connection): StreamSink => {
    if (sessions.all.size >= config.adminConnectionsMax) {
      trace.emit("warn", "server/admin-connections-full", { connections: sessions.all.size })
      connection.reset()
      return refusing
    }
    const session = new Session(connection, sessions, config.adminRequestBytesMax)
    sessions.all.add(session)
    return session
  }
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      port.clear(sweepTicket)
      for (const session of [...sessions.all]) session.cut()
    })
  )
  const listening: ReadonlyArray<Closable> = yield* Binds.listen(config.adminBind, (host) =>
    net.listen({ host, port: config.adminPort }, accept)
  )
  port.set(sweepTicket, idleMicrosMax / sweeps)
  const door: AdminDoor = {
    addresses: listening.map(({ address }) => address),
    drain: () => {
      sessions.isDraining = true
      for (const session of [...sessions.all]) if (session.isIdle) session.cut()
    }
  }
  return door
})
