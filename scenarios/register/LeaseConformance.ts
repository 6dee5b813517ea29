/**
 * LeaseConformance: the trace of a run of the leased register in the words of models/quint/LeaseRegisterTrace.qnt. Only
 * bytes and fields are translated here; what they may say is the specification's business.
 */
import { assert } from "#base/Assert.ts"
import { Reader } from "#base/Bytes.ts"
import * as Hex from "#base/Hex.ts"
import type { Mapping, Step, Trace, TraceEvent } from "#sim/conformance/Conformance.ts"
import type { Json } from "#sim/conformance/Quint.ts"
import { driftPpmMax } from "#sim/faults/Fault.ts"
import * as Call from "../systems/Call.ts"
import { describe, messages, operations } from "../systems/LeaseRegister.ts"

const stateOf = (bytes: Uint8Array): Json => {
  const reader = new Reader(bytes)
  const value = reader.f64()
  const sessions: Array<readonly [Json, Json]> = []
  for (let left = reader.u32(); left > 0; left--) {
    sessions.push([reader.u32(), { number: reader.u32(), matched: reader.u8() === 1 }])
  }
  assert(reader.isWhole, "a state is stored as it was made")
  return { value, sessions: { map: sessions } }
}

const tag = (ballot: number, sequence: number): Json => ({ ballot, sequence })

const messageOf = (bytes: Uint8Array): Json => {
  const reader = new Reader(bytes)
  const kind = reader.u8()
  const ballot = reader.u32()
  switch (kind) {
    case messages.acquire:
      return { tag: "Acquire", value: { ballot } }
    case messages.granted:
      return {
        tag: "Granted",
        value: { ballot, tag: tag(reader.u32(), reader.u32()), state: stateOf(reader.rest()) }
      }
    case messages.refused:
      return { tag: "Refused", value: { ballot } }
    case messages.renew:
      return { tag: "Renew", value: { ballot, sentAt: reader.f64(), lease: reader.u32() } }
    case messages.renewed:
      return { tag: "Renewed", value: { ballot, sentAt: reader.f64() } }
    case messages.write:
      return { tag: "Write", value: { tag: tag(ballot, reader.u32()), state: stateOf(reader.rest()) } }
    default:
      assert(kind === messages.written, `a message that nodes send, not ${kind}`)
      return { tag: "Written", value: { tag: tag(ballot, reader.u32()) } }
  }
}

const operationOf = (bytes: Uint8Array): Json => {
  const reader = new Reader(bytes)
  const operation = reader.u8()
  if (operation === operations.read) return { tag: "Read" }
  if (operation === operations.write) return { tag: "Put", value: reader.f64() }
  return { tag: "Cas", value: { expected: reader.f64(), value: reader.f64() } }
}

/** `isRead`: the answer to a write says whether it took place. */
const replyOf = (bytes: Uint8Array, isRead: boolean): { readonly number: number; readonly reply: Json } => {
  const reader = new Reader(bytes)
  const kind = reader.u8()
  const number = reader.u32()
  if (kind === Call.kinds.elsewhere) {
    const other = reader.u8()
    return { number, reply: { tag: "Elsewhere", value: other === Call.none ? -1 : other } }
  }
  const value = reader.f64()
  return { number, reply: isRead ? { tag: "Value", value } : { tag: "Matched", value: value === 1 } }
}

const phases: Readonly<Record<string, string>> = {
  following: "Following",
  acquiring: "Acquiring",
  adopting: "Adopting",
  holding: "Holding"
}

const number = (event: TraceEvent, name: string): number => {
  const value = event.fields[name]
  assert(typeof value === "number", `${event.name} says ${name}`)
  return value
}
const text = (event: TraceEvent, name: string): string => String(event.fields[name])
const bytes = (event: TraceEvent, name = "bytes"): Uint8Array => Hex.bytesOf(text(event, name))

const viewOf = (event: TraceEvent): Json => ({
  phase: { tag: phases[text(event, "phase")] },
  promised: number(event, "promised"),
  granted: number(event, "grantedMicros"),
  until: number(event, "grantedUntil"),
  tag: tag(number(event, "ballot"), number(event, "sequence")),
  value: number(event, "value"),
  refusedFor: number(event, "refusedFor"),
  own: tag(number(event, "ownBallot"), number(event, "ownSequence")),
  leaseUntil: number(event, "leaseUntil"),
  adoptUntil: number(event, "adoptUntil"),
  inFlight: number(event, "inFlight"),
  queued: number(event, "queued")
})

/** Which messages are delivered after a place of the trace: by sender, receiver and bytes. */
class Deliveries {
  private readonly left = new Map<string, number>()

  private static key(from: number, to: number, message: string): string {
    return `${from} ${to} ${message}`
  }

  constructor(events: Trace["events"]) {
    for (const event of events) {
      if (event.type !== "trace" || event.name !== "lease/received") continue
      const key = Deliveries.key(number(event, "from"), event.node, text(event, "bytes"))
      this.left.set(key, (this.left.get(key) ?? 0) + 1)
    }
  }

