/**
 * Folding: puts the changes of records among the keys they belong to, and then deletes the records. What was changed many times between is
 * written once: records are read from the last to the first, and what a later one said of something stands. It happens in the background, in
 * small steps, when records have become many, or nothing has been added for a while.
 *
 * Whoever finds records and keys takes the records for what is true: so a fold may end anywhere, and be begun again.
 */
import * as Effect from "effect/Effect"
import type { Mutation, Span } from "#keyspace/Request.ts"
import * as Tuple from "#keyspace/Tuple.ts"
import type { Transaction } from "#txn/Transaction.ts"
import type { StepError } from "#txn/TxnError.ts"
import * as Keys from "#storage/Keys.ts"
import type { Engine } from "./Engine.ts"
import type { OwnershipLost } from "./Ownership.ts"
import { Cutting } from "./Pieces.ts"
import * as Places from "./Places.ts"
import * as Record from "./Record.ts"

type Txn = Transaction["Service"]
/** A transaction of the owner, as often as it takes. */
export type Commit = (body: (txn: Txn) => Effect.Effect<void, StepError>) => Effect.Effect<void, OwnershipLost>
/** A record that is stored; undefined: it is not there (any more). */
export type Read = (number: number) => Effect.Effect<Uint8Array | undefined, OwnershipLost>

export interface Options {
  /** Records of so many bytes are folded at once: a start reads no more than that, and what is added meanwhile. Default: 64 MiB. */
  readonly foldBytes: number
  /** How often it is looked whether that is due. Default: 1,000. */
  readonly lookMillis: number
  /** Records that nobody added to for so many looks are folded. Default: 60. */
  readonly quietLooks: number
}

export const defaults: Options = { foldBytes: 64 * 1_048_576, lookMillis: 1_000, quietLooks: 60 }

/** Of one step: it holds up others for about a millisecond. */
const stepKeys = 64
const stepBytes = 65_536
const stepChanges = 2_048
const runKeys = 8_192
const runBytes = 8 * 1_048_576
/** Between steps. Where clients do things meanwhile they have nine tenths of the time, unless records are too many for that. */
const pauseMillis = 3
const busyPauseMillis = 20
const busyShare = 9
const overdueMax = 4
const clearedMax = 64

export class Folding {
  readonly counts = { folds: 0, keys: 0 }
  /** What is too large for one key. */
  readonly cutting = new Cutting()
  /** The records that are not folded: their numbers, 0 where there are none, and what they hold. */
  private first = 0
  private last = 0
  private bytes = 0
  private additions = 0
  private garbage: Array<Uint8Array> = []
  private readonly commit: Commit
  private readonly read: Read
  private readonly engine: Engine
  private readonly options: Options

  constructor({
    commit,
    engine,
    options,
    read
  }: {
    readonly commit: Commit
    readonly read: Read
    readonly engine: Engine
    readonly options: Options
  }) {
    this.commit = commit
    this.read = read
    this.engine = engine
    this.options = options
  }

  /** The record with this number is stored. */
  add(number: number, sizeBytes: number): void {
    if (this.first === 0) this.first = number
    this.last = number
    this.bytes += sizeBytes
    this.additions += 1
  }

  /** Nobody reads what begins with that any more, once the records so far are folded. */
  discard(prefix: Uint8Array): void {
    this.garbage.push(prefix)
  }

  reset(): void {
    this.garbage = []
    this.bytes = 0
    this.first = 0
    this.last = 0
  }

  /** Never ends, unless the data is another node's. */
  readonly run: Effect.Effect<never, OwnershipLost> = Effect.suspend(() => {
    let quiet = 0
    const look = Effect.suspend(() => {
      quiet = this.additions === 0 ? quiet + 1 : 0
      this.additions = 0
      const isDue = this.bytes >= this.options.foldBytes || (quiet >= this.options.quietLooks && this.last > 0)
      return isDue ? this.fold : Effect.void
    })
    return Effect.forever(Effect.andThen(Effect.sleep(this.options.lookMillis), look))
  })

  /** Everything up to now. */
  readonly fold: Effect.Effect<void, OwnershipLost> = Effect.suspend(() => {
    const { first, garbage, last } = this
    this.reset()
    this.counts.folds += 1
    for (const prefix of garbage) this.cutting.cleared(prefix)
    const cleared = Effect.forEach(garbage, (prefix) => this.clear({ from: prefix, to: Tuple.successor(prefix)! }), {
      discard: true
    })
    const forgotten = this.clear({ from: Places.records.from, to: Places.recordKey(last + 1, 0) })
    return Effect.andThen(this.written(first, last), Effect.andThen(forgotten, cleared))
  })

