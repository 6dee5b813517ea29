/**
 * Cache: decoded blocks and heads of tables, up to a budget of bytes. What goes first is decided by a clock hand (Corbató 1968):
 * who was used since it last came by gets another round. Which one that is depends on the order of uses alone.
 *
 * A table finds its blocks by their number in an array of its own, and marks them as used: no look-up in a table of hashes.
 */
import { assert } from "#base/Assert.ts"

/** Something cached. Its holder sets `isUsed` at each use, and forgets it when it is told to. */
export interface Item {
  isUsed: boolean
  /** The place of the item in the cache; -1: it is not in. */
  place: number
  readonly memoryBytes: number
  evicted(): void
}

/** Memory of an item beside its bytes. */
export const itemBytes = 150

export class Cache {
  private readonly budgetBytes: number
  private readonly items: Array<Item> = []
  private hand = 0
  private used = 0
  /** Heads and blocks that were there when they were asked for, and reads of those that were not. */
  hits = 0
  misses = 0

  constructor(budgetBytes: number) {
    this.budgetBytes = budgetBytes
  }

  get memoryBytes(): number {
    return this.used
  }

  get count(): number {
    return this.items.length
  }

  /** Takes an item in, and evicts others until all fit the budget. One that is larger than the budget stays outside. */
  add(item: Item): void {
    assert(item.place === -1, "an item is cached once")
    const sizeBytes = item.memoryBytes + itemBytes
    if (sizeBytes > this.budgetBytes) return item.evicted()
    while (this.used + sizeBytes > this.budgetBytes) this.evict()
    item.place = this.items.length
    item.isUsed = false
    this.items.push(item)
    this.used += sizeBytes
  }

  /** Takes it out, without a word to its holder. */
  remove(item: Item): void {
    if (item.place === -1) return
    const last = this.items.pop()!
    if (last !== item) {
      this.items[item.place] = last
      last.place = item.place
    }
    item.place = -1
    this.used -= item.memoryBytes + itemBytes
  }

  private evict(): void {
    for (;;) {
      if (this.hand >= this.items.length) this.hand = 0
      const item = this.items[this.hand]
      if (item.isUsed) {
        item.isUsed = false
        this.hand++
      } else {
        // The last one takes its place and is looked at next.
        this.remove(item)
        return item.evicted()
      }
    }
  }
}
