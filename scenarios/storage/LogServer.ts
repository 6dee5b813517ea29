/**
 * LogServer: streams of one log, for clients that append, cut and read over datagrams. Each record has the value, and the number of
 * the last request of each client on the stream, so that a request takes effect once, however often it comes.
 *
 * A client may ask for rot: the log's files are copied, a bit of the copy flips, and the copy is opened. Whatever it then hands
 * over must be what was written; and where it hands over less, it must say that it is damaged.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { assert } from "#base/Assert.ts"
import { Reader, Writer } from "#base/Bytes.ts"
import * as AppendLog from "#models/AppendLog.ts"
import type { ServerSpec } from "#sim/run/Scenario.ts"
import type { Durability } from "#storage/Engine.ts"
import type { StorageError } from "#storage/StorageError.ts"
import * as Wal from "#storage/wal/Wal.ts"
import * as Completion from "#world/Completion.ts"
import { Disk } from "#world/Disk.ts"
import { Net, type Address } from "#world/Net.ts"
import { Trace } from "#world/Trace.ts"
import type { World } from "#world/World.ts"
import * as Call from "../systems/Call.ts"
import * as Working from "./Working.ts"

export const streams = 3
const directory = "log"
const copyDirectory = "copy"
const requestsMax = 256
const workers = 6
const stoppedMillis = 100
/** Time enough for an idle log to mark its last group as durable. */
const idleMillis = 20

export type Operation =
  | {
      readonly type: "append"
      readonly stream: number
      readonly value: number
      readonly sizeBytes: number
      readonly durability: Durability
      /** Records that stay of those before it; all when absent. */
      readonly keep?: number
      /** Records that go of those before it. */
      readonly drop?: number
    }
  | { readonly type: "read"; readonly stream: number }
  | { readonly type: "rot"; readonly where: number }

const kinds = ["append", "read", "rot"] as const
const none = 255

export const writeOperation = (writer: Writer, operation: Operation): void => {
  writer.u8(kinds.indexOf(operation.type))
  if (operation.type === "rot") writer.u32(operation.where)
  else writer.u8(operation.stream)
  if (operation.type !== "append") return
  writer
    .f64(operation.value)
    .u32(operation.sizeBytes)
    .u8(operation.durability === "synced" ? 1 : 0)
  writer.u8(operation.keep ?? none).u8(operation.drop ?? none)
}

const readOperation = (reader: Reader): Operation => {
  const type = kinds[reader.u8()]
  if (type === "rot") return { type, where: reader.u32() }
  const stream = reader.u8()
  if (type === "read") return { type, stream }
  const value = reader.f64()
  const sizeBytes = reader.u32()
  const durability = reader.u8() === 1 ? "synced" : "buffered"
  const [keep, drop] = [reader.u8(), reader.u8()]
  return { type, stream, value, sizeBytes, durability, ...(keep !== none && { keep }), ...(drop !== none && { drop }) }
}

interface Incoming {
  readonly from: Address
  readonly client: number
  readonly number: number
  readonly operation: Operation
}

type Sessions = ReadonlyMap<number, number>

const encode = (value: number, sizeBytes: number, sessions: Sessions): Uint8Array => {
  const writer = Writer.make().f64(value).u8(sessions.size)
  for (const [client, number] of sessions) writer.u8(client).u32(number)
  return writer.raw(new Uint8Array(sizeBytes).fill(value & 255)).finish()
}

interface Record {
  readonly value: number
  readonly sessions: Sessions
}

/** A record that is to follow a cut, in a stream of its own until both are done: the log keeps them in order, not together. */
interface Intent {
  readonly client: number
  readonly number: number
  /** Where the record goes, and where its stream begins then. */
  readonly position: number
  readonly first: number
  readonly value: number
  readonly sizeBytes: number
}

const encodeIntent = (intent: Intent): Uint8Array =>
  Writer.make()
    .u8(intent.client)
    .u32(intent.number)
    .f64(intent.position)
    .f64(intent.first)
    .f64(intent.value)
    .u32(intent.sizeBytes)
    .finish()

const decodeIntent = (bytes: Uint8Array): Intent => {
  const reader = new Reader(bytes)
  return {
    client: reader.u8(),
    number: reader.u32(),
    position: reader.f64(),
    first: reader.f64(),
    value: reader.f64(),
    sizeBytes: reader.u32()
  }
}

/** The stream of the intents of a stream. */
const intentsOf = (stream: number): number => streams + stream

/** A value that nobody wrote. */
const garbled = -1

const decode = (bytes: Uint8Array): Record => {
  const reader = new Reader(bytes)
  const value = reader.f64()
  const sessions = new Map(Array.from({ length: reader.u8() }, () => [reader.u8(), reader.u32()] as const))
  const isWhole = reader.isWhole && reader.rest().every((byte) => byte === (value & 255))
  return { value: isWhole ? value : garbled, sessions }
}

