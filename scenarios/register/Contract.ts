/**
 * Contract: what the nodes of a leased register owe each other, judged at every datagram, whatever the clients can see yet.
 *
 * 1. What a node says is durable, and never taken back: a ballot that it asks with, a promise, a lease's length, a state.
 * 2. It stands by the highest ballot that it ever said yes to.
 * 3. Two writes of one ballot and sequence are the same state. The first of a ballot is the newest that any majority knows.
 * 4. Nobody asks for a lease, or writes, under a ballot that no majority has promised.
 * 5. A node that granted a lease promises nobody else a ballot before the lease can be over. (It may take the writes of one
 *    whom a majority of others has promised: that majority would not renew the lease any more.)
 * 6. Who answers a client holds a lease of a majority, and what it answers from is durable on a majority.
 *
 * Most bugs of leases break one of these long before two clients disagree: a promise that is not on the disk shows at once here,
 * and outside only when a crash, an election and a late write meet. Times are true times, and bounds those of the worst
 * clocks: a lease of `l` that was asked for at `t` may be over for a node at `t + l / (1 + drift)`, and not before.
 */
import { getF64, getU32 } from "#base/Bytes.ts"
import { driftPpmMax } from "#sim/faults/Fault.ts"
import type { Judge, Sent, Sight, Violation } from "#sim/run/Judge.ts"
import { answerHeadBytes, Asked } from "../systems/Asked.ts"
import * as Call from "../systems/Call.ts"
import { messages, operations, ownerOf } from "../systems/LeaseRegister.ts"
import { path, peek } from "../systems/LeaseRegisterDriver.ts"
import * as RegisterState from "../systems/RegisterState.ts"

/** What one node has said, and was told. */
interface Node {
  /** The highest ballot that it said yes to. */
  stoodBy: number
  /** The last ballot whose renewal it granted, and until when, in true time, that lease lasts at least. */
  granted: number
  grantedUntil: number
  /** As a candidate: the last ballot that another promised it, and the nodes that did. */
  promised: number
  readonly promisedBy: Set<number>
  /** As a holder: the ballot of its last renewals or writes. */
  ballot: number
  /** When it asked for leases, by its own clock as the request says, and the true time of each; the newest last. */
  asked: Array<{ readonly sentAt: number; readonly atMicros: number }>
  leaseMicros: number
  /** The states that it wrote last under its ballot, by sequence, each with the first message that had it. */
  states: Array<{ readonly sequence: number; readonly message: Uint8Array; readonly state: Uint8Array }>
}

/** A holder proposes one state at a time: what it answers from is the last that is durable on a majority, or the one before. */
const statesKept = 4
/** Requests for leases older than this many leases tell nothing. */
const askedLeases = 3
const writeHeadBytes = 9

class Contract {
  private readonly run: Sight
  private readonly nodes: Array<Node>
  private readonly asked: Asked
  private readonly majority: number
  /** The part of a lease that is sure by any clock within the bound. */
  private readonly surePart: number

  constructor(run: Sight) {
    this.run = run
    this.asked = new Asked(run.nodes)
    this.majority = Math.floor(run.nodes / 2) + 1
    this.surePart = 1 / (1 + Number(run.options["clock.driftPpmMax"] ?? driftPpmMax) / 1_000_000)
    this.nodes = Array.from({ length: run.nodes }, () => ({
      stoodBy: 0,
      granted: 0,
      grantedUntil: 0,
      promised: 0,
      promisedBy: new Set(),
      ballot: 0,
      asked: [],
      leaseMicros: 0,
      states: []
    }))
  }

