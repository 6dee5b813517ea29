/** Freed: the extents that a transaction does not need any more, and that nobody may use again before others are done with them. */
import type { Page } from "./Page.ts"

export class Freed {
  /** Number, pages and birth of each extent; birth 0: it was not read, so it may be of any age. */
  readonly extents: Array<number> = []
  /** Pages of published transactions without a place on disk: they may get one before this transaction ends. */
  readonly unplaced: Array<Page> = []

  extent(number: number, pages: number, birth: number): void {
    this.extents.push(number, pages, birth)
  }

  /** Extents of pages that have got their place since. */
  settle(): void {
    const { unplaced } = this
    let left = 0
    for (const page of unplaced) {
      if (page.number > 0) this.extent(page.number, page.pages, page.birth)
      else unplaced[left++] = page
    }
    unplaced.length = left
  }
}