/** What a log hands over of a stream: records by position, and the positions that it says are damaged. */
const handedOver = Effect.fnUntraced(function* <A>(
  log: Wal.Wal,
  stream: number,
  from: number,
  read: (bytes: Uint8Array) => A
) {
  const records = new Map<number, A>()
  const damaged: Array<number> = []
  yield* Completion.submit<void, StorageError>((done) =>
    log.replay(
      stream,
      from,
      {
        record: (position, bytes, begin, end) => void records.set(position, read(bytes.slice(begin, end))),
        damaged: (position) => void damaged.push(position)
      },
      done
    )
  )
  return { records, damaged }
})

/** A log in a scratch directory, with one bit flipped. */
const copyRotten = Effect.fnUntraced(function* (where: number) {
  const disk = yield* Disk
  yield* disk.makeDirectory(copyDirectory)
  for (const name of yield* disk.list(copyDirectory)) yield* disk.remove(`${copyDirectory}/${name}`)
  const files: Array<readonly [name: string, bytes: Uint8Array]> = []
  for (const name of yield* disk.list(directory)) {
    const file = yield* disk.open(`${directory}/${name}`)
    files.push([name, yield* file.readAt(0, yield* file.size)])
  }
  let offset = where % files.reduce((sum, [, bytes]) => sum + bytes.length, 0)
  for (const [name, bytes] of files) {
    if (offset >= 0 && offset < bytes.length) bytes[offset] ^= 1 << (where % 8)
    offset -= bytes.length
    const copy = yield* disk.open(`${copyDirectory}/${name}`, { create: true })
    yield* copy.append(bytes)
  }
}, Effect.scoped)

class Streams {
  private readonly log: Wal.Wal
  private readonly options: Omit<Wal.Options, "directory">
  private readonly locks = Array.from({ length: streams }, () => Semaphore.makeUnsafe(1))
  private readonly sessions: Array<Sessions> = Array.from({ length: streams }, () => new Map())
  private rotting = false
  stopped = false

  constructor(log: Wal.Wal, options: Omit<Wal.Options, "directory">) {
    this.log = log
    this.options = options
  }

  /** Learns from the log which requests were carried out, and finishes those that were begun. */
  recover(): Effect.Effect<void, StorageError> {
    return Effect.gen({ self: this }, function* () {
      for (let stream = 0; stream < streams; stream++) {
        const { damaged, records } = yield* handedOver(this.log, stream, this.log.extent(stream).first, decode)
        assert(damaged.length === 0 && this.log.damage.length === 0, "a log that nothing has damaged is whole")
        this.sessions[stream] = [...records.values()].at(-1)?.sessions ?? new Map()
        const intents = intentsOf(stream)
        const { records: left } = yield* handedOver(this.log, intents, this.log.extent(intents).first, decodeIntent)
        const intent = [...left.values()].at(-1)
        if (intent !== undefined && (this.sessions[stream].get(intent.client) ?? 0) < intent.number) {
          yield* this.perform(stream, intent, "synced")
        }
      }
    })
  }

  carryOut({
    client,
    number,
    operation
  }: Incoming): Effect.Effect<string | undefined, StorageError, World | Scope.Scope> {
    if (this.stopped) return Effect.succeed(undefined)
    if (operation.type === "rot") return this.rot(operation.where)
    const work = operation.type === "read" ? this.read(operation.stream) : this.append(client, number, operation)
    return this.locks[operation.stream].withPermits(1)(
      Effect.suspend((): typeof work => (this.stopped ? Effect.succeed(undefined) : work))
    )
  }

  private get sync(): Effect.Effect<void, StorageError> {
    return Completion.submit((done) => this.log.sync(done))
  }

  private read(stream: number): Effect.Effect<string, StorageError> {
    return Effect.gen({ self: this }, function* () {
      const { records } = yield* handedOver(this.log, stream, this.log.extent(stream).first, decode)
      // What a record says that was only taken so far is told when it is durable.
      yield* this.sync
      const values = [...records.values()].map(({ value }) => value)
      return AppendLog.seen([...records.keys()].at(0) ?? 1, values)
    })
  }

  private append(
    client: number,
    number: number,
    { drop, durability, keep, sizeBytes, stream, value }: Extract<Operation, { readonly type: "append" }>
  ): Effect.Effect<string | undefined, StorageError> {
    // Interrupted, it would leave a record that no session knows of.
    const work = Effect.gen({ self: this }, function* () {
      const { log } = this
      const last = this.sessions[stream].get(client) ?? 0
      if (number < last) return undefined
      if (number === last) {
        yield* this.sync
        return ""
      }
      const { end, first } = log.extent(stream)
      const next = end === 0 ? 1 : end
      const position = drop === undefined ? next : Math.max(end === 0 ? 1 : first, next - drop)
      const intent = {
        client,
        number,
        position,
        first: keep === undefined ? first : Math.max(first, next - keep),
        value,
        sizeBytes
      }
      const isCut = position < next || intent.first > first
      if (isCut) yield* this.intend(stream, intent)
      // What was intended is done by the next start.
      yield* Effect.tapError(this.perform(stream, intent, durability), () =>
        Effect.sync(() => (this.stopped ||= isCut))
      )
      return ""
    })
    return Effect.uninterruptible(work)
  }

