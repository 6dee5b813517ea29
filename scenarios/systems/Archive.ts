/**
 * Archive: write-once blobs, one file each, on every node. A put is done when all nodes have it durable; a get asks all
 * nodes, and puts what it found wherever it was missing before it returns. So one intact copy is enough to survive bit rot, misdirected
 * writes, lying syncs and wiped disks; what is damaged fails its checksum and counts as missing.
 *
 * That a blob can be read does not make it durable: an earlier sync of it may have failed. So an incarnation answers for a
 * blob only after it has written and synced it itself. Writing the same sector again endangers nothing.
 *
 * Effect style: requests go through a bounded queue to a few worker fibers, a lock a key keeps two of them from one file.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Semaphore from "effect/Semaphore"
import { Reader, Writer } from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import type { Outcome } from "#sim/run/History.ts"
import type { ClientSpec, ServerSpec } from "#sim/run/Scenario.ts"
import { Buggify } from "#world/Buggify.ts"
import { Disk } from "#world/Disk.ts"
import { Net, type Address } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import * as Call from "./Call.ts"

export const operations = { get: 0, put: 1 } as const

const directory = "blobs"
const workers = 4
const requestsMax = 1_024
const blobBytesMax = 64

/** The first byte of a blob by version of the program; every version reads all of them. */
const magics: ReadonlyArray<number> = [0xa0, 0xa1]

export const encode = (value: number, version: number): Uint8Array => {
  const body = Writer.make().u8(magics[version]).f64(value).finish()
  return Writer.make().u32(crc32c(body)).raw(body).finish()
}

/** Where a node keeps a key. */
export const pathOf = (key: number): string => `${directory}/${key}`

/** The value of an intact blob. */
export const decode = (bytes: Uint8Array): number | undefined => {
  const reader = new Reader(bytes)
  const checksum = reader.u32()
  const body = new Reader(bytes.subarray(4))
  const magic = body.u8()
  const value = body.f64()
  const isIntact =
    reader.isWhole && body.isWhole && magics.includes(magic) && crc32c(bytes.subarray(4, 13)) === checksum
  return isIntact ? value : undefined
}

interface Incoming {
  readonly from: Address
  readonly number: number
  readonly key: number
  /** Of a put; undefined: a get. */
  readonly value: number | undefined
}

const read = (from: Address, bytes: Uint8Array): Incoming | undefined => {
  const request = Call.readRequest(bytes)
  if (request === undefined) return undefined
  const { body, number } = request
  const isPut = body.u8() === operations.put
  const incoming: Incoming = { from, number, key: body.u32(), value: isPut ? body.f64() : undefined }
  return body.isWhole ? incoming : undefined
}

/** Words for a message's bytes. */
export const describe = (bytes: Uint8Array): string => {
  const request = Call.readRequest(bytes)
  if (request === undefined) {
    const answer = new Reader(bytes)
    answer.u8()
    return `answer #${answer.u32()} ${answer.u8() === 1 ? answer.f64() : "missing"}`
  }
  const { body, client, number } = request
  return `c${client} #${number} ${body.u8() === operations.put ? "put" : "get"} ${body.u32()}`
}

const load = Effect.fnUntraced(function* (path: string) {
  const disk = yield* Disk
  const contents = Effect.scoped(Effect.flatMap(disk.open(path), (file) => file.readAt(0, blobBytesMax)))
  const bytes = yield* Effect.catch(contents, (error) =>
    error.code === "not-found" ? Effect.succeed(undefined) : Effect.fail(error)
  )
  return bytes === undefined ? undefined : decode(bytes)
})

/** Durable when it succeeds. */
const save = Effect.fnUntraced(function* (path: string, blob: Uint8Array) {
  const disk = yield* Disk
  const file = yield* disk.open(path, { create: true })
  yield* file.writeAt(0, blob)
  yield* file.sync
  yield* disk.syncDirectory(directory)
}, Effect.scoped)

const answerWith = (number: number, value: number | undefined): Uint8Array =>
  Call.answer(number)
    .u8(value === undefined ? 0 : 1)
    .f64(value ?? 0)
    .finish()

