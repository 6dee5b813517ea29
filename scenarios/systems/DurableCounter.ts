/**
 * DurableCounter: one server that counts on disk. Every addition is a record of an append-only log (length, CRC-32C, client,
 * number, delta); additions that arrive while a sync is under way share the next one; an answer follows the sync. A
 * delta is written as so many ones, a byte each: records are of all sizes, and a hole that power loss tears in one counts.
 *
 * At start the log is read up to its first bad record and written anew, as one record, to another file that then takes its
 * place: a torn tail ends there, and nothing is believed that a failed sync left in memory only. Any disk error ends
 * the program; it finds out at its next start what is true.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { Reader, Writer } from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import type { ServerSpec } from "#sim/run/Scenario.ts"
import { Disk } from "#world/Disk.ts"
import { Net, type Address } from "#world/Net.ts"
import * as Call from "./Call.ts"

export const operations = { read: 0, add: 1 } as const

/** Words for a message's bytes. */
export const describe = (bytes: Uint8Array): string => {
  const request = Call.readRequest(bytes)
  if (request === undefined) {
    const answer = new Reader(bytes)
    answer.u8()
    return `answer #${answer.u32()} ${answer.f64()}`
  }
  const { body, client, number } = request
  return `c${client} #${number} ${body.u8() === operations.read ? "read" : `add ${body.f64()}`}`
}

export interface Behaviour {
  /** The planted bug of a canary. */
  readonly answersBeforeSync: boolean
}

const directory = "counter"
export const logPath = `${directory}/log`
const nextPath = `${directory}/log.next`

interface Counted {
  value: number
  /** By client: its last addition, and the value after it. */
  readonly sessions: Map<number, { readonly number: number; readonly value: number }>
}

interface Incoming {
  readonly from: Address
  readonly request: Call.Request
}

const frame = (body: Writer): Uint8Array => {
  const bytes = body.finish()
  return Writer.make().u32(bytes.length).u32(crc32c(bytes)).raw(bytes).finish()
}

const recordKinds = { snapshot: 1, addition: 2 } as const

const encodeSnapshot = (counted: Counted): Uint8Array => {
  const body = Writer.make().u8(recordKinds.snapshot).f64(counted.value).u32(counted.sessions.size)
  for (const [client, { number, value }] of counted.sessions) body.u32(client).u32(number).f64(value)
  return frame(body)
}

/** The largest delta, and so the longest record: several sectors. */
export const deltaMax = 1_500

const encodeAddition = (client: number, number: number, delta: number): Uint8Array =>
  frame(Writer.make().u8(recordKinds.addition).u32(client).u32(number).raw(new Uint8Array(delta).fill(1)))

const count = (counted: Counted, client: number, number: number, delta: number): void => {
  counted.value += delta
  counted.sessions.set(client, { number, value: counted.value })
}

/** The records of a log up to the first that is not whole. */
export const replay = (log: Uint8Array): Counted => {
  const counted: Counted = { value: 0, sessions: new Map() }
  const reader = new Reader(log)
  while (reader.leftBytes > 0) {
    const length = reader.u32()
    const checksum = reader.u32()
    const body = reader.raw(length)
    if (!reader.isWhole || length === 0 || crc32c(body) !== checksum) break
    const record = new Reader(body)
    if (record.u8() === recordKinds.addition) {
      const client = record.u32()
      const number = record.u32()
      let delta = 0
      for (const one of record.rest()) delta += one
      count(counted, client, number, delta)
      continue
    }
    counted.value = record.f64()
    for (let left = record.u32(); left > 0; left--) {
      counted.sessions.set(record.u32(), { number: record.u32(), value: record.f64() })
    }
  }
  return counted
}

const readLog = Effect.fnUntraced(function* () {
  const disk = yield* Disk
  const file = yield* disk.open(logPath)
  return yield* file.readAt(0, yield* file.size)
})

const recover = Effect.fnUntraced(function* () {
  const disk = yield* Disk
  yield* disk.makeDirectory(directory)
  yield* disk.syncDirectory("")
  const log = yield* Effect.scoped(readLog()).pipe(
    Effect.catch((error) => (error.code === "not-found" ? Effect.succeed(new Uint8Array(0)) : Effect.fail(error)))
  )
  const counted = replay(log)
  yield* disk
    .remove(nextPath)
    .pipe(Effect.catch((error) => (error.code === "not-found" ? Effect.void : Effect.fail(error))))
  const next = yield* disk.open(nextPath, { create: true })
  yield* next.append(encodeSnapshot(counted))
  yield* next.sync
  yield* disk.rename(nextPath, logPath)
  yield* disk.syncDirectory(directory)
  return { counted, log: next }
})

/** Carries out what came, in order; answers leave by `answer`. Returns the bytes for the log. */
const carryOut = (
  counted: Counted,
  batch: ReadonlyArray<Incoming>,
  answer: (from: Address, bytes: Uint8Array) => void
): Uint8Array => {
  const records = Writer.make()
  for (const { from, request } of batch) {
    const { body, client, number } = request
    if (body.u8() === operations.read) {
      answer(from, Call.answer(number).f64(counted.value).finish())
      continue
    }
    const last = counted.sessions.get(client)
    if (last === undefined || number > last.number) {
      const delta = body.f64()
      if (!body.isWhole || delta > deltaMax) continue
      count(counted, client, number, delta)
      records.raw(encodeAddition(client, number, delta))
    } else if (number < last.number) continue
    answer(from, Call.answer(number).f64(counted.sessions.get(client)!.value).finish())
  }
  return records.finish()
}

const requestsMax = 1_024

export const server = Effect.fnUntraced(function* (spec: ServerSpec, behaviour: Behaviour) {
  const net = yield* Net
  const { counted, log } = yield* recover()
  const requests = yield* Queue.dropping<Incoming>(requestsMax)
  const socket = yield* net.bind(spec.self, {
    received: (from, bytes) => {
      const request = Call.readRequest(bytes)
      if (request !== undefined) Queue.offerUnsafe(requests, { from, request })
    }
  })
  while (true) {
    const batch = yield* Queue.takeAll(requests)
    const answers: Array<{ readonly to: Address; readonly bytes: Uint8Array }> = []
    const records = carryOut(counted, batch, (to, bytes) => answers.push({ to, bytes }))
    if (behaviour.answersBeforeSync) for (const { bytes, to } of answers.splice(0)) socket.send(to, bytes)
    if (records.length > 0) {
      yield* log.append(records)
      yield* log.sync
    }
    for (const { bytes, to } of answers) socket.send(to, bytes)
  }
})
