/**
 * ModelKeyspace: a keyspace of several ranges over `ModelState`, with time: each request arrives after a while, at each of its ranges by itself,
 * waits there, and is answered after a while. Some arrive twice, some answers are lost, some locks are forgotten, as a draw decides.
 *
 * It belongs to no machine: who dies does not take it along, nor what it has asked.
 */
import * as Effect from "effect/Effect"
import { Aborted, type KeyspaceError, Unavailable, Unknown } from "#keyspace/KeyspaceError.ts"
import type { CallOptions, Keyspace, Locked, ScanOptions, Scanned } from "#keyspace/Keyspace.ts"
import type { Entry, Mutation, Reads, Span, Timestamp, Txn, TxnId, Value } from "#keyspace/Request.ts"
import * as Keys from "#storage/Keys.ts"
import * as Completion from "#world/Completion.ts"
import { type Found, ModelState, Wait } from "./ModelState.ts"

export interface Options {
  /** Where the second range begins, and those after it. */
  readonly cuts: ReadonlyArray<Uint8Array>
  readonly ttlMicros: number
  /** The longest time a request or an answer is on its way. */
  readonly delayMicrosMax: number
  /** Of so many requests that may be repeated one arrives again, later. 0: none. */
  readonly repeatOneIn: number
  /** Of so many answers one is lost. 0: none. */
  readonly loseOneIn: number
  /** Of so many requests one meets leaseholders that have forgotten all locks. 0: none. */
  readonly forgetLocksOneIn: number
}

/** What it needs of the world. */
export interface Surroundings {
  readonly after: (micros: number, call: () => void) => void
  readonly nowMicros: () => number
  /** A drawn number below the bound. */
  readonly below: (bound: number) => number
}

/** Who calls. */
export interface Caller {
  /** Runs the call where the caller lives; it does not when the caller is dead. */
  readonly deliver: (call: () => void) => void
  /** Heard when a request is about to leave, and when it is over and its answer is; false: it is lost. */
  readonly hear: (what: string) => boolean | void
}

type Service = Keyspace["Service"]

interface Task<A> {
  readonly name: string
  readonly caller: Caller
  readonly waiter: Txn | undefined
  readonly deadlineMicros: number
  readonly evaluate: () => Found<A>
  /** A lost answer tells nothing of what happened. */
  readonly changes: boolean
}

const pollMicros = 300

export class ModelKeyspace {
  readonly state: ModelState
  readonly options: Options
  private readonly world: Surroundings
  /** Who waits for whom. */
  private readonly waits = new Map<object, { readonly waiter: Txn; readonly holders: ReadonlyArray<TxnId> }>()

  constructor(options: Options, world: Surroundings) {
    this.options = options
    this.world = world
    this.state = new ModelState(options.ttlMicros, world.nowMicros)
  }

  private oneIn(count: number): boolean {
    return count > 0 && this.world.below(count) === 0
  }

  private later(call: () => void): void {
    this.world.after(1 + this.world.below(this.options.delayMicrosMax), call)
  }

  rangeOf(key: Uint8Array): number {
    return this.options.cuts.filter((cut) => Keys.compare(cut, key) <= 0).length
  }

  /** The youngest of a circle of waits through this one gives way. */
  private isVictim(waiter: Txn): boolean {
    const circle = (from: TxnId, path: ReadonlyArray<TxnId>): ReadonlyArray<TxnId> | undefined => {
      for (const wait of this.waits.values()) {
        if (wait.waiter.id !== from) continue
        for (const holder of wait.holders) {
          if (holder === waiter.id) return path
          if (path.includes(holder)) continue
          const found = circle(holder, [...path, holder])
          if (found !== undefined) return found
        }
      }
      return undefined
    }
    const found = circle(waiter.id, [waiter.id])
    if (found === undefined) return false
    const ages = [...this.waits.values()]
      .filter((wait) => found.includes(wait.waiter.id))
      .map((wait) => wait.waiter.age)
    return ages.every((age) => age <= waiter.age)
  }

