/**
 * BlockCursor: the entries of one block of a table, in both directions. `BlockWriter` has the format.
 *
 * Needs of its caller: the block's checksum was right. A cursor is used again and again for other blocks, because making one
 * costs more than a look-up.
 */
import * as Keys from "../Keys.ts"

const firstKeyBytes = 64
/** Where an entry begins; where its key lies; its sequence number; 1: a delete; where its value lies. */
const passedFields = 7

/** Where a look-up ended: at the entry; there is none; all entries of this block are before it, so the next may have it. */
export const found = 1
export const absent = 0
export const behind = -1
export type Found = typeof found | typeof absent | typeof behind

/** A block whose restart points cannot be where it says is none. */
export const isWhole = (block: Uint8Array): boolean => {
  if (block.length < 8) return false
  const count = u32(block, block.length - 4)
  return count >= 1 && count * 4 + 4 < block.length && u32(block, block.length - 4 - count * 4) === 0
}

const u32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0

export class BlockCursor {
  block: Uint8Array = new Uint8Array(0)
  /** The current entry's key: the first `keyLength` bytes, which the next step overwrites. */
  key = new Uint8Array(firstKeyBytes)
  keyLength = 0
  sequence = 0
  isDelete = false
  /** Where the current entry's value lies in `block`. */
  valueFrom = 0
  valueTo = 0
  private entryAt = 0
  /** Where the next entry begins. */
  private at = 0
  /** Where the entries end and the restart points begin. */
  private end = 0
  private restarts = 0
  /** Entries between a restart point and `passedEnd`, `passedFields` numbers each; their keys lie in `passedKeys`. */
  private readonly passed: Array<number> = []
  private passedCount = 0
  private passedEnd = 0
  private passedKeys = new Uint8Array(0)

  /** Goes before the first entry of a block. */
  open(block: Uint8Array): void {
    this.block = block
    this.restarts = u32(block, block.length - 4)
    this.end = block.length - 4 - this.restarts * 4
    this.at = 0
    this.entryAt = 0
    this.keyLength = 0
    this.passedCount = 0
  }

  /** Moves to the next entry; false at the end. */
  next(): boolean {
    const { block } = this
    if (this.at >= this.end) {
      this.entryAt = this.end
      return false
    }
    this.entryAt = this.at
    const shared = this.varint()
    const suffix = this.varint()
    const tag = this.varint()
    const first = block[this.at]
    if (first < 0x80) {
      this.sequence = first
      this.at++
    } else this.sequence = this.long()
    const from = this.at
    const length = shared + suffix
    if (length > this.key.length) this.grow(length, shared)
    const { key } = this
    for (let i = 0; i < suffix; i++) key[shared + i] = block[from + i]
    this.keyLength = length
    this.isDelete = (tag & 1) === 1
    this.valueFrom = from + suffix
    this.valueTo = this.valueFrom + (tag >>> 1)
    this.at = this.valueTo
    return true
  }

  /** Moves to the entry before the current one, from behind the end to the last; false before the first. */
  previous(): boolean {
    const target = this.entryAt
    if (target === 0) return false
    if (this.passedCount === 0 || this.passedEnd !== target) this.passTo(target)
    const entry = (this.passedCount -= 1) * passedFields
    const { passed, passedKeys } = this
    const from = passed[entry + 1]
    const length = passed[entry + 2] - from
    if (length > this.key.length) this.grow(length, 0)
    const { key } = this
    for (let i = 0; i < length; i++) key[i] = passedKeys[from + i]
    this.keyLength = length
    this.entryAt = passed[entry]
    this.passedEnd = this.entryAt
    this.sequence = passed[entry + 3]
    this.isDelete = passed[entry + 4] === 1
    this.valueFrom = passed[entry + 5]
    this.valueTo = passed[entry + 6]
    this.at = this.valueTo
    return true
  }

  /** Goes behind the last entry: `previous` moves to it. */
  toEnd(): void {
    this.at = this.end
    this.entryAt = this.end
  }

  /** Moves to the first entry at or behind the key's version at `sequence`; false when all are before it, and it is at the end. */
  seek(key: Uint8Array, from: number, to: number, sequence: number): boolean {
    this.at = this.restart(this.restartFor(key, from, to, sequence))
    while (this.next()) {
      const order = Keys.compareIn(this.key, 0, this.keyLength, key, from, to)
      if (order > 0 || (order === 0 && this.sequence <= sequence)) return true
    }
    return false
  }

