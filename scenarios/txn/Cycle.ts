/** A ring of keys, each with the next one's number; transactions let two neighbours change places, and it remains one ring (FoundationDB). */
import type { Isolation } from "#txn/Attempt.ts"
import * as Judges from "./Judges.ts"
import * as Scenarios from "./Scenarios.ts"

const size = 12
const keys = Scenarios.upTo(size)

const levels: ReadonlyArray<{ readonly isolation: Isolation; readonly isLocked: boolean }> = [
  { isolation: "strict-serializable", isLocked: false },
  { isolation: "strict-serializable", isLocked: true },
  { isolation: "snapshot", isLocked: false }
]

export const scenario = Scenarios.make({
  name: "txn/cycle",
  summary: "keys that form a ring, turned by transactions that follow it: it is one ring in every snapshot",
  draw: (draw) =>
    draw.chance(1, 4)
      ? Scenarios.sweep(keys)
      : { type: "run", ...draw.pick(levels), steps: [{ type: "turn", key: draw.below(size), size }] },
  final: (client) => [
    {
      type: "run",
      isolation: "strict-serializable",
      isLocked: false,
      steps: [{ type: "turn", key: client, size }]
    },
    Scenarios.sweep(keys)
  ],
  judges: [Judges.ring(size)]
})