  /** Lets a request arrive, wait, take effect and be answered. */
  private submit<A>(task: Task<A>, done: Completion.Done<A, KeyspaceError>): void {
    const key = {}
    const lost = (): KeyspaceError => {
      const message = `the answer of ${task.name} is lost`
      return task.changes ? new Unknown({ message }) : new Unavailable({ message })
    }
    const answer = (error: KeyspaceError | undefined, value: A): void => {
      this.waits.delete(key)
      const isHeard = task.caller.hear(`${task.name} done`) !== false && !this.oneIn(this.options.loseOneIn)
      this.later(() => task.caller.deliver(() => done(isHeard ? error : lost(), value)))
    }
    const poll = (): void => {
      if (this.oneIn(this.options.forgetLocksOneIn)) {
        for (const each of this.state.locks.keys()) this.state.locks.delete(each)
      }
      const found = task.evaluate()
      if (!(found instanceof Wait)) {
        if (found instanceof Error) answer(found as KeyspaceError, undefined as A)
        else answer(undefined, found)
        return
      }
      if (task.waiter !== undefined) {
        this.waits.set(key, { waiter: task.waiter, holders: found.holders })
        if (this.isVictim(task.waiter)) {
          return answer(new Aborted({ txn: task.waiter.id, reason: "deadlock" }), undefined as A)
        }
      }
      if (this.world.nowMicros() >= task.deadlineMicros) {
        return answer(new Unavailable({ message: `${task.name} waits` }), undefined as A)
      }
      this.world.after(pollMicros, poll)
    }
    if (task.caller.hear(task.name) !== false) return this.later(poll)
    this.world.after(task.deadlineMicros - this.world.nowMicros(), () =>
      task.caller.deliver(() => done(lost(), undefined as A))
    )
  }

  /** One that has been answered arrives again. */
  private repeat(again: () => void): void {
    if (this.oneIn(this.options.repeatOneIn))
      this.world.after(this.world.below(20 * this.options.delayMicrosMax), again)
  }

  /** The Effect that submits it. */
  private call<A>(
    caller: Caller,
    name: string,
    options: CallOptions | undefined,
    how: { readonly waiter?: Txn; readonly changes?: boolean; readonly evaluate: () => Found<A> }
  ): Effect.Effect<A, KeyspaceError> {
    const { timeoutMillis = 5_000, waiter } = options ?? {}
    return Effect.suspend(() =>
      Completion.submit<A, KeyspaceError>((done) =>
        this.submit(
          {
            name,
            caller,
            waiter: how.waiter ?? waiter,
            deadlineMicros: this.world.nowMicros() + timeoutMillis * 1_000,
            changes: how.changes === true,
            evaluate: how.evaluate
          },
          done
        )
      )
    )
  }

  /** In pieces, one for each range. */
  private byRange<A>(all: ReadonlyArray<A>, keyOf: (one: A) => Uint8Array): ReadonlyArray<ReadonlyArray<A>> {
    const pieces = new Map<number, Array<A>>()
    for (const one of all) {
      const range = this.rangeOf(keyOf(one))
      const piece = pieces.get(range)
      if (piece === undefined) pieces.set(range, [one])
      else piece.push(one)
    }
    return [...pieces.values()]
  }

  private get(keys: ReadonlyArray<Uint8Array>, at: Timestamp, waiter: Txn | undefined): Found<ReadonlyArray<Value>> {
    const values: Array<Value> = []
    for (const key of keys) {
      const value = this.state.valueAt(key, at, waiter?.id)
      if (value instanceof Wait || value instanceof Error) return value
      values.push(value)
    }
    return values
  }

  /** Of one range at a time, or several where the first have nothing. */
  private scan({
    at,
    entriesMax = 1_000,
    reverse = false,
    sizeBytesMax = 1_048_576,
    span
  }: ScanOptions): Found<Scanned> {
    const keys = this.state.keysIn(span)
    const entries: Array<Entry> = []
    let sizeBytes = 0
    for (const key of reverse ? keys.toReversed() : keys) {
      const value = this.state.valueAt(key, at)
      if (value instanceof Wait || value instanceof Error) return value
      if (value.value === undefined) continue
      const first = entries[0]
      const isFull = entries.length >= entriesMax || sizeBytes >= sizeBytesMax
      if (first !== undefined && (isFull || this.rangeOf(first.key) !== this.rangeOf(key))) {
        const last = entries[entries.length - 1].key
        return { entries, rest: reverse ? { from: span.from, to: last } : { from: Keys.after(last), to: span.to } }
      }
      entries.push({ key, value: value.value, at: value.at })
      sizeBytes += key.length + value.value.length
    }
    return { entries, rest: undefined }
  }

  private lock(txn: Txn, keys: ReadonlyArray<Uint8Array>, mode: "shared" | "exclusive"): Found<Locked> {
    const values = this.state.lock(txn, keys, mode)
    return values instanceof Array ? { values, at: this.state.timestamp() } : values
  }

  private isOneRange(txn: Txn, mutations: ReadonlyArray<Mutation>, { keys, spans }: Reads): boolean {
    const range = this.rangeOf(txn.anchor)
    const isHere = (key: Uint8Array): boolean => this.rangeOf(key) === range
    const ends = ({ to }: Span): boolean => this.options.cuts.some((cut) => Keys.compare(cut, to) === 0)
    return (
      mutations.every(({ key }) => isHere(key)) &&
      keys.every(isHere) &&
      spans.every(
        (span) => isHere(span.from) && (isHere(span.to) || (ends(span) && this.rangeOf(span.to) === range + 1))
      )
    )
  }

