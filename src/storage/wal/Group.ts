/**
 * Group: records that go to disk with one write and one sync, and who waits for them. Payloads are copied in, with their checksum,
 * while the group before is under way; headers are finished when it is known where the group will stand.
 *
 * Entries are kept in parallel arrays, which are used again: an object for each would cost more than the record.
 */
import { assert } from "#base/Assert.ts"
import type { Done } from "../Engine.ts"
import * as Format from "./Format.ts"
import { epochAfterCut, epochBeforeCut, type Stream } from "./Stream.ts"

const firstBytes = 65_536
/** A buffer that grew larger than this for one record is not kept for the next group. */
const keptBytesMax = 8 * 1_048_576
/** Nor are the places of more entries than these. */
const keptEntriesMax = 1_024

/** The kind of an entry that has no record: it waits for what is before it. */
export const sync = 0

const noParts: ReadonlyArray<Uint8Array> = []

export interface Entry {
  readonly kind: number
  readonly stream: Stream | undefined
  readonly position: number
  readonly parts?: ReadonlyArray<Uint8Array>
  /** Completes when it is durable, not before. */
  readonly waits: boolean
  readonly done?: Done<void>
}

export class Group {
  private buffer = new Uint8Array(firstBytes)
  sizeBytes = 0
  /** Those of them that somebody appended or cut, not the log on its own account. */
  givenBytes = 0
  count = 0
  /** Entries before this one are complete. */
  completed = 0
  /** Somebody waits for it to be durable. */
  isWanted = false
  readonly kinds: Array<number> = []
  readonly streams: Array<Stream | undefined> = []
  readonly positions: Array<number> = []
  /** Where each record begins in the group. */
  readonly offsets: Array<number> = []
  readonly waits: Array<boolean> = []
  readonly dones: Array<Done<void> | undefined> = []

  add(entry: Entry): void {
    const { kind, parts = noParts, position, stream } = entry
    const index = this.count++
    this.kinds[index] = kind
    this.streams[index] = stream
    this.positions[index] = position
    this.offsets[index] = this.sizeBytes
    this.waits[index] = entry.waits
    this.dones[index] = entry.done
    if (entry.waits) this.isWanted = true
    if (kind !== sync) this.putRecord(kind, stream?.number ?? 0, position, parts)
  }

  private putRecord(kind: number, stream: number, position: number, parts: ReadonlyArray<Uint8Array>): void {
    const at = this.sizeBytes
    let payloadBytes = 0
    for (let index = 0; index < parts.length; index++) payloadBytes += parts[index].length
    let to = at + Format.recordHeaderBytes
    this.reserve(to + payloadBytes)
    for (let index = 0; index < parts.length; index++) {
      this.buffer.set(parts[index], to)
      to += parts[index].length
    }
    Format.putRecord(this.buffer, at, { kind, stream, position, payloadBytes })
    if (kind !== Format.kinds.carry && kind !== Format.kinds.mark) this.givenBytes += to - at
    this.sizeBytes = to
  }

  private reserve(bytes: number): void {
    if (bytes <= this.buffer.length) return
    const larger = new Uint8Array(Math.max(bytes, this.buffer.length * 2))
    larger.set(this.buffer.subarray(0, this.sizeBytes))
    this.buffer = larger
  }

  /** Finishes the headers of a group that will stand at `offset`, and gives its bytes. */
  seal(salt: number, offset: number): Uint8Array {
    for (let index = 0; index < this.count; index++) {
      const kind = this.kinds[index]
      if (kind === sync) continue
      const stream = this.streams[index]
      if (kind === Format.kinds.cutTail) stream!.epoch = epochAfterCut(stream!.epoch)
      const at = this.offsets[index]
      const epoch = stream === undefined ? 0 : stream.epoch
      Format.sealRecord(this.buffer, at, { salt, group: offset, offset: offset + at, epoch })
    }
    return this.buffer.subarray(0, this.sizeBytes)
  }

  /** It was sealed and is not on disk. */
  unseal(): void {
    for (let index = 0; index < this.count; index++) {
      if (this.kinds[index] !== Format.kinds.cutTail) continue
      const stream = this.streams[index]!
      stream.epoch = epochBeforeCut(stream.epoch)
    }
  }

  /** The payload of an entry, as long as the group is not emptied. */
  payload(index: number): Uint8Array {
    assert(this.kinds[index] !== sync, "an entry with a payload has a record")
    const end = index + 1 < this.count ? this.offsets[index + 1] : this.sizeBytes
    return this.buffer.subarray(this.offsets[index] + Format.recordHeaderBytes, end)
  }

  clear(): void {
    if (this.buffer.length > keptBytesMax) this.buffer = new Uint8Array(firstBytes)
    // Callers and streams are let go; their places are kept, as most groups are small and the next one follows at once.
    if (this.count > keptEntriesMax) {
      this.streams.length = 0
      this.dones.length = 0
    } else {
      for (let index = 0; index < this.count; index++) {
        this.streams[index] = undefined
        this.dones[index] = undefined
      }
    }
    this.sizeBytes = 0
    this.givenBytes = 0
    this.count = 0
    this.completed = 0
    this.isWanted = false
  }
}
