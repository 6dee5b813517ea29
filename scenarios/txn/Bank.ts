/** Transfers between accounts, at each level as it has to be used for that: money is conserved in every snapshot. */
import type { Isolation } from "#txn/Attempt.ts"
import * as Judges from "./Judges.ts"
import * as Scenarios from "./Scenarios.ts"

const accounts = Scenarios.upTo(10)

/** Transfers write what they read, so snapshots suffice; where each statement has its own time, locks do. */
const levels: ReadonlyArray<{ readonly isolation: Isolation; readonly isLocked: boolean }> = [
  { isolation: "strict-serializable", isLocked: false },
  { isolation: "strict-serializable", isLocked: true },
  { isolation: "snapshot", isLocked: false },
  { isolation: "read-committed", isLocked: true }
]

export const scenario = Scenarios.make({
  name: "txn/bank",
  summary: "transfers between accounts at every level: no snapshot has gained or lost money",
  draw: (draw) => {
    if (draw.chance(1, 3)) {
      const isolation = draw.pick<Isolation>(["strict-serializable", "snapshot"])
      const steps = [{ type: "scan" as const, keys: accounts, reverse: draw.chance(1, 2) }]
      return { type: "run", isolation, isLocked: false, steps }
    }
    const from = draw.below(accounts.length)
    const to = (from + 1 + draw.below(accounts.length - 1)) % accounts.length
    return { type: "run", ...draw.pick(levels), steps: [{ type: "move", from, to, amount: 1 + draw.below(60) }] }
  },
  final: (client) => [
    {
      type: "run",
      isolation: "strict-serializable",
      isLocked: false,
      steps: [{ type: "move", from: client, to: accounts.length - 1, amount: 1 }]
    },
    Scenarios.sweep(accounts)
  ],
  judges: [Judges.bank(accounts.length)]
})
