/**
 * SystemRange: what the leaseholder of the system's range answers besides: timestamps, where ranges are, numbers for new ones, and who waits in a
 * circle. The rules are those of `Oracle`, `Meta` and `Deadlocks`; here they meet the range.
 *
 * A batch of timestamps is given after a barrier that was asked for when the batch was: so a leaseholder that was replaced gives none that is
 * below one that its successor gave before. Its bound is replicated before it is used, so none is given twice.
 */
import * as Limits from "#base/Limits.ts"
import { Deadlocks } from "./Deadlocks.ts"
import { Changes } from "./Changes.ts"
import { systemRange } from "./Descriptor.ts"
import * as Key from "./Key.ts"
import { Refused } from "./KeyspaceError.ts"
import type { Leaseholder } from "./Leaseholder.ts"
import * as Meta from "./Meta.ts"
import { Oracle } from "./Oracle.ts"
import * as Reading from "./Reading.ts"
import * as Records from "./Records.ts"
import type { Request, Timestamp } from "./Request.ts"
import type { Leadership, Task } from "./Task.ts"

type Of<Type extends Request["type"]> = Extract<Request, { readonly type: Type }>

/** How fast time goes where it is ahead of the wall clock. */
const rateAhead = 7 / 8

/** Memory of one term. */
class Term {
  readonly leadership: Leadership
  readonly deadlocks: Deadlocks
  oracle: Oracle | undefined
  /** What the oracle takes for the time, and when that was, on this node's own clock. */
  private timeMicros = 0
  private readMicros = 0
  /** Timestamps that wait for a higher bound, or for the oracle to begin. */
  waiting: Array<{ readonly task: Task; readonly count: number }> = []
  isReading = false

  constructor(leadership: Leadership, keptMicros: number) {
    this.leadership = leadership
    this.deadlocks = new Deadlocks(keptMicros)
  }

  /** `bound`: no timestamp of any term before is above it. */
  begin(bound: Timestamp, nowMicros: number): void {
    this.oracle = new Oracle(bound)
    this.timeMicros = bound
    this.readMicros = nowMicros
  }

  /**
   * The wall clock, where it goes ahead; where it stands, or was set back, nearly as much time as has passed: leases and timers that count in
   * timestamps would wait for it to come back. A little less, so that it comes up: each new leaseholder begins ahead of it.
   */
  time(wallMicros: number, nowMicros: number): number {
    const passed = this.timeMicros + (nowMicros - this.readMicros) * rateAhead
    this.timeMicros = wallMicros < Limits.wallMicrosMax ? Math.max(passed, wallMicros) : passed
    this.readMicros = nowMicros
    return this.timeMicros
  }
}

const valueOf = (record: Uint8Array | undefined): Uint8Array | undefined =>
  record === undefined ? undefined : Records.readHead(record).value

/** Waits are told again every `pushAfterMicros`; a few may be lost or late. */
const toldAgain = 10

export class SystemRange {
  private readonly wallMicros: () => number
  private term: Term | undefined

  constructor(wallMicros: () => number) {
    this.wallMicros = wallMicros
  }

  evaluate(range: Leaseholder, task: Task, request: Request): void {
    if (range.range !== systemRange) {
      return range.end(task, new Refused({ message: `"${request.type}" is asked of the system range` }))
    }
    switch (request.type) {
      case "timestamps":
        return this.timestamps(range, task, request)
      case "locate":
        return this.locate(range, task, request)
      case "publish":
        return this.publish(range, task, request)
      case "number-range":
        return this.numberRange(range, task)
      case "wait": {
        const { holders, place, waiter } = request
        const victims = this.of(range, task).deadlocks.wait(waiter, place, holders, range.services.nowMicros())
        return range.end(task, undefined, { type: "victims", victims })
      }
      default:
        return range.end(task, new Refused({ message: `the system range does not answer "${request.type}"` }))
    }
  }

  private of(range: Leaseholder, { leadership }: Task): Term {
    if (this.term?.leadership !== leadership) {
      this.term = new Term(leadership, toldAgain * range.options.pushAfterMicros)
    }
    return this.term
  }

  // Timestamps.

