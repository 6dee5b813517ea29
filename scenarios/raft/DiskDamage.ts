/**
 * Rot, stray writes and torn ones on a minority of the disks (protocol-aware recovery, Alagappan et al., FAST 2018): what is damaged is
 * never taken for absent, a replica that cannot tell what it promised does not vote as if it knew, and what it lost comes from
 * the others.
 */
import { memory } from "./Holdings.ts"
import * as Invariants from "./Invariants.ts"
import * as Scenarios from "./Scenarios.ts"
import * as Workload from "./Workload.ts"

const base = Scenarios.make({
  name: "raft/disk-damage",
  summary: "rot and stray writes on one disk of three: nothing acknowledged is lost, no vote is forgotten"
})

export const scenario = {
  ...base,
  nodes: { default: 3, min: 3, max: 3 },
  faults: [...base.faults, "bit-rot" as const, "misdirect" as const],
  // What is damaged is found at a start, and shows where the log is still needed from there on.
  subject: ["bit-rot", "misdirect", "crash"] as const,
  options: { ...Scenarios.options, logBytes: [65_536, 3_000] },
  // Logs have their records in different places.
  atlas: { copiesIntactMin: 2, wholeNodes: true } as const,
  judges: [Workload.linearizability, Invariants.invariants({ rots: true }), memory]
}
