/** A hundred groups on three stores: one log and one connection a pair for all of them; most sleep, and wake for one request. */
import * as Scenarios from "./Scenarios.ts"

const base = Scenarios.make({
  name: "raft/groups",
  summary: "a hundred groups on the same stores: they sleep and wake, and share one log",
  behaviour: { groups: 100 },
  keys: 1
})

export const scenario = {
  ...base,
  nodes: { default: 3, min: 2, max: 3 },
  clients: { default: 4, min: 2, max: 5 },
  durationMicros: 5_000_000,
  options: { ...base.options, probeMillis: [0] }
}
