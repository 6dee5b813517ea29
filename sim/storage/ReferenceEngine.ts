/**
 * ReferenceEngine: the simplest engine that keeps the contract of `Engine.ts`. The contract suite and the runners of this folder
 * are tested with it and with broken copies of it.
 *
 * Everything is in memory, as the specification (`OrderedMap`) has it. One file holds it: a first record with all entries as
 * they were when the file was made, then one record a batch. A record is its CRC-32C, its length, the size up to which the file
 * was durable when it was written, and a batch's bytes: damage below that size is no torn tail. A file is made under
 * another name, synced, renamed, and its directory synced. All calls are carried out one by one.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { Reader, Writer } from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import * as OrderedMap from "#models/OrderedMap.ts"
import { Batch, visit } from "#storage/Batch.ts"
import type * as Engine from "#storage/Engine.ts"
import { Corrupt, Refused, Stopped, type StorageError } from "#storage/StorageError.ts"
import * as Disk from "#world/Disk.ts"
import { Timers } from "#world/Timers.ts"
import type { DiskError } from "#world/WorldError.ts"

/** Planted bugs; the default has none. */
export interface Behaviour {
  readonly believesDamaged?: boolean
  readonly keepsTornTail?: boolean
}

const headBytes = 12

const frame = (batch: Uint8Array, durableBytes: number): Uint8Array => {
  const body = Writer.make().u32(batch.length).u32(durableBytes).raw(batch).finish()
  return Writer.make().u32(crc32c(body)).raw(body).finish()
}

const encoded = (map: OrderedMap.OrderedMap): Uint8Array => {
  const batch = new Batch()
  for (const { key, value } of map) batch.put(key, value)
  return batch.encoded()
}

/** The map after a batch; undefined: these are not a batch's bytes. */
export const applied = (map: OrderedMap.OrderedMap, bytes: Uint8Array): OrderedMap.OrderedMap | undefined => {
  let after = map
  const whole = visit(bytes, 0, bytes.length, {
    put: (all, from, middle, end) => {
      after = OrderedMap.put(after, all.slice(from, middle), all.slice(middle, end))
    },
    delete: (all, from, to) => {
      after = OrderedMap.remove(after, all.slice(from, to))
    },
    deleteRange: (all, from, middle, to) => {
      after = OrderedMap.removeRange(after, all.slice(from, middle), all.slice(middle, to))
    }
  })
  return whole ? after : undefined
}

interface Record {
  readonly durableBytes: number
  readonly batch: Uint8Array
}

/** The record at an offset, if there is a whole one. */
const recordAt = (file: Uint8Array, offset: number, believes = false): Record | undefined => {
  const reader = new Reader(file.subarray(offset))
  const checksum = reader.u32()
  const length = reader.u32()
  const durableBytes = reader.u32()
  const batch = reader.raw(length)
  // The length is under the checksum: that of four bytes FF is FFFFFFFF itself.
  const body = file.subarray(offset + 4, offset + headBytes + length)
  return reader.isWhole && (believes || crc32c(body) === checksum) ? { durableBytes, batch } : undefined
}

/** Up to where the file was durable when the last of its records from `from` on was written. */
const durableBytesOf = (file: Uint8Array, from: number): number => {
  let durableBytes = 0
  for (let at = from; at + headBytes <= file.length; at++) {
    durableBytes = Math.max(durableBytes, recordAt(file, at)?.durableBytes ?? 0)
  }
  return durableBytes
}

interface Replayed {
  readonly map: OrderedMap.OrderedMap
  readonly corrupt: Corrupt | undefined
}

/** What a file says. Its first record was whole before the file had its name. */
const replayed = (path: string, file: Uint8Array, behaviour: Behaviour): Replayed => {
  let map = OrderedMap.empty
  for (let at = 0; at < file.length;) {
    const record = recordAt(file, at, behaviour.believesDamaged)
    const next = record && applied(map, record.batch)
    if (record === undefined || next === undefined) {
      if (at > 0 && durableBytesOf(file, at + 1) <= at) break
      return { map, corrupt: new Corrupt({ path, offsetBytes: at, message: `${path}: damaged record at ${at}` }) }
    }
    map = next
    at += headBytes + record.batch.length
  }
  return { map, corrupt: undefined }
}

