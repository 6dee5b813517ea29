/** Disks that have no space left for a while, on some servers or all: writes wait or are refused, reads go on, and nothing is lost. */
import * as Scenarios from "./Scenarios.ts"

const base = Scenarios.make({
  name: "raft/disk-full",
  summary: "disks fill up and are freed again: leaders hand over, nothing acknowledged is lost"
})

export const scenario = {
  ...base,
  faults: ["disk-full", "crash", "lose-unsynced", "slow-sync", "partition", "delay", "kill-at-io"] as const
}
