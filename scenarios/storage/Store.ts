/**
 * Store: one server with an engine, for clients that ask over datagrams. Requests are carried out at the same time, as many as come.
 *
 * What a client's request has written is in the batch with the number of the request, so it takes effect once, however often
 * it comes. Nothing is answered before what it shows is durable: buffered batches are synced first.
 *
 * When the engine stops, reads go on for a while, then the process ends and starts again. Bytes that turn out to be damaged
 * are traced as `store/corrupt`, and the answer is `unknown`.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { Reader } from "#base/Bytes.ts"
import type { ServerSpec } from "#sim/run/Scenario.ts"
import type { OptionSet } from "#sim/storage/Subject.ts"
import { Batch } from "#storage/Batch.ts"
import * as Engine from "#storage/Engine.ts"
import { Listed } from "#storage/contract/EngineClaim.ts"
import type { StorageError } from "#storage/StorageError.ts"
import * as Completion from "#world/Completion.ts"
import { Disk } from "#world/Disk.ts"
import { Net, type Address } from "#world/Net.ts"
import { Trace } from "#world/Trace.ts"
import type { World } from "#world/World.ts"
import * as Call from "../systems/Call.ts"
import * as Protocol from "./Protocol.ts"
import * as Working from "./Working.ts"

const directory = "store"
const copyDirectory = "copy"
const requestsMax = 256
const workers = 8
/** Reads go on for so long after the engine stopped. */
const stoppedMillis = 100
const verifyMillis = 200

type Service = Engine.Engine["Service"]

interface Incoming {
  readonly from: Address
  readonly client: number
  readonly number: number
  readonly operation: Protocol.Operation
}

const batchOf = (client: number, number: number, changes: ReadonlyArray<Protocol.Change>): Batch => {
  const batch = new Batch()
  for (const change of changes) {
    if (change.type === "put") {
      batch.put(Protocol.keys[change.key], Protocol.encodeValue(change.value, change.sizeBytes))
    } else if (change.type === "delete") batch.delete(Protocol.keys[change.key])
    else batch.deleteRange(Protocol.keys[change.from], Protocol.keys[change.to])
  }
  return batch.put(Protocol.sessionKey(client), Protocol.encodeValue(number, 0))
}

/** The same for an ingestion, if it is puts alone: each key once, in order. */
const entriesOf = (client: number, number: number, changes: ReadonlyArray<Protocol.Change>): Listed | undefined => {
  const values = new Map<number, Uint8Array>()
  for (const change of changes) {
    if (change.type !== "put") return undefined
    values.set(change.key, Protocol.encodeValue(change.value, change.sizeBytes))
  }
  const entries = [...values].sort(([left], [right]) => left - right)
  return new Listed([
    ...entries.map(([key, value]) => [Protocol.keys[key], value] as const),
    [Protocol.sessionKey(client), Protocol.encodeValue(number, 0)]
  ])
}

const readOf = (key: number, bytes: Uint8Array | undefined): Protocol.Read => ({
  key,
  value: bytes === undefined ? null : Protocol.decodeValue(bytes)
})

/** An engine's files as names and sizes. */
const filesOf = Effect.fnUntraced(function* (path: string) {
  const disk = yield* Disk
  const files: Array<{ readonly path: string; readonly sizeBytes: number }> = []
  for (const name of yield* disk.list(path)) {
    const file = yield* disk.open(`${path}/${name}`)
    files.push({ path: `${path}/${name}`, sizeBytes: yield* file.size })
  }
  return files
}, Effect.scoped)

/** Flips a bit somewhere in the files of a directory. */
const rot = Effect.fnUntraced(function* (path: string, where: number) {
  const disk = yield* Disk
  const files = yield* filesOf(path)
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  if (sizeBytes === 0) return
  let offset = (where * 7_919) % sizeBytes
  for (const { path: other, sizeBytes: size } of files) {
    if (offset < size) {
      const file = yield* disk.open(other)
      const [byte] = yield* file.readAt(offset, 1)
      yield* file.writeAt(offset, new Uint8Array([byte ^ (1 << (where % 8))]))
      return
    }
    offset -= size
  }
}, Effect.scoped)

const removeAll = Effect.fnUntraced(function* (path: string) {
  const disk = yield* Disk
  for (const name of yield* disk.list(path)) yield* disk.remove(`${path}/${name}`)
  yield* disk.remove(path)
})

class Store {
  private readonly engine: Service
  private readonly trace: Trace["Service"]
  private readonly set: OptionSet
  /** By client: the number of the request that is under way or was carried out last. */
  private readonly sessions: Map<number, { readonly number: number; done: boolean }>
  /** Buffered batches that were submitted; those that are durable. */
  private buffered = 0
  private synced = 0
  private copying = false
  stopped = false

  constructor(engine: Service, trace: Trace["Service"], set: OptionSet, sessions: ReadonlyMap<number, number>) {
    this.engine = engine
    this.trace = trace
    this.set = set
    this.sessions = new Map([...sessions].map(([client, number]) => [client, { number, done: true }]))
  }

