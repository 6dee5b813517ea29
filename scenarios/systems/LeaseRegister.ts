/**
 * LeaseRegister: a replicated compare-and-set register whose holder serves it under a lease. A pure core: time and chance
 * are inputs, sends and persistence are outputs.
 *
 * A node campaigns with a ballot; acceptors promise it, unless they granted a lease to another node that may still be valid. With
 * promises of a majority the node asks for the lease, adopts the newest state among them, writes it back under its ballot, and
 * holds the lease for as long as a majority renews it. A promise alone keeps nobody out: when votes split, the next ballot wins. Reads are served from memory; writes go to a majority. Ballots fence late writes of
 * former holders (Paxos, Lamport 1998; leases, Gray and Cheriton 1989; majority leases without disk, Trencseni et al.,
 * "PaxosLease", 2012).
 *
 * The driver's duties:
 * 1. Call `boot` once, with the state that its disk kept; then every method with this node's monotonic time.
 * 2. Make what `persist` handed out durable before it sends any later `Output.send` with `durable`.
 * 3. Stop the node for good when persisting fails.
 * 4. Call `tick` when the tick that was set last is due.
 */
import { assert } from "#base/Assert.ts"
import { Reader, Writer } from "#base/Bytes.ts"
import type { Fields } from "#world/Trace.ts"
import * as Call from "./Call.ts"
import * as RegisterState from "./RegisterState.ts"

export interface Config {
  readonly self: number
  readonly nodes: number
  readonly leaseMicros: number
  readonly renewMicros: number
  /** Clocks drift by at most this much, in parts per million. */
  readonly driftPpmMax: number
  /** The planted bug of a canary: leases are granted without a look at the one before. */
  readonly grantsTwice: boolean
}

/** What must survive a crash. */
export interface Durable {
  readonly promised: number
  /** The longest lease that this acceptor ever granted. */
  readonly grantedMicros: number
  readonly ballot: number
  readonly sequence: number
  /** See `RegisterState`: only a holder looks inside. */
  readonly state: Uint8Array
}

export interface Output {
  /** `durable`: only once everything that was persisted before it is. */
  readonly send: (to: number, bytes: Uint8Array, when: "now" | "durable") => void
  readonly answer: (origin: Origin, bytes: Uint8Array) => void
  readonly persist: (durable: Durable) => void
  readonly setTick: (delayMicros: number) => void
  readonly trace: (name: string, fields: Fields) => void
}

/** Where a request came from: opaque to the core. */
export type Origin = unknown

export const operations = { read: 0, write: 1, cas: 2 } as const

/** The value of the register before the first write. */
export const initialValue = 0

/** The first byte of what nodes say to each other; a ballot of four bytes follows. */
export const messages = {
  acquire: 10,
  granted: 11,
  refused: 12,
  renew: 13,
  renewed: 14,
  write: 15,
  written: 16
} as const

/** Candidates wait up to this many renewals more than they must, so that one of them comes first. */
const campaignSpread = 8
const nodesMax = 16
/** Whose ballot it is. */
export const ownerOf = (ballot: number): number => ballot % nodesMax

const initial = RegisterState.initialOf(initialValue)

export const empty: Durable = { promised: 0, grantedMicros: 0, ballot: 0, sequence: 0, state: initial }

/** Words for a message's bytes. */
export const describe = (bytes: Uint8Array): string => {
  const reader = new Reader(bytes)
  const kind = reader.u8()
  if (kind === Call.kinds.request) {
    const client = reader.u32()
    const number = reader.u32()
    const operation = reader.u8()
    const name =
      operation === operations.read
        ? "read"
        : operation === operations.write
          ? `write ${reader.f64()}`
          : `cas ${reader.f64()} → ${reader.f64()}`
    return `c${client} #${number} ${name}`
  }
  if (kind === Call.kinds.answer) return `answer #${reader.u32()} ${reader.f64()}`
  if (kind === Call.kinds.elsewhere) return `elsewhere #${reader.u32()} n${reader.u8()}`
  const name = Object.entries(messages).find(([, code]) => code === kind)?.[0] ?? `message ${kind}`
  const ballot = reader.u32()
  if (kind === messages.write || kind === messages.written) return `${name} ${ballot}.${reader.u32()}`
  return `${name} ${ballot}`
}

type Phase = "following" | "acquiring" | "adopting" | "holding"

interface Queued extends RegisterState.Change {
  readonly origin: Origin
}

