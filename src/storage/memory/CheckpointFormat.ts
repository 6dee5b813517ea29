/**
 * CheckpointFormat: the bytes of a checkpoint file, pure. `docs/formats.md` has the tables, this file the code.
 *
 * A file `NNNNNNNN.checkpoint` holds all entries of an engine as of one moment, in the order of their keys: a header, blocks, an end.
 * Every unit has a checksum that begins from the file's number, and blocks are numbered: a block that belongs to another
 * file or to another place does not match. The file is written under the name `NNNNNNNN.new` and renamed when it is
 * durable, so one with the name `.checkpoint` that does not read to its end is damaged and never half made.
 */
import { putU32 } from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"

export const version = 1
export const headerBytes = 32
export const blockHeaderBytes = 24
const endBytes = blockHeaderBytes

/** "ORBITMEM". */
const magic = [0x4f, 0x52, 0x42, 0x49, 0x54, 0x4d, 0x45, 0x4d]
const kinds = { block: 1, end: 2 } as const
const wordRange = 4_294_967_296

export type Ending = "checkpoint" | "new"

export const nameOf = (number: number, ending: Ending): string => `${String(number).padStart(8, "0")}.${ending}`

/** The number in a file's name; undefined: not a file of this kind. */
export const numberOf = (name: string, ending: Ending): number | undefined => {
  const match = /^(\d{8,15})\.(checkpoint|new)$/.exec(name)
  return match !== null && match[2] === ending ? Number(match[1]) : undefined
}

const u32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0

const putU64 = (bytes: Uint8Array, at: number, value: number): void => {
  putU32(bytes, at, value % wordRange)
  putU32(bytes, at + 4, Math.floor(value / wordRange))
}

const u64 = (bytes: Uint8Array, at: number): number => u32(bytes, at) + u32(bytes, at + 4) * wordRange

const checksum = (bytes: Uint8Array, from: number, to: number, salt: number): number => crc32c(bytes, from, salt, to)

/** What all checksums of a file begin from. */
const saltOf = (number: number): number => {
  const bytes = new Uint8Array(8)
  putU64(bytes, 0, number)
  return crc32c(bytes)
}

/** `position`: of the first log record that the file does not hold. */
export const encodeHeader = (number: number, position: number): Uint8Array => {
  const bytes = new Uint8Array(headerBytes)
  bytes.set(magic)
  bytes[8] = version
  putU64(bytes, 12, number)
  putU64(bytes, 20, position)
  putU32(bytes, 28, checksum(bytes, 0, 28, saltOf(number)))
  return bytes
}

/** The position in the header at the beginning of `bytes`; a text says why there is none. */
export const decodeHeader = (bytes: Uint8Array, number: number): number | string => {
  if (bytes.length < headerBytes) return "the file ends within its header"
  if (magic.some((byte, index) => bytes[index] !== byte)) return "this is not a checkpoint of a memory engine"
  if (u32(bytes, 28) !== checksum(bytes, 0, 28, saltOf(number))) return "the header does not match its checksum"
  if (bytes[8] !== version) return `the format has version ${bytes[8]}, this program knows ${version}`
  return u64(bytes, 20)
}

/** Collects entries into one block. Reused block by block. */
export class BlockBuilder {
  private bytes: Uint8Array
  private length = blockHeaderBytes
  private entries = 0
  private blocks = 0
  private total = 0
  private readonly salt: number

  constructor(number: number, sizeBytes: number) {
    this.bytes = new Uint8Array(blockHeaderBytes + sizeBytes)
    this.salt = saltOf(number)
  }

  /** Bytes of entries in the block so far. */
  get sizeBytes(): number {
    return this.length - blockHeaderBytes
  }

  /** Entries of all blocks so far. */
  get count(): number {
    return this.total + this.entries
  }

