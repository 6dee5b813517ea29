/**
 * A replicated key-value state: linearizable, whatever the network, clocks, crashes and failing disks do. Reads ask a quorum, so no
 * bound on clocks is needed.
 */
import * as Scenarios from "./Scenarios.ts"

export const scenario = Scenarios.make({
  name: "raft/kv",
  summary: "a replicated key-value state over streams: linearizable, reads by a quorum"
})
