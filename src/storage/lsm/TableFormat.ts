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
import { crc32c } from "#base/Crc32c.ts"
import * as BlockCursor from "./BlockCursor.ts"
import * as Compression from "./Compression.ts"

/** "Orbt" as four bytes. */
const magic = 0x7462_724f
export const version = 1
export const trailerBytes = 5
export const footerBytes = 48

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

const place = new Uint8Array(16)
const placeNumbers = new Float64Array(place.buffer)

/** Where the checksum of a block begins: with its file's number and its place in it. */
const seedOf = (fileNumber: number, offset: number): number => {
  placeNumbers[0] = fileNumber
  placeNumbers[1] = offset
  return crc32c(place)
}

/** The checksum of a block with its compression's byte behind it. */
export const checksum = (block: Uint8Array, fileNumber: number, offset: number): number =>
  crc32c(block, 0, seedOf(fileNumber, offset))

/** A block without its trailer, as it was before compression; `undefined` when it is not what was written there. */
export const unseal = (stored: Uint8Array, fileNumber: number, offset: number): Uint8Array | undefined => {
  const end = stored.length - 4
  if (end < 1) return undefined
  const expected = (stored[end] | (stored[end + 1] << 8) | (stored[end + 2] << 16) | (stored[end + 3] << 24)) >>> 0
  if (checksum(stored.subarray(0, end), fileNumber, offset) !== expected) return undefined
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

export const footer = (options: {
  readonly fileNumber: number
  readonly filterAt: number
  readonly filterBytes: number
  readonly rangesBytes: number
  readonly indexBytes: number
  readonly propertiesBytes: number
}): Uint8Array => {
  const { filterAt, filterBytes, rangesBytes, indexBytes, propertiesBytes } = options
  const propertiesAt = filterAt + filterBytes + rangesBytes + indexBytes
  const writer = Bytes.Writer.make()
    .f64(filterAt)
    .u32(filterBytes)
    .u32(rangesBytes)
    .u32(indexBytes)
    .u32(propertiesBytes)
    .f64(propertiesAt + propertiesBytes + footerBytes)
    .u32(version)
  const body = Bytes.copy(writer.finish())
  const sum = checksum(body, options.fileNumber, propertiesAt + propertiesBytes)
  return Bytes.Writer.make().raw(body).u32(sum).u32(0).u32(magic).finish()
}

export interface Footer {
  readonly filterAt: number
  readonly filterBytes: number
  readonly rangesBytes: number
  readonly indexBytes: number
  readonly propertiesBytes: number
}

/** What stands in a footer; a text says what is wrong with it. */
export const readFooter = (bytes: Uint8Array, fileNumber: number, fileBytes: number): Footer | string => {
  const reader = new Bytes.Reader(bytes)
  const filterAt = reader.f64()
  const filterBytes = reader.u32()
  const rangesBytes = reader.u32()
  const indexBytes = reader.u32()
  const propertiesBytes = reader.u32()
  const sizeBytes = reader.f64()
  const found = reader.u32()
  const sum = reader.u32()
  reader.u32()
  if (bytes.length !== footerBytes || reader.u32() !== magic) return "it does not end like a table"
  const at = fileBytes - footerBytes
  if (checksum(bytes.subarray(0, footerBytes - 12), fileNumber, at) !== sum) return "its footer is not what was written"
  if (found !== version) return `it has version ${found} of the format, and this program reads version ${version}`
  if (sizeBytes !== fileBytes) return `it has ${fileBytes} bytes, and had ${sizeBytes}`
  return { filterAt, filterBytes, rangesBytes, indexBytes, propertiesBytes }
}

export const putMeta = (writer: Bytes.Writer, meta: TableMeta): void => {
  writer.f64(meta.number).f64(meta.sizeBytes).f64(meta.filterAt)
  writer.u32(meta.filterBytes).u32(meta.rangesBytes).u32(meta.indexBytes)
  writer.u32(meta.from.length).raw(meta.from).u32(meta.to.length).raw(meta.to)
  writer.f64(meta.sequenceMin).f64(meta.sequenceMax).f64(meta.entries).f64(meta.deletes).f64(meta.olderVersions)
  writer.f64(meta.rangeDeletes).f64(meta.userBytes).f64(meta.ingestedAt)
}

export const readMeta = (reader: Bytes.Reader): TableMeta => ({
  number: reader.f64(),
  sizeBytes: reader.f64(),
  filterAt: reader.f64(),
  filterBytes: reader.u32(),
  rangesBytes: reader.u32(),
  indexBytes: reader.u32(),
  from: Bytes.copy(reader.raw(reader.u32())),
  to: Bytes.copy(reader.raw(reader.u32())),
  sequenceMin: reader.f64(),
  sequenceMax: reader.f64(),
  entries: reader.f64(),
  deletes: reader.f64(),
  olderVersions: reader.f64(),
  rangeDeletes: reader.f64(),
  userBytes: reader.f64(),
  ingestedAt: reader.f64()
})

/** Names of the files of a store: a number that is never used twice, and what it is. */
export const tableName = (number: number): string => `${String(number).padStart(8, "0")}.table`
