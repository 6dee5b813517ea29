/** Transactions that append to lists and read them, so that every version names all before it: strictly serializable, however ranges come and go. */
import * as Judges from "./Judges.ts"
import * as Scenarios from "./Scenarios.ts"

const mix: Scenarios.Mix = { writes: "append", isolation: "strict-serializable" }

export const scenario = Scenarios.make({
  name: "txn/list-append",
  summary:
    "transactions on lists, in one range and across many, while ranges split and leases move: strictly serializable",
  draw: Scenarios.drawMix(mix),
  final: Scenarios.finals(mix),
  judges: [Judges.elle("list-append", "strict-serializable")]
})
