/**
 * Leaders come and go all the time: ticks are short, leadership is handed to and fro, links and disks stall just long enough. Logs are
 * short, too, so that who comes back is behind what its leader still has; even numbers of servers can split in halves.
 */
import type { Kind } from "#sim/faults/Fault.ts"
import type { Scenario } from "#sim/run/Scenario.ts"
import * as Scenarios from "./Scenarios.ts"
import type * as Workload from "./Workload.ts"

const serversMax = 5

const faults: ReadonlyArray<Kind> = [
  "delay",
  "partition",
  "one-way",
  "partial",
  "clog",
  "half-open",
  "slow-link",
  "reset",
  "slow-sync",
  "stuck-sync",
  "crash",
  "pause",
  "drift"
]

const base = Scenarios.make({
  name: "raft/churn",
  summary:
    "leaders change several times a second: stalled links and disks, transfers, short logs, even numbers of servers"
})

export const scenario: Scenario<Workload.Operation, Workload.Value> = {
  ...base,
  nodes: { default: 3, min: 2, max: serversMax },
  clients: { default: 3, min: 2, max: 4 },
  durationMicros: 5_000_000,
  options: {
    ...base.options,
    tickMillis: [20, 5, 50],
    reads: ["quorum", "lease"],
    messageBytes: [1, 200, 16_384],
    inflight: [64, 4, 1],
    logBytes: [200, 1, 1_000],
    chunkBytes: [50, 300],
    segmentBytes: [1_500, 8_000],
    syncEntries: [8, 1, 32],
    retryMillis: [30, 60],
    probeMillis: [2],
    fillers: [4, 0, 16],
    // One that is given up is still in the queue, or in the log: as many again would keep everybody else out.
    fillerMillis: [10_000]
  },
  workload: Scenarios.transferring({ ...base.workload, gapMicros: 6_000 }, [1, 4], (draw) => draw.below(serversMax)),
  faults
}
