/**
 * Sessions: a command that is proposed again is applied once (Raft thesis, section 6.3). A client opens a session by a command, whose
 * index in the log is the session's number, and numbers its commands from 1 on. What a command was answered is kept until the
 * client says that it has the answer, so a copy of it gets the same one and changes nothing.
 *
 * Promises, the same on every replica, because all follows from the entries and their indexes:
 * - A command of a session is applied at most once, whatever copies of it are in the log. Commands need not come in order.
 * - One that can not be told from a copy any more is refused, never applied: its session has expired, or its answer was acknowledged.
 * - Sessions, answers and their bytes are bounded. Who was used longest ago goes first, when there are too many, when their answers
 *   take too much, or after too many entries without a word of its client. We have no clock in the log, so no time either.
 *
 * Needs of its caller: indexes rise. A client keeps at most `outstandingMax` commands unacknowledged; one beyond is refused, and
 * because a later copy of it may still be applied, its outcome is unknown until the session was closed or it was answered.
 *
 * | command   | bytes                                                         |
 * | --------- | ------------------------------------------------------------- |
 * | plain     | 0, payload: without a session, applied as often as it comes   |
 * | open      | 1                                                             |
 * | close     | 2, session f64                                                |
 * | numbered  | 3, session f64, sequence f64, acknowledged up to f64, payload |
 *
 * Pure. What has to be stored of it is handed out by `drain`, a record a session.
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import * as Limits from "#base/Limits.ts"

export interface Bounds {
  readonly sessionsMax: number
  /** Commands of one session whose answers are kept. */
  readonly outstandingMax: number
  /** Of all answers that are kept, but those of the session that was used last. */
  readonly resultsBytesMax: number
  /** Entries of the log after which a session that was not used expires. */
  readonly idleEntriesMax: number
}

export const defaults: Bounds = {
  sessionsMax: Limits.sessionsMax,
  outstandingMax: Limits.sessionOutstandingMax,
  resultsBytesMax: Limits.sessionResultsBytesMax,
  idleEntriesMax: Limits.sessionIdleEntriesMax
}

const commands = { plain: 0, open: 1, close: 2, numbered: 3 } as const

/** What a proposer is answered. */
export type Reply =
  | { readonly type: "applied"; readonly answer: Uint8Array }
  | { readonly type: "opened"; readonly session: number }
  | { readonly type: "closed" }
  /** There is no such session (any more): nobody can tell whether an earlier copy was applied; this one was not. */
  | { readonly type: "expired" }
  /** The client has said before that it has the answer. */
  | { readonly type: "acknowledged" }
  /** More commands are outstanding than answers are kept. */
  | { readonly type: "beyond" }
  | { readonly type: "malformed" }

const replies = ["applied", "opened", "closed", "expired", "acknowledged", "beyond", "malformed"] as const

export interface Numbered {
  readonly session: number
  /** From 1 on. */
  readonly sequence: number
  /** The client has the answers of all commands up to here. */
  readonly acknowledged: number
}

export const open = (): Uint8Array => Uint8Array.of(commands.open)

export const close = (session: number): Uint8Array => Bytes.Writer.make().u8(commands.close).f64(session).finish()

export const plain = (payload: Uint8Array): Uint8Array => Bytes.Writer.make().u8(commands.plain).raw(payload).finish()

export const numbered = ({ acknowledged, sequence, session }: Numbered, payload: Uint8Array): Uint8Array =>
  Bytes.Writer.make().u8(commands.numbered).f64(session).f64(sequence).f64(acknowledged).raw(payload).finish()

const bare = (type: Reply["type"]): Uint8Array => Uint8Array.of(replies.indexOf(type))
const bareReplies = {
  closed: bare("closed"),
  expired: bare("expired"),
  acknowledged: bare("acknowledged"),
  beyond: bare("beyond"),
  malformed: bare("malformed")
}

const appliedReply = (answer: Uint8Array): Uint8Array =>
  Bytes.Writer.make().u8(replies.indexOf("applied")).raw(answer).finish()

