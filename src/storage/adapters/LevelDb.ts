/**
 * LevelDb: LevelDB through the package `classic-level`, as an `Engine`.
 *
 * LevelDB has no deletion of ranges: the keys are looked up, and deleted one by one in the same batch. It checks its files' checksums
 * when it compacts, not when it reads.
 */
import type { ClassicLevel } from "classic-level"
import * as Limits from "#base/Limits.ts"
import { type Batch, visit } from "../Batch.ts"
import type { Bounds } from "../Engine.ts"
import { compare } from "../Keys.ts"
import * as Adapter from "./Adapter.ts"
import * as Files from "./Files.ts"
import { type Foreign, type ForeignCursor, load, type Sizes } from "./Foreign.ts"

export interface Options extends Adapter.Options {
  /** Of blocks, uncompressed. Default: 8 MiB. */
  readonly cacheBytes?: number
  /** Size of the memtable, of which there may be two. Default: 4 MiB. */
  readonly memtableBytes?: number
  /** Default: none, as our engines. */
  readonly compression?: "none" | "snappy"
}

type Level = ClassicLevel<Uint8Array, Uint8Array>
type View = ReturnType<Level["snapshot"]>

/** Entries that a cursor brings at a time, and their bytes. */
const blockEntries = 1_000
const blockBytes = 262_144

/** No entry has a key so long. */
const above = new Uint8Array(Limits.keyBytesMax + 1).fill(255)

const range = ({ from, to }: Bounds) => ({ ...(from && { gte: from }), ...(to && { lt: to }) })

class LevelStore implements Foreign<View> {
  readonly keyBytesMax = Limits.keyBytesMax
  private readonly level: Level
  private readonly path: string
  /** Tables are never changed, and their numbers never used again: what was seen was written. */
  private readonly seen = new Map<string, number>()

  constructor(level: Level, path: string) {
    this.level = level
    this.path = path
  }

  readonly get = (key: Uint8Array, view: View | undefined): Uint8Array | undefined =>
    view === undefined ? this.level.getSync(key) : this.level.getSync(key, { snapshot: view })

  fetch(key: Uint8Array, view: View | undefined): Promise<Uint8Array | undefined> {
    return view === undefined ? this.level.get(key) : this.level.get(key, { snapshot: view })
  }

  view(): View {
    return this.level.snapshot()
  }

  release(view: View): void {
    void view.close()
  }

  scan(view: View, bounds: Bounds, reverse: boolean): ForeignCursor {
    const iterator = this.level.iterator({
      ...range(bounds),
      reverse,
      snapshot: view,
      highWaterMarkBytes: blockBytes
    })
    return { read: () => iterator.nextv(blockEntries), close: () => iterator.close() }
  }

  async write(batches: ReadonlyArray<Batch>, synced: boolean, before: View): Promise<void> {
    const chained = this.level.batch()
    const puts: Array<Uint8Array> = []
    for (const batch of batches) {
      const ranges: Array<readonly [Uint8Array, Uint8Array]> = []
      const bytes = batch.encoded()
      visit(bytes, 0, bytes.length, {
        put: () => {},
        delete: () => {},
        deleteRange: (all, from, middle, to) => ranges.push([all.subarray(from, middle), all.subarray(middle, to)])
      })
      const found = await Promise.all(ranges.map(([from, to]) => this.keys(before, from, to)))
      let next = 0
      visit(bytes, 0, bytes.length, {
        put: (all, from, middle, end) => {
          const key = all.subarray(from, middle)
          puts.push(key)
          chained.put(key, all.subarray(middle, end))
        },
        delete: (all, from, to) => void chained.del(all.subarray(from, to)),
        deleteRange: () => {
          const [from, to] = ranges[next]
          for (const key of found[next++]) chained.del(key)
          for (const key of puts) if (compare(from, key) <= 0 && compare(key, to) < 0) chained.del(key)
        }
      })
    }
    const isEmpty = chained.length === 0
    await chained.write({ sync: synced })
    // A batch of nothing reaches no disk.
    if (synced && isEmpty) await this.syncLogs()
  }

  private async keys(view: View, from: Uint8Array, to: Uint8Array): Promise<ReadonlyArray<Uint8Array>> {
    return compare(from, to) < 0 ? this.level.keys({ gte: from, lt: to, snapshot: view }).all() : []
  }

  private async syncLogs(): Promise<void> {
    for (const name of Files.logs(this.path)) await Files.syncFile(`${this.path}/${name}`)
  }

  /** A compaction of nothing moves the memtable into a table. */
  flush(): Promise<void> {
    return this.level.compactRange(above, above)
  }

  compact(): Promise<void> {
    return this.level.compactRange(new Uint8Array(0), above)
  }

  sizes(): Sizes {
    const sizes = Files.sizes(this.path)
    for (const [name, size] of sizes) if (name.endsWith(".ldb")) this.seen.set(name, size)
    let writtenBytes = 0
    for (const size of this.seen.values()) writtenBytes += size
    // LevelDB counts in megabytes, from its opening on.
    let counted = 0
    for (const row of this.level.getProperty("leveldb.stats").matchAll(/^(?:\s*\d+){5}\s+(\d+)\s*$/gm)) {
      counted += Number(row[1]) * 1_048_576
    }
    return {
      diskBytes: Files.diskBytes(sizes),
      memoryBytes: Number(this.level.getProperty("leveldb.approximate-memory-usage")),
      writtenBytes: Math.max(writtenBytes, counted),
      details: { files: sizes.size }
    }
  }

  close(): Promise<void> {
    return this.level.close()
  }
}

/** Opens LevelDB in a directory, a new one when there is none, for the life of the scope. */
export const open = (options: Options) =>
  Adapter.open("classic-level", options, async (path) => {
    const { ClassicLevel } = await load("classic-level", () => import("classic-level"))
    const { cacheBytes = 8 * 1_048_576, compression = "none", memtableBytes = 4 * 1_048_576 } = options
    const level: Level = new ClassicLevel(path, {
      keyEncoding: "view",
      valueEncoding: "view",
      compression: compression === "snappy",
      cacheSize: cacheBytes,
      writeBufferSize: memtableBytes
    })
    await level.open()
    return new LevelStore(level, path)
  })
