/** Stats: what an LSM engine tells of itself. */
import type * as Engine from "../Engine.ts"
import * as Manifest from "./Manifest.ts"
import * as Picker from "./Picker.ts"
import type { Store } from "./Store.ts"
import * as Version from "./Version.ts"
import type { Writing } from "./Writing.ts"

/** The size of the file `CURRENT`. */
const currentBytes = Manifest.headerBytes

export const of = (store: Store, writing: Writing): Engine.Stats => {
  const { cache, manifest, memtables, options, snapshots } = store.parts
  const { version } = store.view.version
  const details: Record<string, number> = {
    flushes: store.flushes,
    compactions: store.compactions,
    moves: store.moves,
    stalls: store.stalls,
    debtBytes: Picker.debtBytes(version, options),
    cacheBytes: cache.memoryBytes,
    cacheHits: cache.hits,
    cacheMisses: cache.misses,
    memtableBytes: memtables.memoryBytes,
    waitingBytes: writing.writes.waitingBytes,
    snapshots: snapshots.count
  }
  version.levels.forEach((level, number) => {
    const writtenBytes = store.writtenBytes[number] ?? 0
    if (level.length === 0 && writtenBytes === 0) return
    details[`level${number}Tables`] = level.length
    details[`level${number}Bytes`] = Version.bytesOf(level)
    details[`level${number}WrittenBytes`] = writtenBytes
  })
  return {
    diskBytes: store.view.version.diskBytes + manifest.sizeBytes + currentBytes,
    memoryBytes: memtables.memoryBytes + store.copyBytes + cache.memoryBytes,
    userBytes: memtables.userBytes,
    writtenBytes: store.writtenBytes.reduce((sum, bytes) => sum + bytes, manifest.writtenBytes),
    batches: writing.batches,
    details
  }
}
