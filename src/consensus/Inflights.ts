/**
 * Inflights: the appends to one follower that it has not answered yet, bounded by count and by bytes. A ring of the last index
 * and the size of each; the ring grows with use, up to the bound.
 */
import { assert } from "#base/Assert.ts"

const firstSlots = 16

export class Inflights {
  private readonly countMax: number
  private readonly sizeBytesMax: number
  private lasts = new Float64Array(firstSlots)
  private sizes = new Float64Array(firstSlots)
  private start = 0
  private sizeBytes = 0
  count = 0

  constructor(countMax: number, sizeBytesMax: number) {
    this.countMax = countMax
    this.sizeBytesMax = sizeBytesMax
  }

  get isFull(): boolean {
    return this.count === this.countMax || this.sizeBytes >= this.sizeBytesMax
  }

  /** An append whose last entry is `last` was sent. */
  add(last: number, sizeBytes: number): void {
    assert(!this.isFull, "an append is sent only while there is room for it in flight")
    if (this.count === this.lasts.length) this.grow()
    const at = (this.start + this.count) % this.lasts.length
    this.lasts[at] = last
    this.sizes[at] = sizeBytes
    this.count++
    this.sizeBytes += sizeBytes
  }

  /** Everything up to `index` was answered. */
  freeUpTo(index: number): void {
    while (this.count > 0 && this.lasts[this.start] <= index) {
      this.sizeBytes -= this.sizes[this.start]
      this.start = (this.start + 1) % this.lasts.length
      this.count--
    }
  }

  reset(): void {
    this.start = 0
    this.count = 0
    this.sizeBytes = 0
  }

  private grow(): void {
    const { lasts, sizes, start } = this
    const length = lasts.length
    this.lasts = new Float64Array(2 * length)
    this.sizes = new Float64Array(2 * length)
    for (let i = 0; i < length; i++) {
      this.lasts[i] = lasts[(start + i) % length]
      this.sizes[i] = sizes[(start + i) % length]
    }
    this.start = 0
  }
}
