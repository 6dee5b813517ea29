/**
 * Two of a pair are on call, and one may leave when the other stays: what each writes, the other only reads. Strictly serializable
 * transactions need nothing for it, at the weaker levels whoever leaves has to lock both.
 */
import type { Isolation } from "#txn/Attempt.ts"
import * as Judges from "./Judges.ts"
import * as Scenarios from "./Scenarios.ts"

const pairs = 3
const keys = Scenarios.upTo(2 * pairs)

const levels: ReadonlyArray<{ readonly isolation: Isolation; readonly isLocked: boolean }> = [
  { isolation: "strict-serializable", isLocked: false },
  { isolation: "strict-serializable", isLocked: true },
  { isolation: "snapshot", isLocked: true },
  { isolation: "read-committed", isLocked: true }
]

export const scenario = Scenarios.make({
  name: "txn/write-skew",
  summary: "one of a pair may leave while the other stays: never are both gone, at each level as it has to be used",
  draw: (draw) => {
    if (draw.chance(1, 6)) return Scenarios.sweep(keys)
    const key = draw.below(2 * pairs)
    const level = draw.pick(levels)
    if (draw.chance(1, 3)) return { type: "run", ...level, steps: [{ type: "put", key, value: 1 }] }
    return { type: "run", ...level, steps: [{ type: "leave", key, other: key % 2 === 0 ? key + 1 : key - 1 }] }
  },
  final: () => [
    {
      type: "run",
      isolation: "strict-serializable",
      isLocked: false,
      steps: keys.map((key) => ({ type: "put", key, value: 1 }))
    },
    Scenarios.sweep(keys)
  ],
  judges: [Judges.onCall]
})
