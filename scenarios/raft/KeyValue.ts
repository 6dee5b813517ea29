/**
 * A replicated key-value state: linearizable, whatever the network, clocks, crashes and failing disks do. Reads ask a quorum, so no
 * bound on clocks is needed.
 */
import * as Scenarios from "./Scenarios.ts"

const base = Scenarios.make({
  name: "raft/kv",
  summary: "a replicated key-value state over streams: linearizable, reads by a quorum"
})

export const scenario = { ...base, nodes: { default: 3, min: 1, max: 7 } }
