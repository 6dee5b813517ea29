/**
 * Format: the bytes of a log's files, pure. `docs/formats.md` has the tables, this file the code.
 *
 * A segment is a file `NNNNNNNN.wal`: a header, a record with the table of all streams as they were when the segment was made, then
 * records one behind the other, then zeros or the end of the file. It is written under the name `NNNNNNNN.new` and renamed when
 * that much is durable, so a file `.wal` whose header does not read is damaged and never half made.
 *
 * A record's header and its payload have a checksum each: when only the payload is damaged, the header still tells whose record
 * it was. The header's checksum begins from the segment's salt and the record's offset, so a header is valid in its own place only:
 * not in another file, not one sector off, not inside a value that somebody copied from a log.
 *
 * Records that went to disk with one write are a group, and each header says where its group begins. The next group is written when
 * this one is durable; so whatever stands before the begin of any valid record's group was durable, and is damaged if it
 * does not read.
 */
import { assert } from "#base/Assert.ts"
import { putU32 } from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"

export const version = 1
export const segmentHeaderBytes = 64
export const recordHeaderBytes = 28
export const identityBytes = 8

/** Positions have six bytes: a million a second for nine years. */
export const positionMax = 281_474_976_710_655

export const kinds = {
  append: 1,
  /** The stream's records before `position` are not needed. */
  cutHead: 2,
  /** The stream's records from `position` on never were. */
  cutTail: 3,
  /** Says nothing but that everything before it was durable. */
  mark: 4,
  /** The record at `position`, written again so that its old segment can go. */
  carry: 5,
  /** The table of all streams. */
  table: 6
} as const

/** "ORBITWAL". */
const magic = [0x4f, 0x52, 0x42, 0x49, 0x54, 0x57, 0x41, 0x4c]

export const nameOf = (segment: number): string => `${String(segment).padStart(8, "0")}.wal`
export const newNameOf = (segment: number): string => `${String(segment).padStart(8, "0")}.new`

/** The number in a file's name; undefined: not a file of this kind. */
export const numberOf = (name: string, ending: "wal" | "new"): number | undefined => {
  const match = /^(\d{8,10})\.(wal|new)$/.exec(name)
  return match !== null && match[2] === ending ? Number(match[1]) : undefined
}

const u32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0

const u48 = (bytes: Uint8Array, at: number): number =>
  u32(bytes, at) + (bytes[at + 4] | (bytes[at + 5] << 8)) * 4294967296

const putU48 = (bytes: Uint8Array, at: number, value: number): void => {
  putU32(bytes, at, value % 4294967296)
  const high = Math.floor(value / 4294967296)
  bytes[at + 4] = high
  bytes[at + 5] = high >>> 8
}

export interface SegmentHeader {
  readonly segment: number
  /** Drawn once a log: a segment of another log is not taken for one of this. */
  readonly identity: Uint8Array
  /** Bytes of all segments before this one, since the log began. */
  readonly base: number
  /** The segment before this one, and where its records end; 0 and 0 for the first. */
  readonly previous: number
  readonly previousEnd: number
}

export const encodeSegmentHeader = (header: SegmentHeader): Uint8Array => {
  const bytes = new Uint8Array(segmentHeaderBytes)
  bytes.set(magic)
  bytes[8] = version
  putU32(bytes, 12, header.segment)
  bytes.set(header.identity, 16)
  putU48(bytes, 24, header.base)
  putU32(bytes, 32, header.previous)
  putU32(bytes, 36, header.previousEnd)
  putU32(bytes, 60, crc32c(bytes, 0, 0, 60))
  return bytes
}

/**
 * The version of a segment that this program does not know; undefined: it knows it, or the header does not read. Magic, version
 * and checksum keep their places in all versions.
 */
export const unknownVersionOf = (bytes: Uint8Array): number | undefined => {
  if (bytes.length < segmentHeaderBytes || u32(bytes, 60) !== crc32c(bytes, 0, 0, 60)) return undefined
  return magic.every((byte, index) => bytes[index] === byte) && bytes[8] !== version ? bytes[8] : undefined
}

/** The header in the first bytes of a segment; a text says why there is none. */
export const decodeSegmentHeader = (bytes: Uint8Array, segment: number): SegmentHeader | string => {
  if (bytes.length < segmentHeaderBytes) return "the file ends within its header"
  if (u32(bytes, 60) !== crc32c(bytes, 0, 0, 60)) return "the header does not match its checksum"
  if (magic.some((byte, index) => bytes[index] !== byte)) return "this is not a segment of a log"
  if (bytes[8] !== version) return `the format has version ${bytes[8]}, this program knows ${version}`
  if (u32(bytes, 12) !== segment) return `this is segment ${u32(bytes, 12)} under another name`
  return {
    segment,
    identity: bytes.slice(16, 16 + identityBytes),
    base: u48(bytes, 24),
    previous: u32(bytes, 32),
    previousEnd: u32(bytes, 36)
  }
}

