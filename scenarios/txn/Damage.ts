/**
 * Rot and stray writes on one disk: in tables, pages and logs, while ranges split, merge and move. What is damaged is never answered, whichever
 * engine it is in; its store goes out of service, and the others go on, with all that was acknowledged.
 */
import * as Judges from "./Judges.ts"
import * as Scenarios from "./Scenarios.ts"

const mix: Scenarios.Mix = { writes: "append", isolation: "strict-serializable" }

const base = Scenarios.make({
  name: "txn/damage",
  summary:
    "transactions while one disk rots and writes astray: strictly serializable, without the store that is damaged",
  draw: Scenarios.drawMix(mix),
  final: Scenarios.finals(mix),
  judges: [Judges.elle("list-append", "strict-serializable")],
  deeds: ["split", "merge", "lead"],
  rots: true
})

export const scenario: typeof base = {
  ...base,
  nodes: { default: 3, min: 3, max: 5 },
  options: { ...base.options, founders: [7, 3] },
  ...Scenarios.damage
}
