/**
 * Calls: stores ask each other. A call is a frame with a number, its answer a frame with the same one; nothing else is kept of it than who
 * waits until when. No fiber and no timer a call.
 *
 * Promises:
 * - `done` is called exactly once, not within `call`: with the answer's bytes, or with an error that says whether the call can have arrived.
 * - A call arrives at most once, and its answer reaches nobody but the call, whatever became of the connection or of either process between.
 * - No more than `callsMax` calls to one peer are under way, nor more of one peer served here at a time; others are `full`.
 *
 * Needs: a server that replies to each call exactly once, some time; its answers are not larger than a frame. `docs/wire.md` has the bytes.
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import * as Limits from "#base/Limits.ts"
import type { StoreId } from "#consensus/Replica.ts"
import type { Done } from "#world/Completion.ts"
import { Alarm } from "#world/DeadlineHeap.ts"
import type { Trace } from "#world/Trace.ts"
import type { Alarms } from "./Alarms.ts"
import type { RequestPort, RequestSink } from "./transport/Lane.ts"

/**
 * Why a call has no answer. It has not arrived, and never will: `unconnected`, there is no connection; `full`, too much waits here or there.
 * Nobody knows: `lost`, the connection broke; `timed-out`.
 */
export type CallError = "unconnected" | "full" | "lost" | "timed-out"

export type CallDone = Done<Uint8Array, CallError>

/** `timeoutMicros`: for how long the caller will wait. The bytes are the receiver's, as the answer is the caller's. */
export type Server = (
  from: StoreId,
  request: Uint8Array,
  timeoutMicros: number,
  reply: (answer: Uint8Array) => void
) => void

export const types = { call: 1, answer: 2, full: 3 } as const
export const callHeadBytes = 11
export const answerHeadBytes = 7

const noBytes: Uint8Array = new Uint8Array(0)
const numbersMax = 4_294_967_295
const slotsMax = 65_536
/** What four bytes can say: over an hour. */
const timeoutMicrosMax = 4_294_967_295

class Outgoing extends Alarm {
  readonly number: number
  readonly slot: number
  readonly done: CallDone

  constructor(number: number, slot: number, done: CallDone, rings: () => void) {
    super(rings)
    this.number = number
    this.slot = slot
    this.done = done
  }
}

/** What is between this store and another one. */
class Peer {
  /** Counts connections: what was asked on one is not answered on another. */
  connection = 0
  /** In slots that are used again, and not in a map by number: one that takes and gives all the time leaves the garbage collector its old tables. */
  readonly slots: Array<Outgoing | undefined> = []
  readonly free: Array<number> = []
  /** Calls of this connection that the server has not replied to. */
  serving = 0
  /** Frames that wait for room. */
  answers: Array<Uint8Array> = []

  take(call: Outgoing): void {
    this.slots[call.slot] = undefined
    this.free.push(call.slot)
  }
}

/** Head and content; the head as far as all frames have it. */
const frame = (type: number, headBytes: number, content: Uint8Array): Uint8Array => {
  const bytes = Bytes.allocate(headBytes + content.length)
  bytes[0] = type
  bytes.set(content, headBytes)
  return bytes
}

/** What answers a call: its number and slot are those of the call. */
const answerTo = (call: Uint8Array, type: number, content: Uint8Array): Uint8Array => {
  const bytes = frame(type, answerHeadBytes, content)
  for (let at = 1; at < answerHeadBytes; at++) bytes[at] = call[at]
  return bytes
}

export interface Parts {
  readonly attach: (sink: RequestSink) => RequestPort
  readonly alarms: Alarms
  readonly trace: Trace["Service"]
  /** Default: `Limits.callsMax`. */
  readonly callsMax?: number
}

export class Calls implements RequestSink {
  readonly counts = { called: 0, served: 0, full: 0 }
  private readonly port: RequestPort
  private readonly alarms: Alarms
  private readonly trace: Trace["Service"]
  private readonly callsMax: number
  private readonly peers = new Map<StoreId, Peer>()
  private server: Server | undefined
  /** Of the last call. */
  private number = 0

  constructor({ alarms, attach, callsMax = Limits.callsMax, trace }: Parts) {
    assert(callsMax <= slotsMax, "a slot's number has two bytes")
    this.alarms = alarms
    this.trace = trace
    this.callsMax = callsMax
    this.port = attach(this)
  }

  /** Who answers; until there is one, every call is `full`. */
  serve(server: Server): void {
    assert(this.server === undefined, "calls have one server")
    this.server = server
  }

