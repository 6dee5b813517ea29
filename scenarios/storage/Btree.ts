/** A store on a copy-on-write B+tree: batches, reads, scans, snapshots and checkpoints under all that can happen to a disk. */
import * as Subjects from "#sim/storage/Subjects.ts"
import * as Scenarios from "./Scenarios.ts"

export const scenario = Scenarios.make(Subjects.btree, {
  summary: "a copy-on-write B+tree: what was acknowledged stays, and damage is told",
  files: (path) => path.startsWith("store/")
})
