/** What every scenario over the leased register shares: its clients' session, and its judges. */
import * as Effect from "effect/Effect"
import * as CasRegister from "#models/CasRegister.ts"
import { unknown } from "#models/Model.ts"
import * as Linearizability from "#sim/judges/Linearizability.ts"
import { driftPpmMax } from "#sim/faults/Fault.ts"
import type { Draw } from "#sim/kernel/Draw.ts"
import type { Judge } from "#sim/run/Judge.ts"
import type { ClientSpec, Perform, ServerSpec, Workload } from "#sim/run/Scenario.ts"
import * as Call from "../systems/Call.ts"
import { initialValue, operations } from "../systems/LeaseRegister.ts"

export type Operation =
  | { readonly type: "read" }
  | { readonly type: "write"; readonly value: number }
  | { readonly type: "cas"; readonly from: number; readonly to: number }

/** Of a read: the value. Of a cas: whether it matched. Of a write: true. */
export type Value = number | boolean

export const label = (operation: Operation): string =>
  operation.type === "read"
    ? "read"
    : operation.type === "write"
      ? `write ${operation.value}`
      : `cas ${operation.from} → ${operation.to}`

/** What a server is told of leases and clocks. */
export const leaseOptions = (
  spec: ServerSpec
): { readonly leaseMicros: number; readonly renewMicros: number; readonly driftPpmMax: number } => ({
  leaseMicros: Number(spec.options["leaseMillis"]) * 1_000,
  renewMicros: Number(spec.options["renewMillis"]) * 1_000,
  driftPpmMax: Number(spec.options["clock.driftPpmMax"] ?? driftPpmMax)
})

/** Values that many write and compare with; others are of one operation only. */
const sharedValues = 4

/**
 * The next operation of a client. Half of the values are an operation's own: an odd read is traced to its writer at once.
 * The others are few, so that a cas finds its value now and then, and not, and again. Every other client hardly writes: a
 * write to a holder that has lost its majority waits, and its client with it; those who read see how long it serves.
 */
export const draw = (draw: Draw, at: { readonly client: number; readonly index: number }): Operation => {
  const own = (at.client + 1) * 1_000_000 + at.index
  const value = draw.chance(1, 2) ? draw.below(sharedValues) : own
  if (draw.chance(1, 2) || (at.client % 2 === 1 && draw.chance(19, 20))) return { type: "read" }
  return draw.chance(3, 5) ? { type: "write", value } : { type: "cas", from: draw.below(sharedValues), to: value }
}

/** Once all is well, every client can write, and read. */
export const final: Workload<Operation, Value>["final"] = (client) => [
  { type: "write", value: (client + 1) * 1_000_000 - 1 },
  { type: "read" }
]

/** A client that asks one node after the other until one answers. */
export const client = Effect.fnUntraced(function* (spec: ClientSpec) {
  const caller = yield* Call.make(spec, { retryMicros: 100_000, timeoutMicros: 2_000_000 })
  const perform: Perform<Operation, Value> = (operation, done) => {
    caller.call<Value>(
      (writer) => {
        writer.u8(operations[operation.type])
        if (operation.type === "write") writer.f64(operation.value)
        if (operation.type === "cas") writer.f64(operation.from).f64(operation.to)
      },
      (body) => {
        const value = body.f64()
        return operation.type === "read" ? value : value === 1
      },
      done
    )
  }
  return perform
})

export const linearizability: Judge<Operation, Value> = Linearizability.judge({
  name: "linearizability",
  model: CasRegister.make(initialValue),
  toOperation: (operation: Operation, outcome) => ({
    operation,
    result: outcome.type !== "ok" ? unknown : operation.type === "write" ? true : outcome.value
  })
})

/** Once a lease is held, no older one serves: checked at every request, in true time. */
export const singleHolder: Judge = {
  name: "single-holder",
  make: () => {
    let newest = 0
    let holder = 0
    return {
      observe: ({ fields, name, node }) => {
        if (name !== "lease/served" && name !== "lease/held") return undefined
        const ballot = Number(fields["ballot"])
        if (ballot < newest) {
          return {
            detail: `n${node} served under lease ${ballot} after n${holder} had got lease ${newest}: two holders at once`
          }
        }
        newest = ballot
        holder = node
        return undefined
      }
    }
  }
}