interface ReferenceSnapshot extends Engine.Snapshot {
  readonly map: OrderedMap.OrderedMap
  released: boolean
}

class ListCursor implements Engine.Cursor {
  private at = -1
  private readonly entries: OrderedMap.OrderedMap

  constructor(entries: OrderedMap.OrderedMap) {
    this.entries = entries
  }

  next(): Engine.Step {
    this.at = Math.min(this.at + 1, this.entries.length)
    return this.at < this.entries.length ? "entry" : "end"
  }
  key(): Uint8Array {
    return this.entries[this.at].key
  }
  value(): Uint8Array {
    return this.entries[this.at].value
  }
  fill(): void {
    throw new Error("a list never waits")
  }
  close(): void {}
}

const released = new Refused({ reason: "snapshot-released", message: "the snapshot was released" })
const closed = new Refused({ reason: "closed", message: "the engine is closed: open it again" })

const readFile = Effect.fnUntraced(function* (path: string) {
  const disk = yield* Disk.Disk
  const file = yield* disk.open(path)
  return yield* file.readAt(0, yield* file.size)
}, Effect.scoped)

/** A file with these entries in place of what was there. */
const makeFile = Effect.fnUntraced(function* (directory: string, map: OrderedMap.OrderedMap) {
  const disk = yield* Disk.Disk
  const missing = (error: DiskError) => (error.code === "not-found" ? Effect.void : Effect.fail(error))
  yield* disk.remove(`${directory}/data.next`).pipe(Effect.catch(missing))
  const file = yield* disk.open(`${directory}/data.next`, { create: true })
  yield* file.append(frame(encoded(map), 0))
  yield* file.sync
  yield* disk.rename(`${directory}/data.next`, `${directory}/data`)
  yield* disk.syncDirectory(directory)
  return { file, sizeBytes: headBytes + encoded(map).length }
})

const makeDirectory = Effect.fnUntraced(function* (directory: string) {
  const disk = yield* Disk.Disk
  yield* disk.makeDirectory(directory)
  yield* disk.syncDirectory(directory.includes("/") ? directory.slice(0, directory.lastIndexOf("/")) : "")
})

class Reference {
  private readonly directory: string
  private readonly disk: Disk.Disk["Service"]
  private readonly scope: Scope.Scope
  private readonly behaviour: Behaviour
  private file: Disk.Handle
  private sizeBytes: number
  private durableBytes: number
  private stopped: Stopped | undefined
  map: OrderedMap.OrderedMap
  readonly counts = { userBytes: 0, writtenBytes: 0, batches: 0 }

  constructor(
    directory: string,
    environment: { readonly disk: Disk.Disk["Service"]; readonly scope: Scope.Scope; readonly behaviour: Behaviour },
    opened: { readonly map: OrderedMap.OrderedMap; readonly file: Disk.Handle; readonly sizeBytes: number }
  ) {
    this.directory = directory
    this.disk = environment.disk
    this.scope = environment.scope
    this.behaviour = environment.behaviour
    this.map = opened.map
    this.file = opened.file
    this.sizeBytes = this.durableBytes = opened.sizeBytes
  }

  get diskBytes(): number {
    return this.sizeBytes
  }

  private stop(cause: DiskError): Stopped {
    this.stopped = new Stopped({ cause, message: `${cause.message}; open the engine again` })
    return this.stopped
  }

  /** Guards what writes: a full disk refuses, every other failure stops. */
  private guarded<A>(write: Effect.Effect<A, DiskError>, undo: Effect.Effect<void, DiskError>) {
    return Effect.suspend((): Effect.Effect<A, StorageError> => {
      if (this.stopped !== undefined) return Effect.fail(this.stopped)
      const refused = (error: DiskError) =>
        Effect.flatMap(undo, () => Effect.fail(new Refused({ reason: "no-space", message: error.message })))
      return write.pipe(
        Effect.catch((error): Effect.Effect<A, DiskError | Refused> =>
          error.code === "no-space" ? refused(error) : Effect.fail(error)
        ),
        Effect.catchTag("DiskError", (error) => Effect.fail(this.stop(error)))
      )
    })
  }

