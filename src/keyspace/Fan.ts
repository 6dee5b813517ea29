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
  readonly anyReplica: boolean
}

/** `isScattered`: the pieces of a whole job are in several ranges, and nothing has happened. */
export type Ended = (error: KeyspaceError | undefined, isScattered: boolean) => void

/** What an errand goes on from, where another one ended. */
interface Past {
  readonly failures: number
  readonly isUnclear: boolean
}

const nothing: Past = { failures: 0, isUnclear: false }

/** What goes to one range as one request. */
class Part implements Owner {
  readonly known: Known
  readonly pieces: ReadonlyArray<Piece>
  readonly past: Past
  errand: Errand | undefined
  /** Among those that are under way. */
  place = -1
  private readonly fan: Fan

  constructor(fan: Fan, known: Known, pieces: ReadonlyArray<Piece>, past: Past) {
    this.fan = fan
    this.known = known
    this.pieces = pieces
    this.past = past
  }

  answered(_: Errand, response: Response): void {
    this.fan.answered(this, response)
  }

  astray(errand: Errand, error: Misplaced | undefined): void {
    this.fan.astray(this, errand, error)
  }

  failed(errand: Errand, error: KeyspaceError): void {
    this.fan.failed(this, errand, error)
  }
}

/** What a router learns from a replica that has not what it was asked for. */
export const learn = (locations: Locations, known: Known, error: Misplaced | undefined): void => {
  for (const location of error?.known ?? []) locations.put(location)
  locations.forget(known)
}

export class Fan {
  private readonly routing: Routing
  private readonly job: Job
  private readonly options: Options
  private readonly done: Ended
  private readonly underWay: Array<Part> = []
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
    this.place(this.job.pieces, nothing)
  }

  answered(part: Part, response: Response): void {
    this.ended(part)
    this.hasTaken = true
    this.job.take(response, part.pieces)
    this.goOn()
  }

  astray(part: Part, { failures, isUnclear }: Errand, error: Misplaced | undefined): void {
    const { known, pieces } = part
    const { alarms, locations } = this.routing
    this.ended(part)
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

  failed(part: Part, { task }: Errand, error: KeyspaceError): void {
    this.ended(part)
    const isPartial = lasts(task.request) && (this.hasTaken || this.underWay.length > 0)
    this.end(error._tag === "Unavailable" && isPartial ? new Unknown({ message: error.message }) : error)
  }

  private ended({ place }: Part): void {
    const last = this.underWay.pop()!
    if (place === this.underWay.length) return
    last.place = place
    this.underWay[place] = last
  }

  /** Cuts pieces to what ranges have, as far as it is known; the others are located first. */
  private place(pieces: ReadonlyArray<Piece>, past: Past): void {
    if (this.isOver) return
    if (pieces.length === 1 && pieces[0].to === undefined) {
      // Most calls name one key.
      const known = this.routing.locations.find(pieces[0].key)
      if (known === undefined) return this.locate(pieces, pieces[0].key, past)
      this.ready.push(new Part(this, known, pieces, past))
      return this.goOn()
    }
    const { isWhole } = this.job
    const parts = new Map<Known, Array<Piece>>()
    const unknown: Array<Piece> = []
    for (const piece of pieces) this.cut(piece, parts, unknown)
    if (isWhole && parts.size > 1) return this.scattered(past)
    if (!isWhole || unknown.length === 0) {
      for (const [known, own] of parts)
        for (const lot of this.lots(own)) this.ready.push(new Part(this, known, lot, past))
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
      const isUnclear = past.isUnclear || this.hasTaken || this.underWay.length > 0
      this.end(isUnclear && lasts(this.job.build(pieces)) ? new Unknown({ message: error.message }) : error)
    })
  }

  private scattered({ isUnclear }: Past): void {
    const message = "the range was cut while a commit in one round was under way: ask what became of it by its id"
    if (isUnclear) this.end(new Unknown({ message }))
    else this.end(undefined, true)
  }

  private goOn(): void {
    while (!this.isOver && this.ready.length > 0 && this.underWay.length < Limits.callRequestsMax) {
      const part = this.ready.shift()!
      const { known, past, pieces } = part
      const { anyReplica, deadlineMicros, waiter } = this.options
      const request = this.job.build(pieces)
      const errand = new Errand(this.routing, part, { request, waiter, anyReplica, deadlineMicros, known, ...past })
      part.errand = errand
      part.place = this.underWay.push(part) - 1
      errand.start()
    }
    if (this.ready.length === 0 && this.underWay.length === 0 && this.pending === 0) this.end(undefined)
  }

  private end(error: KeyspaceError | undefined, isScattered = false): void {
    if (this.isOver) return
    this.isOver = true
    for (const { errand } of this.underWay) errand!.cancel()
    this.done(error, isScattered)
  }
}
