/**
 * Arena: the records of an ordered tree, appended to slabs of memory. A record is one version of one key; its id is a number of 32
 * bits, which is what a tree's nodes hold. A slab is never written twice: views of keys and values stay what they are for
 * as long as somebody holds them, whatever happens to the record.
 *
 * A record, in words of four bytes (its id is the place of the first):
 *
 * | word | bits                                                                                       |
 * | ---- | ------------------------------------------------------------------------------------------ |
 * | 0    | id of the next older version of the key, 0: none                                           |
 * | 1    | low 32 bits of the sequence number                                                         |
 * | 2    | high 18 bits of it, then 14 bits: length of the key                                        |
 * | 3    | tombstone, outside, dropped (one bit each), then 29 bits: length of the value              |
 * | 4... | key and value, one behind the other; `outside`: the key, then a word: the value's number   |
 *
 * Values over `insideBytesMax` live in memory of their own: they are never moved, and their memory is free as soon as they are
 * dropped. Everything else becomes free by slab: when all its records were dropped, or when `Reclaim` moved the rest away.
 */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import * as Keys from "../Keys.ts"

export interface ArenaOptions {
  /** Size that slabs grow to, a power of two from 4 KiB to 1 MiB. Default: 1 MiB. */
  readonly slabBytes?: number
}

/** Words of the largest slab, as a power of two: an id is the slab's number and the word in it. */
const slabWordsLog2 = 18
const wordMask = (1 << slabWordsLog2) - 1
const slabsMax = 1 << (32 - slabWordsLog2)
export const slabBytesMax = 4 << slabWordsLog2
const slabBytesMin = 4_096
export const insideBytesMax = 16_384

const headerWords = 4
const keyLengthMask = 0x3fff
const tombstoneBit = 0x8000_0000
const outsideBit = 0x4000_0000
const droppedBit = 0x2000_0000
const valueLengthMask = 0x1fff_ffff
const wordRange = 4_294_967_296
/** Below this a loop is cheaper than a view and a call of `set`. */
const loopBytesMax = 40
/** What V8 needs beside its bytes for a typed array with memory of its own. */
const arrayBytes = 200

export const none = 0
/** Sequence numbers are below it: 35 years at a million operations a second. */
export const sequenceMax = 1_125_899_906_842_623

assert(Limits.keyBytesMax <= keyLengthMask, "the largest key's length fits its bits")
assert(Limits.valueBytesMax <= valueLengthMask, "the largest value's length fits its bits")

/** A slab, or a value outside of slabs, under its number. */
export interface Piece {
  readonly number: number
  readonly bytes: Uint8Array
}

/** All that an arena holds; slabs as far as they are filled. */
export interface Pieces {
  readonly slabs: ReadonlyArray<Piece>
  readonly outside: ReadonlyArray<Piece>
}

const nothing = new Uint8Array(0)
const noWords = new Uint32Array(0)

export class Arena {
  private readonly slabBytes: number
  // Slab 0 is empty and stays so: no record has the id 0, and the empty slab is full for every record.
  private readonly bytes: Array<Uint8Array> = [nothing]
  private readonly words: Array<Uint32Array> = [noWords]
  private readonly usedWords: Array<number> = [0]
  private readonly droppedBytes: Array<number> = [0]
  private readonly freeSlabs: Array<number> = []
  private readonly outside: Array<Uint8Array> = []
  private readonly freeOutside: Array<number> = []
  /** The slab that is being filled. */
  private current = 0
  /** The slab that is being reclaimed: it stays open until all of it was visited. */
  private held = 0
  private allocated = 0
  private used = 0
  private garbage = 0

  constructor(options: ArenaOptions = {}) {
    const { slabBytes = slabBytesMax } = options
    assert(
      slabBytes >= slabBytesMin && slabBytes <= slabBytesMax && (slabBytes & (slabBytes - 1)) === 0,
      "a slab's size is a power of two from 4 KiB to 1 MiB"
    )
    this.slabBytes = slabBytes
  }

