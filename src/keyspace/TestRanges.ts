/**
 * TestRanges: ranges in memory, for tests of who asks them. They are cut, merged and moved while they are asked, know where others are or do not,
 * say they are busy, and what is between stores is lost, or comes late. What they hold is held in one place: so it is known what they have to answer.
 */
import * as Hex from "#base/Hex.ts"
import type { Alarms } from "#cluster/Alarms.ts"
import type { CallError } from "#cluster/Calls.ts"
import type { StoreId } from "#consensus/Replica.ts"
import * as Keys from "#storage/Keys.ts"
import { end, systemEnd, systemRange, type Descriptor, type Location } from "./Descriptor.ts"
import type { Send } from "./Errand.ts"
import {
  Aborted,
  Busy,
  Conflict,
  Misplaced,
  NotLeaseholder,
  Unavailable,
  Unknown,
  type RangeError
} from "./KeyspaceError.ts"
import * as Meta from "./Meta.ts"
import type { Asking, Mutation, Reads, Request, Response, Span, Timestamp, TxnId, TxnState, Value } from "./Request.ts"

interface Version {
  readonly value: Uint8Array | undefined
  readonly at: Timestamp
  readonly txn: TxnId
}

interface Row {
  readonly key: Uint8Array
  readonly versions: Array<Version>
  intent: { readonly txn: TxnId; readonly value: Uint8Array | undefined } | undefined
}

interface Range {
  descriptor: Descriptor
  leaseholder: StoreId
}

type Result = Response | RangeError

type Answer = (error: RangeError | undefined, response: Response | undefined) => void

const contains = ({ from, to }: Span, key: Uint8Array): boolean =>
  Keys.compare(from, key) <= 0 && Keys.compare(key, to) < 0

const keysOf = (request: Request): ReadonlyArray<Uint8Array> => {
  switch (request.type) {
    case "commit-once":
      return [...request.mutations.map(({ key }) => key), ...request.reads.keys]
    case "prepare":
      return request.mutations.map(({ key }) => key)
    case "validate":
      return request.reads.keys
    case "get":
    case "lock":
    case "unlock":
    case "resolve":
      return request.keys
    case "decide":
    case "forget":
    case "push":
    case "heartbeat":
      return [request.txn.anchor]
    default:
      return []
  }
}

const spansOf = (request: Request): ReadonlyArray<Span> => {
  if (request.type === "scan") return [request.span]
  return request.type === "commit-once" || request.type === "validate" ? request.reads.spans : []
}

const isError = (result: Result): result is RangeError => "_tag" in result

export interface Trouble {
  /** One in so many of what is asked between stores, whose request or answer does not arrive; 0: none. */
  readonly lost: number
  /** One in so many of the lost requests that do arrive, but long after they were given up. */
  readonly late: number
  /** One in so many that a range is not ready for. */
  readonly refused: number
}

export class TestRanges {
  readonly ranges = new Map<number, Range>()
  readonly stores: ReadonlyArray<StoreId>
  readonly counts = { asked: 0, misplaced: 0, lost: 0 }
  trouble: Trouble = { lost: 0, late: 0, refused: 0 }
  /** Ranges publish where they are. */
  publishes = true
  private readonly alarms: Alarms
  private readonly random: (bound: number) => number
  private readonly rows = new Map<string, Row>()
  private readonly records = new Map<TxnId, TxnState>()
  private published: ReadonlyArray<Location> = []
  private clock = 0
  private numbers = 1

  constructor(alarms: Alarms, random: (bound: number) => number, stores: ReadonlyArray<StoreId>) {
    this.alarms = alarms
    this.random = random
    this.stores = stores
    this.ranges.set(systemRange, {
      descriptor: { range: systemRange, from: new Uint8Array(0), to: systemEnd, generation: 0 },
      leaseholder: stores[0]
    })
    this.add({ range: ++this.numbers, from: systemEnd, to: end, generation: 1 }, stores[0])
  }

  // What a test does and sees.

  get now(): Timestamp {
    return this.clock
  }

  timestamp(): Timestamp {
    return ++this.clock
  }