/** Nodes as the bits of a number. */
const nobody = 0
const bitOf = (node: number): number => 1 << node
const count = (nodes: number): number => {
  let found = 0
  for (let left = nodes; left !== 0; left &= left - 1) found++
  return found
}

export class LeaseRegister {
  private readonly config: Config
  private readonly output: Output
  private readonly majority: number
  /** How long a holder may count on a lease, by its own clock: both clocks may be off, in opposite directions. */
  private readonly leaseMicrosSafe: number
  // As an acceptor.
  private promised = 0
  private grantedMicros = 0
  private ballot = 0
  private sequence = 0
  private state = empty.state
  /** No other node gets a lease before this. */
  private grantedUntil = 0
  // As a candidate and holder.
  private phase: Phase = "following"
  /** The highest ballot that it was refused for. */
  private refusedFor = 0
  private ownBallot = 0
  private ownSequence = 0
  private committed = initial
  private proposed = initial
  private bestBallot = 0
  private bestSequence = 0
  private bestState = empty.state
  private grants = nobody
  private written = nobody
  /** Per node: when, on our clock, we sent what it granted or renewed last. */
  private readonly renewedAt: Array<number>
  private leaseUntil = 0
  /** A candidate that has not become a holder by then starts again. */
  private adoptUntil = 0
  private inFlight: ReadonlyArray<Queued> = []
  private queue: Array<Queued> = []

  constructor(config: Config, output: Output) {
    assert(config.nodes <= nodesMax, `at most ${nodesMax} nodes`)
    this.config = config
    this.output = output
    this.majority = Math.floor(config.nodes / 2) + 1
    this.leaseMicrosSafe = Math.floor(config.leaseMicros * (1 - (3 * config.driftPpmMax) / 1_000_000))
    this.renewedAt = Array.from({ length: config.nodes }, () => 0)
  }

  boot(durable: Durable, nowMicros: number, random: number): void {
    this.promised = durable.promised
    this.grantedMicros = durable.grantedMicros
    this.ballot = durable.ballot
    this.sequence = durable.sequence
    this.state = durable.state
    // It forgot when it granted a lease: wait as long as that one can last.
    this.grantedUntil = nowMicros + durable.grantedMicros
    this.output.setTick(this.campaignDelay(nowMicros, random))
  }

  private campaignDelay(nowMicros: number, random: number): number {
    const { leaseMicros, renewMicros } = this.config
    const spread = Math.min(leaseMicros, campaignSpread * renewMicros)
    return Math.max(0, this.othersUntil() - nowMicros) + renewMicros + Math.floor(random * spread)
  }

  /** Until when a lease that it granted to another node may last. */
  private othersUntil(): number {
    return ownerOf(this.promised) === this.config.self ? 0 : this.grantedUntil
  }

  tick(nowMicros: number, random: number): void {
    if (this.phase === "adopting" || this.phase === "holding") {
      if (nowMicros < (this.phase === "adopting" ? this.adoptUntil : this.leaseUntil)) {
        this.renew(nowMicros)
        return
      }
      this.stepDown("expired")
    }
    if (nowMicros >= this.othersUntil()) this.campaign(nowMicros)
    this.output.setTick(this.campaignDelay(nowMicros, random))
  }

  private stepDown(why: string): void {
    if (this.phase === "holding") this.output.trace("lease/lost", { ballot: this.ownBallot, why })
    this.phase = "following"
    this.inFlight = []
    this.queue = []
  }

  private campaign(nowMicros: number): void {
    const round = Math.floor(Math.max(this.promised, this.refusedFor) / nodesMax) + 1
    this.ownBallot = round * nodesMax + this.config.self
    this.phase = "acquiring"
    this.grants = nobody
    this.bestBallot = 0
    this.bestSequence = 0
    this.bestState = empty.state
    this.renewedAt.fill(0)
    this.leaseUntil = 0
    // A ballot is used once: it must outlive a crash before anybody hears of it.
    this.promised = this.ownBallot
    this.persist()
    this.toAll(Writer.make().u8(messages.acquire).u32(this.ownBallot).finish(), nobody, nowMicros, "durable")
  }

  private renew(nowMicros: number): void {
    const { leaseMicros, renewMicros } = this.config
    const bytes = Writer.make().u8(messages.renew).u32(this.ownBallot).f64(nowMicros).u32(leaseMicros).finish()
    this.toAll(bytes, nobody, nowMicros, "now")
    // A lost write is sent again with the next renewal.
    if (this.phase === "adopting" || this.inFlight.length > 0) this.sendWrites(nowMicros)
    this.output.setTick(renewMicros)
  }

