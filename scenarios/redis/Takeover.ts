/**
 * The node that has Redis's data stands still, is cut off and dies, again and again, and another one takes over as soon as it may; the first comes
 * back, and does not know.
 */
import { type Operation, parts, type Value } from "./Cells.ts"
import * as Scenarios from "./Scenarios.ts"

export const scenario = Scenarios.make<Operation, Value>({
  ...parts,
  name: "redis/takeover",
  summary:
    "the node with Redis's data is cut off, stopped and killed all the time: nothing is lost, nobody reads what is old",
  more: {
    nodes: { default: 3, min: 3, max: 3 },
    clients: { default: 6, min: 5, max: 6 },
    durationMicros: 12_000_000,
    faults: ["partition", "one-way", "partial", "pause", "crash", "stop", "delay", "clog", "slow-link"]
  },
  options: {
    leaseMillis: [150, 300],
    impatientMillis: [200, 100, 1_500],
    reignMillis: [600, 0, 300],
    // Others need a new leader of their ranges first.
    exileMillis: [1_000, 2_000],
    deafMillis: [600, 300, 0],
    exilesForMillis: [12_000]
  }
})