  /** Another delivery has come; true: one more will. */
  took(from: number, to: number, message: string): boolean {
    const key = Deliveries.key(from, to, message)
    const left = this.left.get(key)! - 1
    this.left.set(key, left)
    return left > 0
  }

  awaits(from: number, to: number, message: string): boolean {
    return (this.left.get(Deliveries.key(from, to, message)) ?? 0) > 0
  }
}

class Reading {
  private readonly lanes: Trace["lanes"]
  private readonly servers: number
  private readonly deliveries: Deliveries
  private readonly isUp: Array<boolean>
  private readonly durable: Array<number>
  /** The reads among what clients asked, by client and number: an answer's bytes do not say what it answers. */
  private readonly reads = new Set<string>()
  readonly steps: Array<Step> = []

  constructor({ events, lanes }: Trace) {
    this.lanes = lanes
    this.servers = lanes.filter(({ kind }) => kind === "server").length
    this.deliveries = new Deliveries(events)
    this.isUp = Array.from({ length: this.servers }, () => false)
    this.durable = Array.from({ length: this.servers }, () => 0)
    for (const event of events) {
      if (event.type === "trace" && event.node < this.servers) this.traced(event)
      if (event.type === "node" && (event.change === "crash" || event.change === "exit")) {
        if (event.node < this.servers) this.crashed(event.at, event.node)
      }
    }
  }

  private add(event: TraceEvent, words: string, tagged: Json, view?: Json): void {
    this.steps.push({
      atMicros: event.at,
      node: event.node,
      words,
      event: tagged,
      ...(view === undefined ? {} : { view })
    })
  }

  private crashed(atMicros: number, node: number): void {
    if (!this.isUp[node]) return
    this.isUp[node] = false
    this.durable[node] = 0
    this.steps.push({ atMicros, node, words: "crashes", event: { tag: "Crashed", value: { node } } })
  }

  private met(event: TraceEvent, words: string, input: Json): void {
    const view = viewOf(event)
    const { at, node } = event
    const value = { node, at, reads: number(event, "nowMicros"), view, input }
    this.add(event, words, { tag: "Met", value }, view)
  }

  private traced(event: TraceEvent): void {
    const { node } = event
    switch (event.name) {
      case "lease/booted":
        return this.booted(event)
      case "lease/ticked":
        return this.met(event, "timer fires", { tag: "Ticked" })
      case "lease/asked":
        return this.asked(event)
      case "lease/received": {
        const from = number(event, "from")
        const again = this.deliveries.took(from, node, text(event, "bytes"))
        const packet = { from, message: messageOf(bytes(event)) }
        return this.met(event, `receives ${describe(bytes(event))} from n${from}`, {
          tag: "Received",
          value: { packet, again }
        })
      }
      case "lease/sent": {
        const to = number(event, "to")
        const arrives = this.deliveries.awaits(node, to, text(event, "bytes"))
        const value = { node, to, message: messageOf(bytes(event)), arrives }
        return this.add(event, `sends ${describe(bytes(event))} to n${to}`, { tag: "Sent", value })
      }
      case "lease/answered":
        return this.answered(event)
      case "lease/durable": {
        const states = number(event, "upTo") - this.durable[node]
        this.durable[node] += states
        return this.add(event, `has ${states} more written`, { tag: "Synced", value: { node, states } })
      }
    }
  }

  private booted(event: TraceEvent): void {
    const { at, node } = event
    this.isUp[node] = true
    const kept = {
      promised: number(event, "promised"),
      granted: number(event, "grantedMicros"),
      tag: tag(number(event, "ballot"), number(event, "sequence")),
      state: stateOf(bytes(event, "state"))
    }
    const value = { node, at, reads: number(event, "nowMicros"), kept, lease: number(event, "leaseMicros") }
    this.add(event, "boots", { tag: "Booted", value })
  }

  private asked(event: TraceEvent): void {
    const client = number(event, "client")
    const asked = number(event, "number")
    const operation = operationOf(bytes(event))
    if (bytes(event)[0] === operations.read) this.reads.add(`${client} ${asked}`)
    this.met(event, `is asked by c${client}, #${asked}`, { tag: "Asked", value: { client, number: asked, operation } })
  }

  private answered(event: TraceEvent): void {
    const host = text(event, "client")
    const client = this.lanes.findIndex(({ name }) => name === host) - this.servers
    const asked = new Reader(bytes(event).subarray(1)).u32()
    const { number: answered, reply } = replyOf(bytes(event), this.reads.has(`${client} ${asked}`))
    const value = { node: event.node, answer: { client, number: answered, reply } }
    this.add(event, `tells ${host} ${describe(bytes(event))}`, { tag: "Answered", value })
  }
}

export const mapping: Mapping = {
  module: "LeaseRegisterTrace",
  options: { "trace.steps": true },
  constants: ({ lanes, options }) => ({
    SERVERS: lanes.filter(({ kind }) => kind === "server").length,
    CLOCKS_PPM: Number(options["clock.driftPpmMax"] ?? driftPpmMax)
  }),
  steps: (trace) => new Reading(trace).steps
}
