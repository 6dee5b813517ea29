/** Snapshot isolation lets write skew through, and nothing else: a snapshot holds whatever was answered before it was taken. */
import * as Judges from "./Judges.ts"
import * as Scenarios from "./Scenarios.ts"

const mix: Scenarios.Mix = { writes: "append", isolation: "snapshot" }

export const scenario = Scenarios.make({
  name: "txn/snapshot",
  summary: "transactions at snapshot isolation: all that it promises, and in the order of real time",
  draw: Scenarios.drawMix(mix),
  final: Scenarios.finals(mix),
  judges: [Judges.elle("list-append", "strong-snapshot-isolation")]
})
