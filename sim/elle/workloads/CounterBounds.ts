/**
 * A counter's bounds (jepsen.checker/counter): it starts at zero; a read may show no less than what had surely been added
 * when it began, and no more than what may have been added when it ended. Weaker than linearizability, and linear.
 * Jepsen refuses to judge decrements; here they widen the bounds the other way round.
 */
import * as History from "#sim/judges/History.ts"
import { text } from "#sim/judges/Value.ts"
import { Findings } from "../Anomaly.ts"
import type { Report } from "./Report.ts"

export const check = (history: History.History): Report => {
  const findings = new Findings()
  /** What has surely, and what may have, been added and taken away. */
  let added = 0
  let taken = 0
  let addedMax = 0
  let takenMax = 0
  let reads = 0
  const lowerAt = new Map<number, { readonly added: number; readonly taken: number }>()
  for (const { row, type } of History.events(history)) {
    const outcome = history.outcomes[row]
    const name = history.functions[row]!
    if (outcome === History.failed) continue
    if (name === "read") {
      if (type === "invoke") lowerAt.set(row, { added, taken })
      if (type !== "ok" || history.outputs[row] === null) continue
      reads += 1
      const start = lowerAt.get(row)!
      const lower = start.added - takenMax
      const upper = addedMax - start.taken
      const value = Number(history.outputs[row])
      if (value >= lower && value <= upper) continue
      const explanation = `${History.nameOf(history, row)} read ${text(history.outputs[row]!)}, which is not between ${lower} and ${upper}`
      findings.add("out-of-bounds", () => ({ transactions: [row], explanation }))
    } else {
      const given = history.inputs[row]
      const sign = name === "dec" || name === "decrement" || name === "sub" ? -1 : 1
      const delta = sign * (given === null ? 1 : Number(given))
      if (type === "invoke") {
        addedMax += Math.max(0, delta)
        takenMax += Math.max(0, -delta)
      } else if (type === "ok") {
        added += Math.max(0, delta)
        taken += Math.max(0, -delta)
      }
    }
  }
  const valid = findings.anomalies.length === 0
  return { valid, anomalies: findings.anomalies, counts: { "read-count": reads, ...findings.counts } }
}
