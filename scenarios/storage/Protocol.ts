/** Protocol: what clients of a store ask for, and how requests and answers lie in bytes. */
import { Reader, Writer } from "#base/Bytes.ts"
import type { Draw } from "#sim/kernel/Draw.ts"

/** Keys that are near each other, beginnings of each other, and at the beginning of everything; all below those of sessions. */
export const keys: ReadonlyArray<Uint8Array> = ["", "\0", "a", "a\0", "aaaaaa", "aaaaaaaa", "ab", "b"].map((text) =>
  Uint8Array.from(text, (letter) => letter.charCodeAt(0))
)

/** The key under which a store keeps a client's last request. */
export const sessionKey = (client: number): Uint8Array => new Uint8Array([0xfe, client])

export type Change =
  | { readonly type: "put"; readonly key: number; readonly value: number; readonly sizeBytes: number }
  | { readonly type: "delete"; readonly key: number }
  /** Keys from one up to, without, another. */
  | { readonly type: "range"; readonly from: number; readonly to: number }

/** How a store is to write: at once durable; buffered, then synced; as an ingestion of its puts. */
export const ways = ["synced", "buffered", "ingest"] as const

export const housekeeping = ["flush", "compact", "verify"] as const

export type Operation =
  | { readonly type: "write"; readonly way: (typeof ways)[number]; readonly changes: ReadonlyArray<Change> }
  /** Gets, all of one snapshot, which is held for a while in their middle. */
  | { readonly type: "read"; readonly keys: ReadonlyArray<number>; readonly holdMicros: number }
  /** A cursor over keys from one up to, without, another, which is held for a while in its middle. */
  | {
      readonly type: "scan"
      readonly from: number
      readonly to: number
      readonly back: boolean
      readonly holdMicros: number
    }
  /** Reads all keys of a checkpoint, after a bit of its files has flipped where `rot` is not 0. */
  | { readonly type: "checkpoint"; readonly rot: number }
  | { readonly type: (typeof housekeeping)[number] }

/** What a client gets: values by key, null for none; a key that is left out was not to be read. */
export interface Read {
  readonly key: number
  readonly value: number | null
}
export type Value = ReadonlyArray<Read>

const drawChange = (draw: Draw, value: number): Change => {
  const coin = draw.below(12)
  if (coin < 7) {
    return { type: "put", key: draw.below(keys.length), value, sizeBytes: draw.pick([0, 0, 10, 100, 700, 3_000]) }
  }
  if (coin < 10) return { type: "delete", key: draw.below(keys.length) }
  const from = draw.below(keys.length)
  return { type: "range", from, to: draw.between(from, keys.length - 1) }
}

/** The next operation of a client. Every value is its own. */
export const drawOperation = (draw: Draw, at: { readonly client: number; readonly index: number }): Operation => {
  const coin = draw.below(40)
  const holdMicros = draw.pick([0, 0, 500, 5_000, 60_000])
  if (coin < 20) {
    const first = (at.index * 8 + at.client) * 8
    const changes = Array.from({ length: draw.between(1, 3) }, (_, index) => drawChange(draw, first + index + 1))
    return { type: "write", way: draw.pick([...ways, "synced", "buffered"]), changes }
  }
  if (coin < 28) {
    const indexes = keys.map((_, index) => index)
    return { type: "read", keys: draw.sample(indexes, draw.between(1, 4)), holdMicros }
  }
  if (coin < 35) {
    const from = draw.below(keys.length)
    return { type: "scan", from, to: draw.between(from, keys.length), back: draw.chance(1, 2), holdMicros }
  }
  if (coin < 37) return { type: "checkpoint", rot: draw.chance(1, 2) ? draw.between(1, 1_000_000) : 0 }
  return { type: draw.pick(housekeeping) }
}

const kinds = ["write", "read", "scan", "checkpoint", ...housekeeping] as const
const changeKinds = ["put", "delete", "range"] as const

export const writeOperation = (writer: Writer, operation: Operation): void => {
  writer.u8(kinds.indexOf(operation.type))
  switch (operation.type) {
    case "write":
      writer.u8(ways.indexOf(operation.way)).u8(operation.changes.length)
      for (const change of operation.changes) {
        writer.u8(changeKinds.indexOf(change.type))
        if (change.type === "put") writer.u8(change.key).f64(change.value).u32(change.sizeBytes)
        else if (change.type === "delete") writer.u8(change.key)
        else writer.u8(change.from).u8(change.to)
      }
      break
    case "read":
      writer.u32(operation.holdMicros).u8(operation.keys.length)
      for (const key of operation.keys) writer.u8(key)
      break
    case "scan":
      writer
        .u32(operation.holdMicros)
        .u8(operation.from)
        .u8(operation.to)
        .u8(operation.back ? 1 : 0)
      break
    case "checkpoint":
      writer.u32(operation.rot)
  }
}

const readChange = (reader: Reader): Change => {
  const type = changeKinds[reader.u8()]
  if (type === "put") return { type, key: reader.u8(), value: reader.f64(), sizeBytes: reader.u32() }
  if (type === "delete") return { type, key: reader.u8() }
  return { type, from: reader.u8(), to: reader.u8() }
}

export const readOperation = (reader: Reader): Operation => {
  const type = kinds[reader.u8()]
  switch (type) {
    case "write": {
      const way = ways[reader.u8()]
      return { type, way, changes: Array.from({ length: reader.u8() }, () => readChange(reader)) }
    }
    case "read": {
      const holdMicros = reader.u32()
      return { type, holdMicros, keys: Array.from({ length: reader.u8() }, () => reader.u8()) }
    }
    case "scan":
      return { type, holdMicros: reader.u32(), from: reader.u8(), to: reader.u8(), back: reader.u8() === 1 }
    case "checkpoint":
      return { type, rot: reader.u32() }
    default:
      return { type }
  }
}

/** `unknown`: what was asked may have happened, or may still, or cannot be told because bytes are damaged. */
export type Answer = Value | "unknown"

export const writeAnswer = (writer: Writer, answer: Answer): Writer => {
  if (answer === "unknown") return writer.u8(0)
  writer.u8(1).u8(answer.length)
  for (const { key, value } of answer)
    writer
      .u8(key)
      .u8(value === null ? 0 : 1)
      .f64(value ?? 0)
  return writer
}

export const readAnswer = (reader: Reader): Answer => {
  if (reader.u8() === 0) return "unknown"
  return Array.from({ length: reader.u8() }, () => {
    const key = reader.u8()
    const present = reader.u8() === 1
    const value = reader.f64()
    return { key, value: present ? value : null }
  })
}

/** A value that no client ever wrote. */
const garbled = -1

/** A number with bytes behind it that follow from the number. */
export const encodeValue = (value: number, sizeBytes: number): Uint8Array => {
  const bytes = new Uint8Array(8 + sizeBytes)
  bytes.set(Writer.make().f64(value).finish())
  for (let at = 8; at < bytes.length; at++) bytes[at] = (value + at) & 255
  return bytes
}

export const decodeValue = (bytes: Uint8Array): number => {
  const value = new Reader(bytes).f64()
  if (bytes.length < 8) return garbled
  for (let at = 8; at < bytes.length; at++) if (bytes[at] !== ((value + at) & 255)) return garbled
  return value
}
