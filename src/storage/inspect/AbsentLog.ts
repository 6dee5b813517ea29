/**
 * AbsentLog: in place of the log of an engine whose files alone are looked at or compacted. It has nothing to replay, says that it
 * begins where the files end, and takes no records.
 */
import type { Deferral } from "../memory/Deferral.ts"
import type * as Log from "../Log.ts"
import { Refused } from "../StorageError.ts"

/** `position`: of the first record that the engine's files do not have. */
export const make = (deferral: Deferral, position: number): Log.Log => ({
  append: (_stream, _position, _parts, _durability, done) =>
    deferral.defer(() => done(new Refused({ reason: "closed", message: "the log is not open" }), undefined)),
  sync: (done) => deferral.defer(() => done(undefined, undefined)),
  hold: () => {},
  flush: () => {},
  cutHead: () => {},
  cutTail: () => {},
  replay: (_stream, _position, _replay, done) => deferral.defer(() => done(undefined, undefined)),
  extent: () => ({ first: position, end: position }),
  listed: () => ({ numbers: [], isComplete: true }),
  verify: (_position, done) => deferral.defer(() => done(undefined, { position: 0, bytesRead: 0, rot: [] })),
  stats: () => ({ diskBytes: 0, segments: 0, records: 0, syncs: 0 })
})
