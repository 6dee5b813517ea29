/**
 * Orders of clients, on a cluster to which everything happens that stores survive: each saga ends, money is conserved, the bank has what completed
 * orders paid, and no step is done, or undone, twice.
 */
import * as Effect from "effect/Effect"
import type { Reader } from "#base/Bytes.ts"
import type { Operation as Performed, Outcome } from "#sim/run/History.ts"
import type { Judge } from "#sim/run/Judge.ts"
import type { Perform, Scenario } from "#sim/run/Scenario.ts"
import * as Call from "../systems/Call.ts"
import { damage } from "../txn/Scenarios.ts"
import * as Settings from "../txn/Settings.ts"
import * as Shop from "./Shop.ts"
import * as Server from "./Server.ts"
import type { Operation, Value } from "./Server.ts"

const text = new TextDecoder()
const utf8 = new TextEncoder()

const label = (operation: Operation): string =>
  operation.type === "start"
    ? `start ${operation.id}: ${operation.order.amount} of ${operation.order.from}`
    : operation.type === "cancel"
      ? `cancel ${operation.id}`
      : "books"

const read = (body: Reader): Outcome<Value> | undefined => {
  const ending = body.u8()
  const told: unknown = JSON.parse(text.decode(body.rest()))
  if (ending === Server.endings.ok) return { type: "ok", value: told as Value }
  return { type: "failed", reason: String(told) }
}

const client: Scenario<Operation, Value>["workload"]["client"] = Effect.fnUntraced(function* (spec) {
  const caller = yield* Call.make(spec, { retryMicros: 1_500_000, timeoutMicros: 6_000_000 })
  const perform: Perform<Operation, Value> = (operation, done) =>
    caller.call<Outcome<Value>>(
      (writer) => {
        writer.u8(Server.kinds[operation.type]).raw(utf8.encode(JSON.stringify(operation)))
      },
      read,
      (outcome) => done(outcome.type === "ok" ? outcome.value : outcome)
    )
  return perform
})

type History = ReadonlyArray<Performed<Operation, Value>>
type Books = Exclude<Value, boolean>

const everything = (Shop.accounts + 1) * Shop.fund

/** What of the orders is not as it was said to be, once nothing is under way any more. */
const broken = (
  history: History,
  { bank, completed, compensated, total }: Books,
  askedAt: number
): string | undefined => {
  if (total !== everything) return `there is ${total}, and there was ${everything}`
  let paid = 0
  const ended = new Set([...completed, ...compensated])
  const isCompleted = new Set(completed)
  for (const { completedAt, operation, outcome } of history) {
    if (operation.type !== "start") continue
    const { id, order } = operation
    if (outcome.type === "ok" && completedAt < askedAt && !ended.has(id)) return `${id} was started, and is not there`
    if (!isCompleted.has(id)) continue
    if (order.isTurnedDown) return `${id} was turned down, and is completed`
    paid += order.amount
  }
  return bank - Shop.fund === paid ? undefined : `the bank has ${bank - Shop.fund} of orders that paid ${paid}`
}

/** The last books of all. */
const conservation: Judge<Operation, Value> = {
  name: "conservation",
  make: () => ({
    finish: (history) => {
      let books = 0
      for (const { completedAt, invokedAt, operation, outcome } of history) {
        if (operation.type !== "books" || outcome.type !== "ok" || typeof outcome.value === "boolean") continue
        books += 1
        const detail = broken(history, outcome.value, invokedAt)
        if (detail !== undefined) return { detail, atMicros: completedAt }
      }
      return books === 0 ? "unknown" : "pass"
    }
  })
}

/** What the journals have, as their owners tell it: each ending of a step once. */
const once: Judge<Operation, Value> = {
  name: "once",
  make: () => {
    const seen = new Set<string>()
    return {
      observe: ({ atMicros, fields, name, node }) => {
        const event = fields["event"]
        if (name !== "saga/event" || (event !== "done" && event !== "undone")) return undefined
        const what = `${String(event)} ${String(fields["id"])} ${String(fields["step"])}`
        if (seen.has(what)) return { detail: `${what}, a second time`, atMicros, node }
        seen.add(what)
        return undefined
      },
      finish: () => "pass"
    }
  }
}

export const scenario: Scenario<Operation, Value> = {
  name: "saga/orders",
  summary: "sagas of steps here and elsewhere, through everything: all end, money is conserved, nothing happens twice",
  nodes: { default: 3, min: 1, max: 5 },
  clients: { default: 3, min: 1, max: 4 },
  durationMicros: 4_000_000,
  livenessMicros: 90_000_000,
  server: Server.server,
  options: {
    ...Settings.options,
    engine: Settings.engines,
    leaseMillis: Server.leaseMillis,
    bankLateMillis: Server.bankLateMillis
  },
  workload: {
    gapMicros: 300_000,
    draw: (draw, { client: by, index }) => {
      if (index > 0 && draw.chance(1, 6)) return { type: "cancel", id: `order-${by}-${draw.below(index)}` }
      const from = draw.below(Shop.accounts)
      const to = (from + 1 + draw.below(Shop.accounts - 1)) % Shop.accounts
      const order = { from, to, amount: 1 + draw.below(30), isTurnedDown: draw.chance(1, 4) }
      return { type: "start", id: `order-${by}-${index}`, order }
    },
    client,
    final: () => [{ type: "books" }],
    label
  },
  ...damage,
  judges: [conservation, once]
}