  /** All that was visible so far is durable. */
  private settle(): Effect.Effect<void, StorageError> {
    return Effect.suspend(() => {
      const { buffered } = this
      if (buffered === this.synced) return Effect.void
      return Effect.map(this.engine.sync, () => {
        this.synced = Math.max(this.synced, buffered)
      })
    })
  }

  /** Undefined: no answer, because it was answered or will be. */
  carryOut({
    client,
    number,
    operation
  }: Incoming): Effect.Effect<Protocol.Answer | undefined, StorageError, World | Scope.Scope> {
    switch (operation.type) {
      case "write":
        return this.write(client, number, operation)
      case "read":
        return this.read(operation)
      case "scan":
        return this.scan(operation)
      case "checkpoint":
        return this.checkpoint(operation.rot)
      case "verify":
        return Effect.as(this.verify(), [])
      default:
        return Effect.as(this.engine[operation.type], [])
    }
  }

  private write(
    client: number,
    number: number,
    { changes, way }: Extract<Protocol.Operation, { readonly type: "write" }>
  ): Effect.Effect<Protocol.Answer | undefined, StorageError> {
    return Effect.gen({ self: this }, function* () {
      const last = this.sessions.get(client)
      if (last !== undefined && number <= last.number) {
        if (number < last.number || !last.done) return undefined
        yield* this.settle()
        return []
      }
      const session = { number, done: false }
      this.sessions.set(client, session)
      const entries = way === "ingest" ? entriesOf(client, number, changes) : undefined
      const write =
        entries === undefined
          ? this.submit(batchOf(client, number, changes), way === "buffered" ? "buffered" : "synced")
          : this.engine.ingest(entries)
      const refused = yield* write.pipe(
        Effect.as(false),
        Effect.catchTag("Refused", () => Effect.succeed(true))
      )
      if (refused) {
        // It has not happened; it comes again.
        if (last === undefined) this.sessions.delete(client)
        else this.sessions.set(client, last)
        return undefined
      }
      session.done = true
      yield* this.settle()
      return []
    })
  }

  /** Counts a buffered batch in the same step in which the engine gets it: counted before, a sync that misses it would cover it. */
  private submit(batch: Batch, durability: Engine.Durability): Effect.Effect<void, StorageError> {
    return Completion.submit((done) => {
      if (durability === "buffered") this.buffered++
      this.engine.port.write(batch, durability, done)
    })
  }

  private read({
    holdMicros,
    keys
  }: Extract<Protocol.Operation, { readonly type: "read" }>): Effect.Effect<Protocol.Answer, StorageError> {
    return Effect.scoped(
      Effect.gen({ self: this }, function* () {
        const at = yield* this.engine.snapshot
        const half = Math.floor(keys.length / 2)
        const values = [
          ...(yield* this.engine.getMany(
            keys.slice(0, half).map((key) => Protocol.keys[key]),
            at
          ))
        ]
        if (holdMicros > 0) yield* Effect.sleep(holdMicros / 1_000)
        values.push(
          ...(yield* this.engine.getMany(
            keys.slice(half).map((key) => Protocol.keys[key]),
            at
          ))
        )
        yield* this.settle()
        return keys.map((key, index) => readOf(key, values[index]))
      })
    )
  }

  private scan({
    back,
    from,
    holdMicros,
    to
  }: Extract<Protocol.Operation, { readonly type: "scan" }>): Effect.Effect<Protocol.Answer, StorageError> {
    const bounds = {
      from: Protocol.keys[from],
      to: to === Protocol.keys.length ? Protocol.sessionKey(0) : Protocol.keys[to]
    }
    const acquire = Effect.sync(() => this.engine.port.scan({ bounds, reverse: back }))
    return Effect.acquireUseRelease(
      acquire,
      (cursor) =>
        Effect.gen({ self: this }, function* () {
          const found = new Map<number, Uint8Array>()
          for (let holds = holdMicros > 0; ;) {
            const step = cursor.next()
            if (step === "end") break
            if (step === "wait") {
              yield* Completion.submit<void, StorageError>((done) => cursor.fill(done))
              continue
            }
            const bytes = cursor.key()
            const key = Protocol.keys.findIndex(
              (other) => other.length === bytes.length && other.every((byte, at) => byte === bytes[at])
            )
            // What nobody asked for, or comes twice or out of order, is no key at all.
            const inOrder = [...found.keys()].every((other) => (back ? other > key : other < key))
            found.set(inOrder && key >= from && key < to ? key : 255, cursor.value().slice())
            if (holds) yield* Effect.sleep(holdMicros / 1_000)
            holds = false
          }
          yield* this.settle()
          const reads = Array.from({ length: to - from }, (_, index) => readOf(from + index, found.get(from + index)))
          return found.has(255) ? [...reads, { key: 255, value: 1 }] : reads
        }),
      (cursor) => Effect.sync(() => cursor.close())
    )
  }

