/**
 * PageFormat: how a page of the B+tree's file begins, and how its checksum is made and checked.
 *
 * A unit of the tree (a node, a large value, a part of the map of used pages) is an extent: one page or several that follow each
 * other, with one header and one checksum over all of it. All numbers are little-endian.
 *
 * | offset | bytes | what                                                                            |
 * | ------ | ----- | ------------------------------------------------------------------------------- |
 * | 0      | 4     | CRC-32C of everything behind it                                                 |
 * | 4      | 4     | number of the first page: bytes that landed in a wrong place are found          |
 * | 8      | 4     | pages of the extent                                                             |
 * | 12     | 1     | kind: 1 node, 2 value, 3 map root, 4 map part                                   |
 * | 13     | 1     | node: its level, 0 for a leaf                                                   |
 * | 14     | 2     | node: length of the prefix that all of its keys have                            |
 * | 16     | 6     | the transaction that made it                                                    |
 * | 22     | 2     | node: number of entries                                                         |
 * | 24     | 2     | node: where its entries' bytes begin; they end with the extent                  |
 * | 26     | 2     | node: how many of these are garbage                                             |
 * | 28     | 4     | node: 1 when a large value hangs below it; value: its length; map: its index    |
 *
 * Whoever refers to an extent keeps its checksum too. So a page that is whole, but an older one that stood in the same place (a
 * lost write), is found as well.
 */
import { crc32c } from "#base/Crc32c.ts"
import { putU32 } from "#base/Bytes.ts"

export const headerBytes = 32
export const kinds = { node: 1, value: 2, mapRoot: 3, mapPart: 4 } as const

/** Both metas come before the first page that can be allocated. */
export const metaAreaBytes = 8_192

/** The first page behind the metas. */
export const firstPage = (pageBytes: number): number => Math.ceil(metaAreaBytes / pageBytes)

export const u16 = (bytes: Uint8Array, at: number): number => bytes[at] | (bytes[at + 1] << 8)

export const putU16 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
}

export const u32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0

export const u48 = (bytes: Uint8Array, at: number): number => u16(bytes, at + 4) * 4_294_967_296 + u32(bytes, at)

export const putU48 = (bytes: Uint8Array, at: number, value: number): void => {
  putU32(bytes, at, value % 4_294_967_296)
  putU16(bytes, at + 4, Math.floor(value / 4_294_967_296))
}

/** Where an extent is, and what its checksum must be. */
export interface Reference {
  readonly number: number
  readonly pages: number
  readonly checksum: number
}

export const checksumOf = (bytes: Uint8Array): number => u32(bytes, 0)
export const numberOf = (bytes: Uint8Array): number => u32(bytes, 4)
export const kindOf = (bytes: Uint8Array): number => bytes[12]
export const birthOf = (bytes: Uint8Array): number => u48(bytes, 16)
export const extraOf = (bytes: Uint8Array): number => u32(bytes, 28)
export const putExtra = (bytes: Uint8Array, value: number): void => putU32(bytes, 28, value)

/** Fills in what is known once the extent has its place, and the checksum last; returns it. */
export const seal = (bytes: Uint8Array, number: number, pages: number, birth: number): number => {
  putU32(bytes, 4, number)
  putU32(bytes, 8, pages)
  putU48(bytes, 16, birth)
  const checksum = crc32c(bytes, 4)
  putU32(bytes, 0, checksum)
  return checksum
}

/** What is wrong with an extent as it was read, in words; undefined: it is what the reference means. */
export const problem = (
  bytes: Uint8Array,
  reference: Reference,
  pageBytes: number,
  kind: number
): string | undefined => {
  const { checksum, number, pages } = reference
  if (bytes.length < pages * pageBytes) {
    return `the file ends within page ${number}: it has ${bytes.length} of ${pages * pageBytes} bytes`
  }
  const own = crc32c(bytes, 4)
  if (own !== checksumOf(bytes)) return `page ${number} does not match its checksum`
  if (numberOf(bytes) !== number) return `page ${number} holds page ${numberOf(bytes)}`
  if (own !== checksum) return `page ${number} is another one than its parent means: a write was lost`
  if (kindOf(bytes) !== kind || u32(bytes, 8) !== pages) return `page ${number} is of another kind than expected`
  return undefined
}