  sent(datagram: Sent): string | undefined {
    const { bytes, from } = datagram
    if (this.asked.hears(datagram) || bytes.length < 5) return undefined
    const head = getU32(bytes, 1)
    switch (bytes[0]) {
      case messages.acquire:
        return this.isDurable(from, head, 0, 0)
          ? undefined
          : `n${from} asked with ballot ${head}, which its disk forgets`
      case messages.renew:
        return this.renew(datagram, head)
      case messages.write:
        return this.write(datagram, head)
      case messages.granted:
        this.promised(from, head)
        return this.saysYes(datagram, head, getU32(bytes, 5), getU32(bytes, 9))
      case messages.renewed:
        return this.saysYes(datagram, head, 0, 0) ?? this.renewed(datagram, head)
      case messages.written:
        return this.saysYes(datagram, head, head, getU32(bytes, 5))
      case Call.kinds.answer:
        return this.answered(datagram)
      default:
        return undefined
    }
  }

  private tag(node: number): ReturnType<typeof peek> {
    return peek(this.run.durable(node, path))
  }

  private isDurable(node: number, promised: number, ballot: number, sequence: number): boolean {
    const kept = this.tag(node)
    return kept.promised >= promised && (kept.ballot > ballot || (kept.ballot === ballot && kept.sequence >= sequence))
  }

  /** A promise, a granted renewal, or a state that was written: of a state, `ballot` and `sequence`. */
  private saysYes(
    { atMicros, bytes, from }: Sent,
    promised: number,
    ballot: number,
    sequence: number
  ): string | undefined {
    const node = this.nodes[from]
    const promises = promised > node.stoodBy && bytes[0] !== messages.written
    if (promised < node.stoodBy) return `n${from} said yes to ballot ${promised} after ${node.stoodBy}`
    node.stoodBy = promised
    if (!this.isDurable(from, promised, ballot, sequence)) {
      const { ballot: keptBallot, promised: keptPromise, sequence: keptSequence } = this.tag(from)
      return `n${from} said yes to ballot ${promised} and state ${ballot}.${sequence}; its disk has ${keptPromise} and ${keptBallot}.${keptSequence}`
    }
    if (promises && atMicros < node.grantedUntil && ownerOf(promised) !== ownerOf(node.granted)) {
      const leftMicros = Math.ceil(node.grantedUntil - atMicros)
      return `n${from} promised ballot ${promised} while a lease that it granted to ${node.granted} lasts for ${leftMicros} µs more`
    }
    return undefined
  }

  private promised(by: number, ballot: number): void {
    const candidate = this.nodes[ownerOf(ballot)]
    if (candidate === undefined || ballot < candidate.promised) return
    if (ballot > candidate.promised) candidate.promisedBy.clear()
    candidate.promised = ballot
    candidate.promisedBy.add(by)
  }

  private renew({ atMicros, bytes, from }: Sent, ballot: number): string | undefined {
    const node = this.nodes[from]
    const sentAt = getF64(bytes, 5)
    node.leaseMicros = getU32(bytes, 13)
    const early = this.enters(from, ballot)
    if (early !== undefined) return early
    // One request to all is one.
    if (node.asked.at(-1)?.sentAt === sentAt) return undefined
    while (node.asked.length > 0 && node.asked[0].atMicros < atMicros - askedLeases * node.leaseMicros)
      node.asked.shift()
    node.asked.push({ sentAt, atMicros })
    return undefined
  }

  /** From now on it uses this ballot. */
  private enters(index: number, ballot: number): string | undefined {
    const node = this.nodes[index]
    if (node.ballot === ballot) return undefined
    node.ballot = ballot
    node.asked = []
    node.states = []
    // Its own promise is told to nobody.
    const promises = 1 + (node.promised === ballot ? node.promisedBy.size : 0)
    return promises >= this.majority
      ? undefined
      : `n${index} uses ballot ${ballot}, which ${promises} of ${this.run.nodes} nodes have promised`
  }

  private renewed({ bytes, from }: Sent, ballot: number): string | undefined {
    const holder = this.nodes[ownerOf(ballot)]
    if (holder === undefined || holder.ballot !== ballot) return undefined
    const sentAt = getF64(bytes, 5)
    const asked = holder.asked.findLast((one) => one.sentAt === sentAt)
    if (asked === undefined) return undefined
    if (this.tag(from).grantedMicros < holder.leaseMicros)
      return `n${from} granted a lease of ${holder.leaseMicros} µs, which its disk forgets`
    const node = this.nodes[from]
    const until = asked.atMicros + holder.leaseMicros * this.surePart
    if (node.granted === ballot && node.grantedUntil >= until) return undefined
    node.granted = ballot
    node.grantedUntil = until
    return undefined
  }