  /**
   * Looks the key's newest version at or below `sequence` up, and leaves its place and its value in the fields. The key itself
   * is not put together: how many bytes of it each entry shares with the one before tells how it compares.
   */
  find(key: Uint8Array, from: number, to: number, sequence: number): Found {
    const { block } = this
    const point = this.restartFor(key, from, to, sequence)
    this.at = this.restart(point)
    // The next restart point is not before what is looked for, and shares nothing with the entry before it.
    const boundary = point + 1 < this.restarts ? this.restart(point + 1) : this.end
    const length = to - from
    /** How many bytes the entry before has in common with the key, which is above it. */
    let matched = 0
    while (this.at < this.end) {
      if (this.at === boundary) matched = 0
      const shared = this.varint()
      const suffix = this.varint()
      const tag = this.varint()
      const first = block[this.at]
      let version = first
      if (first < 0x80) this.at++
      else version = this.long()
      const at = this.at
      this.at = at + suffix + (tag >>> 1)
      if (shared > matched) continue
      if (shared < matched) return absent
      const most = suffix < length - matched ? suffix : length - matched
      let more = 0
      while (more < most && block[at + more] === key[from + matched + more]) more++
      if (more < most && block[at + more] > key[from + matched + more]) return absent
      matched += more
      if (matched < length || more < suffix) {
        if (matched === length) return absent
        continue
      }
      if (version > sequence) continue
      this.sequence = version
      this.isDelete = (tag & 1) === 1
      this.valueFrom = at + suffix
      this.valueTo = this.at
      return found
    }
    return behind
  }

  /** The last restart point whose entry is before the key's version at `sequence`; the first, when none is. */
  private restartFor(key: Uint8Array, from: number, to: number, sequence: number): number {
    let low = 0
    let high = this.restarts - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      this.at = this.restart(middle)
      this.varint()
      const suffix = this.varint()
      this.varint()
      const version = this.long()
      const order = Keys.compareIn(this.block, this.at, this.at + suffix, key, from, to)
      if (order < 0 || (order === 0 && version > sequence)) low = middle
      else high = middle - 1
    }
    return low
  }

  /** Goes once through the entries from the last restart point up to this place, and notes them: going back is made of that. */
  private passTo(target: number): void {
    this.restartBefore(target)
    this.passedCount = 0
    let keysLength = 0
    while (this.at < target) {
      this.next()
      const { key, keyLength, passed } = this
      const end = keysLength + keyLength
      if (end > this.passedKeys.length) {
        const larger = new Uint8Array(end * 2)
        larger.set(this.passedKeys)
        this.passedKeys = larger
      }
      for (let i = 0; i < keyLength; i++) this.passedKeys[keysLength + i] = key[i]
      const entry = this.passedCount * passedFields
      passed[entry] = this.entryAt
      passed[entry + 1] = keysLength
      passed[entry + 2] = end
      passed[entry + 3] = this.sequence
      passed[entry + 4] = this.isDelete ? 1 : 0
      passed[entry + 5] = this.valueFrom
      passed[entry + 6] = this.valueTo
      this.passedCount++
      keysLength = end
    }
  }

  /** Goes to the last restart point before this place. */
  private restartBefore(place: number): void {
    let low = 0
    let high = this.restarts - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.restart(middle) < place) low = middle
      else high = middle - 1
    }
    this.at = this.restart(low)
  }

  private restart(index: number): number {
    return u32(this.block, this.end + index * 4)
  }

  private varint(): number {
    const { block } = this
    let byte = block[this.at++]
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    for (let shift = 7; ; shift += 7) {
      byte = block[this.at++]
      value |= (byte & 0x7f) << shift
      if (byte < 0x80 || shift > 28) return value >>> 0
    }
  }

  /** A varint of up to 53 bits. */
  private long(): number {
    const { block } = this
    let value = 0
    for (let unit = 1; ; unit *= 128) {
      const byte = block[this.at++]
      value += (byte & 0x7f) * unit
      if (byte < 0x80 || unit > 562_949_953_421_312) return value
    }
  }

  private grow(length: number, kept: number): void {
    const larger = new Uint8Array(length * 2)
    larger.set(this.key.subarray(0, kept))
    this.key = larger
  }
}
