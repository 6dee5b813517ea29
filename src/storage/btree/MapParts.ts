/**
 * MapParts: how the map of used pages stands on disk. A part has a bit a page for as many pages as fit; the root of the map has a
 * reference (number, checksum) to each part, number 0 for one without a used page. Both are written anew where they changed, like
 * everything else in the file.
 */
import { putU32 } from "#base/Bytes.ts"
import { Page } from "./Page.ts"
import * as Format from "./PageFormat.ts"
import type { SpaceMap } from "./SpaceMap.ts"

const partReferenceBytes = 8

/** Pages that one part tells about. */
export const pagesPerPart = (pageBytes: number): number => (pageBytes - Format.headerBytes) * 8

export const partsOf = (pageBytes: number, pageCount: number): number => Math.ceil(pageCount / pagesPerPart(pageBytes))

/** Pages of a root for this many parts. */
export const rootPages = (pageBytes: number, parts: number): number =>
  Math.ceil((Format.headerBytes + parts * partReferenceBytes) / pageBytes)

export interface Part {
  readonly number: number
  readonly checksum: number
}

const none: Part = { number: 0, checksum: 0 }

/** The root as a page that has its place; the references are in the order of the parts. */
export const makeRoot = (options: {
  readonly pageBytes: number
  readonly number: number
  readonly pages: number
  readonly birth: number
  readonly parts: ReadonlyArray<Part | undefined>
}): Page => {
  const bytes = new Uint8Array(options.pages * options.pageBytes)
  bytes[12] = Format.kinds.mapRoot
  Format.putExtra(bytes, options.parts.length)
  for (let i = 0; i < options.parts.length; i++) {
    const { checksum, number } = options.parts[i] ?? none
    putU32(bytes, Format.headerBytes + i * partReferenceBytes, number)
    putU32(bytes, Format.headerBytes + i * partReferenceBytes + 4, checksum)
  }
  Format.seal(bytes, options.number, options.pages, options.birth)
  return new Page(bytes, options.number, options.pages, options.birth)
}

export const makePart = (options: {
  readonly pageBytes: number
  readonly index: number
  readonly number: number
  readonly birth: number
  readonly space: SpaceMap
}): Page => {
  const bytes = new Uint8Array(options.pageBytes)
  bytes[12] = Format.kinds.mapPart
  Format.putExtra(bytes, options.index)
  options.space.copyUsed(options.index * pagesPerPart(options.pageBytes), bytes.subarray(Format.headerBytes))
  Format.seal(bytes, options.number, 1, options.birth)
  return new Page(bytes, options.number, 1, options.birth)
}

/** The parts that a root refers to. */
export const partsIn = (root: Page): ReadonlyArray<Part | undefined> =>
  Array.from({ length: Format.extraOf(root.bytes) }, (_, index) => {
    const at = Format.headerBytes + index * partReferenceBytes
    const number = Format.u32(root.bytes, at)
    return number === 0 ? undefined : { number, checksum: Format.u32(root.bytes, at + 4) }
  })

/** Calls `used` with each run of pages that a part says are used. */
export const forEachUsed = (part: Page, used: (number: number, pages: number) => void): void => {
  const { bytes } = part
  const first = Format.extraOf(bytes) * (bytes.length - Format.headerBytes) * 8
  let from = -1
  for (let bit = 0; bit < (bytes.length - Format.headerBytes) * 8; bit++) {
    const isUsed = (bytes[Format.headerBytes + (bit >>> 3)] & (1 << (bit & 7))) !== 0
    if (isUsed && from < 0) from = bit
    if (!isUsed && from >= 0) {
      used(first + from, bit - from)
      from = -1
    }
  }
  if (from >= 0) used(first + from, (bytes.length - Format.headerBytes) * 8 - from)
}
