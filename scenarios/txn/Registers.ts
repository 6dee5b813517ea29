/** Transactions on registers. Unlike appends, writes here depend on no read, so nothing but timestamps orders them. */
import * as Judges from "./Judges.ts"
import * as Scenarios from "./Scenarios.ts"

const mix: Scenarios.Mix = { writes: "put", isolation: "strict-serializable" }

export const scenario = Scenarios.make({
  name: "txn/rw-register",
  summary: "transactions on registers, blind writes among them: strictly serializable",
  draw: Scenarios.drawMix(mix),
  final: Scenarios.finals(mix),
  judges: [Judges.elle("rw-register", "strict-serializable")]
})
