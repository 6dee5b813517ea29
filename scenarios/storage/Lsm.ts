/** A store on an LSM tree: batches, reads, scans, snapshots and checkpoints under all that can happen to a disk. */
import * as Subjects from "#sim/storage/Subjects.ts"
import * as Scenarios from "./Scenarios.ts"

export const scenario = Scenarios.make(Subjects.lsm, {
  summary: "an LSM tree: what was acknowledged stays, and damage is told",
  files: (path) => path.startsWith("store/")
})