export const server = Effect.fnUntraced(function* (spec: ServerSpec) {
  const buggify = yield* Buggify
  const disk = yield* Disk
  const net = yield* Net
  const trace = yield* Trace
  yield* disk.makeDirectory(directory)
  yield* disk.syncDirectory("")
  const requests = yield* Queue.dropping<Incoming>(requestsMax)
  const locks = new Map<number, Semaphore.Semaphore>()
  const lockOf = (key: number): Semaphore.Semaphore => {
    const lock = locks.get(key) ?? Semaphore.makeUnsafe(1)
    locks.set(key, lock)
    return lock
  }
  const socket = yield* net.bind(spec.self, {
    received: (from, bytes) => {
      const incoming = read(from, bytes)
      if (incoming !== undefined) Queue.offerUnsafe(requests, incoming)
    }
  })
  /** Blobs that this incarnation has made durable. */
  const durable = new Set<number>()
  const carryOut = Effect.fnUntraced(function* ({ from, key, number, value }: Incoming) {
    const path = pathOf(key)
    const stored = yield* load(path)
    const blob = stored ?? value
    if (blob !== undefined && (stored === undefined || !durable.has(key))) {
      if (buggify("archive/slow-put")) yield* Effect.sleep("30 millis")
      yield* save(path, encode(blob, spec.version % magics.length))
      durable.add(key)
      trace.mark("archive/stored")
    }
    socket.send(from, answerWith(number, blob))
  })
  const work = Effect.forever(
    Effect.flatMap(Queue.take(requests), (incoming) =>
      carryOut(incoming).pipe(
        lockOf(incoming.key).withPermits(1),
        // The client asks again; a disk that fails for good shows in its time-outs.
        Effect.catch((error) => Effect.sync(() => trace.emit("warn", "archive/disk-failed", { reason: error.message })))
      )
    )
  )
  for (let worker = 0; worker < workers; worker++) yield* Effect.forkScoped(work)
  return yield* Effect.never
})

const tickets = { retry: 0, timeout: 1 } as const

/** One question to all servers, sent again to those that are silent. */
interface Round {
  readonly number: number
  readonly bytes: Uint8Array
  readonly answers: Map<number, number | undefined>
  readonly all: (answers: ReadonlyMap<number, number | undefined>) => void
}

export interface Client {
  readonly get: (key: number, done: (outcome: Outcome<number | null>) => void) => void
  readonly put: (key: number, value: number, done: (outcome: Outcome<number | null>) => void) => void
}

export const client = Effect.fnUntraced(function* (spec: ClientSpec, options: Call.CallOptions) {
  const net = yield* Net
  const timers = yield* Timers
  let round: Round | undefined
  let gaveUp: (() => void) | undefined
  let numbers = 0

  const send = (): void => {
    timer.set(tickets.retry, options.retryMicros)
    spec.servers.forEach((server, index) => {
      if (!round!.answers.has(index)) socket.send(server, round!.bytes)
    })
  }
  const timer = timers.attach({
    fired: (ticket) => {
      if (round === undefined) return
      if (ticket === tickets.retry) return send()
      round = undefined
      gaveUp?.()
    }
  })
  const socket = yield* net.bind(spec.self, {
    received: (from, bytes) => {
      const reader = new Reader(bytes)
      if (reader.u8() !== Call.kinds.answer || round === undefined || reader.u32() !== round.number) return
      const server = spec.servers.findIndex(({ host, port }) => host === from.host && port === from.port)
      const found = reader.u8() === 1
      const value = reader.f64()
      if (!reader.isWhole || server < 0) return
      round.answers.set(server, found ? value : undefined)
      if (round.answers.size < spec.servers.length) return
      const { all, answers } = round
      round = undefined
      timer.clear(tickets.retry)
      all(answers)
    }
  })
  const ask = (body: (writer: Writer) => Writer, all: Round["all"]): void => {
    const number = ++numbers
    const head = Writer.make().u8(Call.kinds.request).u32(spec.index).u32(number)
    round = { number, bytes: body(head).finish(), answers: new Map(), all }
    send()
  }
  const begin = (done: (outcome: Outcome<number | null>) => void): ((value: number | null) => void) => {
    timer.set(tickets.timeout, options.timeoutMicros)
    gaveUp = () => {
      timer.clear(tickets.retry)
      done({ type: "unknown", reason: "not all nodes answered" })
    }
    return (value) => {
      timer.clear(tickets.timeout)
      done({ type: "ok", value })
    }
  }
  const putAll = (key: number, value: number, then: () => void): void =>
    ask((writer) => writer.u8(operations.put).u32(key).f64(value), then)
  const made: Client = {
    put: (key, value, done) => {
      const finish = begin(done)
      putAll(key, value, () => finish(null))
    },
    get: (key, done) => {
      const finish = begin(done)
      ask(
        (writer) => writer.u8(operations.get).u32(key),
        (answers) => {
          const values = [...answers.values()]
          const found = values.find((value) => value !== undefined)
          if (found === undefined) finish(null)
          else if (values.includes(undefined)) putAll(key, found, () => finish(found))
          else finish(found)
        }
      )
    }
  }
  return made
})
