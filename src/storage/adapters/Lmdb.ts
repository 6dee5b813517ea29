/**
 * Lmdb: LMDB through the package `lmdb`, as an `Engine`.
 *
 * - LMDB has no empty key: keys that are empty or begin with 0 get a 0 before them, which keeps their order. Keys have at most 4,025
 *   bytes: a page holds two at least.
 * - LMDB never gives space back. The store is a directory of generations, of which the highest counts; a compaction writes a new
 *   one and renames it into its place, and the old one is removed when nobody reads it any more.
 * - LMDB has no checksums: bytes that rot are returned, or break what reads them.
 * - What has been written is not counted by LMDB: `writtenBytes` is the least that can have been, the entries and two pages a commit.
 *
 * An answer comes from mapped memory: where the system has dropped a page, `get` waits for the disk.
 */
import type { RootDatabase, Transaction } from "lmdb"
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import * as Limits from "#base/Limits.ts"
import type { Batch } from "../Batch.ts"
import type { Bounds } from "../Engine.ts"
import { compare } from "../Keys.ts"
import * as Adapter from "./Adapter.ts"
import * as Files from "./Files.ts"
import { type Entry, type Foreign, type ForeignCursor, load, type Sizes } from "./Foreign.ts"

export type Options = Adapter.Options

type Database = RootDatabase<Uint8Array, Uint8Array>
type OpenDatabase = (path: string) => Database

/** Twice the usual, for the sake of the keys. */
const pageBytes = 8_192

/** What the package allows with such pages, and one for the 0 before a key. */
const keyBytesMax = 4_026 - 1

const lowest = new Uint8Array(0)

const blockEntries = 256

const nextName = "next"

/** The key in LMDB. */
const stored = (key: Uint8Array): Uint8Array => {
  if (key.length > 0 && key[0] !== 0) return key
  const longer = new Uint8Array(key.length + 1)
  longer.set(key, 1)
  return longer
}

const told = (key: Uint8Array): Uint8Array => (key[0] === 0 ? key.subarray(1) : key)

/** A database on disk, until it is replaced and nobody reads it any more. */
interface Generation {
  readonly number: number
  readonly db: Database
  views: number
}

interface View {
  readonly generation: Generation
  readonly transaction: Transaction
}

const rangeOf = ({ from, to }: Bounds, reverse: boolean) => {
  // The package tells reverse ranges from their upper end.
  if (!reverse) return { ...(from && { start: stored(from) }), ...(to && { end: stored(to) }) }
  return {
    reverse,
    ...(to && { start: stored(to), exclusiveStart: true }),
    // Without an end the package leaves out the lowest key.
    end: stored(from ?? lowest),
    inclusiveEnd: true
  }
}

class LmdbStore implements Foreign<View> {
  readonly keyBytesMax = keyBytesMax
  private readonly path: string
  private readonly openDatabase: OpenDatabase
  private readonly retired = new Set<Generation>()
  private readonly cursors = new Set<ForeignCursor>()
  private generation: Generation
  private writtenBytes = 0
  private unfinished: Promise<void> = Promise.resolve()

  constructor(path: string, number: number, openDatabase: OpenDatabase) {
    this.path = path
    this.openDatabase = openDatabase
    this.generation = { number, db: openDatabase(join(path, String(number))), views: 0 }
  }

  readonly get = (key: Uint8Array, view: View | undefined): Uint8Array | undefined =>
    view === undefined
      ? this.generation.db.get(stored(key))
      : view.generation.db.get(stored(key), { transaction: view.transaction })

  async fetch(key: Uint8Array, view: View | undefined): Promise<Uint8Array | undefined> {
    return this.get(key, view)
  }

  view(): View {
    const { generation } = this
    generation.views++
    return { generation, transaction: generation.db.useReadTransaction() }
  }

  release({ generation, transaction }: View): void {
    transaction.done()
    generation.views--
    if (generation !== this.generation && generation.views === 0) this.remove(generation)
  }

  scan(view: View, bounds: Bounds, reverse: boolean): ForeignCursor {
    const { generation, transaction } = view
    const isEmpty = bounds.from !== undefined && bounds.to !== undefined && compare(bounds.from, bounds.to) >= 0
    const options = { ...rangeOf(bounds, reverse), transaction }
    const entries = isEmpty ? undefined : generation.db.getRange(options)[Symbol.iterator]()
    const cursor: ForeignCursor = {
      read: async () => {
        const block: Array<Entry> = []
        while (entries !== undefined && block.length < blockEntries) {
          const next = entries.next()
          if (next.done === true) break
          block.push([told(next.value.key), next.value.value])
        }
        return block
      },
      close: async () => {
        this.cursors.delete(cursor)
        entries?.return?.()
      }
    }
    this.cursors.add(cursor)
    return cursor
  }

