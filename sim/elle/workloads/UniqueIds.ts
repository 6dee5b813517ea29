/** Unique identifiers (jepsen.checker/unique-ids): no two `generate` operations return the same one. */
import * as History from "#sim/judges/History.ts"
import { text } from "#sim/judges/Value.ts"
import { Findings } from "../Anomaly.ts"
import type { Report } from "./Report.ts"

export const check = (history: History.History): Report => {
  const findings = new Findings()
  const firstRow = new Map<string, number>()
  const { count, functions, outcomes, outputs } = history
  let attempted = 0
  let acknowledged = 0
  for (let row = 0; row < count; row += 1) {
    if (functions[row] !== "generate") continue
    attempted += 1
    if (outcomes[row] !== History.ok) continue
    acknowledged += 1
    const id = text(outputs[row]!)
    const first = firstRow.get(id)
    if (first === undefined) firstRow.set(id, row)
    else findings.add("duplicated", () => ({ transactions: [first, row], explanation: `${id} was generated twice` }))
  }
  const valid = findings.anomalies.length === 0
  const counts = { "attempted-count": attempted, "acknowledged-count": acknowledged, ...findings.counts }
  return { valid, anomalies: findings.anomalies, counts }
}