  add(key: Uint8Array, keyFrom: number, keyTo: number, value: Uint8Array, valueFrom: number, valueTo: number): void {
    const needed = this.length + keyTo - keyFrom + valueTo - valueFrom + 10
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2))
      larger.set(this.bytes.subarray(0, this.length))
      this.bytes = larger
    }
    this.varint(keyTo - keyFrom)
    this.varint(valueTo - valueFrom)
    this.raw(key, keyFrom, keyTo)
    this.raw(value, valueFrom, valueTo)
    this.entries++
  }

  /** The block, and an empty builder. The bytes are the caller's. */
  finish(): Uint8Array {
    const { bytes } = this
    const block = bytes.slice(0, this.length)
    this.seal(block, kinds.block, this.entries)
    this.total += this.entries
    this.entries = 0
    this.length = blockHeaderBytes
    this.blocks++
    // A value of megabytes is no reason to keep its buffer.
    if (bytes.length > 4 * 1_048_576) this.bytes = new Uint8Array(blockHeaderBytes)
    return block
  }

  /** What stands behind the last block. */
  end(): Uint8Array {
    const bytes = new Uint8Array(endBytes)
    this.seal(bytes, kinds.end, this.total)
    return bytes
  }

  private seal(bytes: Uint8Array, kind: number, entries: number): void {
    putU32(bytes, 4, bytes.length - blockHeaderBytes)
    putU32(bytes, 8, checksum(bytes, blockHeaderBytes, bytes.length, this.salt))
    putU32(bytes, 12, this.blocks)
    putU32(bytes, 16, entries)
    bytes[20] = kind
    putU32(bytes, 0, checksum(bytes, 4, blockHeaderBytes, this.salt))
  }

  private varint(value: number): void {
    let left = value
    while (left >= 0x80) {
      this.bytes[this.length++] = (left & 0x7f) | 0x80
      left >>>= 7
    }
    this.bytes[this.length++] = left
  }

  private raw(bytes: Uint8Array, from: number, to: number): void {
    const at = this.length
    if (to - from > 100) this.bytes.set(bytes.subarray(from, to), at)
    else for (let i = from; i < to; i++) this.bytes[at + i - from] = bytes[i]
    this.length = at + to - from
  }
}

/** Gets the entries of a block: the key is [keyFrom, keyTo) of `bytes`, the value [keyTo, valueTo). */
export type Visit = (bytes: Uint8Array, keyFrom: number, keyTo: number, valueTo: number) => void

/**
 * Reads a file's units one behind the other. The caller keeps the place in the file: it hands over bytes that begin there, and
 * more of them when `neededBytes` asks for more.
 */
export class BlockReader {
  /** Bytes of the unit that was begun, from its first one. */
  neededBytes = blockHeaderBytes
  /** The end was read. */
  isAtEnd = false
  private readonly salt: number
  private blocks = 0
  private total = 0

  constructor(number: number) {
    this.salt = saltOf(number)
  }

  /**
   * Reads the unit at `from` of `bytes`. A number: its size, and its entries were visited. "more": `neededBytes` are needed. Another
   * text says what is wrong with it. `isPassable`: its header is whole, so that the next unit is behind `neededBytes`.
   */
  read(bytes: Uint8Array, from: number, visit: Visit | undefined): number | string {
    const left = bytes.length - from
    this.neededBytes = blockHeaderBytes
    this.isPassable = false
    if (left < blockHeaderBytes) return "more"
    if (u32(bytes, from) !== checksum(bytes, from + 4, from + blockHeaderBytes, this.salt)) {
      return "a block's header does not match its checksum"
    }
    if (u32(bytes, from + 12) !== this.blocks) return "a block stands in the place of another"
    this.neededBytes = blockHeaderBytes + u32(bytes, from + 4)
    if (left < this.neededBytes) return "more"
    this.isPassable = true
    this.blocks++
    const entries = u32(bytes, from + 16)
    if (bytes[from + 20] === kinds.end) {
      this.isAtEnd = true
      return entries === this.total % wordRange ? endBytes : "entries are missing before the end"
    }
    this.total += entries
    const end = from + this.neededBytes
    if (u32(bytes, from + 8) !== checksum(bytes, from + blockHeaderBytes, end, this.salt)) {
      return "a block does not match its checksum"
    }
    const isWhole = visit === undefined || forEach(bytes, from + blockHeaderBytes, end, entries, visit)
    return isWhole ? this.neededBytes : "a block's entries do not fill it"
  }

  isPassable = false
}

const forEach = (bytes: Uint8Array, from: number, to: number, entries: number, visit: Visit): boolean => {
  let at = from
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= to) return wordRange
      const byte = bytes[at++]
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    return wordRange
  }
  for (let i = 0; i < entries; i++) {
    const keyBytes = varint()
    const valueBytes = varint()
    const keyTo = at + keyBytes
    if (keyTo + valueBytes > to) return false
    visit(bytes, at, keyTo, keyTo + valueBytes)
    at = keyTo + valueBytes
  }
  return at === to
}
