/**
 * PageCache: clean pages in memory, by number, up to a number of bytes. What goes first is decided by a clock (second chance): a hand goes
 * round, and takes a page that was not used since it came by last. The same reads in the same order keep the same pages.
 */
import type { Page } from "./Page.ts"
import { u32 } from "./PageFormat.ts"

/** Compares the bytes of both checksums. */
export const isMeant = (page: Page, bytes: Uint8Array, at: number): boolean => {
  const own = page.bytes
  return own[0] === bytes[at + 4] && own[1] === bytes[at + 5] && own[2] === bytes[at + 6] && own[3] === bytes[at + 7]
}

export class PageCache {
  bytes = 0
  private bytesMax: number
  private readonly pages = new Map<number, Page>()
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
    const page = this.pages.get(u32(bytes, at))
    if (page === undefined || !isMeant(page, bytes, at)) return undefined
    page.used = true
    return page
  }

  put(page: Page): void {
    this.delete(page.number)
    this.pages.set(page.number, page)
    page.slot = this.ring.length
    this.ring.push(page)
    this.bytes += page.sizeBytes
    while (this.bytes > this.bytesMax && this.ring.length > 1) this.evict(page)
  }

  resize(bytesMax: number): void {
    this.bytesMax = bytesMax
    while (this.bytes > bytesMax && this.ring.length > 1) this.evict(undefined)
  }

  /** The hand never takes the page that came just now. */
  private evict(newest: Page | undefined): void {
    for (;;) {
      if (this.hand >= this.ring.length) this.hand = 0
      const page = this.ring[this.hand]
      if (page !== newest && !page.used) return this.delete(page.number)
      page.used = false
      this.hand++
    }
  }

  delete(number: number): void {
    const page = this.pages.get(number)
    if (page === undefined) return
    this.pages.delete(number)
    this.bytes -= page.sizeBytes
    const last = this.ring.pop()!
    if (last === page) return
    this.ring[page.slot] = last
    last.slot = page.slot
  }
}
