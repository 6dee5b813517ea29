/**
 * Router: the service `Keyspace` on one store. It remembers where ranges are, cuts what it is asked by them (`Fan`, `Scan`), and sees each part
 * through to an answer (`Errand`).
 *
 * Below the service are the same calls without Effect, for the ranges of this store, which push transactions, ask for timestamps and tell the
 * system's range where they are. There `done` is called once, and may be called within the call.
 *
 * Needs: ranges that keep what `Request.ts` says of requests that arrive twice; system keys, which all lie in the first range, at any of the stores.
 */
import { assert } from "#base/Assert.ts"
import type { Alarms } from "#cluster/Alarms.ts"
import * as Keys from "#storage/Keys.ts"
import type { Done } from "#world/Completion.ts"
import { end, type Location } from "./Descriptor.ts"
import { Errand, backoffMicros, defaults, type Owner, type Send, type Settings } from "./Errand.ts"
import { Fan, type Job, type Options, type Piece, type Routing } from "./Fan.ts"
import { Refused, Unavailable, type KeyspaceError } from "./KeyspaceError.ts"
import type { Locked, Scanned } from "./Keyspace.ts"
import { Locations } from "./Locations.ts"
import { OracleClient } from "./OracleClient.ts"
import type { Change, Mutation, Reads, Request, Response, Span, Timestamp, Txn, TxnId, Value } from "./Request.ts"
import { Scan, type Wanted } from "./Scan.ts"

export interface Parts {
  readonly send: Send
  readonly alarms: Alarms
  /** An integer in [0, bound). */
  readonly random: (bound: number) => number
  readonly settings?: Partial<Settings>
}

/** How long a call may take, from now on, and who waits in it. */
export interface Asked {
  readonly timeoutMicros: number
  readonly waiter?: Txn | undefined
  /** Default: false. */
  readonly anyReplica?: boolean
}

const systemKey: Uint8Array = new Uint8Array(0)

const isBeyond = (key: Uint8Array): boolean => Keys.compare(key, end) >= 0

const keyPiece = (key: Uint8Array, index: number, valueBytes = 0): Piece => ({
  key,
  to: undefined,
  index,
  sizeBytes: key.length + valueBytes
})

const mutationPiece = ({ key, value }: Mutation, index: number): Piece => keyPiece(key, index, value?.length)

/** Keys first, then what there is of spans. */
const readPieces = ({ keys, spans }: Reads): ReadonlyArray<Piece> => [
  ...keys.map((key, index) => keyPiece(key, index)),
  ...spans.flatMap(({ from, to }, index) => {
    const upTo = isBeyond(to) ? end : to
    return Keys.compare(from, upTo) >= 0
      ? []
      : [{ key: from, to: upTo, index: keys.length + index, sizeBytes: from.length + upTo.length }]
  })
]

const readsOf = (since: Timestamp, pieces: ReadonlyArray<Piece>): Reads => ({
  since,
  keys: pieces.filter(({ to }) => to === undefined).map(({ key }) => key),
  spans: pieces.filter(({ to }) => to !== undefined).map(({ key, to }): Span => ({ from: key, to: to! }))
})

export class Router implements Routing, Parts {
  readonly send: Send
  readonly alarms: Alarms
  readonly random: (bound: number) => number
  readonly settings: Settings
  readonly locations = new Locations()
  private readonly oracle: OracleClient

  constructor({ alarms, random, send, settings }: Parts) {
    this.send = send
    this.alarms = alarms
    this.random = random
    this.settings = { ...defaults, ...settings }
    this.oracle = new OracleClient(alarms, (count, timeoutMicros, done) =>
      this.system({ type: "timestamps", count }, { timeoutMicros }, (error, response) => {
        if (error !== undefined) return done(error, 0)
        assert(response?.type === "at", "timestamps are answered with the last one")
        done(undefined, response.at)
      })
    )
  }

  /** What this store remembers of who has keys of a span. */
  known(span: Span): ReadonlyArray<Location> {
    return this.locations.over(span)
  }

  /** One that is later than every one that was given before the call. */
  timestamp(timeoutMicros: number, done: Done<Timestamp, KeyspaceError>): void {
    this.oracle.timestamp(timeoutMicros, done)
  }

  /** Asks the system's range. */
  system(request: Request, asked: Asked, done: Done<Response | undefined, KeyspaceError>): void {
    this.at(systemKey, request, asked, done)
  }

