/**
 * Manifest: the file that says which tables make up the store. A manifest begins with everything, then come edits; the file
 * `CURRENT` names the manifest that counts. `ManifestFile` reads and writes them.
 *
 * A record is its length and its checksum (four bytes each), then its payload. An edit is made durable, then a seal is written behind
 * it and made durable, and only then the edit counts as done. So a record that does not match its checksum is one of two:
 * the torn end of an edit that never was done, when no seal stands behind it; damage, when one does.
 */
import * as Bytes from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import { checksumAt, putU64, readU64 } from "./Fields.ts"
import * as TableFormat from "./TableFormat.ts"
import * as Version from "./Version.ts"

/** What a store knows of itself, beside its tables. */
export interface State {
  /** Everything before this position of the log is in the tables. */
  readonly logPosition: number
  /** The newest sequence number that is in the tables. */
  readonly sequence: number
  /** No file has this number, or one above it. */
  readonly nextNumber: number
}

export interface Edit {
  readonly state: State
  readonly added: ReadonlyArray<Version.Placed>
  readonly removed: ReadonlyArray<number>
}

/** "ORBITMAN" and "ORBITCUR" as numbers. */
const magic = [0x4942_524f, 0x4e41_4d54] as const
const currentMagic = [0x4942_524f, 0x5255_4354] as const
const version = 1
export const headerBytes = 24
export const recordHeadBytes = 8
export const kinds = { edit: 1, seal: 2 } as const
const sealBytes = recordHeadBytes + 1

const record = (payload: Uint8Array, number: number, offset: number): Uint8Array =>
  Bytes.Writer.make()
    .u32(payload.length)
    .u32(checksumAt(payload, number, offset))
    .raw(payload)
    .finish()

/** A magic, the version, a number and a checksum of them. */
const named = (magic: readonly [number, number], number: number): Uint8Array => {
  const writer = Bytes.Writer.make().u32(magic[0]).u32(magic[1]).u32(version)
  putU64(writer, number)
  const summed = writer.finish()
  return Bytes.Writer.make().raw(summed).u32(crc32c(summed)).finish()
}

/** The number behind a magic; a text says what is wrong. */
const readNamed = (bytes: Uint8Array, magic: readonly [number, number]): number | string => {
  const reader = new Bytes.Reader(bytes.subarray(0, headerBytes))
  if (reader.u32() !== magic[0] || reader.u32() !== magic[1]) return "it does not begin like what it should be"
  const found = reader.u32()
  const number = readU64(reader)
  const sum = reader.u32()
  if (!reader.isWhole || sum !== crc32c(bytes.subarray(0, headerBytes - 4))) return "its bytes are not what was written"
  return found === version ? number : `it has version ${found}, and this program reads version ${version}`
}

export const header = (number: number): Uint8Array => named(magic, number)

export const seal = (number: number, offset: number): Uint8Array => record(Uint8Array.of(kinds.seal), number, offset)

export const edit = (edit: Edit, number: number, offset: number): Uint8Array => {
  const { state, added, removed } = edit
  const writer = Bytes.Writer.make().u8(kinds.edit)
  putU64(writer, state.logPosition)
  putU64(writer, state.sequence)
  putU64(writer, state.nextNumber)
  writer.u32(added.length)
  for (const { level, meta } of added) {
    writer.u8(level)
    TableFormat.putMeta(writer, meta)
  }
  writer.u32(removed.length)
  for (const table of removed) putU64(writer, table)
  return record(writer.finish(), number, offset)
}

export const readEdit = (payload: Uint8Array): Edit | undefined => {
  const reader = new Bytes.Reader(payload)
  if (reader.u8() !== kinds.edit) return undefined
  const state = { logPosition: readU64(reader), sequence: readU64(reader), nextNumber: readU64(reader) }
  const added: Array<Version.Placed> = []
  for (let left = reader.u32(); left > 0 && reader.isWhole; left--) {
    added.push({ level: reader.u8(), meta: TableFormat.readMeta(reader) })
  }
  const removed: Array<number> = []
  for (let left = reader.u32(); left > 0 && reader.isWhole; left--) removed.push(readU64(reader))
  return reader.isWhole && reader.leftBytes === 0 ? { state, added, removed } : undefined
}

export interface Contents {
  readonly version: Version.Version
  readonly state: State
}

export interface Read extends Contents {
  /** From its last edit to where its last whole record ends. */
  readonly tail: Uint8Array
  readonly tailAt: number
  /** That record is a seal. */
  readonly isSealed: boolean
}

/** What a manifest says, or where it is damaged. */
export const read = (
  bytes: Uint8Array,
  number: number
): Read | { readonly damagedAt: number; readonly why: string } => {
  const head = readNamed(bytes, magic)
  if (typeof head === "string") return { damagedAt: 0, why: head }
  if (head !== number) return { damagedAt: 0, why: `it is manifest ${head}` }
  let contents: Contents | undefined
  let isSealed = false
  let end = headerBytes
  let tailAt = headerBytes
  for (let at = headerBytes; at < bytes.length;) {
    const payload = payloadAt(bytes, number, at)
    if (payload === undefined) {
      if (contents === undefined || hasSealBehind(bytes, number, at)) {
        return { damagedAt: at, why: "its record is not what was written" }
      }
      break
    }
    isSealed = payload[0] === kinds.seal
    if (!isSealed) tailAt = at
    at += recordHeadBytes + payload.length
    end = at
    if (isSealed) continue
    const edit = readEdit(payload)
    if (edit === undefined) return { damagedAt: at, why: "its record has a kind that this program does not know" }
    contents = { version: Version.apply(contents?.version ?? Version.empty, edit), state: edit.state }
  }
  return contents === undefined
    ? { damagedAt: headerBytes, why: "it ends before its first record" }
    : { ...contents, tail: bytes.subarray(tailAt, end), tailAt, isSealed }
}

export const payloadAt = (bytes: Uint8Array, number: number, at: number): Uint8Array | undefined => {
  const reader = new Bytes.Reader(bytes.subarray(at))
  const length = reader.u32()
  const sum = reader.u32()
  if (!reader.isWhole || length === 0 || length > reader.leftBytes) return undefined
  const payload = reader.raw(length)
  return checksumAt(payload, number, at) === sum ? payload : undefined
}

const hasSealBehind = (bytes: Uint8Array, number: number, at: number): boolean => {
  for (let i = at + 1; i + sealBytes <= bytes.length; i++) {
    if (bytes[i] !== 1 || bytes[i + recordHeadBytes] !== kinds.seal) continue
    if (payloadAt(bytes, number, i)?.length === 1) return true
  }
  return false
}

/** What the file `CURRENT` holds: the number of the manifest that counts. */
export const current = (number: number): Uint8Array => named(currentMagic, number)

/** The number in `CURRENT`; `undefined` when it is not what was written. */
export const readCurrent = (bytes: Uint8Array): number | undefined => {
  const number = bytes.length === headerBytes ? readNamed(bytes, currentMagic) : ""
  return typeof number === "number" ? number : undefined
}

export const manifestName = (number: number): string => `${String(number).padStart(8, "0")}.manifest`
