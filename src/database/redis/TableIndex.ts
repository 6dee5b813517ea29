/**
 * TableIndex: at which position of a table a name is. Hashes and positions lie side by side in memory that the garbage collector does not look
 * at, 8 bytes each and a third as much again; the names themselves are the table's, and are compared only where the hashes are equal.
 *
 * No call takes long: the slots are in buckets of bounded size, each found by the lowest bits of the hash, and one that is full is doubled or, when
 * it is as large as it may be, split in two (extendible hashing: Fagin, Nievergelt, Pippenger and Strong, TODS 4 (3), 1979). A `Map`
 * of a million is copied as a whole when it grows, which takes a tenth of a second. In a bucket a hash is in the first free slot
 * from the one that its highest bits name (linear probing), and what is removed leaves no mark: what follows moves up.
 */
import * as NameHash from "./NameHash.ts"

const slotsMin = 16
/** Of a bucket that is not split any further, when it is full: to move that many hashes takes some 50 us. */
const slotsMax = 8_192
/** Bits of the hash by which buckets are found: with more names than fit in so many, buckets grow beyond `slotsMax`. */
const depthMax = 14

interface Bucket {
  /** A hash, and its position and one more; a position of 0: the slot is free. As many slots as a power of two. */
  slots: Int32Array
  /** How far a hash is shifted for its slot. */
  shift: number
  count: number
  /** Bits of the hash that all have in common. */
  readonly depth: number
}

/** Where the names are. */
interface Names {
  nameAt(position: number): string
}

const bucketOf = (slots: number, depth: number): Bucket => ({
  slots: new Int32Array(2 * slots),
  shift: Math.clz32(slots - 1),
  count: 0,
  depth
})

/** Into the first free slot. */
const put = ({ shift, slots }: Bucket, hash: number, position: number): void => {
  const mask = slots.length - 2
  let at = (hash >>> shift) << 1
  while (slots[at + 1] !== 0) at = (at + 2) & mask
  slots[at] = hash
  slots[at + 1] = position + 1
}

const resize = (bucket: Bucket, slots: number): void => {
  const { slots: before } = bucket
  bucket.slots = new Int32Array(2 * slots)
  bucket.shift = Math.clz32(slots - 1)
  for (let at = 0; at < before.length; at += 2) {
    if (before[at + 1] !== 0) put(bucket, before[at], before[at + 1] - 1)
  }
}

export class TableIndex {
  private readonly names: Names
  /** By the lowest bits of the hash: a power of two of places, and each bucket in all those that end in its bits. */
  private places: Array<Bucket> = [bucketOf(slotsMin, 0)]
  /** Hashes that were moved so far, as buckets were doubled, halved and split. */
  moved = 0

  constructor(names: Names) {
    this.names = names
  }

  /** -1: it is not there. */
  get(name: string): number {
    const { names, places } = this
    const hash = NameHash.of(name)
    const { shift, slots } = places[hash & (places.length - 1)]
    const mask = slots.length - 2
    for (let at = (hash >>> shift) << 1; ; at = (at + 2) & mask) {
      const position = slots[at + 1] - 1
      if (position < 0) return -1
      if (slots[at] === hash && names.nameAt(position) === name) return position
    }
  }

  /** Of a name that is not there. */
  add(name: string, position: number): void {
    const hash = NameHash.of(name)
    let bucket = this.bucketOf(hash)
    while (4 * (bucket.count + 1) > 3 * (bucket.slots.length >> 1)) {
      this.grow(bucket, hash)
      bucket = this.bucketOf(hash)
    }
    put(bucket, hash, position)
    bucket.count += 1
  }

  /** The name at position `from` is now at `to`. */
  move(name: string, from: number, to: number): void {
    const hash = NameHash.of(name)
    const { slots } = this.bucketOf(hash)
    slots[this.slotOf(hash, from) + 1] = to + 1
  }

  /** Removes the name, which is at this position. */
  delete(name: string, position: number): void {
    const hash = NameHash.of(name)
    const bucket = this.bucketOf(hash)
    const { shift, slots } = bucket
    const mask = slots.length - 2
    let free = this.slotOf(hash, position)
    for (let at = (free + 2) & mask; slots[at + 1] !== 0; at = (at + 2) & mask) {
      // What is at home between the free slot and its own stays.
      const home = (slots[at] >>> shift) << 1
      if (((at - home) & mask) < ((at - free) & mask)) continue
      slots[free] = slots[at]
      slots[free + 1] = slots[at + 1]
      free = at
    }
    slots[free + 1] = 0
    bucket.count -= 1
    const room = slots.length >> 1
    if (room > slotsMin && 8 * bucket.count < room) this.resize(bucket, room >> 1)
  }

  private bucketOf(hash: number): Bucket {
    return this.places[hash & (this.places.length - 1)]
  }

  private slotOf(hash: number, position: number): number {
    const { shift, slots } = this.bucketOf(hash)
    const mask = slots.length - 2
    let at = (hash >>> shift) << 1
    while (slots[at + 1] !== position + 1) at = (at + 2) & mask
    return at
  }

  private grow(bucket: Bucket, hash: number): void {
    const room = bucket.slots.length >> 1
    if (room < slotsMax || bucket.depth === depthMax) this.resize(bucket, 2 * room)
    else this.split(bucket, hash)
  }

  private resize(bucket: Bucket, slots: number): void {
    resize(bucket, slots)
    this.moved += bucket.count
  }

  /** `hash`: any of the bucket's. */
  private split({ count, depth, slots }: Bucket, hash: number): void {
    const bit = 1 << depth
    if (bit === this.places.length) this.places = [...this.places, ...this.places]
    const halves = [bucketOf(slotsMax, depth + 1), bucketOf(slotsMax, depth + 1)] as const
    for (let at = 0; at < slots.length; at += 2) {
      if (slots[at + 1] === 0) continue
      const half = halves[slots[at] & bit ? 1 : 0]
      put(half, slots[at], slots[at + 1] - 1)
      half.count += 1
    }
    this.moved += count
    const { places } = this
    for (let place = hash & (bit - 1); place < places.length; place += bit) places[place] = halves[place & bit ? 1 : 0]
  }
}