  /** Asks the range that has a key. */
  at(key: Uint8Array, request: Request, asked: Asked, done: Done<Response | undefined, KeyspaceError>): void {
    let answer: Response | undefined
    const job: Job = {
      pieces: [keyPiece(key, 0)],
      build: () => request,
      take: (response) => {
        answer = response
      },
      isWhole: false
    }
    this.fan(job, asked, (error) => done(error, answer))
  }

  get(
    keys: ReadonlyArray<Uint8Array>,
    at: Timestamp,
    asked: Asked,
    done: Done<ReadonlyArray<Value>, KeyspaceError>
  ): void {
    const values = new Array<Value>(keys.length)
    const job: Job = {
      pieces: keys.map((key, index) => keyPiece(key, index)),
      build: (pieces) => ({ type: "get", keys: pieces.map(({ key }) => key), at }),
      take: (response, pieces) => {
        assert(
          response.type === "values" && response.values.length === pieces.length,
          "each key is answered with its value"
        )
        pieces.forEach(({ index }, place) => (values[index] = response.values[place]))
      },
      isWhole: false
    }
    this.fan(job, asked, (error) => done(error, values))
  }

  scan(wanted: Wanted, asked: Asked, done: Done<Scanned, KeyspaceError>): void {
    const { from, to } = wanted.span
    const span = isBeyond(to) ? { from, to: end } : wanted.span
    new Scan(this, { ...wanted, span }, this.options(asked), done).start()
  }

  /** What was committed after a timestamp, up to the one that is answered; what ranges know beyond that is asked for again. */
  changes(
    { after, span: { from, to }, ...bounds }: Omit<Extract<Request, { readonly type: "changes" }>, "type">,
    asked: Asked,
    done: Done<{ readonly changes: ReadonlyArray<Change>; readonly upTo: Timestamp }, KeyspaceError>
  ): void {
    const found: Array<Change> = []
    let upTo = Infinity
    const job: Job = {
      pieces: readPieces({ since: after, keys: [], spans: [{ from, to }] }),
      build: ([{ key, to: pieceTo }]) => ({ type: "changes", span: { from: key, to: pieceTo! }, after, ...bounds }),
      take: (response) => {
        assert(response.type === "changes", "changes are answered with changes")
        for (const change of response.changes) found.push(change)
        upTo = Math.min(upTo, response.upTo)
      },
      isWhole: false
    }
    this.fan(job, asked, (error) => {
      const changes = found.filter(({ at }) => at <= upTo)
      changes.sort((left, right) => left.at - right.at || Keys.compare(left.key, right.key))
      done(error, { changes, upTo: Math.max(after, upTo === Infinity ? after : upTo) })
    })
  }

  lock(
    txn: Txn,
    keys: ReadonlyArray<Uint8Array>,
    mode: "shared" | "exclusive",
    asked: Asked,
    done: Done<Locked, KeyspaceError>
  ): void {
    const values = new Array<Value>(keys.length)
    const times = new Set<Timestamp>()
    const { deadlineMicros } = this.options(asked)
    const job: Job = {
      pieces: keys.map((key, index) => keyPiece(key, index)),
      build: (pieces) => ({ type: "lock", txn, keys: pieces.map(({ key }) => key), mode }),
      take: (response, pieces) => {
        assert(response.type === "locked" && response.values.length === pieces.length, "each locked key has its value")
        times.add(response.at)
        pieces.forEach(({ index }, place) => (values[index] = response.values[place]))
      },
      isWhole: false
    }
    this.fan(job, asked, (error) => {
      const at = Math.max(0, ...times)
      if (error !== undefined || times.size < 2) return done(error, { values, at })
      // Each range has answered as of a time of its own. A lock keeps nobody from writing who takes none: what is in force at the last of these
      // times is to be read.
      const timeoutMicros = deadlineMicros - this.alarms.nowMicros()
      this.get(keys, at, { ...asked, timeoutMicros }, (unread, read) => done(unread, { values: read, at }))
    })
  }

  /** Undefined: not all of it is in one range, and nothing has happened. */
  commitOnce(
    commit: Omit<Extract<Request, { readonly type: "commit-once" }>, "type">,
    asked: Asked,
    done: Done<Timestamp | undefined, KeyspaceError>
  ): void {
    let at: Timestamp | undefined
    const job: Job = {
      pieces: [...commit.mutations.map(mutationPiece), ...readPieces(commit.reads)],
      build: () => ({ type: "commit-once", ...commit }),
      take: (response) => {
        assert(response.type === "at", "a commit is answered with its timestamp")
        at = response.at
      },
      isWhole: true
    }
    this.fan(job, asked, (error) => done(error, at))
  }

