/** What every scenario over the leased register shares: its clients' session, and its judges. */
import * as Effect from "effect/Effect"
import * as CasRegister from "#models/CasRegister.ts"
import { unknown } from "#models/Model.ts"
import * as Linearizability from "#sim/judges/Linearizability.ts"
import type { Judge } from "#sim/run/Judge.ts"
import type { ClientSpec, Perform } from "#sim/run/Scenario.ts"
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
