/**
 * StorageStores: the stores that `Storage.ts` measures side by side, each through its own fastest way: ours through
 * `Engine.Port`, the packages through their own calls, not through our adapters. None compresses, all have the same budget of memory.
 */
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { ClassicLevel } from "classic-level"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as lmdb from "lmdb"
import { Batch } from "#storage/Batch.ts"
import * as BtreeEngine from "#storage/btree/BtreeEngine.ts"
import * as Engine from "#storage/Engine.ts"
import * as LsmEngine from "#storage/lsm/LsmEngine.ts"
import * as MemoryEngine from "#storage/memory/MemoryEngine.ts"
import type { StorageError } from "#storage/StorageError.ts"
import * as Wal from "#storage/wal/Wal.ts"
import * as RealWorld from "#world/real/RealWorld.ts"
import type { World } from "#world/World.ts"

export interface Entries {
  readonly keys: ReadonlyArray<Uint8Array>
  readonly values: ReadonlyArray<Uint8Array>
}

/** An open store. */
export interface Store {
  /** Durable when it is done. */
  put(key: Uint8Array, value: Uint8Array, done: () => void): void
  /** Not durable by itself. */
  putBuffered(key: Uint8Array, value: Uint8Array, done: () => void): void
  load(entries: Entries): Promise<void>
  /** At once where the store can; `undefined`: not here, ask `fetch`. */
  get(key: Uint8Array): Uint8Array | undefined
  fetch(key: Uint8Array): Promise<Uint8Array | undefined>
  /** Goes through all entries, at most `most`, and hands each over. */
  scan(most: number, visit: (key: Uint8Array, value: Uint8Array) => void): Promise<void>
  /** Everything is in files, and nothing goes on in the background any more. */
  settle(): Promise<void>
  compact(): Promise<void>
  sizes(): { readonly diskBytes: number; readonly writtenBytes: number | undefined; readonly memoryBytes: number }
  close(): Promise<void>
}

export interface OpenOptions {
  readonly directory: string
  readonly memoryBytesMax: number
  /** Recovery is to have all of it in the log. */
  readonly keepsLog?: boolean
  /** LMDB decides when it is opened whether it syncs. */
  readonly isUnsynced?: boolean
}

export interface Contender {
  readonly name: string
  readonly isOurs: boolean
  readonly open: (options: OpenOptions) => Promise<Store>
}

const sizeOf = (directory: string): number => {
  let sum = 0
  for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    const stats = statSync(join(directory, name), { throwIfNoEntry: false })
    if (stats?.isFile() === true) sum += stats.size
  }
  return sum
}

/** What a measurement cannot go on from. */
const check = (error: StorageError | undefined): void => {
  if (error !== undefined) throw error
}

class Ours implements Store {
  private readonly port: Engine.Port
  private readonly stop: () => Promise<void>

  constructor(port: Engine.Port, stop: () => Promise<void>) {
    this.port = port
    this.stop = stop
  }

  put(key: Uint8Array, value: Uint8Array, done: () => void): void {
    this.port.write(new Batch().put(key, value), "synced", (error) => {
      check(error)
      done()
    })
  }

  putBuffered(key: Uint8Array, value: Uint8Array, done: () => void): void {
    this.port.write(new Batch().put(key, value), "buffered", (error) => {
      check(error)
      done()
    })
  }

  load({ keys, values }: Entries): Promise<void> {
    const batch = new Batch()
    for (let i = 0; i < keys.length; i++) batch.put(keys[i], values[i])
    return this.run((done) => this.port.write(batch, "buffered", done))
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const value = this.port.get(key)
    return value === Engine.elsewhere ? undefined : value
  }

  fetch(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.run((done) => this.port.fetch(key, undefined, done))
  }

  async scan(most: number, visit: (key: Uint8Array, value: Uint8Array) => void): Promise<void> {
    const cursor = this.port.scan({})
    try {
      for (let count = 0; count < most;) {
        const step = cursor.next()
        if (step === "end") return
        if (step === "wait") await this.run((done) => cursor.fill(done))
        else {
          visit(cursor.key(), cursor.value())
          count++
        }
      }
    } finally {
      cursor.close()
    }
  }

  async settle(): Promise<void> {
    await this.run((done) => this.port.flush(done))
    while ((this.port.stats().details["debtBytes"] ?? 0) > 0) await sleep(5)
  }

  compact(): Promise<void> {
    return this.run((done) => this.port.compact(done))
  }

  sizes() {
    return this.port.stats()
  }

  close(): Promise<void> {
    return this.stop()
  }

  private run<A>(call: (done: Engine.Done<A>) => void): Promise<A> {
    return new Promise((resolve, reject) => {
      call((error, value) => {
        if (error === undefined) resolve(value)
        else reject(error)
      })
    })
  }
}

type OpenEngine = (options: OpenOptions) => Effect.Effect<Engine.Port, StorageError, World | Scope.Scope>

/** A node of its own that has the engine and does nothing else. */
const engine = (name: string, open: OpenEngine): Contender => ({
  name,
  isOurs: true,
  open: async (options) => {
    const opened = Promise.withResolvers<Engine.Port>()
    const program = Effect.andThen(
      Effect.tap(open({ ...options, directory: "store" }), (port) => Effect.sync(() => opened.resolve(port))),
      Effect.never
    )
    const running = RealWorld.runFork(program, { root: options.directory, name: "n0", trace: { write: () => {} } })
    const ended = Effect.runPromise(running.ended)
    const port = await Promise.race([
      opened.promise,
      ended.then((end) => {
        throw new Error(`${name} did not open: ${JSON.stringify(end)}`)
      })
    ])
    return new Ours(port, async () => {
      await Effect.runPromise(running.stop)
    })
  }
})

