/**
 * LeaseRegisterObserved: a LeaseRegister that traces every input before it takes it, with its own state as the input
 * meets it. A run with the option `trace.steps` has these events, and `models/quint/LeaseRegisterTrace.qnt` says whether
 * they are a behaviour of the specification.
 *
 * A node's calls to itself come in the middle of a step; the core has changed its state before it makes them.
 */
import { Reader } from "#base/Bytes.ts"
import * as Hex from "#base/Hex.ts"
import type { Fields } from "#world/Trace.ts"
import type * as Call from "./Call.ts"
import { LeaseRegister, type Durable, type Origin } from "./LeaseRegister.ts"
import * as RegisterState from "./RegisterState.ts"

export class LeaseRegisterObserved extends LeaseRegister {
  private meets(name: string, nowMicros: number, fields: Fields): void {
    this["output"].trace(name, {
      ...fields,
      nowMicros,
      phase: this["phase"],
      promised: this["promised"],
      grantedMicros: this["grantedMicros"],
      grantedUntil: this["grantedUntil"],
      ballot: this["ballot"],
      sequence: this["sequence"],
      value: RegisterState.valueOf(this["committed"]),
      refusedFor: this["refusedFor"],
      ownBallot: this["ownBallot"],
      ownSequence: this["ownSequence"],
      leaseUntil: this["leaseUntil"],
      adoptUntil: this["adoptUntil"],
      inFlight: this["inFlight"].length,
      queued: this["queue"].length
    })
  }

  override boot(durable: Durable, nowMicros: number, random: number): void {
    const { ballot, grantedMicros, promised, sequence, state } = durable
    const { leaseMicros } = this["config"]
    const kept = { promised, grantedMicros, ballot, sequence, state: Hex.of(state) }
    this["output"].trace("lease/booted", { ...kept, nowMicros, leaseMicros })
    super.boot(durable, nowMicros, random)
  }

  override tick(nowMicros: number, random: number): void {
    this.meets("lease/ticked", nowMicros, {})
    super.tick(nowMicros, random)
  }

  override receive(from: number, bytes: Uint8Array, nowMicros: number): void {
    this.meets("lease/received", nowMicros, { from, bytes: Hex.of(bytes) })
    super.receive(from, bytes, nowMicros)
  }

  override request(origin: Origin, request: Call.Request, nowMicros: number): void {
    const { client, number } = request
    const bytes = request.body.rest()
    this.meets("lease/asked", nowMicros, { client, number, bytes: Hex.of(bytes) })
    super.request(origin, { client, number, body: new Reader(bytes) }, nowMicros)
  }
}
