/** Read committed: each statement reads at a time of its own, so who has seen something of a transaction sees all of it from there on. */
import * as Judges from "./Judges.ts"
import * as Scenarios from "./Scenarios.ts"

const mix: Scenarios.Mix = { writes: "put", isolation: "read-committed" }

export const scenario = Scenarios.make({
  name: "txn/read-committed",
  summary:
    "transactions at read committed: each statement sees whole transactions, and never fewer than the one before",
  draw: Scenarios.drawMix(mix),
  final: Scenarios.finals(mix),
  judges: [Judges.elle("rw-register", "monotonic-atomic-view")]
})
