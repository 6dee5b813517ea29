/**
 * BlockWriter: puts sorted entries into blocks, one block behind the other in one stretch of memory, which goes to disk as it is.
 *
 * An entry shares the first bytes of its key with the entry before it, except at restart points, from which a search begins
 * (LevelDB's format, with the sequence number out of the key):
 *
 * | bytes              | what                                                            |
 * | ------------------ | --------------------------------------------------------------- |
 * | varint             | bytes that the key shares with the one before                   |
 * | varint             | length of the rest of the key                                   |
 * | varint             | length of the value, times 2; plus 1: a delete, without a value |
 * | varint, to 53 bits | sequence number                                                 |
 * |                    | rest of the key, value                                          |
 *
 * Behind the last entry: the places of the restart points, four bytes each, and their number. Entries are in ascending order of
 * keys, versions of one key in descending order of sequence numbers.
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"

const entryHeadBytesMax = 5 + 5 + 5 + 8
/** Of a stretch that may stay small: what is not enough doubles. */
const startBytesMax = 4_096
/** Below this a loop is cheaper than a view and a call of `set`. */
const loopBytesMax = 40

export class BlockWriter {
  /** Everything that was written and not taken: whole blocks first, then the one that is being filled. */
  bytes: Uint8Array
  length = 0
  /** Where the block that is being filled begins in `bytes`. */
  private from = 0
  private readonly chunkBytes: number
  /** Memory of a stretch that was taken and given back. */
  private spare: Uint8Array | undefined
  private readonly restartInterval: number
  private restarts: Array<number> = []
  private sinceRestart = 0
  /** Where the last entry's key lies, whole, in `lastKey`. */
  lastKey = new Uint8Array(64)
  lastKeyLength = 0

  /** `chunkBytes`: what is about to be taken each time. */
  constructor(options: { readonly chunkBytes: number; readonly restartInterval: number }) {
    this.chunkBytes = options.chunkBytes
    this.restartInterval = options.restartInterval
    this.bytes = new Uint8Array(Math.min(options.chunkBytes, startBytesMax))
  }

  get memoryBytes(): number {
    return this.bytes.length + (this.spare?.length ?? 0)
  }

  get blockBytes(): number {
    return this.length - this.from
  }

  get isBlockEmpty(): boolean {
    return this.length === this.from
  }

  /** The value is [valueFrom, valueTo) of `values`. */
  add(
    keys: Uint8Array,
    keyFrom: number,
    keyTo: number,
    sequence: number,
    isDelete: boolean,
    values: Uint8Array,
    valueFrom: number,
    valueTo: number
  ): void {
    const keyLength = keyTo - keyFrom
    const valueLength = valueTo - valueFrom
    this.reserve(entryHeadBytesMax + keyLength + valueLength)
    let shared = 0
    if (this.sinceRestart >= this.restartInterval || this.isBlockEmpty) {
      this.restarts.push(this.length - this.from)
      this.sinceRestart = 0
    } else {
      const { lastKey } = this
      const most = keyLength < this.lastKeyLength ? keyLength : this.lastKeyLength
      while (shared < most && lastKey[shared] === keys[keyFrom + shared]) shared++
    }
    this.sinceRestart++
    const { bytes } = this
    let at = putVarint(bytes, this.length, shared)
    at = putVarint(bytes, at, keyLength - shared)
    at = putVarint(bytes, at, valueLength * 2 + (isDelete ? 1 : 0))
    this.length = putVarint(bytes, at, sequence)
    this.remember(keys, keyFrom, keyLength, shared)
    this.copy(keys, keyFrom + shared, keyTo)
    this.copy(values, valueFrom, valueTo)
  }

  /** Closes the block that is being filled; it begins at the returned place and ends at `length`. */
  endBlock(): number {
    assert(!this.isBlockEmpty, "a block has an entry")
    const { from, restarts } = this
    this.reserve(restarts.length * 4 + 4)
    for (const restart of restarts) this.u32(restart)
    this.u32(restarts.length)
    this.restarts = []
    this.sinceRestart = 0
    return from
  }

  /** Appends bytes that are no entries. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.copy(bytes, 0, bytes.length)
  }

  /** What is written up to here is whole; the next block begins here. */
  seal(): void {
    this.from = this.length
  }

  /** All whole blocks; what is being filled stays. They are the receiver's. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.from)
    const rest = this.bytes.subarray(this.from, this.length)
    const { spare } = this
    this.spare = undefined
    this.bytes =
      spare !== undefined && spare.length >= rest.length
        ? spare
        : new Uint8Array(Math.max(this.chunkBytes, rest.length))
    this.bytes.set(rest)
    this.length = rest.length
    this.from = 0
    return taken
  }

  /** Gives back what was taken, to be written over: each stretch in memory of its own, the collector would come ten times as often. */
  giveBack(taken: Uint8Array): void {
    // One that grew for a large value is not kept.
    if (taken.buffer.byteLength <= this.chunkBytes * 2) this.spare = new Uint8Array(taken.buffer)
  }

  /** All that is left. Nothing is written any more. */
  takeLast(): Uint8Array {
    assert(this.isBlockEmpty, "the last block is whole")
    return this.bytes.subarray(0, this.length)
  }

  /** Makes room for so many bytes more. */
  reserve(sizeBytes: number): void {
    if (this.length + sizeBytes <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + sizeBytes))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
  }

  private u32(value: number): void {
    Bytes.putU32(this.bytes, this.length, value)
    this.length += 4
  }

  private remember(keys: Uint8Array, from: number, length: number, shared: number): void {
    if (length > this.lastKey.length) {
      const larger = new Uint8Array(length * 2)
      larger.set(this.lastKey)
      this.lastKey = larger
    }
    const { lastKey } = this
    for (let i = shared; i < length; i++) lastKey[i] = keys[from + i]
    this.lastKeyLength = length
  }

  private copy(source: Uint8Array, from: number, to: number): void {
    const { bytes, length } = this
    const size = to - from
    if (size > loopBytesMax) bytes.set(source.subarray(from, to), length)
    else for (let i = 0; i < size; i++) bytes[length + i] = source[from + i]
    this.length = length + size
  }
}

/** Puts an integer of up to 53 bits; where it ends. */
const putVarint = (bytes: Uint8Array, from: number, value: number): number => {
  let at = from
  let left = value
  while (left >= 0x80) {
    bytes[at++] = left | 0x80
    left = left < 0x4000_0000 ? left >>> 7 : Math.floor(left / 128)
  }
  bytes[at++] = left
  return at
}
