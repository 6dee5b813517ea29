/**
 * Transactions that lock the same few keys, in ranges of their own, each in an order of its own, and so wait in circles across servers all the time.
 * Someone of each circle is told and begins anew, and the others go on: once everything is well, it is never long until one is through.
 */
import type { Draw } from "#sim/kernel/Draw.ts"
import type { Judge, Violation } from "#sim/run/Judge.ts"
import type * as Client from "./Client.ts"
import * as Scenarios from "./Scenarios.ts"

const keys = Scenarios.upTo(6)
const finalsCount = 12
/** When all has healed: until leaders are there again, and whoever was abandoned is known to be. */
const settlingMicros = 2_000_000
/** Less than a transaction waits for a lock that nobody gives back (`Server.ts`), and many times what it takes to find a circle. */
const patienceMicros = 2_000_000

/** Locks the keys one after the other, and writes each. */
const inOrder = (order: ReadonlyArray<number>, value: number): Client.Operation => ({
  type: "run",
  isolation: "strict-serializable",
  isLocked: true,
  steps: order.flatMap((key) => [
    { type: "get", key },
    { type: "put", key, value }
  ])
})

const shuffled = (draw: Draw): ReadonlyArray<number> => {
  const left = [...keys]
  return Scenarios.upTo(2 + draw.below(3)).map(() => left.splice(draw.below(left.length), 1)[0])
}

/** When everything has been well for a while, some transaction is through again and again: a circle would end with its members' time alone. */
const judge: Judge<Client.Operation, Client.Value> = {
  name: "deadlock",
  make: () => {
    let sinceMicros: number | undefined
    return {
      completed: ({ final, invokedAt, operation, outcome }, atMicros): Violation | undefined => {
        if (!final || operation.type !== "run") return undefined
        sinceMicros ??= invokedAt + settlingMicros
        const waitedMicros = atMicros - Math.max(sinceMicros, invokedAt)
        if (outcome.type === "ok") sinceMicros = Math.max(sinceMicros, atMicros)
        if (!(waitedMicros > patienceMicros)) return undefined
        return { detail: `nobody was through for ${Math.round(waitedMicros / 1_000)} ms` }
      }
    }
  }
}

const base = Scenarios.make({
  name: "txn/deadlock",
  summary: "transactions lock the same keys in orders of their own: someone of each circle is told, all others go on",
  draw: (draw, { client, index }) => inOrder(shuffled(draw), (client + 1) * 1_000_000 + index),
  final: (client) => [
    Scenarios.sweep(keys),
    ...Scenarios.upTo(finalsCount).map((index) => {
      const from = (client * 2 + index) % keys.length
      const order = Scenarios.upTo(3).map(
        (at) => keys[(from + (client % 2 === 0 ? at : keys.length - at)) % keys.length]
      )
      return inOrder(order, (client + 1) * 1_000_000 + 900_000 + index)
    })
  ],
  judges: [judge]
})

/**
 * There are few ranges, and only administrators cut them: who looks for a range that is cut again and again waits for that, as one waits for an engine
 * of little memory on a slow disk.
 */
export const scenario: typeof base = {
  ...base,
  clients: { default: 4, min: 2, max: 6 },
  options: { ...base.options, engine: ["memory"], ranges: [4, 10, 2], ttlMillis: [1_000, 300], splitBytes: [0] }
}
