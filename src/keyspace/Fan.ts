/**
 * Fan: one call of the keyspace that names keys and spans of any ranges. Each range gets what is its own, all of them at once; what a range has no
 * more is sent to whoever has it; the answers come together in the order of the call.
 *
 * It ends with the first error of a range. What other ranges were asked by then may take effect all the same.
 */
import * as Limits from "#base/Limits.ts"
import * as Keys from "#storage/Keys.ts"
import { Errand, backoffMicros, detoursMax, lasts, type Means, type Owner } from "./Errand.ts"
import { Unknown, type KeyspaceError, type Misplaced } from "./KeyspaceError.ts"
import type { Known, Locations } from "./Locations.ts"
import type { Request, Response, Txn } from "./Request.ts"

/** What lies in one range, or, if it is a span, may have to be cut. */
export interface Piece {
  readonly key: Uint8Array
  /** Of a span: it ends before this key. */
  readonly to: Uint8Array | undefined
  /** Which one of the call's. */
  readonly index: number
  readonly sizeBytes: number
}

export interface Job {
  readonly pieces: ReadonlyArray<Piece>
  /** What a range is asked about its pieces. */
  build(pieces: ReadonlyArray<Piece>): Request
  take(response: Response, pieces: ReadonlyArray<Piece>): void
  /** All pieces have to be in one range, and of one request. */
  readonly isWhole: boolean
}

/** What a fan needs of its router. */
export interface Routing extends Means {
  readonly locations: Locations
  /** Finds out who has a key, and remembers it; an error when the deadline passes before. */
  locate(key: Uint8Array, deadlineMicros: number, done: (error: KeyspaceError | undefined) => void): void
}

export interface Options {
  readonly deadlineMicros: number
  readonly waiter: Txn | undefined
}

/** `isScattered`: the pieces of a whole job are in several ranges, and nothing has happened. */
export type Ended = (error: KeyspaceError | undefined, isScattered: boolean) => void

/** What an errand goes on from, where another one ended. */
interface Past {
  readonly failures: number
  readonly isUnclear: boolean
}

interface Part {
  readonly known: Known
  readonly pieces: ReadonlyArray<Piece>
  readonly past: Past
}

/** What a router learns from a replica that has not what it was asked for. */
export const learn = (locations: Locations, known: Known, error: Misplaced | undefined): void => {
  for (const location of error?.known ?? []) locations.put(location)
  locations.forget(known)
}

export class Fan implements Owner {
  private readonly routing: Routing
  private readonly job: Job
  private readonly options: Options
  private readonly done: Ended
  private readonly underWay = new Map<Errand, Part>()
  private ready: Array<Part> = []
  /** Pieces that are being located, or wait for their next attempt, in so many lots. */
  private pending = 0
  private isOver = false
  /** A range has done what it was asked. */
  private hasTaken = false

  constructor(routing: Routing, job: Job, options: Options, done: Ended) {
    this.routing = routing
    this.job = job
    this.options = options
    this.done = done
  }

  start(): void {
    this.place(this.job.pieces, { failures: 0, isUnclear: false })
  }

  answered(errand: Errand, response: Response): void {
    const { pieces } = this.underWay.get(errand)!
    this.underWay.delete(errand)
    this.hasTaken = true
    this.job.take(response, pieces)
    this.goOn()
  }

  astray(errand: Errand, error: Misplaced | undefined): void {
    const { known, pieces } = this.underWay.get(errand)!
    const { failures, isUnclear } = errand
    const { alarms, locations } = this.routing
    this.underWay.delete(errand)
    learn(locations, known, error)
    const again = (): void => this.place(pieces, { failures, isUnclear })
    if (error !== undefined && failures <= detoursMax) return again()
    this.pending++
    const dueMicros = alarms.nowMicros() + backoffMicros(this.routing, failures)
    alarms.at(Math.min(dueMicros, this.options.deadlineMicros), () => {
      this.pending--
      again()
    })
  }