  rangeOf(key: Uint8Array): Range {
    return [...this.ranges.values()].find(({ descriptor }) => contains(descriptor, key))!
  }

  split(key: Uint8Array): void {
    const left = this.rangeOf(key)
    const { from, generation, range, to } = left.descriptor
    if (range === systemRange || Keys.compare(from, key) === 0) return
    left.descriptor = { range, from, to: key, generation: generation + 1 }
    this.publish(left)
    this.add({ range: ++this.numbers, from: key, to, generation: generation + 1 }, left.leaseholder)
  }

  /** With the one behind it. */
  merge(key: Uint8Array): void {
    const left = this.rangeOf(key)
    const { from, generation, range, to } = left.descriptor
    if (range === systemRange || Keys.compare(to, end) === 0) return
    const right = this.rangeOf(to).descriptor
    this.ranges.delete(right.range)
    left.descriptor = { range, from, to: right.to, generation: Math.max(generation, right.generation) + 1 }
    this.publish(left)
  }

  move(key: Uint8Array, store: StoreId): void {
    this.rangeOf(key).leaseholder = store
  }

  publishAll(): void {
    for (const range of this.ranges.values()) if (range.descriptor.range !== systemRange) this.publish(range)
  }

  /** What a read at a timestamp has to find. */
  valueAt(key: Uint8Array, at: Timestamp): Value {
    return this.versionOf(this.rows.get(String(key)), at)
  }

  keysIn(span: Span): ReadonlyArray<Uint8Array> {
    return [...this.rows.values()]
      .map(({ key }) => key)
      .filter((key) => contains(span, key))
      .sort(Keys.compare)
  }

  /** What a transaction has written, as the key in hexadecimal and the timestamp; each as often as it was. */
  writtenBy(txn: TxnId): ReadonlyArray<string> {
    return [...this.rows.values()].flatMap(({ key, versions }) =>
      versions.filter((version) => version.txn === txn).map(({ at }) => `${Hex.of(key)} ${at}`)
    )
  }

  intentsOf(txn: TxnId): ReadonlyArray<Uint8Array> {
    return [...this.rows.values()].filter(({ intent }) => intent?.txn === txn).map(({ key }) => key)
  }

  stateOf(txn: TxnId): TxnState | undefined {
    return this.records.get(txn)
  }

  sendOf(self: StoreId): Send {
    return {
      self,
      submit: (asking, done) => this.soon(() => this.deliver(self, asking, done)),
      call: (store, asking, done) => this.between(store, asking, done),
      stores: () => this.stores
    }
  }

  // Between stores.

  private soon(then: () => void): void {
    this.alarms.at(this.alarms.nowMicros() + this.random(2_000), then)
  }

  private happens(oneIn: number): boolean {
    return oneIn > 0 && this.random(oneIn) === 0
  }

  private between(
    store: StoreId,
    asking: Asking,
    done: (error: RangeError | CallError | undefined, response: Response | undefined) => void
  ): void {
    const ends = (["lost", "timed-out", "unconnected", "full"] as const)[this.random(4)]
    const isCertain = ends === "unconnected" || ends === "full"
    const isLost = this.happens(this.trouble.lost)
    if (isLost) this.counts.lost++
    const arrives = !isLost || (!isCertain && this.random(2) === 0)
    const answer: Answer = (error, response) => {
      if (!isLost) this.soon(() => done(error, response))
    }
    const isLate = isLost && this.happens(this.trouble.late)
    if (arrives && !isLate) this.soon(() => this.deliver(store, asking, answer))
    if (!isLost) return
    if (arrives && isLate) {
      this.alarms.at(this.alarms.nowMicros() + this.random(500_000), () => this.deliver(store, asking, answer))
    }
    const dueMicros = this.alarms.nowMicros() + (ends === "timed-out" ? asking.timeoutMicros : this.random(20_000))
    this.alarms.at(dueMicros, () => done(ends, undefined))
  }

