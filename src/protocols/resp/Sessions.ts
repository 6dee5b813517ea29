/**
 * Sessions: all connections of Redis clients of a node: lets them in, shares the turns among them, wakes those whose time is over, and sees to
 * their limits.
 *
 * A session runs in the turn in which its bytes arrive. What it causes for others (a message, a reply to one who waited) is sent when it is done, in
 * the same turn; who has used up its share goes on in the next one.
 */
import * as Limits from "#base/Limits.ts"
import * as Net from "#world/Net.ts"
import { Alarm, DeadlineHeap } from "#world/DeadlineHeap.ts"
import type * as Timers from "#world/Timers.ts"
import type { Blocked, Durability } from "./Client.ts"
import type { Executor } from "./Executor.ts"
import * as Relay from "./Relay.ts"
import type { Gate, Host } from "./Host.ts"
import { Session } from "./Session.ts"
import * as Users from "./Users.ts"

export interface Options {
  readonly executor: Executor
  readonly gate: Gate
  readonly attachTimers: (sink: Timers.Sink) => Timers.Port
  /** What a client has that does not choose. */
  readonly durability?: Durability
}

/** Tickets of the timer port. */
const turnTicket = 0
const deadlineTicket = 1
const inspectTicket = 2
const pauseTicket = 3
const memoryTicket = 4

const inspectMicros = 1_000_000

const onlyNodes = "ERR only nodes of this cluster come in here"
const tooMany = "ERR max number of clients reached"
const protectedMode =
  "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. " +
  "In this mode connections are only accepted from the loopback interface. " +
  "Set a password for the default user, or start the server with --protected-mode no."

const isOfThisMachine = (remote: Net.Address): boolean =>
  Net.isPath(remote) || remote.host.startsWith("127.") || remote.host === "::1" || remote.host === "localhost"

interface Waiting {
  readonly alarm: Alarm
  /** What its client waits for; another one by the time the alarm goes off has another alarm. */
  readonly blocked: Blocked
}

export class Sessions implements Host<Session> {
  readonly executor: Executor
  readonly gate: Gate
  outputBytes = 0
  private readonly durability: Durability
  private readonly timers: Timers.Port
  private readonly sessions = new Set<Session>()
  private readonly touchedSessions = new Set<Session>()
  private readonly laterSessions = new Set<Session>()
  private readonly heldSessions = new Set<Session>()
  private readonly deadlines = new DeadlineHeap()
  private readonly waiting = new Map<Session, Waiting>()
  private administrators = 0
  private relayed = 0
  /** Connections of which no byte has come, and that are let in only if they are other nodes'; since when, in milliseconds of the wall clock. */
  private readonly arrivals = new Map<Net.Connection, number>()
  /** `Server.resumed` was called. */
  private isResuming = false
  private order = 0
  private isDraining = false

  constructor({ attachTimers, durability = "stored", executor, gate }: Options) {
    this.executor = executor
    this.gate = gate
    this.durability = durability
    this.timers = attachTimers({ fired: (ticket) => this.fired(ticket) })
    this.timers.set(inspectTicket, inspectMicros)
    executor.server.stopwatch.nowMicros = () => this.timers.nowMicros()
    executor.server.resumed = () => {
      this.isResuming = true
      this.timers.set(pauseTicket, 0)
    }
    executor.server.memory.due = () => this.timers.set(memoryTicket, 0)
    executor.server.tracking.due = () => this.timers.set(turnTicket, 0)
  }

  get count(): number {
    return this.sessions.size
  }

  /** For `Net.listen`. */
  readonly accept = (connection: Net.Connection): Net.StreamSink => {
    const problem = this.problemOf(connection)
    const { server } = this.executor
    if (server.shards === undefined || server.hasNodesDoor)
      return problem === undefined ? this.letIn(connection) : this.refuse(connection, problem)
    return this.receive(connection, problem)
  }

  /** The same where only other nodes come in. */
  readonly acceptNode = (connection: Net.Connection): Net.StreamSink => this.receive(connection, onlyNodes)

  /** Why a client is not let in. */
  private problemOf(connection: Net.Connection): string | undefined {
    const { settings, users } = this.executor.server
    if (this.isDraining || this.sessions.size - this.administrators - this.relayed >= settings.clientsMax)
      return tooMany
    return settings.isProtected && users.default.isOpen && !isOfThisMachine(connection.remote)
      ? protectedMode
      : undefined
  }

  /** Who comes may be another node, which is let in whatever holds of clients. So who might be is refused when it has said something. */
  private receive(connection: Net.Connection, problem: string | undefined): Net.StreamSink {
    const session = problem === undefined ? this.letIn(connection) : undefined
    if (session === undefined) {
      if (this.isDraining || this.arrivals.size >= Limits.respArrivalsMax) return this.refuse(connection, tooMany)
      this.arrivals.set(connection, this.executor.engine.now)
    }
    return new Relay.Arrival((relayed) => {
      this.arrivals.delete(connection)
      if (relayed === undefined) return session ?? this.refuse(connection, problem!)
      const pass = this.executor.server.shards?.pass ?? ""
      if (pass === "" || !Users.isSame(relayed.pass, pass) || this.isDraining) {
        session?.closed()
        return Relay.refuse(connection, Relay.wrongPass)
      }
      const own = session ?? this.letIn(connection)
      own.relay(relayed)
      this.relayed += 1
      return own
    })
  }

  /** The same where whoever comes may do everything, however many others there are. */
  readonly acceptAdministrator = (connection: Net.Connection): Net.StreamSink => {
    if (this.isDraining || this.administrators >= Limits.respAdministratorsMax) return this.refuse(connection, tooMany)
    this.administrators += 1
    return this.letIn(connection, true)
  }