  write(bytes: Uint8Array, durability: Engine.Durability): Effect.Effect<void, StorageError> {
    const record = frame(bytes, this.durableBytes)
    const write = Effect.andThen(this.file.append(record), durability === "synced" ? this.file.sync : Effect.void)
    const undo = Effect.suspend(() => Effect.andThen(this.file.truncate(this.sizeBytes), this.file.sync))
    return Effect.map(this.guarded(write, undo), () => {
      this.sizeBytes += record.length
      if (durability === "synced") this.durableBytes = this.sizeBytes
      this.map = applied(this.map, bytes)!
      this.counts.userBytes += bytes.length
      this.counts.batches++
    })
  }

  get sync(): Effect.Effect<void, StorageError> {
    const { sizeBytes } = this
    return Effect.map(this.guarded(this.file.sync, Effect.void), () => {
      this.durableBytes = sizeBytes
    })
  }

  /** Writes the file anew. */
  get flush(): Effect.Effect<void, StorageError> {
    const made = Effect.provideContext(makeFile(this.directory, this.map), this.context)
    return Effect.map(this.guarded(made, Effect.void), ({ file, sizeBytes }) => {
      this.file = file
      this.sizeBytes = this.durableBytes = sizeBytes
      this.counts.writtenBytes += sizeBytes
    })
  }

  private get context() {
    return Context.make(Disk.Disk, this.disk).pipe(Context.add(Scope.Scope, this.scope))
  }

  checkpoint(directory: string, map: OrderedMap.OrderedMap): Effect.Effect<void, StorageError> {
    const full = new Refused({ reason: "exists", message: `${directory} holds something already` })
    const made = Effect.gen(function* () {
      const disk = yield* Disk.Disk
      yield* makeDirectory(directory)
      if ((yield* disk.list(directory)).length > 0) return yield* full
      yield* makeFile(directory, map)
    })
    const refusing = Effect.catchTag(made, "DiskError", (error) =>
      Effect.fail(error.code === "no-space" ? new Refused({ reason: "no-space", message: error.message }) : error)
    )
    return Effect.provideContext(refusing, this.context)
  }

  get verify(): Effect.Effect<Engine.Verified, DiskError> {
    const path = `${this.directory}/data`
    return Effect.map(Effect.provideContext(readFile(path), this.context), (bytes) => {
      const { corrupt } = replayed(path, bytes, this.behaviour)
      return { position: 0, bytesRead: bytes.length, rot: corrupt === undefined ? [] : [corrupt] }
    })
  }
}

/** Entries of a source as one batch; undefined where the source is not as it should be. */
const gathered = (source: Engine.Source): Batch | Refused => {
  const batch = new Batch()
  let last: Uint8Array | undefined
  while (source.next()) {
    const key = source.key().slice()
    if (last !== undefined && OrderedMap.compare(last, key) >= 0) {
      return new Refused({ reason: "not-sorted", message: "keys must rise" })
    }
    last = key
    batch.put(key, source.value())
  }
  return batch
}

type Task = Effect.Effect<void>

/** How calls are carried out, one by one, and how they are answered when the engine is closed. */
interface Desk {
  readonly submit: (task: Task) => void
  readonly refuse: (call: () => void) => void
  readonly isClosed: () => boolean
}

