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
import * as Completion from "#world/Completion.ts"
import type { Engine } from "./Engine.ts"
import type { OwnershipLost } from "./Ownership.ts"
import { Cutting } from "./Pieces.ts"
import * as Places from "./Places.ts"
import * as Record from "./Record.ts"
import { Run } from "./Run.ts"
import { Seen } from "./Seen.ts"

type Txn = Transaction["Service"]
/** A transaction of who was the owner at its snapshot, or is still when it is committed (`isGuarded`); as often as it takes. */
export type Commit = (
  body: (txn: Txn) => Effect.Effect<void, StepError>,
  isGuarded: boolean
) => Effect.Effect<void, OwnershipLost>
/** Of a record. */
export interface Name {
  readonly stream: number
  readonly number: number
}

/** A record that is stored; undefined: it is not there (any more). */
export type Read = (name: Name) => Effect.Effect<Uint8Array | undefined, OwnershipLost>

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
/** Between steps. Where clients do things meanwhile they have nine tenths of the time, unless records are too many for that. */
const pauseMillis = 3
const busyPauseMillis = 20
const busyShare = 9
const overdueMax = 4
const clearedMax = 64

/** What has to be known to read and to delete it. */
interface StoredRecord extends Name {
  /** 0: nobody knows how many. */
  readonly pieces: number
}

interface Asking {
  readonly isUrgent: boolean
  readonly done: () => void
}

export class Folding {
  readonly counts = { folds: 0, keys: 0 }
  /** What is too large for one key. */
  readonly cutting = new Cutting()
  /** The records that are not folded, in their order, and what they hold. */
  private records: Array<StoredRecord> = []
  private bytes = 0
  /** By stream: how many records it has that are not deleted. */
  private readonly left = new Map<number, number>()
  private additions = 0
  private garbage: Array<Uint8Array> = []
  /** Who waits until everything is folded that there was when they asked. */
  private asking: Array<Asking> = []
  /** Ends the pause between looks. */
  private wake: (() => void) | undefined
  /** Somebody waits for the fold that goes on: nothing else has time. */
  private isUrgent = false
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

  /** The record is stored, or, without bytes, pieces of one that does not count. */
  add({ number, stream }: Name, sizeBytes: number): void {
    this.records.push({ stream, number, pieces: Record.piecesIn(sizeBytes) })
    this.bytes += sizeBytes
    this.additions += 1
    this.left.set(stream, (this.left.get(stream) ?? 0) + 1)
  }

  /** All records of a stream that nobody adds to were added. */
  ends(stream: number): void {
    if (!this.left.has(stream)) this.left.set(stream, 0)
  }

  /** Streams that have no records any more. */
  get ended(): ReadonlySet<number> {
    return new Set([...this.left].filter(([, count]) => count === 0).map(([stream]) => stream))
  }

  /** What records hold that are not folded, and not being folded. */
  get waitingBytes(): number {
    return this.bytes
  }

  /** Nobody reads what begins with that any more, once the records so far are folded. */
  discard(prefix: Uint8Array): void {
    this.garbage.push(prefix)
  }

  /** Everything is another node's. */
  abandon(): void {
    this.begin()
    this.left.clear()
    this.cutting.reset()
    this.asking = []
    this.isUrgent = false
  }

  private begin(): void {
    this.garbage = []
    this.bytes = 0
    this.records = []
  }

  /** Never ends, unless the data is another node's. */
  readonly run: Effect.Effect<never, OwnershipLost> = Effect.suspend(() => {
    let quiet = 0
    const pause = Completion.submit<void, never>((done) => {
      this.wake = () => {
        this.wake = undefined
        done(undefined, undefined)
      }
      // Somebody may have asked since it was looked.
      if (this.asking.length > 0) this.wake()
    })
    const look = Effect.suspend(() => {
      this.wake = undefined
      if (this.asking.length > 0) return this.asked
      quiet = this.additions === 0 ? quiet + 1 : 0
      this.additions = 0
      const isDue =
        this.bytes >= this.options.foldBytes || (quiet >= this.options.quietLooks && this.records.length > 0)
      return isDue ? this.fold : Effect.void
    })
    const paused = Effect.suspend(() =>
      this.asking.length > 0 ? Effect.yieldNow : Effect.timeoutOption(pause, this.options.lookMillis)
    )
    return Effect.forever(Effect.andThen(paused, look))
  })

  /** Until everything up to now is folded, and no record of it is left. Only while it runs. `isUrgent`: nothing else has time meanwhile. */
  folded(isUrgent: boolean): Effect.Effect<void> {
    return Completion.submit((done) => {
      this.asking.push({ isUrgent, done: () => done(undefined, undefined) })
      this.wake?.()
    })
  }

  private readonly asked = Effect.suspend(() => {
    const { asking } = this
    this.asking = []
    this.isUrgent = asking.some(({ isUrgent }) => isUrgent)
    return Effect.map(this.fold, () => {
      this.isUrgent = false
      for (const { done } of asking) done()
    })
  })

  /** Everything up to now. */
  private readonly fold: Effect.Effect<void, OwnershipLost> = Effect.suspend(() => {
    const { garbage, records } = this
    this.begin()
    this.counts.folds += 1
    const cleared = Effect.forEach(
      garbage,
      (prefix) =>
        Effect.map(this.clear({ from: prefix, to: Tuple.successor(prefix)! }), () => this.cutting.cleared(prefix)),
      { discard: true }
    )
    const forgotten = Effect.map(this.forgotten(records), () => {
      for (const { stream } of records) this.left.set(stream, this.left.get(stream)! - 1)
    })
    return Effect.andThen(this.written(records), Effect.andThen(forgotten, cleared))
  })

