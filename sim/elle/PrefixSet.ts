/** A set of rows of whole numbers, all of one width, compared exactly: open addressing over one pool of `Int32Array`. */
export class PrefixSet {
  private readonly width: number
  private pool: Int32Array
  private slots = new Int32Array(1024)
  private count = 0

  constructor(width: number) {
    this.width = width
    this.pool = new Int32Array(Math.max(1, width) * 64)
  }

  /** Adds a row, which is copied; false when it is there. */
  add(row: Int32Array): boolean {
    let mask = this.slots.length - 1
    let slot = hash(row) & mask
    for (; this.slots[slot] !== 0; slot = (slot + 1) & mask) {
      if (this.equals(this.slots[slot]! - 1, row)) return false
    }
    if ((this.count + 1) * this.width > this.pool.length) {
      const grown = new Int32Array(this.pool.length * 2)
      grown.set(this.pool)
      this.pool = grown
    }
    this.pool.set(row, this.count * this.width)
    this.count += 1
    this.slots[slot] = this.count
    if (this.count * 2 > this.slots.length) {
      this.slots = new Int32Array(this.slots.length * 4)
      mask = this.slots.length - 1
      for (let index = 0; index < this.count; index += 1) {
        slot = hash(this.pool.subarray(index * this.width, (index + 1) * this.width)) & mask
        while (this.slots[slot] !== 0) slot = (slot + 1) & mask
        this.slots[slot] = index + 1
      }
    }
    return true
  }

  private equals(index: number, row: Int32Array): boolean {
    const start = index * this.width
    for (let at = 0; at < this.width; at += 1) if (this.pool[start + at] !== row[at]) return false
    return true
  }
}

const hash = (row: Int32Array): number => {
  let mixed = 0x811c9dc5
  for (const value of row) {
    mixed = Math.imul(mixed ^ value, 0x01000193)
    mixed ^= mixed >>> 13
  }
  return mixed ^ (mixed >>> 16)
}
