/** Options of the B+tree engine, and what follows from them. */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"

export interface Options {
  /** Where its file is. One engine a directory. */
  readonly directory: string
  /** A power of two. An existing file keeps its own. Default: 4 KiB, what file systems and devices write at once. */
  readonly pageBytes?: number | undefined
  /** See the header of `BtreeEngine`. Default: 64 MiB. */
  readonly memoryBytesMax?: number | undefined
  /**
   * How much of the file is kept free, so that a commit finds places next to each other: more makes durable writes cheaper, less
   * makes the file smaller (see `SpaceMap`). After `compact` nothing is free, until the next writes. Default: 50.
   */
  readonly sparePercent?: number | undefined
}

export interface Settings {
  readonly pageBytes: number
  readonly sparePercent: number
  readonly memoryBytesMax: number
  readonly cacheBytesMax: number
  /** Kept for pages to come. */
  readonly spareBytesMax: number
  readonly dirtyBytesMax: number
  readonly writeBytesMax: number
}

const memoryBytesDefault = 64 * 1_048_576
/** With less than a tenth in use, a file would grow for ever. */
const sparePercentMax = 90
const writeBytesMax = 4 * 1_048_576

export const settle = (options: Options): Settings => {
  const { memoryBytesMax = memoryBytesDefault, pageBytes = 4_096, sparePercent = 50 } = options
  const { btreePageBytesMax, btreePageBytesMin } = Limits
  assert(
    pageBytes >= btreePageBytesMin && pageBytes <= btreePageBytesMax && (pageBytes & (pageBytes - 1)) === 0,
    `pageBytes is a power of two from ${btreePageBytesMin} to ${btreePageBytesMax}`
  )
  assert(memoryBytesMax >= 0 && memoryBytesMax < Infinity, "memoryBytesMax is a number of bytes")
  assert(sparePercent >= 0 && sparePercent <= sparePercentMax, `sparePercent is from 0 to ${sparePercentMax}`)
  const dirtyBytesMax = Math.floor(memoryBytesMax / 4)
  const spareBytesMax = Math.floor(memoryBytesMax / 16)
  const writing = Math.max(pageBytes, Math.min(writeBytesMax, Math.floor(memoryBytesMax / 8)))
  return {
    pageBytes,
    sparePercent,
    memoryBytesMax,
    dirtyBytesMax,
    writeBytesMax: writing,
    spareBytesMax,
    cacheBytesMax: Math.max(0, memoryBytesMax - dirtyBytesMax - spareBytesMax - writing)
  }
}
