/**
 * The set of configurations a search has visited: how many completions are behind it, the model's state, and which open
 * operations have taken effect. Exact, never only a hash: a collision would refuse a valid history.
 *
 * Open addressing over records in fixed chunks of integers, so that growing copies the index only. A record is
 *   hash, completions, state, parent record, operation, bits...
 * and its parent and operation give back the path that led there.
 */
const chunkRecords = 1 << 14
/** The first chunk grows up to the size of the others: most parts of a history are small. */
const firstChunkRecords = 16
const header = 5

export class Configurations {
  private readonly words: number
  private readonly stride: number
  private readonly chunks: Array<Int32Array> = []
  /** Record + 1; 0 is free. */
  private index = new Int32Array(32)
  private count = 0
  private firstRecords = 0

  constructor(words: number) {
    this.words = words
    this.stride = header + words
  }

  get size(): number {
    return this.count
  }

  get sizeBytes(): number {
    const chunks = this.chunks.length > 1 ? this.chunks.length * chunkRecords : this.firstRecords
    return this.index.byteLength + chunks * this.stride * 4
  }

  /** The new record, or -1 when the configuration is there already. */
  insert(
    bitsHash: number,
    completions: number,
    state: number,
    bits: Int32Array,
    parent: number,
    operation: number
  ): number {
    const hash = mix(bitsHash, completions, state)
    const { words, stride } = this
    const mask = this.index.length - 1
    let at = hash & mask
    for (;;) {
      const found = this.index[at]! - 1
      if (found < 0) break
      const chunk = this.chunks[found >>> 14]!
      const base = (found & (chunkRecords - 1)) * stride
      if (chunk[base] === hash && chunk[base + 1] === completions && chunk[base + 2] === state) {
        let word = 0
        while (word < words && chunk[base + header + word] === bits[word]) word += 1
        if (word === words) return -1
      }
      at = (at + 1) & mask
    }
    const record = this.count
    this.count += 1
    this.index[at] = record + 1
    if (record >= this.firstRecords) this.extend(record)
    const chunk = this.chunks[record >>> 14]!
    const base = (record & (chunkRecords - 1)) * stride
    chunk[base] = hash
    chunk[base + 1] = completions
    chunk[base + 2] = state
    chunk[base + 3] = parent
    chunk[base + 4] = operation
    for (let word = 0; word < words; word += 1) chunk[base + header + word] = bits[word]!
    if (this.count * 2 > this.index.length) this.grow()
    return record
  }

  state(record: number): number {
    return this.field(record, 2)
  }

  /** The operations chosen on the way to a record, first to last. */
  path(record: number): Array<number> {
    const operations: Array<number> = []
    for (let at = record; this.field(at, 3) >= 0; at = this.field(at, 3)) operations.push(this.field(at, 4))
    return operations.reverse()
  }

  private field(record: number, offset: number): number {
    return this.chunks[record >>> 14]![(record & (chunkRecords - 1)) * this.stride + offset]!
  }

  private extend(record: number): void {
    if (this.firstRecords < chunkRecords) {
      this.firstRecords = Math.max(firstChunkRecords, this.firstRecords * 2)
      const first = new Int32Array(this.firstRecords * this.stride)
      if (this.chunks.length > 0) first.set(this.chunks[0]!)
      this.chunks[0] = first
    } else if (record >>> 14 === this.chunks.length) this.chunks.push(new Int32Array(chunkRecords * this.stride))
  }

  private grow(): void {
    const index = new Int32Array(this.index.length * 2)
    const mask = index.length - 1
    for (let record = 0; record < this.count; record += 1) {
      let at = this.field(record, 0) & mask
      while (index[at] !== 0) at = (at + 1) & mask
      index[at] = record + 1
    }
    this.index = index
  }
}

/** Murmur3's finalizer over the three parts; never negative. */
const mix = (bitsHash: number, completions: number, state: number): number => {
  let hash = bitsHash ^ Math.imul(completions, 0x9e3779b1) ^ Math.imul(state + 1, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 1
}
