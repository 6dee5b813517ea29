/**
 * PageCache: clean pages in memory, by number, up to a number of bytes. What goes first is decided by a clock (second chance): a hand goes
 * round, and takes a page that was not used since it came by last. The same reads in the same order keep the same pages.
 *
 * Numbers are looked up in a table of two levels: a third of the time that a `Map` takes.
 */
import type { Page } from "./Page.ts"
import { u32 } from "./PageFormat.ts"

const chunkBits = 8
const chunkSize = 1 << chunkBits
/** What a chunk of the table takes. */
const chunkBytes = chunkSize * 8

type Chunk = Array<Page | undefined>

/** Compares the bytes of both checksums. */
export const isMeant = (page: Page, bytes: Uint8Array, at: number): boolean => {
  const own = page.bytes
  return own[0] === bytes[at + 4] && own[1] === bytes[at + 5] && own[2] === bytes[at + 6] && own[3] === bytes[at + 7]
}

export class PageCache {
  bytes = 0
  private bytesMax: number
  private readonly chunks: Array<Chunk | undefined> = []
  /** Pages in each of them. */
  private readonly counts: Array<number> = []
  /** In the order of the hand; a page knows its place. */
  private readonly ring: Array<Page> = []
  private hand = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  get count(): number {
    return this.ring.length
  }

  /**
   * The page that the reference at `at` of a node's bytes means. What was read long ago, or for a transaction that is no more, may
   * have the same number: its checksum tells.
   */
  get(bytes: Uint8Array, at: number): Page | undefined {
    const page = this.at(u32(bytes, at))
    if (page === undefined || !isMeant(page, bytes, at)) return undefined
    page.used = true
    return page
  }

  private at(number: number): Page | undefined {
    return this.chunks[number >>> chunkBits]?.[number & (chunkSize - 1)]
  }

  put(page: Page): void {
    const { number } = page
    this.delete(number)
    // A large value that is more than all of the memory: who asked for it has it.
    if (page.sizeBytes > this.bytesMax) return
    const high = number >>> chunkBits
    // No holes, which would make a table of hashes of it.
    while (this.chunks.length <= high) {
      this.chunks.push(undefined)
      this.counts.push(0)
    }
    let chunk = this.chunks[high]
    if (chunk === undefined) {
      chunk = new Array<Page | undefined>(chunkSize).fill(undefined)
      this.chunks[high] = chunk
      this.bytes += chunkBytes
    }
    chunk[number & (chunkSize - 1)] = page
    this.counts[high]++
    page.slot = this.ring.length
    this.ring.push(page)
    this.bytes += page.sizeBytes
    this.shrink(page)
  }

  resize(bytesMax: number): void {
    this.bytesMax = bytesMax
    this.shrink(undefined)
  }

  /** The hand never takes the page that came just now. */
  private shrink(newest: Page | undefined): void {
    while (this.bytes > this.bytesMax && this.ring.length > 1) {
      if (this.hand >= this.ring.length) this.hand = 0
      const page = this.ring[this.hand]
      if (page !== newest && !page.used) this.delete(page.number)
      else {
        page.used = false
        this.hand++
      }
    }
  }

  /** Returns the page that was there. */
  delete(number: number): Page | undefined {
    const page = this.at(number)
    if (page === undefined) return undefined
    const high = number >>> chunkBits
    this.chunks[high]![number & (chunkSize - 1)] = undefined
    if (--this.counts[high] === 0) {
      this.chunks[high] = undefined
      this.bytes -= chunkBytes
    }
    this.bytes -= page.sizeBytes
    const last = this.ring.pop()!
    if (last !== page) {
      this.ring[page.slot] = last
      last.slot = page.slot
    }
    return page
  }
}
