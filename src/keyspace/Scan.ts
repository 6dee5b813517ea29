/**
 * Scan: the entries of a span, range after range in the order of the keys, or from the last key back, until a bound is met or nothing is left.
 */
import { assert } from "#base/Assert.ts"
import * as Keys from "#storage/Keys.ts"
import { Errand, backoffMicros, detoursMax, type Owner } from "./Errand.ts"
import { learn, type Options, type Routing } from "./Fan.ts"
import type { KeyspaceError, Misplaced } from "./KeyspaceError.ts"
import type { Scanned } from "./Keyspace.ts"
import type { Known } from "./Locations.ts"
import type { Entry, Response, Span, Timestamp } from "./Request.ts"

export interface Wanted {
  readonly span: Span
  readonly at: Timestamp
  readonly reverse: boolean
  readonly entriesMax: number
  readonly sizeBytesMax: number
}

export type Ended = (error: KeyspaceError | undefined, scanned: Scanned) => void

/** A key just below another one; between them may be keys that begin with it. There is none below the empty one. */
const below = (key: Uint8Array): Uint8Array => {
  const last = key.length - 1
  if (key[last] === 0) return key.subarray(0, last)
  return Uint8Array.of(...key.subarray(0, last), key[last] - 1, 0xff, 0xff, 0xff, 0xff)
}

const isEmpty = ({ from, to }: Span): boolean => Keys.compare(from, to) >= 0

export class Scan implements Owner {
  private readonly routing: Routing
  private readonly wanted: Wanted
  private readonly options: Options
  private readonly done: Ended
  private readonly entries: Array<Entry> = []
  private sizeBytes = 0
  private rest: Span
  /** What is asked for of the present range. */
  private part: Span
  private failures = 0

  constructor(routing: Routing, wanted: Wanted, options: Options, done: Ended) {
    this.routing = routing
    this.wanted = wanted
    this.options = options
    this.done = done
    this.rest = wanted.span
    this.part = wanted.span
  }

  start(): void {
    const { entries, rest } = this
    const { at, entriesMax, reverse, sizeBytesMax } = this.wanted
    if (isEmpty(rest)) return this.done(undefined, { entries, rest: undefined })
    if (entries.length >= entriesMax || this.sizeBytes >= sizeBytesMax) return this.done(undefined, { entries, rest })
    const { locations } = this.routing
    const known = reverse ? locations.findBelow(rest.to) : locations.find(rest.from)
    if (known === undefined) return this.locate()
    const { from, to } = known.descriptor
    this.part = {
      from: Keys.compare(from, rest.from) > 0 ? from : rest.from,
      to: Keys.compare(to, rest.to) < 0 ? to : rest.to
    }
    const request = {
      type: "scan" as const,
      span: this.part,
      at,
      reverse,
      entriesMax: entriesMax - entries.length,
      sizeBytesMax: sizeBytesMax - this.sizeBytes
    }
    new Errand(this.routing, this, {
      request,
      ...this.options,
      known,
      failures: this.failures,
      isUnclear: false
    }).start()
  }

  answered(_: Errand, response: Response): void {
    assert(response.type === "entries", "a scan is answered with entries")
    const { part, rest } = this
    const { entries, resume } = response
    for (const entry of entries) {
      this.entries.push(entry)
      this.sizeBytes += entry.key.length + entry.value.length
    }
    this.failures = 0
    this.rest = this.wanted.reverse
      ? { from: rest.from, to: resume ?? part.from }
      : { from: resume ?? part.to, to: rest.to }
    if (resume === undefined || this.entries.length === 0) return this.start()
    this.done(undefined, { entries: this.entries, rest: isEmpty(this.rest) ? undefined : this.rest })
  }

  astray({ failures, task }: Errand, error: Misplaced | undefined): void {
    const { alarms, locations } = this.routing
    learn(locations, task.known, error)
    this.failures = failures
    if (error !== undefined && failures <= detoursMax) return this.start()
    const dueMicros = alarms.nowMicros() + backoffMicros(this.routing, failures)
    alarms.at(Math.min(dueMicros, this.options.deadlineMicros), () => this.start())
  }

  failed(_: Errand, error: KeyspaceError): void {
    this.done(error, { entries: [], rest: this.rest })
  }

  private locate(): void {
    this.routing.locate(this.missing(), this.options.deadlineMicros, (error) => {
      if (error === undefined) this.start()
      else this.done(error, { entries: [], rest: this.rest })
    })
  }

  /** A key of the range that is to be asked next; or of one before it, which leads there. */
  private missing(): Uint8Array {
    const { reverse } = this.wanted
    const { from, to } = this.rest
    if (!reverse) return from
    let key = below(to)
    for (let known: Known | undefined; (known = this.routing.locations.find(key)) !== undefined;) {
      key = known.descriptor.to
    }
    return key
  }
}