/** Undefined: it is no reply. */
export const readReply = (bytes: Uint8Array): Reply | undefined => {
  const reader = new Bytes.Reader(bytes)
  const type = replies[reader.u8()]
  if (!reader.isWhole || type === undefined) return undefined
  if (type === "applied") return { type, answer: reader.rest() }
  if (type !== "opened") return reader.leftBytes === 0 ? { type } : undefined
  const session = reader.f64()
  return reader.isWhole && reader.leftBytes === 0 ? { type, session } : undefined
}

interface Result {
  readonly reply: Uint8Array
  readonly digest: number
}

interface Session {
  readonly id: number
  lastUsed: number
  acknowledged: number
  readonly results: Map<number, Result>
}

/** Memory of a kept answer beside its bytes. */
const resultBytes = 64

const isNumber = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** Spreads an integer below 2^53 over 32 bits. */
const mix = (seed: number, value: number): number => {
  const low = Math.imul(seed ^ (value >>> 0), 0x9e3779b1)
  const high = Math.imul(low ^ (low >>> 15) ^ Math.floor(value / 4_294_967_296), 0x85ebca6b)
  return (high ^ (high >>> 13)) >>> 0
}

const headDigest = ({ acknowledged, id, lastUsed }: Session): number => mix(mix(mix(1, id), lastUsed), acknowledged)

export class Sessions {
  private readonly bounds: Bounds
  /** The one that was used longest ago first. */
  private readonly sessions = new Map<number, Session>()
  private resultsBytes = 0
  private sum = 0
  /** Changed or gone since the last `drain`. */
  private readonly touched = new Set<number>()

  constructor(bounds: Bounds = defaults) {
    assert(
      bounds.sessionsMax > 0 && bounds.outstandingMax > 0 && bounds.idleEntriesMax > 0 && bounds.resultsBytesMax > 0,
      "bounds are above 0"
    )
    this.bounds = bounds
  }

  get count(): number {
    return this.sessions.size
  }

  /** Of everything here, whatever the order in which it came to be. */
  get digest(): number {
    return this.sum >>> 0
  }

  /** What the command at an index of the log is answered; `perform` carries out a payload, and is called once or not at all. */
  apply(index: number, command: Uint8Array, perform: (payload: Uint8Array) => Uint8Array): Uint8Array {
    this.expire(index)
    const reader = new Bytes.Reader(command)
    const kind = reader.u8()
    if (!reader.isWhole) return bareReplies.malformed
    switch (kind) {
      case commands.plain:
        return appliedReply(perform(reader.rest()))
      case commands.open:
        return reader.leftBytes === 0 ? this.opened(index) : bareReplies.malformed
      case commands.close: {
        const session = reader.f64()
        if (!reader.isWhole || reader.leftBytes > 0 || !isNumber(session)) return bareReplies.malformed
        return this.closed(session)
      }
      case commands.numbered: {
        const session = reader.f64()
        const sequence = reader.f64()
        const acknowledged = reader.f64()
        const isSound = reader.isWhole && isNumber(session) && isNumber(acknowledged) && isNumber(sequence)
        if (!isSound || sequence <= acknowledged) return bareReplies.malformed
        return this.numbered(index, { session, sequence, acknowledged }, reader.rest(), perform)
      }
      default:
        return bareReplies.malformed
    }
  }

  private opened(index: number): Uint8Array {
    const session: Session = { id: index, lastUsed: index, acknowledged: 0, results: new Map() }
    this.add(session)
    this.touched.add(index)
    this.shrink(index)
    return Bytes.Writer.make().u8(replies.indexOf("opened")).f64(index).finish()
  }

  private closed(id: number): Uint8Array {
    const session = this.sessions.get(id)
    if (session === undefined) return bareReplies.expired
    this.remove(session)
    return bareReplies.closed
  }

  private numbered(
    index: number,
    { acknowledged, sequence, session: id }: Numbered,
    payload: Uint8Array,
    perform: (payload: Uint8Array) => Uint8Array
  ): Uint8Array {
    const session = this.sessions.get(id)
    if (session === undefined) return bareReplies.expired
    this.use(session, index, acknowledged)
    if (sequence <= session.acknowledged) return bareReplies.acknowledged
    const known = session.results.get(sequence)
    if (known !== undefined) return known.reply
    if (sequence > session.acknowledged + this.bounds.outstandingMax) return bareReplies.beyond
    // A copy of its own: what a reply is cut from is shared, and this one stays.
    const reply = Bytes.copy(appliedReply(perform(payload)))
    this.keep(session, sequence, reply)
    this.shrink(index)
    return reply
  }

