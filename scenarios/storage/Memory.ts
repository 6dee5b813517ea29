/** A store on everything in memory, durable by a log and checkpoints: batches, reads, scans, snapshots and checkpoints under all that can happen to a disk. */
import * as Subjects from "#sim/storage/Subjects.ts"
import * as Scenarios from "./Scenarios.ts"

export const scenario = Scenarios.make(Subjects.memory, {
  summary: "everything in memory, durable by a log and checkpoints: what was acknowledged stays, and damage is told",
  files: (path) => path.startsWith("store/")
})
