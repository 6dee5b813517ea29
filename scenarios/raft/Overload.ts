/**
 * More than the group takes: clients without a pause, queues and windows of a few bytes, slow disks and links. What is refused comes
 * again, what is taken takes effect once, and the group is well when the flood is over.
 */
import * as Scenarios from "./Scenarios.ts"

const base = Scenarios.make({
  name: "raft/overload",
  summary: "clients without a pause against queues of a few bytes: refusals are definite, nothing takes effect twice"
})

export const scenario = {
  ...base,
  clients: { default: 8, min: 6, max: 10 },
  durationMicros: 5_000_000,
  options: {
    ...base.options,
    queueBytes: [1, 100, 300],
    uncommittedBytes: [1, 100, 300],
    readsMax: [64, 2, 8],
    messageBytes: [1, 200],
    inflight: [1, 4],
    retryMillis: [10, 30],
    retryJitter: [true]
  },
  workload: { ...base.workload, gapMicros: 500 },
  faults: ["slow-sync", "stuck-sync", "slow-link", "delay", "clog", "reset", "pause", "crash"] as const
}