/** What record headers of one segment begin their checksums from. */
export const saltOf = (identity: Uint8Array, segment: number): number => {
  const number = new Uint8Array(4)
  putU32(number, 0, segment)
  return crc32c(number, 0, crc32c(identity))
}

/** The part of a record's header that does not depend on where it will stand; needs the payload behind it. */
export const putRecord = (
  bytes: Uint8Array,
  at: number,
  record: { readonly kind: number; readonly stream: number; readonly position: number; readonly payloadBytes: number }
): void => {
  assert(record.position <= positionMax, "a position fits in six bytes")
  const from = at + recordHeaderBytes
  putU32(bytes, at + 4, record.payloadBytes === 0 ? 0 : crc32c(bytes, from, 0, from + record.payloadBytes))
  putU32(bytes, at + 8, record.payloadBytes)
  putU32(bytes, at + 16, record.stream)
  putU48(bytes, at + 20, record.position)
  bytes[at + 27] = record.kind
}

/** The rest of it: the record will stand at `offset` of the segment, in the group that begins at `group`. */
export const sealRecord = (
  bytes: Uint8Array,
  at: number,
  place: { readonly salt: number; readonly group: number; readonly offset: number; readonly epoch: number }
): void => {
  putU32(bytes, at + 12, place.group)
  bytes[at + 26] = place.epoch
  putU32(bytes, at, crc32c(bytes, at + 4, (place.salt + place.offset) >>> 0, at + recordHeaderBytes))
}

/** A record's header as it was read, used again and again. */
export class RecordHeader {
  kind = 0
  stream = 0
  position = 0
  /** Cuts of the stream's tail before this record, or with it, modulo 256: tells a lost cut from lost records. */
  epoch = 0
  /** Where in the segment the record's group begins. */
  group = 0
  payloadBytes = 0
  payloadChecksum = 0

  /** Reads the header that belongs at `offset` of the segment; false: there is none. Needs `recordHeaderBytes` bytes. */
  read(bytes: Uint8Array, at: number, salt: number, offset: number): boolean {
    const kind = bytes[at + 27]
    if (kind === 0 || kind > kinds.table) return false
    const group = u32(bytes, at + 12)
    if (group > offset) return false
    if (u32(bytes, at) !== crc32c(bytes, at + 4, (salt + offset) >>> 0, at + recordHeaderBytes)) return false
    this.kind = kind
    this.group = group
    this.payloadChecksum = u32(bytes, at + 4)
    this.payloadBytes = u32(bytes, at + 8)
    this.stream = u32(bytes, at + 16)
    this.position = u48(bytes, at + 20)
    this.epoch = bytes[at + 26]
    return true
  }
}

/** Where the header of a group's first record stands that belongs to another place of the segment; the bytes are those from `offset` on. */
export const strayAt = (bytes: Uint8Array, salt: number, offset: number): number | undefined => {
  const header = new RecordHeader()
  for (let at = 0; at + recordHeaderBytes <= bytes.length; at++) {
    const group = u32(bytes, at + 12)
    if (group !== offset + at && header.read(bytes, at, salt, group)) return offset + at
  }
  return undefined
}

/** A stream as a table has it: its records are those in [first, end). */
export interface TableEntry {
  readonly stream: number
  readonly epoch: number
  /** Records that nobody can name may be missing from its end. */
  readonly inDoubt: boolean
  readonly first: number
  readonly end: number
}

const tableEntryBytes = 18

export const encodeTable = (entries: ReadonlyArray<TableEntry>): Uint8Array => {
  const bytes = new Uint8Array(entries.length * tableEntryBytes)
  entries.forEach((entry, index) => {
    const at = index * tableEntryBytes
    putU32(bytes, at, entry.stream)
    bytes[at + 4] = entry.epoch
    bytes[at + 5] = entry.inDoubt ? 1 : 0
    putU48(bytes, at + 6, entry.first)
    putU48(bytes, at + 12, entry.end)
  })
  return bytes
}

export const decodeTable = (bytes: Uint8Array): ReadonlyArray<TableEntry> =>
  Array.from({ length: Math.floor(bytes.length / tableEntryBytes) }, (_, index) => {
    const at = index * tableEntryBytes
    return {
      stream: u32(bytes, at),
      epoch: bytes[at + 4],
      inDoubt: bytes[at + 5] === 1,
      first: u48(bytes, at + 6),
      end: u48(bytes, at + 12)
    }
  })

/** The first bytes of a new segment: header, and the table as the first record. */
export const preamble = (header: SegmentHeader, entries: ReadonlyArray<TableEntry>): Uint8Array => {
  const table = encodeTable(entries)
  const bytes = new Uint8Array(segmentHeaderBytes + recordHeaderBytes + table.length)
  bytes.set(encodeSegmentHeader(header))
  const at = segmentHeaderBytes
  bytes.set(table, at + recordHeaderBytes)
  putRecord(bytes, at, { kind: kinds.table, stream: 0, position: 0, payloadBytes: table.length })
  sealRecord(bytes, at, { salt: saltOf(header.identity, header.segment), group: at, offset: at, epoch: 0 })
  return bytes
}
