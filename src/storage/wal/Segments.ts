/**
 * Segments: the files of a log from the oldest to the one that is being written, and how many records of each are still needed. Pure.
 */
import { assert } from "#base/Assert.ts"
import * as Format from "./Format.ts"

export class Segment {
  readonly number: number
  /** Bytes of the log before it. */
  readonly base: number
  readonly salt: number
  /** Where its records end. */
  end: number
  /** Records that some stream needs. */
  needed = 0
  /** Records that some stream needed at some time. */
  records = 0

  constructor(number: number, base: number, salt: number, end: number) {
    this.number = number
    this.base = base
    this.salt = salt
    this.end = end
  }

  /** The average of its records, with what is around them. */
  get recordBytes(): number {
    return this.records === 0 ? this.end : this.end / this.records
  }
}

export class Segments {
  readonly directory: string
  readonly identity: Uint8Array
  private readonly list: Array<Segment> = []
  private readonly byNumber = new Map<number, Segment>()
  /** Bytes of all of them. */
  sizeBytes = 0
  /** Records that are needed, in all of them. */
  needed = 0

  constructor(directory: string, identity: Uint8Array) {
    this.directory = directory
    this.identity = identity
  }

  get all(): ReadonlyArray<Segment> {
    return this.list
  }

  get oldest(): Segment {
    return this.list[0]
  }

  /** The one that is being written. */
  get newest(): Segment {
    return this.list[this.list.length - 1]
  }

  get(number: number): Segment | undefined {
    return this.byNumber.get(number)
  }

  add(number: number, base: number, end: number): Segment {
    const segment = new Segment(number, base, Format.saltOf(this.identity, number), end)
    this.list.push(segment)
    this.byNumber.set(number, segment)
    this.sizeBytes += end
    return segment
  }

  /** The newest has grown. */
  grow(bytes: number): void {
    this.newest.end += bytes
    this.sizeBytes += bytes
  }

  removeOldest(): void {
    assert(this.list.length > 1, "the segment that is being written stays")
    const segment = this.list.shift()!
    this.byNumber.delete(segment.number)
    this.sizeBytes -= segment.end
  }

  readonly count = (number: number, change: number): void => {
    this.needed += change
    const segment = this.byNumber.get(number)
    if (segment === undefined) return
    segment.needed += change
    if (change > 0) segment.records += change
  }

  /** An estimate: a segment's records count as equally long. */
  get neededBytes(): number {
    let bytes = 0
    for (const segment of this.list) bytes += segment.needed * segment.recordBytes
    return bytes
  }

  pathOf(number: number): string {
    return `${this.directory}/${Format.nameOf(number)}`
  }

  /** The segment that holds this byte of the log, or the next one that is left. */
  at(position: number): Segment | undefined {
    return this.list.find((segment) => segment.base + segment.end > position)
  }
}
