/**
 * Splitting: cuts ranges that a store leads: those that have become too large, about in the middle of their bytes, and those that are asked too much
 * (`Load`), where half of that is on either side. What is cut for its load is merged again only when that has gone (`Merging`).
 */
import type { GroupId } from "#consensus/Replica.ts"
import type * as Engine from "#storage/Engine.ts"
import type { StorageError } from "#storage/StorageError.ts"
import { systemRange } from "./Descriptor.ts"
import type { Answered } from "./Leaseholder.ts"
import type { RangeServer } from "./RangeServer.ts"
import * as Reading from "./Reading.ts"
import type { Asking } from "./Request.ts"
import * as SpacesRedis from "./SpacesRedis.ts"

export interface Means {
  readonly port: Engine.Port
  nowMicros(): number
  defer(then: () => void): void
  submit(asking: Asking, done: Answered): void
  unread(error: StorageError): void
  /** Whether there is another store, which may lead one of two halves. */
  hasOthers(): boolean
}

const timeoutMicros = 5_000_000

export class Splitting {
  private readonly means: Means
  /** A range that is larger is cut in two. */
  private readonly sizeBytesMax: number
  private readonly busy = new Set<GroupId>()
  /** Ranges of one key, and how large they may be before they are looked through again. */
  private readonly single = new Map<GroupId, number>()

  constructor(means: Means, sizeBytesMax: number) {
    this.means = means
    this.sizeBytesMax = sizeBytesMax
  }

  /** To be called several times a second for a range that is led here. */
  tend(server: RangeServer): void {
    const { range } = server
    const key = server.load.look(this.means.nowMicros())
    if (this.busy.has(range)) return
    const sizeBytes = server.machine.state?.sizeBytes ?? 0
    if (sizeBytes > Math.max(this.sizeBytesMax, this.single.get(range) ?? 0)) return this.inTwo(server, sizeBytes)
    const isPossible = key !== undefined && !SpacesRedis.isWithinJournal(key) && range !== systemRange
    if (isPossible && this.means.hasOthers()) this.at(range, key)
  }

  forget(range: GroupId): void {
    this.single.delete(range)
  }

  private at(range: GroupId, key: Uint8Array): void {
    this.busy.add(range)
    const request = { type: "split" as const, key }
    this.means.submit({ range, timeoutMicros, waiter: undefined, request }, () => this.busy.delete(range))
  }

  /** Where about half of its bytes are on either side, but behind its first key at least, and not where keys belong together. */
  private inTwo({ machine, range }: RangeServer, sizeBytes: number): void {
    this.busy.add(range)
    let leftBytes = 0
    let key: Uint8Array | undefined
    const visit = (item: Reading.Item): boolean => {
      const isWithin = SpacesRedis.isWithinJournal(item.key)
      if (leftBytes > 0 && !isWithin) key = item.key
      leftBytes += item.sizeBytes
      return key === undefined || isWithin || leftBytes < sizeBytes / 2
    }
    const scanned: Engine.Done<void> = (error) => {
      if (error === undefined && key === undefined) this.single.set(range, 1.5 * sizeBytes)
      if (error === undefined && key !== undefined) this.at(range, key)
      else this.busy.delete(range)
      if (error !== undefined) this.means.unread(error)
    }
    const { port } = this.means
    const span = machine.descriptor!
    Reading.scan(port, { span, at: Infinity }, visit, (goOn) => this.means.defer(goOn), scanned)
  }
}
