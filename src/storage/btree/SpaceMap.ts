/**
 * SpaceMap: which pages of the file are in use, and which of the others may be written to.
 *
 * A page is `used` when the newest tree refers to it, and that is what goes to disk. A page that is not used any more stays `busy`
 * while the tree on disk still refers to it (until the commit that freed it is durable), or a reader does: one whose
 * transaction is not older than the page and older than the one that freed it.
 *
 * Pages are taken from where the last ones were taken on, round and round: so free pages have time to gather ahead, and a commit writes
 * several that follow each other with one call: when half of the file is free, random writes find about four, when a third is, two.
 * When too few are free the file grows, by a sixteenth of its size at a time.
 */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"

/** Small commits get their pages in one run, so that one call writes them, if there is one this near. */
const togetherMax = 16
const seekPagesMax = 4_096
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
  /** The file grows while less of it than this is free. 0: every gap is filled first, for a file that is to be small. */
  sparePercent = 0
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

  /** Takes `wanted` single pages, in as few runs as it can find, each told to `run`; false: the file cannot grow any more. */
  allocateSingles(wanted: number, run: (number: number, pages: number) => void): boolean {
    if (wanted === 0) return true
    let left = wanted
    const isScarce = this.freeCount * 100 < this.pageCount * this.sparePercent
    if (!isScarce) {
      if (wanted <= togetherMax) this.seek(wanted)
      left -= this.sweep(left, run)
    }
    if (left === 0) return true
    const number = this.grow(left)
    if (number < 0) return this.sweep(left, run) === left
    this.take(number, left)
    this.cursor = number + left
    run(number, left)
    return true
  }

  /** Moves the cursor to a run of this many free pages, if there is one not far behind. */
  private seek(pages: number): void {
    const end = Math.min(this.pageCount, this.cursor + seekPagesMax)
    const found = this.firstRun(this.cursor, pages, end)
    if (found >= 0) this.cursor = found
  }

  private sweep(wanted: number, run: (number: number, pages: number) => void): number {
    const start = this.cursor
    const left = this.sweepIn(start, this.pageCount, wanted, run)
    return wanted - (left === 0 ? 0 : this.sweepIn(0, start, left, run))
  }

  private sweepIn(from: number, to: number, wanted: number, run: (number: number, pages: number) => void): number {
    let left = wanted
    let at = nextClear(this.busy, from, to)
    while (left > 0 && at < to) {
      const length = runLength(this.busy, at, Math.min(to, at + left))
      this.take(at, length)
      run(at, length)
      left -= length
      this.cursor = at + length
      at = nextClear(this.busy, this.cursor, to)
    }
    return left
  }

  private findRun(pages: number): number {
    const behind = this.firstRun(this.cursor, pages, this.pageCount)
    return behind >= 0 ? behind : this.firstRun(0, pages, this.pageCount)
  }

  private firstRun(from: number, pages: number, end: number): number {
    let at = nextClear(this.busy, from, end)
    while (at < end) {
      const length = runLength(this.busy, at, Math.min(end, at + pages))
      if (length === pages) return at
      at = nextClear(this.busy, at + length, end)
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
