/**
 * SpaceMap: which pages of the file are in use, and which of the others may be written to.
 *
 * A page is `used` when the newest tree refers to it, and that is what goes to disk. A page that is not used any more stays `busy`
 * while the tree on disk still refers to it (until the commit that freed it is durable), or a reader does: one whose
 * transaction is not older than the page and older than the one that freed it.
 *
 * Pages are taken where several free ones follow each other, from where the last ones were taken on, because a commit writes a
 * run of pages with one call; when the free ones are few or scattered, the file grows, by a sixteenth of its size at a time.
 */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"

/** Shorter runs of free pages are left alone while there is room elsewhere. */
const runPagesMin = 4
/** The file grows rather than that short runs are used, while fewer than one page in this many is free. */
const spareOneIn = 3
const growOneIn = 16
const growPagesMin = 16

interface Pending {
  readonly number: number
  readonly pages: number
  readonly birth: number
  readonly freedBy: number
}

/** Whether a reader has a transaction in [birth, freedBy). */
export type IsRead = (birth: number, freedBy: number) => boolean

export class SpaceMap {
  /** Pages of the file, those before the first that can be used among them. */
  pageCount: number
  freeCount = 0
  private used: Uint32Array
  private busy: Uint32Array
  /** Freed by a transaction that is not durable yet. */
  private pending: Array<Pending> = []
  /** Needed by a reader when it was looked at last. */
  private kept: Array<Pending> = []
  private cursor: number
  private readonly pagesPerPart: number
  /** Parts of the map that are not on disk as they are here. */
  private readonly changed = new Set<number>()

  constructor(pageCount: number, firstPage: number, pagesPerPart: number) {
    this.pagesPerPart = pagesPerPart
    this.pageCount = pageCount
    this.cursor = firstPage
    this.used = new Uint32Array(Math.max(64, Math.ceil(pageCount / 32)))
    this.busy = new Uint32Array(this.used.length)
    for (let number = 0; number < firstPage; number++) set(this.busy, number)
    this.freeCount = pageCount - firstPage
  }

  get memoryBytes(): number {
    return 2 * this.used.byteLength + (this.pending.length + this.kept.length) * 64
  }

  /** How long the file may be after it has grown once more. */
  get pageCountGrown(): number {
    return this.pageCount + this.growPages + growPagesMin
  }

  private get growPages(): number {
    return Math.max(growPagesMin, Math.floor(this.pageCount / growOneIn))
  }

  get pendingCount(): number {
    return this.pending.length + this.kept.length
  }

  isUsed(number: number): boolean {
    return has(this.used, number)
  }

  /** Marks pages as used that a map on disk says so of. */
  load(number: number, pages: number): void {
    for (let page = number; page < number + pages; page++) {
      assert(!has(this.busy, page), "a page is used once")
      set(this.used, page)
      set(this.busy, page)
    }
    this.freeCount -= pages
  }

  /** The bits of pages [from, from + 8 * target.length) as bytes, lowest bit first. */
  copyUsed(from: number, target: Uint8Array): void {
    for (let i = 0; i < target.length; i++) {
      const page = from + i * 8
      const word = page >>> 5
      target[i] = word < this.used.length ? this.used[word] >>> (page & 31) : 0
    }
  }

  /** Takes pages that follow each other; -1: the file cannot grow any more. */
  allocate(pages: number): number {
    const found = this.findRun(pages)
    const number = found >= 0 ? found : this.grow(pages)
    if (number < 0) return -1
    this.take(number, pages)
    this.cursor = number + pages
    return number
  }

  /** Takes `wanted` single pages, in runs as long as it can find, each told to `run`; false: the file cannot grow any more. */
  allocateSingles(wanted: number, run: (number: number, pages: number) => void): boolean {
    let left = wanted
    const scarce = this.freeCount * spareOneIn < this.pageCount
    left -= this.sweep(left, runPagesMin, run)
    if (left > 0 && !scarce) left -= this.sweep(left, 1, run)
    if (left === 0) return true
    const number = this.grow(left)
    if (number < 0) return this.sweep(left, 1, run) === left
    this.take(number, left)
    this.cursor = number + left
    run(number, left)
    return true
  }

  private sweep(wanted: number, runMin: number, run: (number: number, pages: number) => void): number {
    let left = wanted
    const start = this.cursor
    const parts = [start, this.pageCount, 0, Math.min(start, this.pageCount)]
    for (let part = 0; part < 4 && left > 0; part += 2) {
      let at = parts[part]
      const end = parts[part + 1]
      while (left > 0 && at < end) {
        at = nextClear(this.busy, at, end)
        if (at >= end) break
        const length = runLength(this.busy, at, Math.min(end, at + left))
        if (length >= Math.min(runMin, left)) {
          this.take(at, length)
          run(at, length)
          left -= length
          this.cursor = at + length
        }
        at += length
      }
    }
    return wanted - left
  }