  /** The same bytes for every node but some. */
  private toAll(bytes: Uint8Array, without: number, nowMicros: number, when: "now" | "durable"): void {
    for (let to = 0; to < this.config.nodes; to++) {
      if ((without & bitOf(to)) !== 0) continue
      if (to === this.config.self) this.receive(to, bytes, nowMicros)
      else this.output.send(to, bytes, when)
    }
  }

  private sendWrites(nowMicros: number): void {
    const writer = Writer.make().u8(messages.write).u32(this.ownBallot).u32(this.ownSequence)
    this.toAll(writer.raw(this.proposed).finish(), this.written, nowMicros, "now")
  }

  private persist(): void {
    const { ballot, grantedMicros, promised, sequence, state } = this
    this.output.persist({ promised, grantedMicros, ballot, sequence, state })
  }

  /** A message of another node, or of itself. Malformed ones are dropped. */
  receive(from: number, bytes: Uint8Array, nowMicros: number): void {
    const reader = new Reader(bytes)
    const kind = reader.u8()
    const ballot = reader.u32()
    switch (kind) {
      case messages.acquire:
        return this.asksForPromise(from, ballot, nowMicros)
      case messages.renew:
        return this.asksForLease(from, ballot, reader, nowMicros)
      case messages.write:
        return this.asksToWrite(from, ballot, reader.u32(), reader.rest(), reader.isWhole)
      case messages.granted:
        return this.granted(from, ballot, reader, nowMicros)
      case messages.renewed:
        return this.renewed(from, ballot, reader.f64(), nowMicros)
      case messages.written:
        return this.wrote(from, ballot, reader.u32(), nowMicros)
      case messages.refused:
        this.refusedFor = Math.max(this.refusedFor, ballot)
        if (ballot > this.ownBallot && this.phase !== "following") this.stepDown("outbid")
    }
  }

  // The acceptor.

  /** Whether this ballot may go on: no higher one was promised, and no other node may hold a lease. Refuses it otherwise. */
  private promises(from: number, ballot: number, nowMicros: number): boolean {
    const fresh = ballot > this.promised
    const free = this.config.grantsTwice || nowMicros >= this.grantedUntil || ownerOf(this.promised) === from
    if (ballot < this.promised || (fresh && !free)) {
      this.reply(from, Writer.make().u8(messages.refused).u32(this.promised))
      return false
    }
    if (fresh) {
      this.promised = ballot
      this.persist()
      // The candidate gets its chance.
      this.output.setTick(this.campaignDelay(nowMicros, 0.5))
    }
    return true
  }

  private asksForPromise(from: number, ballot: number, nowMicros: number): void {
    if (!this.promises(from, ballot, nowMicros)) return
    const writer = Writer.make().u8(messages.granted).u32(ballot).u32(this.ballot).u32(this.sequence)
    this.reply(from, writer.raw(this.state))
  }

  /** The holder says how long its lease is: nodes need not be configured alike. */
  private asksForLease(from: number, ballot: number, reader: Reader, nowMicros: number): void {
    const sentAt = reader.f64()
    const leaseMicros = reader.u32()
    if (!reader.isWhole || !this.promises(from, ballot, nowMicros)) return
    this.grantedUntil = nowMicros + leaseMicros
    if (leaseMicros > this.grantedMicros) {
      this.grantedMicros = leaseMicros
      this.persist()
    }
    if (from !== this.config.self) this.output.setTick(this.campaignDelay(nowMicros, 0.5))
    this.reply(from, Writer.make().u8(messages.renewed).u32(ballot).f64(sentAt))
  }

  private asksToWrite(from: number, ballot: number, sequence: number, state: Uint8Array, whole: boolean): void {
    if (!whole) return
    if (ballot < this.promised) {
      this.reply(from, Writer.make().u8(messages.refused).u32(this.promised))
      return
    }
    if (ballot > this.ballot || (ballot === this.ballot && sequence > this.sequence)) {
      this.promised = ballot
      this.ballot = ballot
      this.sequence = sequence
      this.state = state
      this.persist()
    } else if (ballot !== this.ballot || sequence !== this.sequence) return
    this.reply(from, Writer.make().u8(messages.written).u32(ballot).u32(sequence))
  }

  private reply(to: number, writer: Writer): void {
    this.output.send(to, writer.finish(), "durable")
  }

  // The candidate and holder.

