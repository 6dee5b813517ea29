/**
 * TableFormat: what a table file looks like, and how its parts prove that they are what was written, where it was written.
 *
 *     data block, data block, ... | filter | ranges | index | properties | footer
 *
 * Each block ends with a trailer: its compression (one byte) and a CRC-32C over it and that byte, continued from the file's number and
 * the block's place. So a block that the device put elsewhere, or that belongs to another file, does not pass for this one. The
 * footer has a fixed size and repeats the file's number and size.
 */
import * as Bytes from "#base/Bytes.ts"
import * as BlockCursor from "./BlockCursor.ts"
import * as Compression from "./Compression.ts"
import { checksumAt, putBytes, putU64, readBytes, readU64 } from "./Fields.ts"

/** "ORBITTAB" as two numbers. */
const magic = [0x4942_524f, 0x4241_5454] as const
export const version = 1
export const trailerBytes = 5
export const footerBytes = 48
/** What the footer's checksum is of. */
const footerSummedBytes = footerBytes - 12

/** What the manifest, and the table itself, tell of a table. Bounds hold all keys and range deletes: `from` included, `to` not. */
export interface TableMeta {
  readonly number: number
  readonly sizeBytes: number
  /** Where the data ends and the filter begins; the others follow it. */
  readonly filterAt: number
  readonly filterBytes: number
  readonly rangesBytes: number
  readonly indexBytes: number
  readonly from: Uint8Array
  readonly to: Uint8Array
  readonly sequenceMin: number
  readonly sequenceMax: number
  readonly entries: number
  readonly deletes: number
  /** Entries that have a newer version of their key before them. */
  readonly olderVersions: number
  readonly rangeDeletes: number
  /** Bytes of keys and values, as they were before compression. */
  readonly userBytes: number
  /** Not 0: the sequence number of all entries, whatever stands beside them (an ingested table). */
  readonly ingestedAt: number
}

/** A block without its trailer, as it was before compression; `undefined` when it is not what was written there. */
export const unseal = (stored: Uint8Array, fileNumber: number, offset: number): Uint8Array | undefined => {
  const end = stored.length - 4
  if (end < 1) return undefined
  const expected = (stored[end] | (stored[end + 1] << 8) | (stored[end + 2] << 16) | (stored[end + 3] << 24)) >>> 0
  if (checksumAt(stored.subarray(0, end), fileNumber, offset) !== expected) return undefined
  const content = stored.subarray(0, end - 1)
  const tag = stored[end - 1]
  if (tag === Compression.tags.none) return content
  return tag === Compression.tags.lz4 ? Compression.decompress(content) : undefined
}

/** The same for a block of entries. */
export const unsealEntries = (stored: Uint8Array, fileNumber: number, offset: number): Uint8Array | undefined => {
  const block = unseal(stored, fileNumber, offset)
  return block !== undefined && BlockCursor.isWhole(block) ? block : undefined
}

/** Where the parts behind the data are. */
export interface Footer {
  readonly filterAt: number
  readonly filterBytes: number
  readonly rangesBytes: number
  readonly indexBytes: number
  readonly propertiesBytes: number
}

export const footer = (parts: Footer, fileNumber: number): Uint8Array => {
  const { filterAt, filterBytes, indexBytes, propertiesBytes, rangesBytes } = parts
  const footerAt = filterAt + filterBytes + rangesBytes + indexBytes + propertiesBytes
  const writer = Bytes.Writer.make()
  putU64(writer, filterAt)
  writer.u32(filterBytes).u32(rangesBytes).u32(indexBytes).u32(propertiesBytes)
  putU64(writer, footerAt + footerBytes)
  writer.u32(version)
  const summed = writer.finish()
  const sum = checksumAt(summed, fileNumber, footerAt)
  return Bytes.Writer.make().raw(summed).u32(sum).u32(magic[0]).u32(magic[1]).finish()
}

/** What stands in a footer; a text says what is wrong with it. */
export const readFooter = (bytes: Uint8Array, fileNumber: number, fileBytes: number): Footer | string => {
  const reader = new Bytes.Reader(bytes)
  const parts = {
    filterAt: readU64(reader),
    filterBytes: reader.u32(),
    rangesBytes: reader.u32(),
    indexBytes: reader.u32(),
    propertiesBytes: reader.u32()
  }
  const sizeBytes = readU64(reader)
  const found = reader.u32()
  const sum = reader.u32()
  const isTable = reader.u32() === magic[0] && reader.u32() === magic[1]
  if (bytes.length !== footerBytes || !isTable) return "it does not end like a table"
  const summed = bytes.subarray(0, footerSummedBytes)
  if (checksumAt(summed, fileNumber, fileBytes - footerBytes) !== sum) return "its footer is not what was written"
  if (found !== version) return `it has version ${found} of the format, and this program reads version ${version}`
  return sizeBytes === fileBytes ? parts : `it has ${fileBytes} bytes, and had ${sizeBytes}`
}

export const putMeta = (writer: Bytes.Writer, meta: TableMeta): void => {
  putU64(writer, meta.number)
  putU64(writer, meta.sizeBytes)
  putU64(writer, meta.filterAt)
  writer.u32(meta.filterBytes).u32(meta.rangesBytes).u32(meta.indexBytes)
  putBytes(writer, meta.from)
  putBytes(writer, meta.to)
  putU64(writer, meta.sequenceMin)
  putU64(writer, meta.sequenceMax)
  putU64(writer, meta.entries)
  putU64(writer, meta.deletes)
  putU64(writer, meta.olderVersions)
  putU64(writer, meta.rangeDeletes)
  putU64(writer, meta.userBytes)
  putU64(writer, meta.ingestedAt)
}

export const readMeta = (reader: Bytes.Reader): TableMeta => ({
  number: readU64(reader),
  sizeBytes: readU64(reader),
  filterAt: readU64(reader),
  filterBytes: reader.u32(),
  rangesBytes: reader.u32(),
  indexBytes: reader.u32(),
  from: readBytes(reader),
  to: readBytes(reader),
  sequenceMin: readU64(reader),
  sequenceMax: readU64(reader),
  entries: readU64(reader),
  deletes: readU64(reader),
  olderVersions: readU64(reader),
  rangeDeletes: readU64(reader),
  userBytes: readU64(reader),
  ingestedAt: readU64(reader)
})

/** A table's file: a number that is never used again. */
export const tableName = (number: number): string => `${String(number).padStart(8, "0")}.table`
