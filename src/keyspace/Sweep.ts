/**
 * Sweep: keeps the ranges that a store leads free of what nobody can see any more, stretch by stretch (`Collecting`), and sees transactions to
 * their end whose coordinators died after they had decided. A range where nothing has changed is swept once more, when what the last change left is
 * nothing that anybody can see, and then left alone.
 */
import type { GroupId } from "#consensus/Replica.ts"
import type * as Engine from "#storage/Engine.ts"
import type { StorageError } from "#storage/StorageError.ts"
import * as Keys from "#storage/Keys.ts"
import type { Done } from "#world/Completion.ts"
import type { RangeError } from "./KeyspaceError.ts"
import type { RangeServer } from "./RangeServer.ts"
import * as Reading from "./Reading.ts"
import type { Response, Span, Timestamp, Unresolved } from "./Request.ts"
import * as SpacesRedis from "./SpacesRedis.ts"

export interface Options {
  /** So long versions can be read that are not the latest. */
  readonly retentionMicros: number
  /** Between two sweeps of a range that changes. */
  readonly everyMicros: number
}

export const defaults: Options = { retentionMicros: 600_000_000, everyMicros: 60_000_000 }

export interface Means {
  readonly port: Engine.Port
  nowMicros(): number
  timestamp(done: Done<Timestamp, RangeError>): void
  defer(then: () => void): void
  unread(error: StorageError): void
  /** Puts the transaction's versions in place, and forgets it. */
  settle(unresolved: Unresolved): void
}

interface Range {
  /** Where the sweep goes on; undefined: none is under way. */
  from: Uint8Array | undefined
  floor: Timestamp
  isBusy: boolean
  /** When it began, and the last one that came to its end. */
  beganMicros: number
  sweptMicros: number
  /** When another one may begin. */
  dueMicros: number
  /** As the machine counts them, and when they were seen to be so many. */
  changes: number
  changedMicros: number
}

/** Of a stretch, which is read twice: once for where it ends. */
const keysAtOnce = 1_000
const bytesAtOnce = 4 * 1_048_576
const timeoutMicros = 5_000_000

export class Sweep {
  private readonly options: Options
  private readonly means: Means
  private readonly ranges = new Map<GroupId, Range>()

  constructor(means: Means, options: Options) {
    this.means = means
    this.options = options
  }

  /** Does the next stretch of a range that is led here, when it is due. */
  tend(server: RangeServer): void {
    const { means, options } = this
    const now = means.nowMicros()
    const { changes, range: id } = server.machine
    let range = this.ranges.get(id)
    if (range === undefined) {
      const dueMicros = now + options.everyMicros
      range = {
        from: undefined,
        floor: 0,
        isBusy: false,
        beganMicros: 0,
        sweptMicros: -Infinity,
        dueMicros,
        changes: -1,
        changedMicros: now
      }
      this.ranges.set(id, range)
    }
    if (range.changes !== changes) {
      range.changes = changes
      range.changedMicros = now
    }
    if (range.isBusy) return
    if (range.from !== undefined) return this.stretch(server, range, range.from)
    if (range.dueMicros > now || !this.isDue(range, now)) return
    range.beganMicros = now
    this.begin(server, range)
  }

  private isDue({ changedMicros, sweptMicros }: Range, now: number): boolean {
    const goneMicros = changedMicros + this.options.retentionMicros
    return sweptMicros < changedMicros || (sweptMicros < goneMicros && now >= goneMicros)
  }

  forget(id: GroupId): void {
    this.ranges.delete(id)
  }

  private begin(server: RangeServer, range: Range): void {
    range.isBusy = true
    this.means.timestamp((error, at) => {
      range.isBusy = false
      if (error !== undefined || at <= this.options.retentionMicros) return
      range.floor = at - this.options.retentionMicros
      this.stretch(server, range, server.machine.descriptor!.from)
    })
  }

  private stretch(server: RangeServer, range: Range, from: Uint8Array): void {
    const { descriptor } = server.machine
    if (descriptor === undefined) return
    range.isBusy = true
    let keys = 0
    let bytes = 0
    let to: Uint8Array | undefined
    let next: Uint8Array | undefined
    const visit = ({ head, key, sizeBytes }: Reading.Item): boolean => {
      if (head?.value !== undefined && SpacesRedis.isRecord(key)) {
        // They go from the first on, and have no older versions: behind one that is there is nothing that must go before it does, and much to read.
        to = Keys.after(key)
        next = SpacesRedis.afterStream(key)
        return false
      }
      if (keys++ < keysAtOnce && bytes < bytesAtOnce) {
        bytes += sizeBytes
        return true
      }
      next = key
      return false
    }
    const found: Engine.Done<void> = (error) => {
      if (error !== undefined) {
        this.ended(range)
        return this.means.unread(error)
      }
      if (next !== undefined && Keys.compare(next, descriptor.to) >= 0) next = undefined
      this.collect(server, range, { from, to: to ?? next ?? descriptor.to }, next)
    }
    const span = { from, to: descriptor.to }
    Reading.scan(this.means.port, { span, at: Infinity }, visit, (goOn) => this.means.defer(goOn), found)
  }

  private collect(server: RangeServer, range: Range, span: Span, next: Uint8Array | undefined): void {
    const request = { type: "collect" as const, span, floor: range.floor }
    const asking = { range: server.range, timeoutMicros, waiter: undefined, request }
    server.submit(asking, (error: RangeError | undefined, response: Response | undefined) => {
      if (error !== undefined || response?.type !== "unresolved") return this.ended(range)
      for (const unresolved of response.transactions) this.means.settle(unresolved)
      if (next === undefined) {
        range.sweptMicros = range.beganMicros
        return this.ended(range)
      }
      range.isBusy = false
      range.from = next
    })
  }

  private ended(range: Range): void {
    range.isBusy = false
    range.from = undefined
    range.dueMicros = this.means.nowMicros() + this.options.everyMicros
  }
}
