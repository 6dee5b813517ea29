/** Faults: kinds that several scenarios declare together. Their order is part of what a seed draws: new ones go to the end. */
import type { Kind } from "#sim/faults/Fault.ts"

/** What happens to datagrams on their way. */
export const datagrams: ReadonlyArray<Kind> = ["delay", "loss", "duplicate", "reorder", "partition", "clog"]

/** Everything that a network does to streams and datagrams. */
export const network: ReadonlyArray<Kind> = [
  "delay",
  "loss",
  "duplicate",
  "reorder",
  "partition",
  "one-way",
  "partial",
  "clog",
  "half-open",
  "fragment",
  "slow-link",
  "reset"
]

/** What power loss does to what was not synced. */
export const powerLoss: ReadonlyArray<Kind> = ["lose-unsynced", "torn-write", "lose-directory-entry"]

export const clock: ReadonlyArray<Kind> = ["skew", "drift", "step"]

/** Everything that groups of Raft survive, but for damage and full disks. */
export const groups: ReadonlyArray<Kind> = [
  ...network,
  ...powerLoss,
  "io-error",
  "slow-sync",
  "stuck-sync",
  "crash",
  "stop",
  "pause",
  "kill-at-io",
  ...clock
]