const portOf = (engine: Reference, { isClosed, refuse, submit }: Desk): Engine.Port => {
  const mapOf = (at: Engine.Snapshot | undefined): OrderedMap.OrderedMap =>
    at === undefined ? engine.map : (at as ReferenceSnapshot).map
  const run = <A>(work: Effect.Effect<A, StorageError>, none: A, done: Engine.Done<A>): void => {
    if (isClosed()) return refuse(() => done(closed, none))
    const refusing = Effect.suspend(() => (isClosed() ? Effect.fail(closed) : work))
    submit(
      Effect.match(refusing, { onSuccess: (value) => done(undefined, value), onFailure: (error) => done(error, none) })
    )
  }
  const write = (batch: Batch, durability: Engine.Durability): Effect.Effect<void, StorageError> =>
    batch.refused === undefined ? engine.write(batch.encoded(), durability) : Effect.fail(batch.refused)
  return {
    get: (key, at) => OrderedMap.get(mapOf(at), key),
    fetch: (key, at, done) => {
      const get = Effect.suspend(() =>
        at !== undefined && (at as ReferenceSnapshot).released
          ? Effect.fail(released)
          : Effect.succeed(OrderedMap.get(mapOf(at), key))
      )
      run(get, undefined, done)
    },
    scan: ({ at, bounds = {}, reverse = false }) => {
      const found = OrderedMap.range(mapOf(at), bounds.from, bounds.to)
      return new ListCursor(reverse ? [...found].reverse() : found)
    },
    snapshot: () => {
      const snapshot: ReferenceSnapshot = {
        map: engine.map,
        released: false,
        release: () => {
          snapshot.released = true
        }
      }
      return snapshot
    },
    write: (batch, durability, done) =>
      run(
        Effect.suspend(() => write(batch, durability)),
        undefined,
        done
      ),
    sync: (done) =>
      run(
        Effect.suspend(() => engine.sync),
        undefined,
        done
      ),
    flush: (done) =>
      run(
        Effect.suspend(() => engine.flush),
        undefined,
        done
      ),
    compact: (done) =>
      run(
        Effect.suspend(() => engine.flush),
        undefined,
        done
      ),
    checkpoint: (directory, done) => {
      const { map } = engine
      run(
        Effect.suspend(() => engine.checkpoint(directory, map)),
        undefined,
        done
      )
    },
    ingest: (source, done) => {
      const batch = gathered(source)
      const work = batch instanceof Batch ? Effect.suspend(() => write(batch, "synced")) : Effect.fail(batch)
      run(work, undefined, done)
    },
    verify: (_, done) =>
      run<Engine.Verified | undefined>(
        Effect.suspend(() => engine.verify),
        undefined,
        done
      ),
    stats: () => ({
      diskBytes: engine.diskBytes,
      memoryBytes: engine.map.reduce((sum, { key, value }) => sum + key.length + value.length, 0),
      ...engine.counts,
      details: {}
    })
  }
}

export const open = Effect.fnUntraced(function* (directory: string, behaviour: Behaviour = {}) {
  const [disk, scope] = [yield* Disk.Disk, yield* Effect.scope]
  yield* makeDirectory(directory)
  const path = `${directory}/data`
  const bytes = yield* readFile(path).pipe(
    Effect.catch((error) => (error.code === "not-found" ? Effect.succeed(undefined) : Effect.fail(error)))
  )
  const { corrupt, map } =
    bytes === undefined ? { corrupt: undefined, map: OrderedMap.empty } : replayed(path, bytes, behaviour)
  if (corrupt !== undefined) return yield* corrupt
  let made: { readonly file: Disk.Handle; readonly sizeBytes: number }
  if (bytes !== undefined && behaviour.keepsTornTail === true) {
    made = { file: yield* disk.open(path), sizeBytes: bytes.length }
  } else made = yield* makeFile(directory, map)
  const engine = new Reference(directory, { disk, scope, behaviour }, { map, ...made })
  const tasks = yield* Queue.unbounded<Task>()
  const refused: Array<() => void> = []
  const timer = (yield* Timers).attach({ fired: () => refused.splice(0).forEach((refuse) => refuse()) })
  let isClosed = false
  // A task never begins inside the call that submits it.
  const work = Effect.flatMap(Queue.take(tasks), (task) => Effect.andThen(Effect.yieldNow, task))
  const worker = yield* Effect.forkScoped(Effect.forever(work))
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      isClosed = true
      Queue.offerUnsafe(tasks, Effect.interrupt)
      return Fiber.await(worker)
    })
  )
  return portOf(engine, {
    submit: (task) => Queue.offerUnsafe(tasks, task),
    refuse: (call) => {
      refused.push(call)
      timer.set(0, 0)
    },
    isClosed: () => isClosed
  })
})
