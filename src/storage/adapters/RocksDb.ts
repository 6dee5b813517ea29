/**
 * RocksDb: RocksDB through the package `rocksdb-native`, as an `Engine`.
 *
 * The package cannot write with a sync. Its log is in the system's hands when a write returns, so a synced batch is a write and then
 * a sync of the log files, which any process may ask for.
 */
import type RocksDB from "rocksdb-native"
import type { Session } from "rocksdb-native"
import { readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import * as Limits from "#base/Limits.ts"
import type { Batch } from "../Batch.ts"
import type { Bounds } from "../Engine.ts"
import { compare } from "../Keys.ts"
import * as Adapter from "./Adapter.ts"
import * as Files from "./Files.ts"
import { type Entry, type Foreign, type ForeignCursor, load, type Sizes } from "./Foreign.ts"

export interface Options extends Adapter.Options {
  /** Size of a memtable, of which there may be two. Default: 64 MiB. */
  readonly memtableBytes?: number
}

/** Entries that a cursor brings at a time. */
const blockEntries = 256

/** `constants.bottommostLevelCompaction.FORCE` of the package. */
const forced = 2

const tickers = ["rocksdb.flush.write.bytes", "rocksdb.compact.write.bytes"]

class RocksCursor implements ForeignCursor {
  private readonly entries: AsyncIterator<{ readonly key: Uint8Array; readonly value: Uint8Array }>
  private readonly ended: Promise<void>
  private readonly destroy: () => void

  constructor(session: Session, { from, to }: Bounds, reverse: boolean) {
    const range = { ...(from && { gte: from }), ...(to && { lt: to }) }
    const stream = session.iterator(range, { reverse, capacity: blockEntries })
    this.ended = new Promise((resolve) => stream.once("close", resolve))
    this.destroy = () => stream.destroy()
    this.entries = stream[Symbol.asyncIterator]()
  }

  async read(): Promise<ReadonlyArray<Entry>> {
    const block: Array<Entry> = []
    while (block.length < blockEntries) {
      const next = await this.entries.next()
      if (next.done === true) break
      block.push([next.value.key, next.value.value])
    }
    return block
  }

  close(): Promise<void> {
    this.destroy()
    return this.ended
  }
}

const nothing: ForeignCursor = { read: async () => [], close: async () => {} }

class RocksStore implements Foreign<Session> {
  readonly keyBytesMax = Limits.keyBytesMax
  readonly get = undefined
  private readonly db: RocksDB
  private readonly path: string
  private readonly cursors = new Set<ForeignCursor>()
  private readonly views = new Set<Session>()
  /** Number of the oldest log that may have bytes which are not durable. */
  private unsyncedFrom = 0
  private writtenBytes = 0
  private memoryBytes = 0

  constructor(db: RocksDB, path: string) {
    this.db = db
    this.path = path
  }

  async fetch(key: Uint8Array, view: Session | undefined): Promise<Uint8Array | undefined> {
    return (await (view ?? this.db).get(key)) ?? undefined
  }

  view(): Session {
    const view = this.db.snapshot()
    this.views.add(view)
    return view
  }

  release(view: Session): void {
    this.views.delete(view)
    void view.close()
  }

  scan(view: Session, bounds: Bounds, reverse: boolean): ForeignCursor {
    // To the package an empty bound is none.
    if (bounds.to?.length === 0) return nothing
    const rows = new RocksCursor(view, bounds, reverse)
    const cursor: ForeignCursor = {
      read: () => rows.read(),
      close: () => {
        this.cursors.delete(cursor)
        return rows.close()
      }
    }
    this.cursors.add(cursor)
    return cursor
  }

  async write(batches: ReadonlyArray<Batch>, synced: boolean): Promise<void> {
    const native = this.db.write({ autoDestroy: true })
    let count = 0
    const visitor = {
      put: (all: Uint8Array, from: number, middle: number, end: number) => {
        count++
        native.tryPut(all.subarray(from, middle), all.subarray(middle, end))
      },
      delete: (all: Uint8Array, from: number, to: number) => {
        count++
        native.tryDelete(all.subarray(from, to))
      },
      deleteRange: (all: Uint8Array, first: number, middle: number, last: number) => {
        const [from, to] = [all.subarray(first, middle), all.subarray(middle, last)]
        if (compare(from, to) >= 0) return
        count++
        native.tryDeleteRange(from, to)
      }
    }
    for (const batch of batches) batch.forEach(visitor)
    if (count > 0) await native.flush()
    else native.destroy()
    if (synced) await this.syncLogs()
  }

  private async syncLogs(): Promise<void> {
    const { number } = await this.db.currentWalFile()
    const isNew = number > this.unsyncedFrom
    for (const name of Files.logs(this.path)) {
      if (Number.parseInt(name, 10) >= this.unsyncedFrom) await Files.syncFile(join(this.path, name))
    }
    if (isNew) await Files.syncDirectory(this.path)
    this.unsyncedFrom = number
  }

  async flush(): Promise<void> {
    await this.db.flush()
    await this.refresh()
  }

  async compact(): Promise<void> {
    await this.db.flush()
    // Also the last level, where tables that do not overlap stay as they are else.
    await this.db.compactRange({ bottommostLevelCompaction: forced })
    await this.refresh()
  }

  /** Brings up to date what the package tells only later. */
  async refresh(): Promise<void> {
    const statistics = (await this.db.getProperty("rocksdb.options-statistics")) ?? ""
    this.writtenBytes = 0
    for (const ticker of tickers) {
      const found = new RegExp(`^${ticker.replaceAll(".", "\\.")} COUNT : (\\d+)`, "m").exec(statistics)
      this.writtenBytes += Number(found?.[1] ?? 0)
    }
    const memtables = await this.db.getProperty("rocksdb.cur-size-all-mem-tables")
    const cache = await this.db.getProperty("rocksdb.block-cache-usage")
    this.memoryBytes = Number(memtables ?? 0) + Number(cache ?? 0)
  }

  sizes(): Sizes {
    const sizes = Files.sizes(this.path)
    const { memoryBytes, writtenBytes } = this
    return { diskBytes: Files.diskBytes(sizes), memoryBytes, writtenBytes, details: { files: sizes.size } }
  }

  /** The package waits for open cursors for ever. */
  async close(): Promise<void> {
    await Promise.all([...this.cursors].map((cursor) => cursor.close()))
    await Promise.all([...this.views].map((view) => view.close()))
    await this.db.close()
  }
}

/** RocksDB keeps the texts of all earlier openings. */
const removeOldTexts = (path: string): void => {
  for (const name of readdirSync(path)) if (name.startsWith("LOG.old.")) rmSync(join(path, name))
}

/** Opens RocksDB in a directory, a new one when there is none, for the life of the scope. */
export const open = (options: Options) =>
  Adapter.open("rocksdb-native", options, async (path) => {
    const { default: Database } = await load("rocksdb-native", () => import("rocksdb-native"))
    const { memtableBytes = 64 * 1_048_576 } = options
    const db = new Database(path, { writeBufferSize: memtableBytes, enableStatistics: true })
    await db.ready()
    removeOldTexts(path)
    return new RocksStore(db, path)
  })