  /** Writes down what is to be done; what was before is not needed. */
  private intend(stream: number, intent: Intent): Effect.Effect<void, StorageError> {
    return Effect.suspend(() => {
      const { log } = this
      const intents = intentsOf(stream)
      const position = Math.max(1, log.extent(intents).end)
      const append = Completion.submit<void, StorageError>((done) =>
        log.append(intents, position, [encodeIntent(intent)], "synced", done)
      )
      return Effect.map(append, () => log.cutHead(intents, position))
    })
  }

  private perform(stream: number, intent: Intent, durability: Durability): Effect.Effect<void, StorageError> {
    return Effect.gen({ self: this }, function* () {
      const { log } = this
      const { client, first, number, position, sizeBytes, value } = intent
      const before = log.extent(stream)
      if (position < before.end) log.cutTail(stream, position)
      if (first > before.first) log.cutHead(stream, first)
      const sessions = new Map([...this.sessions[stream], [client, number]])
      yield* Completion.submit<void, StorageError>((done) =>
        log.append(stream, position, [encode(value, sizeBytes, sessions)], durability, done)
      )
      this.sessions[stream] = sessions
      if (durability === "buffered") yield* this.sync
    })
  }

  /** Nothing else goes on meanwhile. */
  private rot(where: number): Effect.Effect<string | undefined, StorageError, World | Scope.Scope> {
    const alone = Effect.scoped(
      Effect.gen({ self: this }, function* () {
        yield* this.sync
        yield* Effect.sleep(idleMillis)
        const written: Array<ReadonlyMap<number, Record>> = []
        for (let stream = 0; stream < streams; stream++) {
          written.push((yield* handedOver(this.log, stream, this.log.extent(stream).first, decode)).records)
        }
        yield* copyRotten(where)
        const copy = yield* Wal.open({ ...this.options, directory: copyDirectory })
        for (let stream = 0; stream < streams; stream++) yield* checked(copy, stream, written[stream])
        return ""
      })
    )
    const tolerant = Effect.catchTag(alone, "Corrupt", () => Effect.succeed(""))
    const locked = this.locks.reduce<typeof tolerant>((work, lock) => lock.withPermits(1)(work), tolerant)
    const end = Effect.sync(() => {
      this.rotting = false
    })
    // Who asks meanwhile asks again: one behind the other, repeated requests would come faster than they end.
    return Effect.suspend((): Effect.Effect<string | undefined, StorageError, World | Scope.Scope> => {
      if (this.rotting) return Effect.succeed(undefined)
      this.rotting = true
      return Effect.ensuring(locked, end)
    })
  }
}

/** Holds a damaged log against what was written. */
const checked = Effect.fnUntraced(function* (log: Wal.Wal, stream: number, written: ReadonlyMap<number, Record>) {
  const { first } = log.extent(stream)
  const { damaged, records } = yield* handedOver(log, stream, first, decode)
  for (const [position, { value }] of records) {
    const was = written.get(position)
    assert(was === undefined ? log.damage.length > 0 : was.value === value, "a damaged log hands over what was written")
  }
  const missing = [...written.keys()].some((position) => !records.has(position))
  assert(!missing || damaged.length > 0 || log.damage.length > 0, "a log that lost records to damage says so")
})

/** Damage of the copy is no surprise. */
const calm = (trace: Trace["Service"]): Trace["Service"] => ({
  ...trace,
  emit: (level, name, fields) => trace.emit(level === "error" ? "warn" : level, name, fields)
})

export const server = Effect.fnUntraced(function* (spec: ServerSpec, options: Omit<Wal.Options, "directory">) {
  const net = yield* Net
  const trace = calm(yield* Trace)
  const requests = yield* Queue.dropping<Incoming>(requestsMax)
  const log = yield* Effect.provideService(Wal.open({ ...options, directory }), Trace, trace)
  const served = new Streams(log, options)
  yield* served.recover()
  const socket = yield* net.bind(spec.self, {
    received: (from, bytes) => {
      const request = Call.readRequest(bytes)
      if (request === undefined) return
      const { body, client, number } = request
      Queue.offerUnsafe(requests, { from, client, number, operation: readOperation(new Reader(body.rest())) })
    }
  })
  const work = Effect.flatMap(Queue.take(requests), (incoming) =>
    Effect.match(served.carryOut(incoming), {
      onSuccess: (answer) => {
        if (answer !== undefined) socket.send(incoming.from, Call.answer(incoming.number).text(answer).finish())
      },
      // Who gets no answer asks again.
      onFailure: (error) => {
        if (error._tag === "Stopped") served.stopped = true
      }
    })
  )
  const serving = Effect.gen(function* () {
    while (!served.stopped) yield* Effect.sleep(stoppedMillis)
  })
  yield* Working.until(serving, Effect.provideService(work, Trace, trace), workers)
})