  private granted(from: number, ballot: number, reader: Reader, nowMicros: number): void {
    if (ballot !== this.ownBallot || this.phase !== "acquiring") return
    const tagBallot = reader.u32()
    const tagSequence = reader.u32()
    const state = reader.rest()
    if (!reader.isWhole) return
    this.grants |= bitOf(from)
    if (tagBallot > this.bestBallot || (tagBallot === this.bestBallot && tagSequence > this.bestSequence)) {
      this.bestBallot = tagBallot
      this.bestSequence = tagSequence
      this.bestState = state
    }
    if (count(this.grants) < this.majority) return
    this.phase = "adopting"
    this.adoptUntil = nowMicros + this.config.leaseMicros
    this.ownSequence = 1
    assert(RegisterState.isWhole(this.bestState), "a state is stored as it was made")
    this.proposed = this.bestState
    this.written = nobody
    this.renew(nowMicros)
  }

  private renewed(from: number, ballot: number, sentAt: number, nowMicros: number): void {
    if (ballot !== this.ownBallot || (this.phase !== "holding" && this.phase !== "adopting")) return
    this.renewedAt[from] = Math.max(this.renewedAt[from], sentAt)
    this.extendLease(sentAt)
    if (this.phase === "adopting") this.hold(nowMicros)
  }

  /** The lease counts from when the request left, once a majority has granted that one or a later one. */
  private extendLease(sentAt: number): void {
    let holders = 0
    const { renewedAt } = this
    for (let node = 0; node < renewedAt.length; node++) if (renewedAt[node] >= sentAt) holders++
    if (holders >= this.majority) this.leaseUntil = Math.max(this.leaseUntil, sentAt + this.leaseMicrosSafe)
  }

  private wrote(from: number, ballot: number, sequence: number, nowMicros: number): void {
    if (ballot !== this.ownBallot || sequence !== this.ownSequence) return
    if (this.phase !== "adopting" && this.phase !== "holding") return
    if ((this.written & bitOf(from)) !== 0) return
    this.written |= bitOf(from)
    if (count(this.written) !== this.majority) return
    this.committed = this.proposed
    if (this.phase === "adopting") return this.hold(nowMicros)
    // A later renewal must not find it holding, with a write that nobody answers any more.
    if (nowMicros >= this.leaseUntil) return this.stepDown("expired")
    const done = this.inFlight
    this.inFlight = []
    for (const request of done) this.answerFromSession(request)
    if (this.queue.length > 0) this.propose(nowMicros)
  }

  /** Both are there: the adopted state on a majority, and a lease of a majority. */
  private hold(nowMicros: number): void {
    if (count(this.written) < this.majority || nowMicros >= this.leaseUntil) return
    this.phase = "holding"
    this.output.trace("lease/held", { ballot: this.ownBallot, forMicros: this.leaseUntil - nowMicros })
  }

  private answerFromSession({ client, number, origin }: Queued): void {
    if (RegisterState.numberOf(this.committed, client) !== number) return
    const matched = RegisterState.hasMatched(this.committed, client)
    this.output.answer(
      origin,
      Call.answer(number)
        .f64(matched ? 1 : 0)
        .finish()
    )
  }

  /** A client's request. */
  request(origin: Origin, request: Call.Request, nowMicros: number): void {
    const { body, client, number } = request
    const operation = body.u8()
    const from = operation === operations.cas ? body.f64() : 0
    const to = operation === operations.read ? 0 : body.f64()
    if (!body.isWhole) return
    if (this.phase !== "holding" || nowMicros >= this.leaseUntil) {
      const owner = this.promised === 0 ? Call.none : ownerOf(this.promised)
      this.output.answer(origin, Call.elsewhere(number, owner === this.config.self ? Call.none : owner))
      return
    }
    this.output.trace("lease/served", { ballot: this.ownBallot })
    if (operation === operations.read) {
      this.output.answer(origin, Call.answer(number).f64(RegisterState.valueOf(this.committed)).finish())
      return
    }
    const queued: Queued = { origin, client, number, isWrite: operation === operations.write, from, to }
    if (RegisterState.numberOf(this.committed, client) >= number) return this.answerFromSession(queued)
    const isKnown = (other: Queued): boolean => other.client === client && other.number >= number
    if (this.inFlight.some(isKnown) || this.queue.some(isKnown)) return
    this.queue.push(queued)
    if (this.inFlight.length === 0) this.propose(nowMicros)
  }

  /** Everything that waits becomes one new state. */
  private propose(nowMicros: number): void {
    this.inFlight = this.queue
    this.queue = []
    this.proposed = RegisterState.after(this.committed, this.inFlight)
    this.ownSequence++
    this.written = nobody
    this.sendWrites(nowMicros)
  }
}
