/**
 * TableIndex: numbers by names, as a `Map` has them, but without its pauses: a `Map` of a million is copied as a whole when it grows, which
 * takes a tenth of a second. This one is many small maps, each found by some bits of the name's hash and split in two when it is
 * full (extendible hashing: Fagin, Nievergelt, Pippenger and Strong, TODS 4 (3), 1979), so one call moves at most `bucketMax` names.
 *
 * It is no defence against names that are chosen to have one hash: their bucket grows as a `Map` does. A look-up takes a tenth longer than
 * in one `Map` of a million, and as long as that where there is one bucket.
 */

/** Names of a bucket, before it is split: to move them takes a few milliseconds, and most tables are smaller. */
const bucketMax = 32_768
/** Bits of the hash that are used: more names than fit in so many buckets let the buckets grow. */
const depthMax = 12

interface Bucket {
  map: Map<string, number>
  /** Bits of the hash that all its names have in common. */
  depth: number
}

/** FNV-1a of at most eight chars, spread evenly, and the length: a bucket needs few bits, and each char costs as much as the sum. */
const hashOf = (name: string): number => {
  const { length } = name
  const step = (length >> 3) + 1
  let hash = 0x811c9dc5 ^ length
  for (let i = length - 1; i >= 0; i -= step) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash ^ (hash >>> 15)
}

export class TableIndex {
  /** By the lowest bits of the hash: a power of two of places, and each bucket in all those that end in its bits. */
  private places: Array<Bucket> = [{ map: new Map(), depth: 0 }]
  /** Names that splits have moved so far. */
  moved = 0

  get(name: string): number | undefined {
    const { places } = this
    const bucket = places.length === 1 ? places[0] : places[hashOf(name) & (places.length - 1)]
    return bucket.map.get(name)
  }

  set(name: string, value: number): void {
    const bucket = this.bucketOf(name)
    bucket.map.set(name, value)
    if (bucket.map.size > bucketMax && bucket.depth < depthMax) this.split(bucket, hashOf(name))
  }

  delete(name: string): void {
    this.bucketOf(name).map.delete(name)
  }

  private bucketOf(name: string): Bucket {
    const { places } = this
    return places.length === 1 ? places[0] : places[hashOf(name) & (places.length - 1)]
  }

  /** `hash`: of any name in the bucket. */
  private split(bucket: Bucket, hash: number): void {
    const bit = 1 << bucket.depth
    if (bit === this.places.length) this.places = [...this.places, ...this.places]
    const low: Bucket = { map: new Map(), depth: bucket.depth + 1 }
    const high: Bucket = { map: new Map(), depth: bucket.depth + 1 }
    for (const [name, value] of bucket.map) (hashOf(name) & bit ? high : low).map.set(name, value)
    this.moved += bucket.map.size
    const { places } = this
    for (let place = hash & (bit - 1); place < places.length; place += bit) places[place] = place & bit ? high : low
  }
}
