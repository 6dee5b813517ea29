/**
 * Compression of blocks, by a tag beside each one: a table may hold blocks of both kinds, because what does not shrink is
 * stored as it is. LZ4 (block format, Collet 2011) because it is the cheapest to read, and `lz4js` because it is plain
 * JavaScript: the same bytes in the simulator, on the main thread and in a worker.
 *
 * Equal blocks compress to equal bytes: the table of matches is emptied before each one.
 */
import * as lz4 from "lz4js"

export type Compression = "none" | "lz4"

export const tags = { none: 0, lz4: 1 } as const

const matches = new Uint32Array(65_536)
/** The size before compression, in front of the compressed bytes. */
const sizeBytes = 4

let scratch = new Uint8Array(0)

/** [from, to) of `bytes` compressed, in memory that the next call uses again; `undefined` when it saves less than an eighth. */
export const compress = (bytes: Uint8Array, from: number, to: number): Uint8Array | undefined => {
  const plainBytes = to - from
  const bound = sizeBytes + lz4.compressBound(plainBytes)
  if (scratch.length < bound) scratch = new Uint8Array(bound)
  matches.fill(0)
  // The library counts matches from the start of what it is given.
  const compressed = lz4.compressBlock(bytes.subarray(from, to), scratch.subarray(sizeBytes), 0, plainBytes, matches)
  if (compressed === 0 || sizeBytes + compressed > plainBytes - (plainBytes >>> 3)) return undefined
  scratch[0] = plainBytes
  scratch[1] = plainBytes >>> 8
  scratch[2] = plainBytes >>> 16
  scratch[3] = plainBytes >>> 24
  return scratch.subarray(0, sizeBytes + compressed)
}

/** What was compressed; `undefined` when the bytes are no such thing. */
export const decompress = (bytes: Uint8Array): Uint8Array | undefined => {
  if (bytes.length < sizeBytes) return undefined
  const plainBytes = (bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24)) >>> 0
  // LZ4 makes at most 255 bytes of one.
  if (plainBytes > bytes.length * 255) return undefined
  const plain = new Uint8Array(plainBytes)
  const end = lz4.decompressBlock(bytes, plain, sizeBytes, bytes.length - sizeBytes, 0)
  return end === plainBytes ? plain : undefined
}