  private letIn(connection: Net.Connection, isAdministrator = false): Session {
    const { engine, server } = this.executor
    engine.advance()
    const session = new Session(server.nextId(), this).attach(connection)
    session.client.durability = this.durability
    session.client.isAdministrator = isAdministrator
    this.sessions.add(session)
    server.join(session.client)
    return session
  }

  private refuse(connection: Net.Connection, problem: string): Net.StreamSink {
    this.executor.server.counts.refused += 1
    return Relay.refuse(connection, problem)
  }

  later(session: Session): void {
    this.laterSessions.add(session)
    this.timers.set(turnTicket, 0)
  }

  touched(session: Session): void {
    this.touchedSessions.add(session)
    this.timers.set(turnTicket, 0)
  }

  settle(): void {
    const { server } = this.executor
    const { memory, tracking } = server
    tracking.broadcast()
    do {
      while (this.touchedSessions.size > 0) {
        const sessions = [...this.touchedSessions]
        this.touchedSessions.clear()
        for (const session of sessions) session.answer()
      }
    } while (memory.isLimited && memory.evictClients())
    server.rested()
  }

  wait(session: Session, until: number): void {
    const { blocked } = session.client
    if (blocked === undefined) return
    const previous = this.waiting.get(session)
    if (previous !== undefined) this.deadlines.remove(previous.alarm)
    const alarm = new Alarm(() => this.overdue(session, blocked))
    this.waiting.set(session, { alarm, blocked })
    const delayMillis = Math.max(0, until - this.executor.engine.now)
    this.deadlines.set(alarm, this.timers.nowMicros() + delayMillis * 1_000, this.order++)
    this.armDeadline()
  }

  hold(session: Session): void {
    this.heldSessions.add(session)
    const { engine, server } = this.executor
    const pausedMillis = server.pause.until - engine.now
    // All of them try again now; and none has to when no pause ends: who holds them up says when it does not.
    if (!this.isResuming && pausedMillis > 0) this.timers.set(pauseTicket, pausedMillis * 1_000)
  }

  alarm(alarm: Alarm, delayMillis: number | undefined): void {
    if (delayMillis === undefined) return this.deadlines.remove(alarm)
    this.deadlines.set(alarm, this.timers.nowMicros() + delayMillis * 1_000, this.order++)
    this.armDeadline()
  }

  over(session: Session): void {
    const wasThere = this.sessions.delete(session)
    if (wasThere && session.client.isAdministrator) this.administrators -= 1
    if (wasThere && session.client.isRelayed) this.relayed -= 1
    this.touchedSessions.delete(session)
    this.laterSessions.delete(session)
    this.heldSessions.delete(session)
    const waiting = this.waiting.get(session)
    if (waiting === undefined) return
    this.deadlines.remove(waiting.alarm)
    this.waiting.delete(session)
  }

  /** Breaks everybody off: what they have been told, watch and wait for is another node's now. */
  breakAll(): void {
    for (const session of [...this.sessions]) session.break()
  }

  /** Lets nobody in any more, and ends each session when its replies are sent. */
  drain(): void {
    this.isDraining = true
    for (const session of this.sessions) session.close()
    this.settle()
  }

  /** Ends what is left, now. */
  close(): void {
    this.isDraining = true
    this.breakAll()
    for (const ticket of [turnTicket, deadlineTicket, inspectTicket, pauseTicket, memoryTicket])
      this.timers.clear(ticket)
  }

  private fired(ticket: number): void {
    this.executor.engine.advance()
    if (ticket === turnTicket) this.settle()
    if (ticket === turnTicket) this.runLater()
    else if (ticket === deadlineTicket) this.wake()
    else if (ticket === pauseTicket) this.resume()
    else if (ticket === memoryTicket) this.makeRoom()
    else this.inspect()
    this.settle()
  }

  private runLater(): void {
    const sessions = [...this.laterSessions]
    this.laterSessions.clear()
    for (const session of sessions) session.turn()
  }

  private wake(): void {
    const now = this.timers.nowMicros()
    for (
      let first = this.deadlines.peek();
      first !== undefined && first.deadlineMicros <= now;
      first = this.deadlines.peek()
    ) {
      this.deadlines.remove(first)
      first.fire()
    }
    this.armDeadline()
  }

  private overdue(session: Session, blocked: Blocked): void {
    this.waiting.delete(session)
    if (session.client.blocked === blocked) session.timedOut()
  }

  private armDeadline(): void {
    const first = this.deadlines.peek()
    if (first !== undefined) {
      this.timers.set(deadlineTicket, Math.max(0, first.deadlineMicros - this.timers.nowMicros()))
    }
  }

  /** Who was held up tries again, and is held up again if it must be. */
  private resume(): void {
    this.isResuming = false
    const sessions = [...this.heldSessions]
    this.heldSessions.clear()
    for (const session of sessions) session.resume()
  }

  /** Goes on where a command would have had to wait for too long. */
  private makeRoom(): void {
    const { engine, server } = this.executor
    server.isOutOfMemory()
    engine.settle()
  }

  private inspect(): void {
    const { engine, server } = this.executor
    server.rates.look(server.counts, this.timers.nowMicros())
    for (const session of [...this.sessions]) session.inspect(engine.now)
    for (const [connection, since] of this.arrivals) {
      if (engine.now - since > Limits.respClosingMillisMax) connection.reset()
    }
    this.timers.set(inspectTicket, inspectMicros)
  }
}