  /** The records in [first, last], from the last to the first. */
  private written(first: number, last: number): Effect.Effect<void, OwnershipLost> {
    /** By what it is that was changed: in which record it was, last. */
    const seen = new Map<string, number>()
    const run = new Run()
    const some = (cursor: Record.Cursor, number: number): Effect.Effect<void, OwnershipLost> =>
      Effect.suspend(() => {
        for (let changes = 0; changes < stepChanges && !run.isFull; changes++) {
          if (!cursor.next()) return Effect.void
          const { id } = cursor
          const metIn = seen.get(id)
          if (metIn !== undefined && metIn !== number) continue
          seen.set(id, number)
          run.add(id, cursor.mutation)
        }
        const goOn = Effect.suspend(() => some(cursor, number))
        return Effect.andThen(run.isFull ? this.flush(run) : this.paced(Effect.void), goOn)
      })
    const from = (number: number): Effect.Effect<void, OwnershipLost> => {
      if (number < first) return this.flush(run)
      const record = Effect.flatMap(this.read(number), (bytes) =>
        bytes === undefined ? Effect.void : some(new Record.Cursor(bytes), number)
      )
      return Effect.flatMap(record, () => from(number - 1))
    }
    return from(last)
  }

  /** Neighbours are written together. */
  private flush(run: Run): Effect.Effect<void, OwnershipLost> {
    return Effect.suspend(() => {
      const mutations = run.take()
      this.counts.keys += mutations.length
      const cut = mutations.sort(byKey).flatMap((mutation) => this.cutting.cut(mutation))
      return Effect.forEach(steps(cut), (step) => this.paced(this.write(step)), { discard: true })
    })
  }

  /** A step, and the pause after it. */
  private paced(step: Effect.Effect<void, OwnershipLost>): Effect.Effect<void, OwnershipLost> {
    return Effect.suspend(() => {
      const { engine } = this
      const { used } = engine
      const from = engine.wallMillis()
      return Effect.flatMap(step, () => {
        const tookMillis = Math.max(0, engine.wallMillis() - from)
        const isBusy = engine.used !== used && this.bytes < overdueMax * this.options.foldBytes
        return Effect.sleep(
          isBusy ? Math.max(busyPauseMillis, busyShare * tookMillis) : Math.max(pauseMillis, tookMillis)
        )
      })
    })
  }

  private write(step: ReadonlyArray<Mutation>): Effect.Effect<void, OwnershipLost> {
    return this.commit((txn) =>
      Effect.forEach(step, ({ key, value }) => (value === undefined ? txn.delete(key) : txn.put(key, value)), {
        discard: true
      })
    )
  }

  /** Deletes what there is, from the first on: of records, the later ones stay until the earlier are gone. */
  private clear(span: Span): Effect.Effect<void, OwnershipLost> {
    return Effect.suspend(() => {
      let rest: Span | undefined
      const some = this.commit((txn) =>
        Effect.flatMap(txn.scan(span, { entriesMax: clearedMax }), (scanned) => {
          rest = scanned.rest
          return Effect.forEach(scanned.entries, ({ key }) => txn.delete(key), { discard: true })
        })
      )
      return Effect.flatMap(this.paced(some), () => (rest === undefined ? Effect.void : this.clear(rest)))
    })
  }
}

const byKey = (left: Mutation, right: Mutation): number => Keys.compare(left.key, right.key)

/** What is written next, the last change of each. */
class Run {
  private changes = new Map<string, Mutation>()
  private sizeBytes = 0

  get isFull(): boolean {
    return this.changes.size >= runKeys || this.sizeBytes >= runBytes
  }

  add(id: string, mutation: Mutation): void {
    this.changes.set(id, mutation)
    this.sizeBytes += mutation.key.length + (mutation.value?.length ?? 0)
  }

  take(): Array<Mutation> {
    const mutations = [...this.changes.values()]
    this.changes = new Map()
    this.sizeBytes = 0
    return mutations
  }
}

const steps = (mutations: ReadonlyArray<Mutation>): ReadonlyArray<ReadonlyArray<Mutation>> => {
  const all: Array<Array<Mutation>> = []
  let bytes = Infinity
  for (const mutation of mutations) {
    const step = all[all.length - 1]
    if (bytes >= stepBytes || step.length >= stepKeys) {
      all.push([])
      bytes = 0
    }
    all[all.length - 1].push(mutation)
    bytes += mutation.key.length + (mutation.value?.length ?? 0)
  }
  return all
}
