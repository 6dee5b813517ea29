/**
 * Sweep: keeps the ranges that a store leads free of what nobody can see any more, stretch by stretch (`Collecting`), and sees transactions to
 * their end whose coordinators died after they had decided. A range that has not changed since its last sweep is left alone.
 */
import type { GroupId } from "#consensus/Replica.ts"
import type * as Engine from "#storage/Engine.ts"
import type { StorageError } from "#storage/StorageError.ts"
import type { Done } from "#world/Completion.ts"
import type { RangeError } from "./KeyspaceError.ts"
import type { RangeServer } from "./RangeServer.ts"
import * as Reading from "./Reading.ts"
import type { Response, Span, Timestamp, Unresolved } from "./Request.ts"

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
  /** When the next one begins, and what was applied when the last one ended. */
  dueMicros: number
  appliedIndex: number
}

const keysAtOnce = 1_000
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
    const { applied, range: id } = server.machine
    let range = this.ranges.get(id)
    if (range === undefined) {
      range = { from: undefined, floor: 0, isBusy: false, dueMicros: now + options.everyMicros, appliedIndex: -1 }
      this.ranges.set(id, range)
    }
    if (range.isBusy) return
    if (range.from !== undefined) return this.stretch(server, range, range.from)
    if (range.dueMicros > now || range.appliedIndex === applied.index) return
    this.begin(server, range)
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
    let next: Uint8Array | undefined
    const visit = ({ key }: Reading.Item): boolean => {
      if (keys++ < keysAtOnce) return true
      next = key
      return false
    }
    const found: Engine.Done<void> = (error) => {
      if (error !== undefined) {
        this.ended(server, range)
        return this.means.unread(error)
      }
      this.collect(server, range, { from, to: next ?? descriptor.to }, next)
    }
    const span = { from, to: descriptor.to }
    Reading.scan(this.means.port, { span, at: Infinity }, visit, (goOn) => this.means.defer(goOn), found)
  }

  private collect(server: RangeServer, range: Range, span: Span, next: Uint8Array | undefined): void {
    const request = { type: "collect" as const, span, floor: range.floor }
    const asking = { range: server.range, timeoutMicros, waiter: undefined, request }
    server.submit(asking, (error: RangeError | undefined, response: Response | undefined) => {
      if (error !== undefined || response?.type !== "unresolved") return this.ended(server, range)
      for (const unresolved of response.transactions) this.means.settle(unresolved)
      if (next === undefined) return this.ended(server, range)
      range.isBusy = false
      range.from = next
    })
  }

  private ended(server: RangeServer, range: Range): void {
    range.isBusy = false
    range.from = undefined
    range.dueMicros = this.means.nowMicros() + this.options.everyMicros
    range.appliedIndex = server.machine.applied.index
  }
}