  failed(errand: Errand, error: KeyspaceError): void {
    this.underWay.delete(errand)
    const isPartial = lasts(errand.task.request) && (this.hasTaken || this.underWay.size > 0)
    this.end(error._tag === "Unavailable" && isPartial ? new Unknown({ message: error.message }) : error)
  }

  /** Cuts pieces to what ranges have, as far as it is known; the others are located first. */
  private place(pieces: ReadonlyArray<Piece>, past: Past): void {
    if (this.isOver) return
    const { isWhole } = this.job
    const parts = new Map<Known, Array<Piece>>()
    const unknown: Array<Piece> = []
    for (const piece of pieces) this.cut(piece, parts, unknown)
    if (isWhole && parts.size > 1) return this.scattered(past)
    if (!isWhole || unknown.length === 0) {
      for (const [known, own] of parts) for (const lot of this.lots(own)) this.ready.push({ known, pieces: lot, past })
    }
    if (unknown.length > 0) this.locate(isWhole ? pieces : unknown, unknown[0].key, past)
    this.goOn()
  }

  private cut(piece: Piece, parts: Map<Known, Array<Piece>>, unknown: Array<Piece>): void {
    const { locations } = this.routing
    for (let rest = piece; ;) {
      const known = locations.find(rest.key)
      if (known === undefined) return void unknown.push(rest)
      const own = parts.get(known) ?? []
      parts.set(known, own)
      const { to } = known.descriptor
      if (rest.to === undefined || Keys.compare(rest.to, to) <= 0) return void own.push(rest)
      own.push({ ...rest, to })
      rest = { ...rest, key: to }
    }
  }

  /** What goes as one request. */
  private lots(pieces: ReadonlyArray<Piece>): ReadonlyArray<ReadonlyArray<Piece>> {
    if (this.job.isWhole || pieces.length === 1) return [pieces]
    const lots: Array<Array<Piece>> = []
    let lot: Array<Piece> = []
    let sizeBytes = 0
    for (const piece of pieces) {
      const isFull = lot.length >= Limits.requestKeysMax || sizeBytes + piece.sizeBytes > Limits.requestBytesMax
      if (lot.length > 0 && isFull) {
        lots.push(lot)
        lot = []
        sizeBytes = 0
      }
      lot.push(piece)
      sizeBytes += piece.sizeBytes
    }
    lots.push(lot)
    return lots
  }

  /** One key; who has it may have others as well. */
  private locate(pieces: ReadonlyArray<Piece>, key: Uint8Array, past: Past): void {
    this.pending++
    this.routing.locate(key, this.options.deadlineMicros, (error) => {
      this.pending--
      if (error === undefined) return this.place(pieces, past)
      const isUnclear = past.isUnclear || this.hasTaken || this.underWay.size > 0
      this.end(isUnclear && lasts(this.job.build(pieces)) ? new Unknown({ message: error.message }) : error)
    })
  }

  private scattered({ isUnclear }: Past): void {
    const message = "the range was cut while a commit in one round was under way: ask what became of it by its id"
    if (isUnclear) this.end(new Unknown({ message }))
    else this.end(undefined, true)
  }

  private goOn(): void {
    while (!this.isOver && this.ready.length > 0 && this.underWay.size < Limits.callRequestsMax) {
      const part = this.ready.shift()!
      const { known, past, pieces } = part
      const errand = new Errand(this.routing, this, {
        request: this.job.build(pieces),
        ...this.options,
        ...past,
        known
      })
      this.underWay.set(errand, part)
      errand.start()
    }
    if (this.ready.length === 0 && this.underWay.size === 0 && this.pending === 0) this.end(undefined)
  }

  private end(error: KeyspaceError | undefined, isScattered = false): void {
    if (this.isOver) return
    this.isOver = true
    for (const errand of this.underWay.keys()) errand.cancel()
    this.done(error, isScattered)
  }
}