  /** A command of it came: it is the one that was used last. */
  private use(session: Session, index: number, acknowledged: number): void {
    this.sessions.delete(session.id)
    this.sessions.set(session.id, session)
    this.touched.add(session.id)
    this.sum -= headDigest(session)
    session.lastUsed = index
    if (acknowledged > session.acknowledged) {
      session.acknowledged = acknowledged
      for (const [sequence, result] of session.results)
        if (sequence <= acknowledged) this.drop(session, sequence, result)
    }
    this.sum += headDigest(session)
  }

  private keep(session: Session, sequence: number, reply: Uint8Array): void {
    const digest = mix(mix(mix(2, session.id), sequence), crc32c(reply))
    session.results.set(sequence, { reply, digest })
    this.resultsBytes += reply.length + resultBytes
    this.sum += digest
  }

  private drop(session: Session, sequence: number, { digest, reply }: Result): void {
    session.results.delete(sequence)
    this.resultsBytes -= reply.length + resultBytes
    this.sum -= digest
  }

  private add(session: Session): void {
    this.sessions.set(session.id, session)
    this.sum += headDigest(session)
  }

  private remove(session: Session): void {
    for (const [sequence, result] of session.results) this.drop(session, sequence, result)
    this.sum -= headDigest(session)
    this.sessions.delete(session.id)
    this.touched.add(session.id)
  }

  private expire(index: number): void {
    for (const session of this.sessions.values()) {
      if (session.lastUsed + this.bounds.idleEntriesMax >= index) return
      this.remove(session)
    }
  }

  /** Keeps to the bounds; the session that was used at this index stays. */
  private shrink(index: number): void {
    const { resultsBytesMax, sessionsMax } = this.bounds
    for (const session of this.sessions.values()) {
      const isWithin = this.sessions.size <= sessionsMax && this.resultsBytes <= resultsBytesMax
      if (isWithin || session.lastUsed === index) return
      this.remove(session)
    }
  }

  // What is stored.

  /** Hands out the record of each session that changed since the last call; undefined: it is gone. */
  drain(visit: (id: number, record: Uint8Array | undefined) => void): void {
    for (const id of this.touched) {
      const session = this.sessions.get(id)
      visit(id, session === undefined ? undefined : recordOf(session))
    }
    this.touched.clear()
  }

  /** Takes what `drain` gave, in any order, into sessions that are new. False: a record that cannot be read. */
  load(records: Iterable<readonly [id: number, record: Uint8Array]>): boolean {
    assert(this.sessions.size === 0, "records are loaded before anything is applied")
    const found: Array<Session> = []
    for (const [id, record] of records) {
      const session = this.read(id, record)
      if (session === undefined) return false
      found.push(session)
    }
    // No two were used at the same index.
    found.sort((left, right) => left.lastUsed - right.lastUsed)
    for (const session of found) this.add(session)
    return true
  }

  private read(id: number, record: Uint8Array): Session | undefined {
    const reader = new Bytes.Reader(record)
    const lastUsed = reader.f64()
    const acknowledged = reader.f64()
    if (!reader.isWhole || ![id, lastUsed, acknowledged].every(isNumber) || lastUsed < id) return undefined
    const session: Session = { id, lastUsed, acknowledged, results: new Map() }
    while (reader.leftBytes > 0) {
      const sequence = reader.f64()
      const reply = Bytes.copy(reader.raw(reader.u32()))
      if (!reader.isWhole || !isNumber(sequence) || sequence <= acknowledged) return undefined
      this.keep(session, sequence, reply)
    }
    return session
  }
}

const recordOf = ({ acknowledged, lastUsed, results }: Session): Uint8Array => {
  const writer = Bytes.Writer.make().f64(lastUsed).f64(acknowledged)
  for (const [sequence, { reply }] of results) writer.f64(sequence).u32(reply.length).raw(reply)
  return writer.finish()
}