  /** A request is at a replica. */
  private deliver(store: StoreId, asking: Asking, done: Answer): void {
    this.counts.asked++
    const range = this.ranges.get(asking.range)
    if (range === undefined || range.leaseholder !== store) {
      const hint = range === undefined ? undefined : [range.leaseholder, undefined, this.anyStore()][this.random(3)]
      return done(new NotLeaseholder({ range: asking.range, leaseholder: hint }), undefined)
    }
    if (this.happens(this.trouble.refused)) return done(this.refusal(asking), undefined)
    const result = this.evaluate(range, asking.request)
    if (result === undefined) {
      // Another transaction is to be waited for.
      this.alarms.at(this.alarms.nowMicros() + 5_000, () => this.deliver(store, asking, done))
    } else if (isError(result)) done(result, undefined)
    else done(undefined, result)
  }

  private refusal(asking: Asking): RangeError {
    const message = "as the test wants it"
    const kind = this.random(4)
    if (kind === 0) return new Busy({ retryAfterMillis: 3 })
    if (kind === 1) return new Unavailable({ message })
    const range = this.ranges.get(asking.range)!
    if (kind === 2) this.evaluate(range, asking.request)
    return new Unknown({ message })
  }

  private anyStore(): StoreId {
    return this.stores[this.random(this.stores.length)]
  }

  private add(descriptor: Descriptor, leaseholder: StoreId): void {
    const range = { descriptor, leaseholder }
    this.ranges.set(descriptor.range, range)
    this.publish(range)
  }

  private publish({ descriptor, leaseholder }: Range): void {
    if (!this.publishes) return
    const location = { descriptor, stores: this.stores, leaseholder, isSettled: false }
    const over = Meta.replaced(this.published, location)
    if (over !== undefined) this.published = [...this.published.filter((each) => !over.includes(each)), location]
  }

  // At the leaseholder. Undefined: somebody is to be waited for.

  private evaluate(range: Range, request: Request): Result | undefined {
    const { descriptor } = range
    const outside =
      keysOf(request).find((key) => !contains(descriptor, key)) ??
      spansOf(request).find(
        ({ from, to }) => Keys.compare(from, descriptor.from) < 0 || Keys.compare(to, descriptor.to) > 0
      )?.from
    if (outside !== undefined) {
      this.counts.misplaced++
      const { leaseholder } = this.rangeOf(outside)
      const { descriptor: known } = this.rangeOf(outside)
      const other = { descriptor: known, stores: this.stores, leaseholder, isSettled: false }
      return new Misplaced({ range: descriptor.range, known: this.random(2) === 0 ? [other] : [] })
    }
    switch (request.type) {
      case "get":
        return this.blocks(request.keys, request.at)
          ? undefined
          : { type: "values", values: request.keys.map((key) => this.valueAt(key, request.at)) }
      case "scan":
        return this.scan(request)
      case "lock":
        return {
          type: "locked",
          values: request.keys.map((key) => this.valueAt(key, Infinity)),
          at: this.timestamp()
        }
      case "commit-once":
        return this.commitOnce(request)
      case "prepare":
        return this.prepare(request)
      case "validate":
        return this.changed(request.reads, request.txn) ?? { type: "done" }
      case "decide":
        if (!this.records.has(request.txn.id)) this.records.set(request.txn.id, request.outcome)
        return { type: "state", state: this.records.get(request.txn.id)! }
      case "push":
      case "heartbeat":
        return { type: "state", state: this.records.get(request.txn.id) ?? { type: "pending" } }
      case "resolve":
        for (const key of request.keys) this.resolve(key, request.txn)
        return { type: "done" }
      case "timestamps":
        this.clock += request.count
        return { type: "at", at: this.clock }
      case "locate":
        return { type: "location", location: this.published.find((each) => contains(each.descriptor, request.key)) }
      default:
        return { type: "done" }
    }
  }

  private versionOf(row: Row | undefined, at: Timestamp): Value {
    const found = row?.versions.findLast((version) => version.at <= at)
    return { value: found?.value, at: found?.at ?? 0 }
  }