  /** From the last to the first. */
  private written(records: ReadonlyArray<StoredRecord>): Effect.Effect<void, OwnershipLost> {
    const seen = new Seen()
    const run = new Run()
    const some = (cursor: Record.Cursor, place: number): Effect.Effect<void, OwnershipLost> =>
      Effect.suspend(() => {
        for (let changes = 0; changes < stepChanges && !run.isFull; changes++) {
          if (!cursor.next()) return Effect.void
          if (seen.isNews(cursor, place)) run.add(cursor.mutation)
        }
        const goOn = Effect.suspend(() => some(cursor, place))
        return Effect.andThen(run.isFull ? this.flush(run) : this.paced(Effect.void), goOn)
      })
    const from = (place: number): Effect.Effect<void, OwnershipLost> => {
      if (place < 0) return this.flush(run)
      const record = Effect.flatMap(this.read(records[place]), (bytes) =>
        bytes === undefined ? Effect.void : some(new Record.Cursor(bytes), place)
      )
      return Effect.flatMap(record, () => from(place - 1))
    }
    return from(records.length - 1)
  }

  /**
   * Deletes them, from the first on: the later ones stay until the earlier are gone, and a record's first piece goes before the others. By their
   * keys: a scan would read all that they hold.
   */
  private forgotten(
    records: ReadonlyArray<StoredRecord>,
    from = { place: 0, piece: 0 }
  ): Effect.Effect<void, OwnershipLost> {
    return Effect.suspend(() => {
      const keys: Array<Uint8Array> = []
      let { piece, place } = from
      while (place < records.length && keys.length < clearedMax) {
        const { number, pieces, stream } = records[place]
        if (piece < pieces) keys.push(Places.recordKey(stream, number, piece++))
        else if (pieces === 0 && keys.length > 0) break
        else {
          place += 1
          piece = 0
          if (pieces === 0) {
            const span = { from: Places.recordKey(stream, number, 0), to: Places.recordKey(stream, number + 1, 0) }
            return Effect.andThen(this.clear(span), this.forgotten(records, { place, piece }))
          }
        }
      }
      if (keys.length === 0) return Effect.void
      const deleted = this.commit((txn) => Effect.forEach(keys, (key) => txn.delete(key), { discard: true }), true)
      return Effect.andThen(this.paced(deleted), this.forgotten(records, { place, piece }))
    })
  }

  /** Neighbours are written together. `pieces`: of what was cut last, those that are still to be written. */
  private flush(run: Run, pieces: ReadonlyArray<Mutation> = []): Effect.Effect<void, OwnershipLost> {
    return Effect.suspend(() => {
      const step: Array<Mutation> = []
      let left = pieces
      let isCut = left.length > 0
      for (let bytes = 0; bytes < stepBytes && step.length < stepKeys;) {
        if (left.length === 0) {
          const mutation = run.next()
          if (mutation === undefined) break
          this.counts.keys += 1
          left = this.cutting.cut(mutation)
          isCut ||= left.length > 1
        }
        const [{ key, value }, ...others] = left
        step.push({ key, value })
        bytes += key.length + (value?.length ?? 0)
        left = others
      }
      if (step.length === 0) return Effect.void
      return Effect.andThen(this.paced(this.write(step, isCut)), this.flush(run, left))
    })
  }

  /** A step, and the pause after it. */
  private paced(step: Effect.Effect<void, OwnershipLost>): Effect.Effect<void, OwnershipLost> {
    return Effect.suspend(() => {
      const { engine } = this
      const { used } = engine
      const from = engine.wallMillis()
      return Effect.flatMap(step, () => {
        if (this.isUrgent) return Effect.yieldNow
        const tookMillis = Math.max(0, engine.wallMillis() - from)
        const isBusy = engine.used !== used && this.bytes < overdueMax * this.options.foldBytes
        return Effect.sleep(
          isBusy ? Math.max(busyPauseMillis, busyShare * tookMillis) : Math.max(pauseMillis, tookMillis)
        )
      })
    })
  }

  /**
   * To check the owner's key, which is in another range, when it is committed would take two phases. What is whole under one key needs no
   * more than to have been the owner at the snapshot: a transaction that comes late finds a version of that key after its snapshot, and is
   * refused, or writes what the records of the next owner, which it found, say more recently; and that one deletes no record before
   * it has written the key itself. The pieces of what is cut are not so: a late one would be taken for a piece of the next value.
   */
  private write(step: ReadonlyArray<Mutation>, isCut: boolean): Effect.Effect<void, OwnershipLost> {
    return this.commit(
      (txn) =>
        Effect.forEach(step, ({ key, value }) => (value === undefined ? txn.delete(key) : txn.put(key, value)), {
          discard: true
        }),
      isCut
    )
  }

  /** Deletes what there is. */
  private clear(span: Span): Effect.Effect<void, OwnershipLost> {
    return Effect.suspend(() => {
      let rest: Span | undefined
      const some = this.commit(
        (txn) =>
          Effect.flatMap(txn.scan(span, { entriesMax: clearedMax }), (scanned) => {
            rest = scanned.rest
            return Effect.forEach(scanned.entries, ({ key }) => txn.delete(key), { discard: true })
          }),
        true
      )
      return Effect.flatMap(this.paced(some), () => (rest === undefined ? Effect.void : this.clear(rest)))
    })
  }
}
