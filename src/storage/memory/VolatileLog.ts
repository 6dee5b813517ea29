/** VolatileLog: the log of an engine that keeps nothing. Appends complete in their order; there is nothing to replay. */
import type { Done } from "../Engine.ts"
import type * as Log from "../Log.ts"
import type { Deferral } from "./Deferral.ts"

export const make = (deferral: Deferral): Log.Log => {
  let records = 0
  const complete = (done: Done<void>): void => deferral.defer(() => done(undefined, undefined))
  return {
    append: (_stream, _position, _parts, _durability, done) => {
      records++
      complete(done)
    },
    sync: complete,
    hold: () => {},
    flush: () => {},
    cutHead: () => {},
    cutTail: () => {},
    replay: (_stream, _position, _replay, done) => complete(done),
    extent: () => ({ first: 0, end: 0 }),
    listed: () => ({ numbers: [], isComplete: true }),
    verify: (_position, done) => deferral.defer(() => done(undefined, { position: 0, bytesRead: 0, rot: [] })),
    stats: () => ({ diskBytes: 0, segments: 0, records, syncs: 0 })
  }
}