  /** An intent may be committed before the timestamp; one that is decided is resolved. */
  private blocks(keys: ReadonlyArray<Uint8Array>, at: Timestamp): boolean {
    return keys.some((key) => {
      const intent = this.rows.get(String(key))?.intent
      if (intent === undefined || intent.txn > at) return false
      this.resolve(key, intent.txn)
      return this.rows.get(String(key))!.intent !== undefined
    })
  }

  private scan({
    at,
    entriesMax,
    reverse,
    sizeBytesMax,
    span
  }: Extract<Request, { type: "scan" }>): Result | undefined {
    const keys = this.keysIn(span)
    if (this.blocks(keys, at)) return undefined
    const found = keys.flatMap((key) => {
      const { at: versionAt, value } = this.valueAt(key, at)
      return value === undefined ? [] : [{ key, value, at: versionAt }]
    })
    if (reverse) found.reverse()
    let sizeBytes = 0
    const count = found.findIndex(({ key, value }, index) => {
      if (index >= entriesMax || sizeBytes >= sizeBytesMax) return true
      sizeBytes += key.length + value.length
      return false
    })
    if (count < 0) return { type: "entries", entries: found, resume: undefined }
    return {
      type: "entries",
      entries: found.slice(0, count),
      resume: reverse ? found[count - 1].key : found[count].key
    }
  }

  private rowOf(key: Uint8Array): Row {
    let row = this.rows.get(String(key))
    if (row === undefined) {
      row = { key, versions: [], intent: undefined }
      this.rows.set(String(key), row)
    }
    return row
  }

  private resolve(key: Uint8Array, txn: TxnId): void {
    const row = this.rowOf(key)
    const state = this.records.get(txn)
    if (row.intent?.txn !== txn || state === undefined || state.type === "pending") return
    if (state.type === "committed") row.versions.push({ value: row.intent.value, at: state.at, txn })
    row.intent = undefined
  }

  /** A write-write conflict, or an intent that is to be waited for. */
  private conflict(mutations: ReadonlyArray<Mutation>, snapshot: Timestamp, txn: TxnId): Conflict | "wait" | undefined {
    for (const { key } of mutations) {
      const { intent, versions } = this.rowOf(key)
      const last = versions.at(-1)
      if (last !== undefined && last.at > snapshot) return new Conflict({ key, at: last.at })
      if (intent === undefined || intent.txn === txn) continue
      this.resolve(key, intent.txn)
      return "wait"
    }
    return undefined
  }

  private changed({ keys, since, spans }: Reads, txn: TxnId): Conflict | undefined {
    const all = [...keys, ...spans.flatMap((span) => this.keysIn(span))]
    const found = all.find((key) => {
      const last = this.rows.get(String(key))?.versions.at(-1)
      return last !== undefined && last.at > since && last.txn !== txn
    })
    return found === undefined ? undefined : new Conflict({ key: found, at: undefined })
  }

  private commitOnce({
    mutations,
    reads,
    snapshot,
    txn
  }: Extract<Request, { type: "commit-once" }>): Result | undefined {
    const state = this.records.get(txn.id)
    if (state?.type === "committed") return { type: "at", at: state.at }
    if (state !== undefined) return new Aborted({ txn: txn.id, reason: "pushed" })
    const conflict = this.conflict(mutations, snapshot, txn.id)
    if (conflict === "wait") return undefined
    const problem = conflict ?? this.changed(reads, txn.id)
    if (problem !== undefined) return problem
    const at = this.timestamp()
    this.records.set(txn.id, { type: "committed", at })
    for (const { key, value } of mutations) this.rowOf(key).versions.push({ value, at, txn: txn.id })
    return { type: "at", at }
  }

  private prepare({ mutations, snapshot, txn }: Extract<Request, { type: "prepare" }>): Result | undefined {
    const conflict = this.conflict(mutations, snapshot, txn.id)
    if (conflict === "wait") return undefined
    if (conflict !== undefined) return conflict
    if (this.records.has(txn.id)) return new Aborted({ txn: txn.id, reason: "pushed" })
    for (const { key, value } of mutations) this.rowOf(key).intent = { txn: txn.id, value }
    return { type: "done" }
  }
}
