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
/** Between steps. Where clients do things meanwhile they have nine tenths of the time, unless records are too many for that. */
const pauseMillis = 3
const busyPauseMillis = 20
const busyShare = 9
const overdueMax = 4
const clearedMax = 64

/** What has to be known to read and to delete it. */
interface StoredRecord {
  readonly number: number
  /** 0: nobody knows how many. */
  readonly pieces: number
}

export class Folding {
  readonly counts = { folds: 0, keys: 0 }
  /** What is too large for one key. */
  readonly cutting = new Cutting()
  /** The records that are not folded, in their order, and what they hold. */
  private records: Array<StoredRecord> = []
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

  /** The record with this number is stored, or, without bytes, pieces of one that does not count. */
  add(number: number, sizeBytes: number): void {
    this.records.push({ number, pieces: Record.piecesIn(sizeBytes) })
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
    this.records = []
  }

  /** Never ends, unless the data is another node's. */
  readonly run: Effect.Effect<never, OwnershipLost> = Effect.suspend(() => {
    let quiet = 0
    const look = Effect.suspend(() => {
      quiet = this.additions === 0 ? quiet + 1 : 0
      this.additions = 0
      const isDue =
        this.bytes >= this.options.foldBytes || (quiet >= this.options.quietLooks && this.records.length > 0)
      return isDue ? this.fold : Effect.void
    })
    return Effect.forever(Effect.andThen(Effect.sleep(this.options.lookMillis), look))
  })

  /** Everything up to now. */
  readonly fold: Effect.Effect<void, OwnershipLost> = Effect.suspend(() => {
    const { garbage, records } = this
    this.reset()
    this.counts.folds += 1
    const cleared = Effect.forEach(
      garbage,
      (prefix) =>
        Effect.map(this.clear({ from: prefix, to: Tuple.successor(prefix)! }), () => this.cutting.cleared(prefix)),
      { discard: true }
    )
    return Effect.andThen(this.written(records), Effect.andThen(this.forgotten(records), cleared))
  })

  /** From the last to the first. */
  private written(records: ReadonlyArray<StoredRecord>): Effect.Effect<void, OwnershipLost> {
    const seen = new Seen()
    const run = new Run()
    const some = (cursor: Record.Cursor, number: number): Effect.Effect<void, OwnershipLost> =>
      Effect.suspend(() => {
        for (let changes = 0; changes < stepChanges && !run.isFull; changes++) {
          if (!cursor.next()) return Effect.void
          if (seen.isNews(cursor, number)) run.add(cursor.mutation)
        }
        const goOn = Effect.suspend(() => some(cursor, number))
        return Effect.andThen(run.isFull ? this.flush(run) : this.paced(Effect.void), goOn)
      })
    const from = (place: number): Effect.Effect<void, OwnershipLost> => {
      if (place < 0) return this.flush(run)
      const { number } = records[place]
      const record = Effect.flatMap(this.read(number), (bytes) =>
        bytes === undefined ? Effect.void : some(new Record.Cursor(bytes), number)
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
        const { number, pieces } = records[place]
        if (piece < pieces) keys.push(Places.recordKey(number, piece++))
        else if (pieces === 0 && keys.length > 0) break
        else {
          place += 1
          piece = 0
          if (pieces === 0) {
            const span = { from: Places.recordKey(number, 0), to: Places.recordKey(number + 1, 0) }
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