  private timestamps(range: Leaseholder, task: Task, { count }: Of<"timestamps">): void {
    const term = this.of(range, task)
    if (term.oracle === undefined) {
      term.waiting.push({ task, count })
      return this.begin(range, term, task)
    }
    this.give(range, term, task, count)
  }

  private begin(range: Leaseholder, term: Term, task: Task): void {
    if (term.isReading) return
    term.isReading = true
    const read = ([record]: ReadonlyArray<Uint8Array | undefined>): void => {
      term.begin(Meta.bound(valueOf(record)), range.services.nowMicros())
      this.giveAll(range, term)
    }
    Reading.values(range.services.port, [Key.head(Meta.boundKey)], (error, values) => {
      term.isReading = false
      range.resume(task, read)(error, values)
    })
  }

  private giveAll(range: Leaseholder, term: Term): void {
    const { waiting } = term
    term.waiting = []
    for (const { count, task } of waiting) if (!task.isAnswered) this.give(range, term, task, count)
  }

  private give(range: Leaseholder, term: Term, task: Task, count: number): void {
    const oracle = term.oracle!
    const timeMicros = term.time(this.wallMicros(), range.services.nowMicros())
    const at = oracle.give(count, timeMicros)
    const bound = oracle.wanted(count, timeMicros)
    if (bound !== undefined) {
      const changes = new Changes()
      changes.replace({ key: Meta.boundKey, value: Meta.encodeNumber(bound) })
      if (at !== undefined) task.end(undefined, { type: "at", at })
      return range.propose(task, changes, {
        response: () => {
          oracle.raised(bound)
          // However late it is by now.
          const first = at ?? oracle.give(count, Math.min(timeMicros, bound))!
          range.services.defer(() => this.giveAll(range, term))
          return { type: "at", at: first }
        },
        failed: () => {
          oracle.failed()
          range.services.defer(() => this.giveAll(range, term))
        }
      })
    }
    if (at === undefined) term.waiting.push({ task, count })
    else range.end(task, undefined, { type: "at", at })
  }

  // Ranges.

  private locate(range: Leaseholder, task: Task, { key }: Of<"locate">): void {
    let last: Uint8Array | undefined
    const visit = ({ head }: Reading.Item): boolean => {
      last = head?.value
      return false
    }
    const ended = range.resume(task, () => {
      range.end(task, undefined, { type: "location", location: Meta.located(last, key) })
    })
    const options = { span: Meta.below(key), at: Infinity, reverse: true }
    Reading.scan(range.services.port, options, visit, (goOn) => range.services.defer(goOn), ended)
  }

  private publish(range: Leaseholder, task: Task, { location }: Of<"publish">): void {
    const { port } = range.services
    const pause = (goOn: () => void): void => range.services.defer(goOn)
    const known: Array<Uint8Array> = []
    const first = ({ head }: Reading.Item): boolean => {
      if (head?.value !== undefined) known.push(head.value)
      return false
    }
    const rest = ({ head }: Reading.Item): boolean => {
      if (head?.value !== undefined) known.push(head.value)
      return true
    }
    const decided = (): void => {
      const mutations = Meta.publish(known.map(Meta.decodeLocation), location) ?? []
      if (mutations.length === 0) return range.end(task, undefined, { type: "done" })
      const changes = new Changes()
      for (const mutation of mutations) changes.replace(mutation)
      range.propose(task, changes, { response: () => ({ type: "done" }) })
    }
    const second = { span: Meta.within(location.descriptor), at: Infinity }
    const looked = range.resume(task, () => Reading.scan(port, second, rest, pause, range.resume(task, decided)))
    Reading.scan(
      port,
      { span: Meta.below(location.descriptor.from), at: Infinity, reverse: true },
      first,
      pause,
      looked
    )
  }

  private numberRange(range: Leaseholder, task: Task): void {
    const read = ([record]: ReadonlyArray<Uint8Array | undefined>): void => {
      const { mutation, range: number } = Meta.nextNumber(valueOf(record))
      const changes = new Changes()
      changes.replace(mutation)
      range.propose(task, changes, { response: () => ({ type: "range", range: number }) })
    }
    Reading.values(range.services.port, [Key.head(Meta.numberKey)], range.resume(task, read))
  }
}