  /** An arena with the same records under the same ids, to read only. Slabs begin at whole words. */
  static of({ outside, slabs }: Pieces): Arena {
    const arena = new Arena()
    for (const { bytes, number } of slabs) {
      while (arena.words.length <= number) {
        arena.words.push(noWords)
        arena.bytes.push(nothing)
      }
      arena.bytes[number] = bytes
      arena.words[number] = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2)
    }
    for (const { bytes, number } of outside) {
      while (arena.outside.length <= number) arena.outside.push(nothing)
      arena.outside[number] = bytes
    }
    return arena
  }

  pieces(): Pieces {
    const slabs: Array<Piece> = []
    const outside: Array<Piece> = []
    for (let number = 1; number < this.bytes.length; number++) {
      const bytes = this.bytes[number].subarray(0, this.usedWords[number] * 4)
      if (bytes.length > 0) slabs.push({ number, bytes })
    }
    for (const [number, bytes] of this.outside.entries()) if (bytes.length > 0) outside.push({ number, bytes })
    return { slabs, outside }
  }

  /** All memory that it holds. */
  get memoryBytes(): number {
    return this.allocated
  }

  /** What the next slab will take: a quarter of what there is, so that small trees hold little. */
  get nextSlabBytes(): number {
    let slabBytes = slabBytesMin
    while (slabBytes < this.slabBytes && slabBytes * 4 < this.allocated) slabBytes *= 2
    return slabBytes
  }

  /** What records hold, dropped ones in slabs that are still there included. */
  get usedBytes(): number {
    return this.used
  }

  /** Of that, what dropped records hold. */
  get garbageBytes(): number {
    return this.garbage
  }

  /** Appends a record; the key is [keyFrom, keyTo) of `source`, the value [keyTo, valueTo). */
  append(
    older: number,
    sequence: number,
    tombstone: boolean,
    source: Uint8Array,
    keyFrom: number,
    keyTo: number,
    valueTo: number
  ): number {
    const isOutside = valueTo - keyTo > insideBytesMax
    const payloadBytes = isOutside ? ((keyTo - keyFrom + 3) & ~3) + 4 : valueTo - keyFrom
    const sizeWords = headerWords + ((payloadBytes + 3) >>> 2)
    if (this.usedWords[this.current] + sizeWords > this.words[this.current].length) this.open(sizeWords)
    const slab = this.current
    const at = this.usedWords[slab]
    this.usedWords[slab] = at + sizeWords
    this.used += sizeWords * 4
    const words = this.words[slab]
    words[at] = older
    words[at + 1] = sequence
    words[at + 2] = (((sequence / wordRange) | 0) << 14) | (keyTo - keyFrom)
    words[at + 3] = (tombstone ? tombstoneBit : 0) | (isOutside ? outsideBit : 0) | (valueTo - keyTo)
    const bytes = this.bytes[slab]
    const to = (at + headerWords) << 2
    if (isOutside) {
      bytes.set(source.subarray(keyFrom, keyTo), to)
      words[at + sizeWords - 1] = this.putOutside(source.slice(keyTo, valueTo))
    } else if (payloadBytes > loopBytesMax) {
      // A view of a short array moves it out of V8's heap first.
      bytes.set(payloadBytes === source.length ? source : source.subarray(keyFrom, valueTo), to)
    } else {
      for (let i = 0; i < payloadBytes; i++) bytes[to + i] = source[keyFrom + i]
    }
    return ((slab << slabWordsLog2) | at) >>> 0
  }

  older(id: number): number {
    return this.words[id >>> slabWordsLog2][id & wordMask]
  }

  setOlder(id: number, older: number): void {
    this.words[id >>> slabWordsLog2][id & wordMask] = older
  }

  sequence(id: number): number {
    const words = this.words[id >>> slabWordsLog2]
    const at = id & wordMask
    return (words[at + 2] >>> 14) * wordRange + words[at + 1]
  }

  isTombstone(id: number): boolean {
    return (this.words[id >>> slabWordsLog2][(id & wordMask) + 3] & tombstoneBit) !== 0
  }

  isDropped(id: number): boolean {
    return (this.words[id >>> slabWordsLog2][(id & wordMask) + 3] & droppedBit) !== 0
  }

  /** The bytes that hold the record's key, from `keyFrom` to `keyTo`. */
  slabOf(id: number): Uint8Array {
    return this.bytes[id >>> slabWordsLog2]
  }

  keyFrom(id: number): number {
    return ((id & wordMask) + headerWords) << 2
  }

  keyTo(id: number): number {
    const at = id & wordMask
    return ((at + headerWords) << 2) + (this.words[id >>> slabWordsLog2][at + 2] & keyLengthMask)
  }

  /** The order of the record's key to a key. */
  compareKey(id: number, bytes: Uint8Array, from: number, to: number): number {
    const slab = id >>> slabWordsLog2
    const at = id & wordMask
    const keyFrom = (at + headerWords) << 2
    return Keys.compareIn(
      this.bytes[slab],
      keyFrom,
      keyFrom + (this.words[slab][at + 2] & keyLengthMask),
      bytes,
      from,
      to
    )
  }

  /** The bytes that hold the record's value, from `valueFrom` to `valueFrom` plus `valueBytes`. */
  valueSlabOf(id: number): Uint8Array {
    const slab = id >>> slabWordsLog2
    const words = this.words[slab]
    const at = id & wordMask
    if ((words[at + 3] & outsideBit) === 0) return this.bytes[slab]
    return this.outside[words[at + this.sizeWords(id) - 1]]
  }

  valueFrom(id: number): number {
    const words = this.words[id >>> slabWordsLog2]
    const at = id & wordMask
    return (words[at + 3] & outsideBit) === 0 ? ((at + headerWords) << 2) + (words[at + 2] & keyLengthMask) : 0
  }

  valueBytes(id: number): number {
    return this.words[id >>> slabWordsLog2][(id & wordMask) + 3] & valueLengthMask
  }

  /** A view of the record's value. */
  value(id: number): Uint8Array {
    const from = this.valueFrom(id)
    return this.valueSlabOf(id).subarray(from, from + this.valueBytes(id))
  }

  /** What of it lies in its slab: all that a move copies. */
  slabBytesOf(id: number): number {
    return this.sizeWords(id) * 4
  }

  /** Memory that the record holds, in its slab and outside. */
  sizeBytes(id: number): number {
    const words = this.words[id >>> slabWordsLog2]
    const at = id & wordMask
    const isOutside = (words[at + 3] & outsideBit) !== 0
    return this.sizeWords(id) * 4 + (isOutside ? (words[at + 3] & valueLengthMask) + arrayBytes : 0)
  }

  /** Nobody asks for the record any more. */
  drop(id: number): void {
    const slab = id >>> slabWordsLog2
    const at = id & wordMask
    const sizeWords = this.sizeWords(id)
    const words = this.words[slab]
    if ((words[at + 3] & outsideBit) !== 0) this.dropOutside(words[at + sizeWords - 1])
    this.markDropped(slab, at, sizeWords)
    this.closeIfEmpty(slab)
  }

  /** Holds the slab with the most garbage until `endReclaim`; its first record, `none` when no slab has garbage. */
  beginReclaim(): number {
    let found = 0
    for (let slab = 1; slab < this.words.length; slab++) {
      if (slab !== this.current && this.droppedBytes[slab] > this.droppedBytes[found]) found = slab
    }
    this.held = found
    return this.at(found, 0)
  }

  /** The record behind this one in its slab. */
  next(id: number): number {
    return this.at(id >>> slabWordsLog2, (id & wordMask) + this.sizeWords(id))
  }

  /** Every record of the held slab was dropped or moved. */
  endReclaim(): void {
    const slab = this.held
    this.held = 0
    if (slab !== 0) this.closeIfEmpty(slab)
  }

  /** The record once more, in another slab; the caller sets what named it. The one that was here counts as dropped. */
  move(id: number): number {
    const slab = id >>> slabWordsLog2
    const from = id & wordMask
    const sizeWords = this.sizeWords(id)
    if (this.usedWords[this.current] + sizeWords > this.words[this.current].length) this.open(sizeWords)
    const target = this.current
    const to = this.usedWords[target]
    this.usedWords[target] = to + sizeWords
    this.used += sizeWords * 4
    const source = this.words[slab]
    const words = this.words[target]
    for (let i = 0; i < sizeWords; i++) words[to + i] = source[from + i]
    this.markDropped(slab, from, sizeWords)
    return ((target << slabWordsLog2) | to) >>> 0
  }

  private at(slab: number, word: number): number {
    return word < this.usedWords[slab] ? ((slab << slabWordsLog2) | word) >>> 0 : none
  }

  private sizeWords(id: number): number {
    const words = this.words[id >>> slabWordsLog2]
    const at = id & wordMask
    const lengths = words[at + 3]
    const keyBytes = words[at + 2] & keyLengthMask
    if ((lengths & outsideBit) !== 0) return headerWords + ((keyBytes + 3) >>> 2) + 1
    return headerWords + ((keyBytes + (lengths & valueLengthMask) + 3) >>> 2)
  }

  private markDropped(slab: number, at: number, sizeWords: number): void {
    this.words[slab][at + 3] |= droppedBit
    this.garbage += sizeWords * 4
    this.droppedBytes[slab] += sizeWords * 4
  }

  /** Begins a slab with room for the record. */
  private open(sizeWords: number): void {
    const before = this.current
    const buffer = new ArrayBuffer(Math.max(this.nextSlabBytes, sizeWords * 4))
    const slab = this.freeSlabs.pop() ?? this.words.length
    assert(slab < slabsMax, "an arena has less than 16,384 slabs: its owner keeps to a budget below")
    this.words[slab] = new Uint32Array(buffer)
    this.bytes[slab] = new Uint8Array(buffer)
    this.usedWords[slab] = 0
    this.droppedBytes[slab] = 0
    this.allocated += buffer.byteLength + arrayBytes
    this.current = slab
    this.closeIfEmpty(before)
  }

  private closeIfEmpty(slab: number): void {
    const usedBytes = this.usedWords[slab] * 4
    if (slab === this.current || slab === this.held || this.droppedBytes[slab] !== usedBytes || usedBytes === 0) return
    this.allocated -= this.bytes[slab].length + arrayBytes
    this.garbage -= usedBytes
    this.used -= usedBytes
    this.words[slab] = noWords
    this.bytes[slab] = nothing
    this.usedWords[slab] = 0
    this.droppedBytes[slab] = 0
    this.freeSlabs.push(slab)
  }

  private putOutside(value: Uint8Array): number {
    const number = this.freeOutside.pop() ?? this.outside.length
    this.outside[number] = value
    this.allocated += value.length + arrayBytes
    this.used += value.length
    return number
  }

  private dropOutside(number: number): void {
    const sizeBytes = this.outside[number].length
    this.outside[number] = nothing
    this.freeOutside.push(number)
    this.allocated -= sizeBytes + arrayBytes
    this.used -= sizeBytes
  }
}
