/** Servers restart one after the other and all at once, by request, by crash and in the middle of a write, also with other options. */
import * as Scenarios from "./Scenarios.ts"

const base = Scenarios.make({
  name: "raft/restart",
  summary:
    "restarts, rolling and all at once, with and without power, with other options: nothing acknowledged is lost",
  behaviour: { tickMillisMin: Math.min(...Scenarios.options.tickMillis.map(Number)) }
})

export const scenario = {
  ...base,
  nodes: { default: 3, min: 1, max: 5 },
  options: { ...base.options, reads: ["quorum", "lease"] },
  // Who reads by lease relies on how all others vote.
  sharedOptions: ["reads"],
  faults: [
    "stop",
    "crash",
    "kill-at-io",
    "lose-unsynced",
    "torn-write",
    "lose-directory-entry",
    "config",
    "slow-sync",
    "delay",
    "reset"
  ] as const
}
