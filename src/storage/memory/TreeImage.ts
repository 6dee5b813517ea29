/**
 * TreeImage: all versions that a tree holds, in one stretch of memory that another thread can be given: the ids of the newest
 * records in the order of their keys, and the arena's slabs as they are. Copying slabs costs a twentieth of writing the
 * records one by one in their order, which is left to the reader.
 *
 * | bytes           | what                                                                     |
 * | --------------- | ------------------------------------------------------------------------ |
 * | 3 words         | number of slabs, of values outside of them, of keys                      |
 * | 2 words each    | number and size in bytes of a slab, then of a value                      |
 * | 1 word each     | ids of the newest records, by key                                        |
 * |                 | the slabs, then the values, each filled up to a whole word               |
 *
 * Words are those of the machine: an image is never stored. Needs of its caller: the tree does not change until `Copying` is done.
 */
import { assert } from "#base/Assert.ts"
import * as Arena from "./Arena.ts"
import type { OrderedTree } from "./OrderedTree.ts"

const headWords = 3

const whole = (sizeBytes: number): number => (sizeBytes + 3) & ~3

/** Writes an image behind `headBytes` that are its owner's, a whole number of words; slab by slab, so that others get their turn. */
export class Copying {
  /** The image with what is before it, in memory of its own. */
  readonly bytes: Uint8Array
  private readonly pieces: ReadonlyArray<Uint8Array>
  private at: number
  private next = 0

  constructor(tree: OrderedTree, headBytes: number) {
    assert(headBytes === whole(headBytes), "an image begins at a whole word")
    const { outside, slabs } = tree.arena.pieces()
    const records = tree.records()
    this.pieces = [...slabs, ...outside].map(({ bytes }) => bytes)
    const words = headWords + this.pieces.length * 2 + records.length
    const size = this.pieces.reduce((sum, { length }) => sum + whole(length), words * 4)
    this.bytes = new Uint8Array(headBytes + size)
    const head = new Uint32Array(this.bytes.buffer, headBytes, words)
    head.set([slabs.length, outside.length, records.length])
    const places = [...slabs, ...outside].flatMap(({ bytes, number }) => [number, bytes.length])
    head.set(places, headWords)
    head.set(records, headWords + places.length)
    this.at = headBytes + words * 4
  }

  /** Copies a slab or a value; false: the image is whole. */
  step(): boolean {
    if (this.next === this.pieces.length) return false
    const piece = this.pieces[this.next++]
    this.bytes.set(piece, this.at)
    this.at += whole(piece.length)
    return this.next < this.pieces.length
  }
}

const nothing = new Uint8Array(0)

/** All versions of an image, by key, those of one key from the newest to the oldest. */
export class Versions {
  bytes: Uint8Array = nothing
  keyFrom = 0
  keyTo = 0
  valueBytes: Uint8Array = nothing
  valueFrom = 0
  valueTo = 0
  sequence = 0
  isTombstone = false

  private readonly arena: Arena.Arena
  private readonly records: Uint32Array
  private key = 0
  private record: number = Arena.none

  /** `image` begins at a whole word of its memory. */
  constructor(image: Uint8Array) {
    const words = new Uint32Array(image.buffer, image.byteOffset, image.length >>> 2)
    const [slabs, outside, keys] = words
    let place = headWords
    let at = (headWords + (slabs + outside) * 2 + keys) * 4
    const pieces = (count: number): ReadonlyArray<Arena.Piece> =>
      Array.from({ length: count }, () => {
        const [number, sizeBytes] = [words[place++], words[place++]]
        const bytes = image.subarray(at, at + sizeBytes)
        at += whole(sizeBytes)
        return { number, bytes }
      })
    this.arena = Arena.Arena.of({ slabs: pieces(slabs), outside: pieces(outside) })
    this.records = words.subarray(place, place + keys)
    assert(at === image.length, "an image has the size that its head says")
  }

  next(): boolean {
    const { arena } = this
    let record = this.record === Arena.none ? Arena.none : arena.older(this.record)
    if (record === Arena.none) {
      if (this.key === this.records.length) return false
      record = this.records[this.key++]
    }
    this.record = record
    this.bytes = arena.slabOf(record)
    this.keyFrom = arena.keyFrom(record)
    this.keyTo = arena.keyTo(record)
    this.valueBytes = arena.valueSlabOf(record)
    this.valueFrom = arena.valueFrom(record)
    this.valueTo = this.valueFrom + arena.valueBytes(record)
    this.sequence = arena.sequence(record)
    this.isTombstone = arena.isTombstone(record)
    return true
  }
}