const openLog = () => Wal.open({ directory: "store-log" })

const memory = engine(
  "memory",
  Effect.fnUntraced(function* ({ directory, keepsLog = false }) {
    const log = yield* openLog()
    const logBytesMax = keepsLog ? 16 * 1_073_741_824 : 256 * 1_048_576
    return yield* MemoryEngine.open({ directory, log, stream: 1, logBytesMax, memoryBytesMax: 4 * 1_073_741_824 })
  })
)

const lsm = engine(
  "lsm",
  Effect.fnUntraced(function* ({ directory, memoryBytesMax }) {
    const log = yield* openLog()
    return yield* LsmEngine.open({ directory, log, stream: 1, memoryBytesMax })
  })
)

const btree = engine("btree", ({ directory, memoryBytesMax }) => BtreeEngine.open({ directory, memoryBytesMax }))

/** A write that fails ends the process: nothing was to fail here. */
const settle = async (write: Promise<unknown>, done: () => void): Promise<void> => {
  await write
  done()
}

class Level implements Store {
  private readonly level: ClassicLevel<Uint8Array, Uint8Array>

  constructor(level: ClassicLevel<Uint8Array, Uint8Array>) {
    this.level = level
  }

  put(key: Uint8Array, value: Uint8Array, done: () => void): void {
    void settle(this.level.put(key, value, { sync: true }), done)
  }

  putBuffered(key: Uint8Array, value: Uint8Array, done: () => void): void {
    void settle(this.level.put(key, value), done)
  }

  load({ keys, values }: Entries): Promise<void> {
    const batch = this.level.batch()
    for (let i = 0; i < keys.length; i++) batch.put(keys[i], values[i])
    return batch.write()
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.level.getSync(key)
  }

  fetch(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.level.get(key)
  }

  async scan(most: number, visit: (key: Uint8Array, value: Uint8Array) => void): Promise<void> {
    const iterator = this.level.iterator({ limit: most, highWaterMarkBytes: 1_048_576 })
    for (let block = await iterator.nextv(10_000); block.length > 0; block = await iterator.nextv(10_000)) {
      for (const [key, value] of block) visit(key, value)
    }
    await iterator.close()
  }

  /** LevelDB does not tell when its compaction rests: its files do, when they stay the same. */
  async settle(): Promise<void> {
    for (let before = ""; ;) {
      const now = readdirSync(this.level.location).join()
      if (now === before) return
      before = now
      await sleep(100)
    }
  }

  compact(): Promise<void> {
    return this.level.compactRange(new Uint8Array(0), new Uint8Array(17).fill(255))
  }

  sizes() {
    let writtenBytes = 0
    for (const row of this.level.getProperty("leveldb.stats").matchAll(/^(?:\s*\d+){5}\s+(\d+)\s*$/gm)) {
      writtenBytes += Number(row[1]) * 1_048_576
    }
    const memoryBytes = Number(this.level.getProperty("leveldb.approximate-memory-usage"))
    return { diskBytes: sizeOf(this.level.location), writtenBytes, memoryBytes }
  }

  close(): Promise<void> {
    return this.level.close()
  }
}

const classicLevel: Contender = {
  name: "classic-level",
  isOurs: false,
  open: async ({ directory, memoryBytesMax }) => {
    const level = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
      keyEncoding: "view",
      valueEncoding: "view",
      compression: false,
      // As the LSM engine divides its budget: half for the cache, an eighth a memtable.
      cacheSize: memoryBytesMax / 2,
      writeBufferSize: memoryBytesMax / 8
    })
    await level.open()
    return new Level(level)
  }
}

type Database = lmdb.RootDatabase<Uint8Array, Uint8Array>

class Lightning implements Store {
  private readonly db: Database
  private readonly directory: string

  constructor(db: Database, directory: string) {
    this.db = db
    this.directory = directory
  }

  put(key: Uint8Array, value: Uint8Array, done: () => void): void {
    void settle(this.db.put(key, value), done)
  }

  putBuffered(key: Uint8Array, value: Uint8Array, done: () => void): void {
    void settle(this.db.put(key, value), done)
  }

  async load({ keys, values }: Entries): Promise<void> {
    let last: Promise<boolean> | undefined
    for (let i = 0; i < keys.length; i++) last = this.db.put(keys[i], values[i])
    await last
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.db.get(key)
  }

  async fetch(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.db.get(key)
  }

  async scan(most: number, visit: (key: Uint8Array, value: Uint8Array) => void): Promise<void> {
    for (const { key, value } of this.db.getRange({ limit: most })) visit(key, value)
  }

  async settle(): Promise<void> {
    await this.db.flushed
  }

  /** LMDB never gives space back. */
  async compact(): Promise<void> {}

  sizes() {
    return { diskBytes: statSync(join(this.directory, "data.mdb")).size, writtenBytes: undefined, memoryBytes: 0 }
  }

  async close(): Promise<void> {
    await this.db.close()
  }
}

const lightning: Contender = {
  name: "lmdb",
  isOurs: false,
  open: async ({ directory, isUnsynced = false }) =>
    new Lightning(
      lmdb.open({ path: directory, noSubdir: false, keyEncoding: "binary", encoding: "binary", noSync: isUnsynced }),
      directory
    )
}

export const all: ReadonlyArray<Contender> = [memory, lsm, btree, classicLevel, lightning]
