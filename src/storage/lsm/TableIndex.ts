/**
 * TableIndex: where the blocks of a table are, and which one may have a key. For each block it holds a key that is not below
 * the block's last and below the next block's first, as short as that allows.
 *
 * | bytes | what                                                     |
 * | ----- | -------------------------------------------------------- |
 * | 4     | number of blocks; then for each, in order:               |
 * | 4     | its size with its trailer: blocks lie side by side from 0 |
 * | 2     | length of its key                                        |
 * |       | the key                                                  |
 */
import * as Bytes from "#base/Bytes.ts"
import * as Keys from "../Keys.ts"

/** The shortest key that is not below `low`, and below `high`, which is above it. */
export const separator = (low: Uint8Array, high: Uint8Array): Uint8Array => {
  const common = Keys.commonBytes(low, 0, low.length, high, 0, high.length)
  if (common >= low.length || common >= high.length) return Bytes.copy(low)
  // One more than the first byte that differs, when that is still below the other.
  if (low[common] + 1 < high[common]) {
    const short = Bytes.copy(low, 0, common + 1)
    short[common]++
    return short
  }
  return Bytes.copy(low)
}

export class IndexWriter {
  private readonly writer = Bytes.Writer.make()
  private count = 0

  add(key: Uint8Array, blockBytes: number): void {
    this.count++
    this.writer
      .u32(blockBytes)
      .u8(key.length)
      .u8(key.length >>> 8)
      .raw(key)
  }

  get sizeBytes(): number {
    return this.writer.sizeBytes
  }

  finish(): Uint8Array {
    const blocks = Bytes.copy(this.writer.finish())
    return Bytes.Writer.make().u32(this.count).raw(blocks).finish()
  }
}

export class TableIndex {
  readonly count: number
  private readonly bytes: Uint8Array
  /** Block i lies from offsets[i] to offsets[i + 1]. */
  private readonly offsets: Float64Array
  /** Key i lies from keys[2 * i] to keys[2 * i + 1] of `bytes`. */
  private readonly keys: Uint32Array
  /** What of each key comes behind the bytes that all have in common, as a number. */
  private readonly prefixes: Float64Array
  private readonly commonLength: number

  /** `undefined` when the bytes are no index of so many bytes of blocks. */
  static decode(bytes: Uint8Array, dataBytes: number): TableIndex | undefined {
    const reader = new Bytes.Reader(bytes)
    const count = reader.u32()
    if (count * 6 > reader.leftBytes) return undefined
    const offsets = new Float64Array(count + 1)
    const keys = new Uint32Array(count * 2)
    for (let i = 0; i < count; i++) {
      offsets[i + 1] = offsets[i] + reader.u32()
      const length = reader.u8() + reader.u8() * 256
      keys[2 * i] = bytes.length - reader.leftBytes
      keys[2 * i + 1] = keys[2 * i] + length
      if (length > reader.leftBytes) return undefined
      reader.raw(length)
    }
    if (!reader.isWhole || reader.leftBytes > 0 || offsets[count] !== dataBytes) return undefined
    return new TableIndex(bytes, offsets, keys)
  }

  private constructor(bytes: Uint8Array, offsets: Float64Array, keys: Uint32Array) {
    const count = offsets.length - 1
    this.bytes = bytes
    this.offsets = offsets
    this.keys = keys
    this.count = count
    this.commonLength =
      count < 2 ? 0 : Keys.commonBytes(bytes, keys[0], keys[1], bytes, keys[2 * count - 2], keys[2 * count - 1])
    this.prefixes = new Float64Array(count)
    for (let i = 0; i < count; i++) {
      this.prefixes[i] = Keys.prefixOf(bytes, keys[2 * i] + this.commonLength, keys[2 * i + 1])
    }
  }

  get memoryBytes(): number {
    return this.bytes.length + this.count * 24 + 400
  }

  offset(block: number): number {
    return this.offsets[block]
  }

  sizeBytes(block: number): number {
    return this.offsets[block + 1] - this.offsets[block]
  }

  /** The first block that may have the key, or one above it; `count`: none has. */
  find(key: Uint8Array, from: number, to: number): number {
    const { bytes, commonLength, count, keys, prefixes } = this
    if (count === 0) return 0
    const order = this.compareCommon(key, from, to)
    if (order !== 0) return order < 0 ? 0 : count
    const prefix = Keys.prefixOf(key, from + commonLength, to)
    let low = 0
    let high = count
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = prefixes[middle]
      if (other < prefix) low = middle + 1
      else if (other > prefix) high = middle
      else if (Keys.compareIn(bytes, keys[2 * middle], keys[2 * middle + 1], key, from, to) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Whether versions of the key may go on in the next block. */
  endsWith(block: number, key: Uint8Array, from: number, to: number): boolean {
    const { bytes, keys } = this
    return Keys.compareIn(bytes, keys[2 * block], keys[2 * block + 1], key, from, to) === 0
  }

  /** Below 0, 0 or above 0, as the key is below, within or above what begins with the bytes that all keys have in common. */
  private compareCommon(key: Uint8Array, from: number, to: number): number {
    const at = this.keys[0]
    for (let i = 0; i < this.commonLength; i++) {
      if (from + i >= to) return -1
      const difference = key[from + i] - this.bytes[at + i]
      if (difference !== 0) return difference
    }
    return 0
  }
}