  async write(batches: ReadonlyArray<Batch>, synced: boolean): Promise<void> {
    const { db } = this.generation
    // The child of a transaction is undone whole when an operation fails.
    if (batches.length > 0) await db.childTransaction(() => this.apply(batches))
    if (synced) await db.flushed
    db.resetReadTxn()
  }

  private apply(batches: ReadonlyArray<Batch>): void {
    const { db } = this.generation
    const visitor = {
      put: (all: Uint8Array, from: number, middle: number, end: number) =>
        void db.put(stored(all.subarray(from, middle)), all.subarray(middle, end)),
      delete: (all: Uint8Array, from: number, to: number) => void db.remove(stored(all.subarray(from, to))),
      deleteRange: (all: Uint8Array, first: number, middle: number, last: number) => {
        const [from, to] = [all.subarray(first, middle), all.subarray(middle, last)]
        if (compare(from, to) >= 0) return
        const keys = [...db.getKeys({ start: stored(from), end: stored(to) })]
        for (const key of keys) void db.remove(key)
      }
    }
    this.writtenBytes += 2 * pageBytes
    for (const batch of batches) {
      this.writtenBytes += batch.sizeBytes
      batch.forEach(visitor)
    }
  }

  /** What is committed is in its place already. */
  async flush(): Promise<void> {
    await this.generation.db.flushed
  }

  async compact(): Promise<void> {
    const old = this.generation
    const number = old.number + 1
    const next = join(this.path, nextName)
    rmSync(next, { recursive: true, force: true })
    mkdirSync(next)
    await old.db.backup(next, true)
    await Files.syncFile(join(next, "data.mdb"))
    await Files.syncDirectory(next)
    const place = join(this.path, String(number))
    renameSync(next, place)
    await Files.syncDirectory(this.path)
    this.generation = { number, db: this.openDatabase(place), views: 0 }
    this.writtenBytes += Files.sizes(place).get("data.mdb") ?? 0
    this.retired.add(old)
    if (old.views === 0) this.remove(old)
    await this.unfinished
  }

  private remove(generation: Generation): void {
    if (!this.retired.delete(generation)) return
    this.unfinished = this.unfinished.then(async () => {
      await generation.db.close()
      rmSync(join(this.path, String(generation.number)), { recursive: true, force: true })
    })
  }

  sizes(): Sizes {
    const sizes = Files.sizes(this.path)
    let diskBytes = 0
    for (const [name, size] of sizes) if (name.endsWith("data.mdb")) diskBytes += size
    const generation = this.generation.number
    // Pages are in the system's memory, not in the process's.
    return { diskBytes, memoryBytes: 0, writtenBytes: this.writtenBytes, details: { generation } }
  }

  async close(): Promise<void> {
    for (const cursor of this.cursors) await cursor.close()
    for (const { db } of this.retired) await db.close()
    await this.unfinished
    await this.generation.db.close()
  }
}

/** The generation that counts, all else removed. */
const current = (path: string): number => {
  const numbers = readdirSync(path).filter((name) => /^\d+$/.test(name))
  const newest = Math.max(0, ...numbers.map(Number))
  for (const name of [...numbers, nextName]) {
    if (Number(name) !== newest && existsSync(join(path, name))) rmSync(join(path, name), { recursive: true })
  }
  return newest
}

/** Opens LMDB in a directory, a new one when there is none, for the life of the scope. */
export const open = (options: Options) =>
  Adapter.open("lmdb", options, async (path) => {
    const lmdb = await load("lmdb", () => import("lmdb"))
    const number = current(path)
    if (number === 0) {
      mkdirSync(join(path, "1"))
      await Files.syncDirectory(path)
    }
    return new LmdbStore(path, Math.max(1, number), (place) =>
      lmdb.open<Uint8Array, Uint8Array>({
        path: place,
        noSubdir: false,
        keyEncoding: "binary",
        encoding: "binary",
        pageSize: pageBytes,
        maxReaders: Limits.snapshotsMax + 64,
        separateFlushed: true
      })
    )
  })
