/**
 * LsmOptions: what may be chosen of a store. Every size may be tiny: a block of one entry, a memtable of one batch, a cache of
 * nothing; tests live from that.
 */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import type * as Log from "../Log.ts"
import type { Compression } from "./Compression.ts"

export interface Options {
  /** Of the store alone; made when it is not there, its parent must be. */
  readonly directory: string
  /** May be shared with others. */
  readonly log: Log.Log
  /** The store's number in the log. */
  readonly stream: number
  /** Memory of memtables, of the copy that is being flushed, and of the cache. Default: 64 MiB. */
  readonly memoryBytesMax?: number
  /** A memtable of this size is flushed. Default: as much as the memory that is not the cache's has room for. */
  readonly memtableBytes?: number
  /** Memtables that wait to be flushed before writes wait. Default: 2. */
  readonly frozenMax?: number
  /** Default: three eighths of the memory. */
  readonly cacheBytes?: number
  /** Size at which a block is closed. Default: 4 KiB, which is read and checked in 10 microseconds. */
  readonly blockBytes?: number
  /** Entries between restart points of a block. Default: 16. */
  readonly restartInterval?: number
  /** Default: 10, with which one absent key in 80 costs a read. 0: no filter. */
  readonly bloomBitsPerKey?: number
  /** Default: none. It takes as much time as all else in a merge; worth it where values are text and the disk is slow or small. */
  readonly compression?: Compression
  /** A table that compaction writes is closed at this size. Default: 8 MiB. */
  readonly tableBytes?: number
  /** Tables of level 0 from which they are compacted. Default: 4. */
  readonly level0Tables?: number
  /** Tables of level 0 at which writes wait. Default: 12. */
  readonly level0TablesMax?: number
  /** Size of level 1. Default: `level0Tables` memtables. */
  readonly level1Bytes?: number
  /** Each level is so many times as large as the one above. Default: 10. */
  readonly levelFactor?: number
  /** A manifest of this size, and twice the one that it began with, is written anew. Default: 1 MiB. */
  readonly manifestBytesMax?: number
  /** A table of less is built or merged on the node's own thread: to hand it to another takes longer. Default: 64 KiB. */
  readonly threadBytesMin?: number
  /** What a scan reads of a table at a time, at most. Default: 256 KiB. */
  readonly readAheadBytes?: number
}

export type All = Required<Options>

const mebibyte = 1_048_576

/** What of the memory is the cache's, and the memtables'. The rest is for cursors that read ahead. */
const cacheShare = 0.375
const memtablesShare = 0.6
/**
 * What a tree takes for each byte of its records, with its nodes and the slab that is being filled. There are as many trees as may
 * wait, the active one, what is in the log and not in it yet, and the copy that is being flushed.
 */
const treeFactor = 1.5

export const complete = (options: Options): All => {
  const { frozenMax = 2, level0Tables = 4, memoryBytesMax = 64 * mebibyte } = options
  const memtables = (frozenMax + 2) * treeFactor + 1
  const memtableBytes = options.memtableBytes ?? Math.ceil((memoryBytesMax * memtablesShare) / memtables)
  const all: All = {
    memoryBytesMax,
    memtableBytes,
    frozenMax,
    cacheBytes: Math.floor(memoryBytesMax * cacheShare),
    blockBytes: 4_096,
    restartInterval: 16,
    bloomBitsPerKey: 10,
    compression: "none",
    tableBytes: 8 * mebibyte,
    level0Tables,
    level0TablesMax: level0Tables * 3,
    level1Bytes: level0Tables * memtableBytes,
    levelFactor: 10,
    manifestBytesMax: mebibyte,
    threadBytesMin: 65_536,
    readAheadBytes: 262_144,
    ...options
  }
  assert(all.memoryBytesMax > 0 && all.memtableBytes > 0 && all.cacheBytes >= 0, "sizes of memory are not negative")
  assert(all.frozenMax >= 1, "one memtable at least may wait")
  assert(all.blockBytes >= 1 && all.blockBytes <= Limits.blockBytesMax, "a block has at most Limits.blockBytesMax")
  assert(all.restartInterval >= 1 && all.tableBytes >= 1, "blocks and tables hold something")
  assert(all.bloomBitsPerKey >= 0 && all.bloomBitsPerKey <= 32, "a filter has at most 32 bits a key")
  assert(all.level0Tables >= 1 && all.level0TablesMax >= all.level0Tables, "level 0 is compacted before it is full")
  assert(all.level1Bytes >= 1 && all.levelFactor >= 2, "levels grow")
  assert(all.manifestBytesMax >= 1 && all.readAheadBytes >= 1, "sizes are not zero")
  return all
}
