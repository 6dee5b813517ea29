/** Disks that have no space left for a while, on some servers or all: writes wait or are refused, and transactions stay what they are. */
import * as Judges from "./Judges.ts"
import * as Scenarios from "./Scenarios.ts"

const mix: Scenarios.Mix = { writes: "append", isolation: "strict-serializable" }

const base = Scenarios.make({
  name: "txn/disk-full",
  summary: "transactions on disks that fill up and are freed again: strictly serializable, and all go on in the end",
  draw: Scenarios.drawMix(mix),
  final: Scenarios.finals(mix),
  judges: [Judges.elle("list-append", "strict-serializable")]
})

export const scenario: typeof base = {
  ...base,
  faults: ["disk-full", "crash", "lose-unsynced", "slow-sync", "partition", "delay", "kill-at-io"]
}