  /** Checks and latches, then gets its timestamp, then takes effect: three moments. */
  private commitOnce(
    caller: Caller,
    { mutations, reads, snapshot, txn }: Parameters<Service["commitOnce"]>[0],
    options: CallOptions | undefined
  ): Effect.Effect<Timestamp | undefined, KeyspaceError> {
    if (!this.isOneRange(txn, mutations, reads)) return Effect.succeed(undefined)
    let isLatched = false
    let committed: Timestamp | undefined
    const evaluate = (): Found<Timestamp> => {
      if (committed !== undefined) return committed
      if (isLatched) return new Wait([])
      const found = this.state.latch(txn, snapshot, mutations, reads)
      if (found instanceof Wait || found instanceof Error) return found
      if ("type" in found) {
        return found.type === "committed" ? found.at : new Aborted({ txn: txn.id, reason: "pushed" })
      }
      isLatched = true
      this.later(() => {
        const at = this.state.timestamp()
        this.later(() => {
          this.state.commitLatched(found, at)
          committed = at
        })
      })
      return new Wait([])
    }
    const call = this.call(caller, "commit-once", options, { waiter: txn, changes: true, evaluate })
    // What is latched will be committed: a deadline that passes meanwhile does not know that.
    return Effect.mapError(call, (error) =>
      error instanceof Unavailable && isLatched ? new Unknown({ message: error.message }) : error
    )
  }

  /** Each piece a request; it fails when one of them does, and the others go on. */
  private pieces<A>(
    caller: Caller,
    name: string,
    options: CallOptions | undefined,
    pieces: ReadonlyArray<A>,
    how: { readonly waiter?: Txn; readonly evaluate: (piece: A) => Found<void> }
  ): Effect.Effect<void, KeyspaceError> {
    return Effect.forEach(
      pieces,
      (piece) => {
        const evaluate = (): Found<void> => {
          const found = how.evaluate(piece)
          if (!(found instanceof Wait) && !(found instanceof Error)) this.repeat(() => how.evaluate(piece))
          return found
        }
        return this.call(caller, name, options, { ...how, changes: true, evaluate })
      },
      { concurrency: "unbounded", discard: true }
    )
  }

  /** The service as one caller has it. */
  serviceOf(caller: Caller): Service {
    const { state } = this
    const key = (one: Uint8Array): Uint8Array => one
    return {
      timestamp: (options) => this.call(caller, "timestamp", options, { evaluate: () => state.timestamp() }),
      get: (keys, at, options) =>
        this.call(caller, "get", options, { evaluate: () => this.get(keys, at, options?.waiter) }),
      scan: (scan, options) => this.call(caller, "scan", options, { evaluate: () => this.scan(scan) }),
      lock: (txn, keys, mode, options) =>
        this.call(caller, "lock", options, {
          waiter: txn,
          evaluate: () => {
            const found = this.lock(txn, keys, mode)
            if (!(found instanceof Wait) && !(found instanceof Error)) this.repeat(() => this.lock(txn, keys, mode))
            return found
          }
        }),
      unlock: (txn, keys, options) =>
        this.pieces(caller, "unlock", options, this.byRange(keys, key), {
          evaluate: (piece) => state.unlock(txn, piece)
        }),
      commitOnce: (commit, options) => this.commitOnce(caller, commit, options),
      prepare: ({ mutations, snapshot, txn }, options) =>
        this.pieces(
          caller,
          "prepare",
          options,
          this.byRange(mutations, (mutation) => mutation.key),
          {
            waiter: txn,
            evaluate: (piece) => state.prepare(txn, snapshot, piece)
          }
        ),
      validate: (txn, reads, until, options) =>
        this.call(caller, "validate", options, { evaluate: () => state.validate(txn, reads, until) }),
      decide: (txn, outcome, _keys, options) =>
        this.call(caller, "decide", options, {
          changes: true,
          evaluate: () => {
            this.repeat(() => {
              state.decide(txn, outcome)
            })
            return state.decide(txn, outcome)
          }
        }),
      resolve: (txn, outcome, keys, options) =>
        this.pieces(caller, "resolve", options, this.byRange(keys, key), {
          evaluate: (piece) => state.resolve(txn, outcome, piece)
        }),
      forget: (txn, options) =>
        this.call(caller, "forget", options, { changes: true, evaluate: () => state.forget(txn) }),
      push: (txn, abort, options) => this.call(caller, "push", options, { evaluate: () => state.push(txn, abort) }),
      heartbeat: (txn, options) =>
        this.call(caller, "heartbeat", options, {
          evaluate: () => {
            state.alive(txn)
            return state.records.get(txn.id) ?? { type: "pending" }
          }
        })
    }
  }
}