  private write({ bytes, from }: Sent, ballot: number): string | undefined {
    const node = this.nodes[from]
    const early = this.enters(from, ballot)
    if (early !== undefined) return early
    const sequence = getU32(bytes, 5)
    const last = node.states.at(-1)
    if (last?.sequence === sequence)
      return isSame(last.message, bytes) ? undefined : `n${from} wrote two states as ${ballot}.${sequence}`
    const state = bytes.subarray(writeHeadBytes)
    if (last === undefined && sequence === 1 && !this.isNewest(ballot, state))
      return `n${from} begins ballot ${ballot} with a state that is older than what a majority of disks has`
    node.states.push({ sequence, message: bytes, state })
    if (node.states.length > statesKept) node.states.shift()
    return undefined
  }

  /**
   * Whether a candidate may begin with this state. Any majority of promises has a disk that is at least as new as the
   * oldest of the newest majority of disks, and whoever has promised stays as it is. Nothing is sure once a later ballot
   * has written.
   */
  private isNewest(ballot: number, state: Uint8Array): boolean {
    const kept = this.nodes.map((_, index) => this.tag(index))
    if (kept.some((one) => one.ballot >= ballot)) return true
    kept.sort((left, right) => right.ballot - left.ballot || right.sequence - left.sequence)
    const oldest = kept[this.majority - 1]
    return kept.some(
      (one, index) =>
        (index < this.majority || (one.ballot === oldest.ballot && one.sequence === oldest.sequence)) &&
        isSame(one.state(), state)
    )
  }

  private answered(datagram: Sent): string | undefined {
    const { atMicros, bytes, from } = datagram
    const answered = this.asked.answeredBy(datagram)
    // A node that is alone asks nobody.
    if (answered === undefined || this.run.nodes === 1) return undefined
    const { body, client, number } = answered
    const node = this.nodes[from]
    let granted = 1
    this.nodes.forEach((other, index) => {
      if (index !== from && other.granted === node.ballot && atMicros < other.grantedUntil) granted++
    })
    if (granted < this.majority)
      return `n${from} answered under ballot ${node.ballot}, whose lease only ${granted} of ${this.run.nodes} nodes are sure to keep`
    const sequence = this.onMajority(node.ballot)
    const known = node.states.filter((state) => state.sequence <= sequence)
    const value = getF64(bytes, answerHeadBytes)
    const reads = body[0] === operations.read
    const isFounded = reads
      ? known.some(({ state }) => RegisterState.valueOf(state) === value)
      : known.some(({ state }) => RegisterState.numberOf(state, client) >= number)
    return isFounded
      ? undefined
      : `n${from} answered ${reads ? `${value}` : `request #${number}`} under ballot ${node.ballot}; on a majority of disks is no more than ${sequence} of it`
  }

  /** The newest sequence of a ballot that a majority of disks has; 0: none. */
  private onMajority(ballot: number): number {
    const sequences: Array<number> = []
    for (let index = 0; index < this.run.nodes; index++) {
      const kept = this.tag(index)
      sequences.push(kept.ballot > ballot ? Infinity : kept.ballot === ballot ? kept.sequence : 0)
    }
    return sequences.sort((left, right) => right - left)[this.majority - 1]
  }
}

const isSame = (left: Uint8Array, right: Uint8Array): boolean => {
  // To all peers goes the same message.
  if (left === right) return true
  if (left.length !== right.length) return false
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false
  return true
}

export const contract: Judge = {
  name: "contract",
  inside: true,
  make: (run) => {
    const judged = new Contract(run)
    return {
      sent: (datagram): Violation | undefined => {
        const detail = judged.sent(datagram)
        return detail === undefined ? undefined : { detail }
      }
    }
  }
}