  prepare(
    txn: Txn,
    snapshot: Timestamp,
    mutations: ReadonlyArray<Mutation>,
    asked: Asked,
    done: Done<void, KeyspaceError>
  ): void {
    const build = (pieces: ReadonlyArray<Piece>): Request => ({
      type: "prepare",
      txn,
      snapshot,
      mutations: pieces.map(({ index }) => mutations[index])
    })
    this.tell(mutations.map(mutationPiece), build, asked, done)
  }

  validate(txn: TxnId, reads: Reads, until: Timestamp, asked: Asked, done: Done<void, KeyspaceError>): void {
    const build = (pieces: ReadonlyArray<Piece>): Request => ({
      type: "validate",
      txn,
      reads: readsOf(reads.since, pieces),
      until
    })
    this.tell(readPieces(reads), build, asked, done)
  }

  /** Of each range that has some of the keys. */
  each(
    keys: ReadonlyArray<Uint8Array>,
    build: (keys: ReadonlyArray<Uint8Array>) => Request,
    asked: Asked,
    done: Done<void, KeyspaceError>
  ): void {
    const pieces = keys.map((key, index) => keyPiece(key, index))
    this.tell(pieces, (own) => build(own.map(({ key }) => key)), asked, done)
  }

  locate(key: Uint8Array, deadlineMicros: number, done: (error: KeyspaceError | undefined) => void): void {
    new Locating(this, key, deadlineMicros, done).start(0)
  }

  /** Asks for something that is answered with nothing but that it is done. */
  private tell(
    pieces: ReadonlyArray<Piece>,
    build: (pieces: ReadonlyArray<Piece>) => Request,
    asked: Asked,
    done: Done<void, KeyspaceError>
  ): void {
    const take = ({ type }: Response): void => assert(type === "done", "what is told is answered by that it is done")
    this.fan({ pieces, build, take, isWhole: false }, asked, (error) => done(error, undefined))
  }

  private options({ anyReplica = false, timeoutMicros, waiter }: Asked): Options {
    return { deadlineMicros: this.alarms.nowMicros() + timeoutMicros, waiter, anyReplica }
  }

  private fan(job: Job, asked: Asked, done: (error: KeyspaceError | undefined) => void): void {
    if (job.pieces.some(({ key }) => isBeyond(key))) {
      return done(new Refused({ message: "no key begins with the byte 0xff" }))
    }
    new Fan(this, job, this.options(asked), done).start()
  }
}

/** Asks the system's range who has a key, until it knows. */
class Locating implements Owner {
  private readonly router: Router
  private readonly key: Uint8Array
  private readonly deadlineMicros: number
  private readonly done: (error: KeyspaceError | undefined) => void

  constructor(
    router: Router,
    key: Uint8Array,
    deadlineMicros: number,
    done: (error: KeyspaceError | undefined) => void
  ) {
    this.router = router
    this.key = key
    this.deadlineMicros = deadlineMicros
    this.done = done
  }

  start(failures: number): void {
    new Errand(this.router, this, {
      request: { type: "locate", key: this.key },
      waiter: undefined,
      anyReplica: false,
      deadlineMicros: this.deadlineMicros,
      known: this.router.locations.system,
      failures,
      isUnclear: false
    }).start()
  }

  answered(errand: Errand, response: Response): void {
    assert(response.type === "location", "who has a key is answered with a location")
    const { locations } = this.router
    if (response.location !== undefined) locations.put(response.location)
    if (locations.find(this.key) !== undefined) this.done(undefined)
    else this.again(errand)
  }

  /** The system's range has these keys always; a store that says otherwise has not begun. */
  astray(errand: Errand): void {
    this.again(errand)
  }

  failed(_: Errand, error: KeyspaceError): void {
    this.done(error)
  }

  private again({ failures }: Errand): void {
    const { alarms } = this.router
    const dueMicros = alarms.nowMicros() + backoffMicros(this.router, failures + 1)
    if (dueMicros < this.deadlineMicros) return alarms.at(dueMicros, () => this.start(failures + 1))
    const message = "the deadline passed, and the system's range does not know yet which range has the key"
    alarms.at(this.deadlineMicros, () => this.done(new Unavailable({ message })))
  }
}