  private findRun(pages: number): number {
    const behind = this.firstRun(this.cursor, pages)
    return behind >= 0 ? behind : this.firstRun(0, pages)
  }

  private firstRun(from: number, pages: number): number {
    let at = nextClear(this.busy, from, this.pageCount)
    while (at < this.pageCount) {
      const length = runLength(this.busy, at, Math.min(this.pageCount, at + pages))
      if (length === pages) return at
      at = nextClear(this.busy, at + length, this.pageCount)
    }
    return -1
  }

  /** Makes the file longer, so that it ends with this many free pages; returns the first of them. */
  private grow(pages: number): number {
    let number = this.pageCount
    while (number > 0 && !has(this.busy, number - 1)) number--
    const wanted = Math.max(number + pages, this.pageCount + this.growPages)
    const pageCount = Math.min(wanted, Limits.btreePagesMax)
    if (number + pages > pageCount) return -1
    this.freeCount += pageCount - this.pageCount
    this.pageCount = pageCount
    const words = Math.ceil(pageCount / 32)
    if (words > this.used.length) {
      this.used = grown(this.used, words)
      this.busy = grown(this.busy, words)
    }
    return number
  }

  private take(number: number, pages: number): void {
    this.change(number, pages)
    for (let page = number; page < number + pages; page++) {
      set(this.used, page)
      set(this.busy, page)
    }
    this.freeCount -= pages
  }

  private change(number: number, pages: number): void {
    const last = Math.floor((number + pages - 1) / this.pagesPerPart)
    for (let part = Math.floor(number / this.pagesPerPart); part <= last; part++) this.changed.add(part)
  }

  /** A changed part that is not among those; -1: there is none. */
  nextChanged(among: ReadonlyMap<number, unknown>): number {
    for (const part of this.changed) if (!among.has(part)) return part
    return -1
  }

  /** The map is on disk as it is here. */
  written(): void {
    this.changed.clear()
  }

  /** Undoes `allocate`: nobody ever referred to these pages. */
  giveBack(number: number, pages: number): void {
    this.change(number, pages)
    for (let page = number; page < number + pages; page++) {
      clear(this.used, page)
      clear(this.busy, page)
    }
    this.freeCount += pages
  }

  /** The tree of transaction `freedBy` does not refer to the pages, earlier ones may. */
  free(number: number, pages: number, birth: number, freedBy: number): void {
    this.change(number, pages)
    for (let page = number; page < number + pages; page++) {
      assert(has(this.used, page), "a page that is freed was used")
      clear(this.used, page)
    }
    this.pending.push({ number, pages, birth, freedBy })
  }

  /** Undoes `free`, of the newest that were freed. */
  unfree(count: number): void {
    for (let i = 0; i < count; i++) {
      const { number, pages } = this.pending.pop()!
      this.change(number, pages)
      for (let page = number; page < number + pages; page++) set(this.used, page)
    }
  }

  /**
   * The commit of everything freed so far is durable: what no reader needs may be written to again. `released`: a reader ended since
   * the last call, so what was kept then may not be needed any more.
   */
  reclaim(isRead: IsRead, released: boolean, reclaimed: (number: number) => void): void {
    if (released) {
      this.pending = this.kept.concat(this.pending)
      this.kept = []
    }
    for (const extent of this.pending) {
      const { birth, freedBy, number, pages } = extent
      if (isRead(birth, freedBy)) {
        this.kept.push(extent)
        continue
      }
      for (let page = number; page < number + pages; page++) clear(this.busy, page)
      this.freeCount += pages
      reclaimed(number)
    }
    this.pending = []
  }
}

const set = (bits: Uint32Array, number: number): void => {
  bits[number >>> 5] |= 1 << (number & 31)
}

const clear = (bits: Uint32Array, number: number): void => {
  bits[number >>> 5] &= ~(1 << (number & 31))
}

const has = (bits: Uint32Array, number: number): boolean =>
  number >>> 5 < bits.length && (bits[number >>> 5] & (1 << (number & 31))) !== 0

/** The first clear bit in [from, end), or `end`. */
const nextClear = (bits: Uint32Array, from: number, end: number): number => {
  let at = from
  while (at < end) {
    if ((at & 31) === 0 && bits[at >>> 5] === 0xffffffff) {
      at += 32
      continue
    }
    if (!has(bits, at)) return at
    at++
  }
  return end
}

const runLength = (bits: Uint32Array, from: number, end: number): number => {
  let at = from
  while (at < end && !has(bits, at)) at++
  return at - from
}

const grown = (bits: Uint32Array, words: number): Uint32Array => {
  const larger = new Uint32Array(Math.max(words, bits.length * 2))
  larger.set(bits)
  return larger
}
