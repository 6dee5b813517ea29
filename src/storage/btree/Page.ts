/**
 * Page: an extent in memory. A clean page is as on disk and never changes. A page without a number has never been written; the
 * transaction that made it may change it until it is published, nobody after that.
 *
 * `children` holds what the bytes cannot refer to yet: by the index of an entry, the page without a number that hangs there (a
 * branch's child, a leaf's large value). Where it has a page, the reference in the bytes means nothing.
 */
import * as Format from "./PageFormat.ts"

export type Children = Array<Page | undefined>

/** What a page in memory costs besides its bytes: its object, the typed array, its place in the cache. */
const overheadBytes = 256

export class Page {
  readonly bytes: Uint8Array
  /** 0: not on disk. */
  number: number
  readonly pages: number
  /** The transaction that made it. */
  readonly birth: number
  children: Children | undefined
  /** Used since the cache looked at it last. */
  used = true
  /** Views of its bytes were handed out. */
  isLent = false
  /** Its place among the cached pages. */
  slot = 0

  constructor(bytes: Uint8Array, number: number, pages: number, birth: number) {
    this.bytes = bytes
    this.number = number
    this.pages = pages
    this.birth = birth
  }

  get sizeBytes(): number {
    return this.bytes.length + overheadBytes
  }

  get level(): number {
    return this.bytes[13]
  }
}

/** A large value, not on disk yet. */
export const ofValue = (pageBytes: number, birth: number, source: Uint8Array, from: number, to: number): Page => {
  const pages = valuePages(pageBytes, to - from)
  const bytes = new Uint8Array(pages * pageBytes)
  bytes[12] = Format.kinds.value
  Format.putExtra(bytes, to - from)
  bytes.set(source.subarray(from, to), Format.headerBytes)
  return new Page(bytes, 0, pages, birth)
}

export const valuePages = (pageBytes: number, lengthBytes: number): number =>
  Math.ceil((Format.headerBytes + lengthBytes) / pageBytes)

/** The value, handed out. */
export const valueOf = (page: Page): Uint8Array => {
  page.isLent = true
  return page.bytes.subarray(Format.headerBytes, Format.headerBytes + Format.extraOf(page.bytes))
}
