/**
 * Logs so short that whoever was away for a moment needs a snapshot, in chunks of a few bytes, under load: taken while entries are
 * applied, sent over broken connections, overtaken by the next one, put in place by stores that lose their power in the middle.
 */
import type { Kind } from "#sim/faults/Fault.ts"
import * as Scenarios from "./Scenarios.ts"

const base = Scenarios.make({
  name: "raft/snapshots",
  summary: "hardly any log: replicas that fall behind get snapshots, in small chunks, under load",
  keys: 20
})

/** What makes replicas fall behind, and stores stop while a snapshot is put in place. */
const faults: ReadonlyArray<Kind> = [
  "delay",
  "partition",
  "one-way",
  "partial",
  "clog",
  "half-open",
  "slow-link",
  "reset",
  ...Scenarios.disk,
  ...Scenarios.process
]

export const scenario = {
  ...base,
  nodes: { default: 3, min: 2, max: 5 },
  options: {
    ...base.options,
    logBytes: [200, 1, 1_000],
    chunkBytes: [50, 200, 1_000],
    segmentBytes: [1_500, 8_000],
    syncEntries: [8, 1, 32],
    fillers: [4, 0, 16],
    // One that is given up is still in the queue, or in the log: as many again would keep everybody else out.
    fillerMillis: [10_000]
  },
  workload: { ...base.workload, gapMicros: 5_000 },
  durationMicros: 5_000_000,
  faults
}