  /** Reads what a checkpoint holds, from its own files. */
  private checkpoint(where: number): Effect.Effect<Protocol.Answer | undefined, StorageError, World | Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      if (this.copying) return undefined
      this.copying = true
      const copied = Effect.gen({ self: this }, function* () {
        for (const path of [copyDirectory, `${copyDirectory}-log`]) yield* Effect.ignore(removeAll(path))
        yield* this.engine.checkpoint(copyDirectory)
        yield* this.settle()
        if (where > 0) yield* rot(copyDirectory, where)
        return yield* Effect.scoped(
          Effect.gen({ self: this }, function* () {
            const copy = Engine.make(yield* this.set.open(copyDirectory))
            return (yield* copy.getMany(Protocol.keys)).map((bytes, key) => readOf(key, bytes))
          })
        )
      })
      return yield* copied.pipe(
        Effect.catchTag("Corrupt", (corrupt) =>
          where > 0 ? Effect.succeed("unknown" as const) : Effect.fail(corrupt)
        ),
        Effect.ensuring(
          Effect.sync(() => {
            this.copying = false
          })
        )
      )
    })
  }

  /** Reads all files once; what rots is traced. */
  verify(): Effect.Effect<void, StorageError> {
    return Effect.gen({ self: this }, function* () {
      let position = 0
      do {
        const verified = yield* Completion.submit<Engine.Verified | undefined, StorageError>((done) =>
          this.engine.port.verify(position, done)
        )
        for (const corrupt of verified?.rot ?? []) this.noteCorrupt(corrupt)
        position = verified?.position ?? 0
      } while (position !== 0)
    })
  }

  noteCorrupt({
    message,
    offsetBytes,
    path
  }: {
    readonly path: string
    readonly offsetBytes: number
    readonly message: string
  }): void {
    this.trace.emit("warn", "store/corrupt", { path, offsetBytes, message })
  }

  /**
   * What a failure means for the answer. Who is told nothing asks again, after a stop the process that comes then; where bytes
   * are damaged, asking again does not help.
   */
  failed(error: StorageError): Protocol.Answer | undefined {
    if (error._tag === "Stopped") this.stopped = true
    const corrupt =
      error._tag === "Corrupt"
        ? error
        : error._tag === "Stopped" && error.cause._tag === "Corrupt"
          ? error.cause
          : undefined
    if (corrupt === undefined) return undefined
    this.noteCorrupt(corrupt)
    return "unknown"
  }
}

/** Trace of an engine among faults: that it stopped, or met damage, is no surprise here; the judges look at what it did. */
const calm = (trace: Trace["Service"]): Trace["Service"] => ({
  ...trace,
  emit: (level, name, fields) => trace.emit(level === "error" ? "warn" : level, name, fields)
})

const sessionsOf = Effect.fnUntraced(function* (engine: Service) {
  const sessions = new Map<number, number>()
  yield* engine.scan({ bounds: { from: Protocol.sessionKey(0) } }, (key, value) => {
    sessions.set(key[1], Protocol.decodeValue(value))
  })
  return sessions
})

/** Opens the engine; undefined: its files are damaged, and there is nothing to serve. */
const openStore = Effect.fnUntraced(function* (set: OptionSet) {
  const trace = yield* Trace
  const opened = Effect.gen(function* () {
    const engine = Engine.make(yield* set.open(directory))
    return new Store(engine, trace, set, yield* sessionsOf(engine))
  })
  return yield* opened.pipe(
    Effect.catchTag("Corrupt", ({ message, offsetBytes, path }) =>
      Effect.sync(() => {
        trace.emit("warn", "store/corrupt", { path, offsetBytes, message })
        return undefined
      })
    )
  )
})

export const server = Effect.fnUntraced(function* (spec: ServerSpec, sets: ReadonlyArray<OptionSet>) {
  const net = yield* Net
  const trace = yield* Trace
  const set = sets[Number(spec.options.set) % sets.length]
  const requests = yield* Queue.dropping<Incoming>(requestsMax)
  const store = yield* Effect.provideService(openStore(set), Trace, calm(trace))
  const socket = yield* net.bind(spec.self, {
    received: (from, bytes) => {
      const request = Call.readRequest(bytes)
      if (request === undefined) return
      const { body, client, number } = request
      Queue.offerUnsafe(requests, { from, client, number, operation: Protocol.readOperation(new Reader(body.rest())) })
    }
  })
  const answer = ({ from, number }: Incoming, value: Protocol.Answer | undefined): void => {
    if (value !== undefined) socket.send(from, Protocol.writeAnswer(Call.answer(number), value).finish())
  }
  if (store === undefined) {
    return yield* Effect.forever(Effect.map(Queue.take(requests), (incoming) => answer(incoming, "unknown")))
  }
  const work = Effect.flatMap(Queue.take(requests), (incoming) =>
    Effect.scoped(store.carryOut(incoming)).pipe(
      Effect.catch((error) => Effect.sync(() => store.failed(error))),
      Effect.map((value) => answer(incoming, value))
    )
  )
  const scrub = Effect.gen(function* () {
    while (!store.stopped) {
      yield* Effect.sleep(verifyMillis)
      yield* Effect.catch(store.verify(), (error) => Effect.sync(() => store.failed(error)))
    }
    yield* Effect.sleep(stoppedMillis)
  })
  yield* Working.until(scrub, Effect.provideService(work, Trace, calm(trace)), workers)
})
