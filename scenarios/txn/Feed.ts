/** Servers follow what transactions commit: what they are told is what was committed, in that order, each change once. */
import * as Following from "./Following.ts"
import * as Scenarios from "./Scenarios.ts"
import type { Mix } from "./Scenarios.ts"

const mix: Mix = { writes: "put", isolation: "strict-serializable" }

const base = Scenarios.make({
  name: "txn/feed",
  summary:
    "servers follow what transactions commit, while ranges split, merge and move: nothing is missed or told twice",
  draw: Scenarios.drawMix(mix),
  final: Scenarios.finals(mix),
  judges: [Following.judge]
})

export const scenario = { ...base, options: { ...base.options, follows: [true] } }