  /** Asks a store. `request` belongs to the call from then on. */
  call(to: StoreId, request: Uint8Array, timeoutMicros: number, done: CallDone): void {
    const peer = this.peer(to)
    const number = this.number === numbersMax ? 1 : this.number + 1
    this.number = number
    const slot = peer.free.at(-1) ?? peer.slots.length
    const error = slot >= this.callsMax ? "full" : this.send(to, { number, slot, timeoutMicros }, request)
    if (error !== undefined) {
      this.counts.full += error === "full" ? 1 : 0
      return this.alarms.at(this.alarms.nowMicros(), () => done(error, noBytes))
    }
    this.counts.called++
    const call = new Outgoing(number, slot, done, () => this.end(peer, call, "timed-out", noBytes))
    peer.free.pop()
    peer.slots[slot] = call
    this.alarms.set(call, this.alarms.nowMicros() + timeoutMicros)
  }

  received(from: StoreId, bytes: Uint8Array): void {
    const type = bytes[0]
    if (type === types.call && bytes.length >= callHeadBytes) return this.called(from, bytes)
    if ((type === types.answer || type === types.full) && bytes.length >= answerHeadBytes) {
      return this.answered(this.peer(from), bytes)
    }
    this.trace.emit("warn", "cluster/call-malformed", { peer: from, type: type ?? 0, sizeBytes: bytes.length })
  }

  connected(from: StoreId): void {
    this.ended(this.peer(from))
  }

  disconnected(from: StoreId): void {
    this.ended(this.peer(from))
  }

  drained(from: StoreId): void {
    const peer = this.peer(from)
    const { answers } = peer
    peer.answers = []
    for (const bytes of answers) this.answer(from, peer, bytes)
  }

  private peer(store: StoreId): Peer {
    let peer = this.peers.get(store)
    if (peer === undefined) {
      peer = new Peer()
      this.peers.set(store, peer)
    }
    return peer
  }

  private send(
    to: StoreId,
    head: { readonly number: number; readonly slot: number; readonly timeoutMicros: number },
    request: Uint8Array
  ): CallError | undefined {
    const bytes = frame(types.call, callHeadBytes, request)
    Bytes.putU32(bytes, 1, head.number)
    bytes[5] = head.slot
    bytes[6] = head.slot >>> 8
    Bytes.putU32(bytes, answerHeadBytes, Math.min(head.timeoutMicros, timeoutMicrosMax))
    const sent = this.port.send(to, bytes)
    return sent === "taken" ? undefined : sent
  }

  /** Nothing more comes of what was under way. */
  private ended(peer: Peer): void {
    peer.connection++
    peer.serving = 0
    peer.answers = []
    for (const call of [...peer.slots]) if (call !== undefined) this.end(peer, call, "lost", noBytes)
  }

  private end(peer: Peer, call: Outgoing, error: CallError | undefined, answer: Uint8Array): void {
    peer.take(call)
    this.alarms.clear(call)
    call.done(error, answer)
  }

  /** A call that has ended already is not in its slot any more. */
  private answered(peer: Peer, bytes: Uint8Array): void {
    const call = peer.slots[bytes[5] | (bytes[6] << 8)]
    if (call === undefined || call.number !== Bytes.getU32(bytes, 1)) return
    if (bytes[0] === types.full) this.end(peer, call, "full", noBytes)
    else this.end(peer, call, undefined, bytes.subarray(answerHeadBytes))
  }

  private called(from: StoreId, bytes: Uint8Array): void {
    const peer = this.peer(from)
    if (this.server === undefined || peer.serving + peer.answers.length >= this.callsMax) {
      this.counts.full++
      // A peer that reads nothing and asks on is not told for ever.
      if (peer.answers.length >= 2 * this.callsMax) return
      return this.answer(from, peer, answerTo(bytes, types.full, noBytes))
    }
    this.counts.served++
    peer.serving++
    const { connection } = peer
    let isReplied = false
    const reply = (answer: Uint8Array): void => {
      assert(!isReplied, "a call is replied to once")
      isReplied = true
      if (peer.connection !== connection) return
      peer.serving--
      this.answer(from, peer, answerTo(bytes, types.answer, answer))
    }
    this.server(from, bytes.subarray(callHeadBytes), Bytes.getU32(bytes, answerHeadBytes), reply)
  }

  private answer(to: StoreId, peer: Peer, bytes: Uint8Array): void {
    if (peer.answers.length > 0 || this.port.send(to, bytes) === "full") peer.answers.push(bytes)
  }
}
