/**
 * Table: one open table file and what of it is in memory: its head and its blocks, as far as the cache has them.
 *
 * Promises: what a read gives was checked against its checksum, and so is what was written there; else `Corrupt` with the
 * place of the part that is not.
 */
import type * as Disk from "#world/Disk.ts"
import type { Done } from "../Engine.ts"
import { Corrupt } from "../StorageError.ts"
import type { Cache, Item } from "./Cache.ts"
import * as Reads from "./Reads.ts"
import { pathOf } from "./TableFile.ts"
import * as TableFormat from "./TableFormat.ts"
import * as TableHead from "./TableHead.ts"

class CachedHead implements Item {
  isUsed = false
  place = -1
  readonly head: TableHead.TableHead
  private readonly table: Table

  constructor(table: Table, head: TableHead.TableHead) {
    this.table = table
    this.head = head
  }

  get memoryBytes(): number {
    return this.head.memoryBytes
  }

  evicted(): void {
    this.table.cool()
  }
}

/** What is larger is a large value, and would have many others go. The system's own cache has it, too. */
const cachedBlockBytesMax = 65_536

class CachedBlock implements Item {
  isUsed = false
  place = -1
  readonly bytes: Uint8Array
  private readonly table: Table
  private readonly ordinal: number

  constructor(table: Table, ordinal: number, bytes: Uint8Array) {
    this.table = table
    this.ordinal = ordinal
    this.bytes = bytes
  }

  get memoryBytes(): number {
    return this.bytes.length
  }

  evicted(): void {
    this.table.cachedBlocks[this.ordinal] = undefined
  }
}

export class Table {
  readonly meta: TableFormat.TableMeta
  readonly path: string
  /** Versions that name it; at 0 its file can go. */
  versions = 0
  cachedHead: CachedHead | undefined
  cachedBlocks: Array<CachedBlock | undefined> = []
  private readonly cache: Cache
  private readonly reads: Reads.Reads

  constructor(
    meta: TableFormat.TableMeta,
    options: { readonly directory: string; readonly port: Disk.Port; readonly cache: Cache }
  ) {
    this.meta = meta
    this.cache = options.cache
    this.path = pathOf(options.directory, TableFormat.tableName(meta.number))
    this.reads = new Reads.Reads(options.port, this.path)
  }

  get head(): TableHead.TableHead | undefined {
    const cached = this.cachedHead
    if (cached === undefined) return undefined
    cached.isUsed = true
    this.cache.hits++
    return cached.head
  }

  block(ordinal: number): Uint8Array | undefined {
    const cached = this.cachedBlocks[ordinal]
    if (cached === undefined) return undefined
    cached.isUsed = true
    this.cache.hits++
    return cached.bytes
  }

  loadHead(done: Done<TableHead.TableHead | undefined>): void {
    const { meta } = this
    this.cache.misses++
    this.reads.read(meta.filterAt, TableHead.lengthOf(meta), (error, bytes) => {
      if (error !== undefined) return done(error, undefined)
      const head = TableHead.decode(bytes!, meta)
      if (typeof head === "number") return done(this.corrupt(head), undefined)
      if (this.cachedHead === undefined) {
        this.cachedHead = new CachedHead(this, head)
        this.cache.add(this.cachedHead)
      }
      done(undefined, head)
    })
  }

  /** Brings a block into memory, and, unless it is a large one, into the cache. */
  loadBlock(head: TableHead.TableHead, ordinal: number, done: Done<Uint8Array | undefined>): void {
    this.cache.misses++
    this.loadBlocks(head, ordinal, 1, (error, blocks) => {
      if (error !== undefined) return done(error, undefined)
      const block = blocks![0]
      if (this.cachedBlocks[ordinal] === undefined && block.length <= cachedBlockBytesMax) {
        const cached = new CachedBlock(this, ordinal, block)
        this.cachedBlocks[ordinal] = cached
        this.cache.add(cached)
      }
      done(undefined, block)
    })
  }

  /** Reads blocks that lie side by side, past the cache. */
  loadBlocks(
    head: TableHead.TableHead,
    first: number,
    count: number,
    done: Done<ReadonlyArray<Uint8Array> | undefined>
  ): void {
    const { index } = head
    const from = index.offset(first)
    this.reads.read(from, index.offset(first + count) - from, (error, bytes) => {
      if (error !== undefined) return done(error, undefined)
      const blocks: Array<Uint8Array> = []
      for (let ordinal = first; ordinal < first + count; ordinal++) {
        const at = index.offset(ordinal) - from
        const stored = bytes!.subarray(at, at + index.sizeBytes(ordinal))
        const block = TableFormat.unsealEntries(stored, this.meta.number, index.offset(ordinal))
        if (block === undefined) return done(this.corrupt(index.offset(ordinal)), undefined)
        blocks.push(block)
      }
      done(undefined, blocks)
    })
  }

  /** Reads the file as it is. */
  read(offset: number, lengthBytes: number, done: Done<Uint8Array | undefined>): void {
    this.reads.read(offset, lengthBytes, done)
  }

  /** The cache had no room for its head: nobody has looked into it for long, and nobody can without it. */
  cool(): void {
    this.cachedHead = undefined
    this.reads.release()
  }

  /** Forgets what is cached of it, and closes the file. */
  close(): void {
    if (this.cachedHead !== undefined) this.cache.remove(this.cachedHead)
    for (const block of this.cachedBlocks) if (block !== undefined) this.cache.remove(block)
    this.cachedHead = undefined
    this.cachedBlocks = []
    this.reads.close()
  }

  corrupt(offsetBytes: number): Corrupt {
    return new Corrupt({
      path: this.path,
      offsetBytes,
      message: "the table's bytes are not what was written there: take the data from a replica or a backup"
    })
  }
}
