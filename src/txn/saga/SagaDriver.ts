/**
 * SagaDriver: finds sagas that are due, by their due times, and works on them, a few at a time. All stores do so; who claims a saga first has it
 * until its lease ends. So a saga outlives any of them, and one whose runner is stuck goes on elsewhere.
 *
 * Before what is due lies everything that was, as deleted keys that are not forgotten yet: minutes of it, in any number of ranges. So a look
 * begins where the one before has found something first, and only now and then at the beginning.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { Span } from "#keyspace/Request.ts"
import { Transaction } from "../Transaction.ts"
import type * as Saga from "./Saga.ts"
import * as SagaKeys from "./SagaKeys.ts"
import * as SagaOwner from "./SagaOwner.ts"
import type { Surroundings } from "./SagaOwner.ts"
import * as SagaRunner from "./SagaRunner.ts"
import * as SagaStore from "./SagaStore.ts"

export interface Options {
  /** For how long a runner may be silent before its sagas go on elsewhere. Default: 10,000. */
  readonly leaseMillis?: number
  /** How often to look for sagas that are due, at least. Default: 1,000. */
  readonly scanMillis?: number
  /** Sagas that this store works on at a time. Default: 64. */
  readonly runningMax?: number
  /** For how long sagas are kept that have ended, and their ids are taken. Infinity: for good. Default: 604,800,000, a week. */
  readonly retentionMillis?: number
}

/** Of one scan: sagas that nobody here knows, or may work on, do not hide the others. */
const pagesMax = 64
const pageEntries = 128
/** A due time may be that of a transaction's beginning. One that was committed later than so long after it waits for a look at everything. */
const lateMillis = 30_000
/** Between two looks at everything. */
const wholeEveryMillis = 60_000
/** So long a page may take: there may be many ranges where nothing is due any more. */
const pageMillisMax = 10_000

export class SagaDriver {
  readonly around: Surroundings
  private readonly definitionOf: (name: string, version: number) => Saga.Any | undefined
  private readonly context: Context.Context<unknown>
  private readonly kicks: Queue.Queue<void>
  private readonly scope: Scope.Scope
  private readonly running = new Set<string>()
  /** Nothing before it was due when it was looked at last. */
  private overUntil = Infinity
  private wholeDueMicros = -Infinity
  private wasWhole = false
  private readonly scanMillis: number
  private readonly runningMax: number

  constructor(
    around: Omit<Surroundings, "kick">,
    options: Required<Pick<Options, "scanMillis" | "runningMax">>,
    needs: {
      readonly definitionOf: (name: string, version: number) => Saga.Any | undefined
      readonly context: Context.Context<unknown>
      readonly kicks: Queue.Queue<void>
      readonly scope: Scope.Scope
    }
  ) {
    this.around = { ...around, kick: () => this.kick() }
    this.definitionOf = needs.definitionOf
    this.context = needs.context
    this.kicks = needs.kicks
    this.scope = needs.scope
    this.scanMillis = options.scanMillis
    this.runningMax = options.runningMax
  }

  /** There may be something to do. */
  kick(): void {
    Queue.offerUnsafe(this.kicks, undefined)
  }

  /** Claims a saga, if it is still to be had, and works on it. */
  private work(id: string, definition: Saga.Any): Effect.Effect<void> {
    const { around } = this
    const work = Effect.gen({ self: this }, function* () {
      const owner = yield* SagaOwner.claim(around, id, definition)
      if (owner === undefined) return
      around.trace.emit("debug", "saga/claimed", { id, epoch: owner.record.epoch })
      yield* SagaRunner.run(around, owner)
    })
    return Effect.catchCause(Effect.provideContext(work, this.context), (cause) =>
      Effect.sync(() => {
        const isDefect = cause.reasons.some(({ _tag }) => _tag === "Die")
        if (isDefect) around.trace.emit("error", "saga/defect", { id, cause: String(cause) })
        else around.trace.emit("debug", "saga/left", { id })
      })
    )
  }

  /** A fiber of its own for a saga, for as long as the service lives. */
  private readonly begin = Effect.fnUntraced({ self: this }, function* (this: SagaDriver, due: SagaStore.Due) {
    const { definition: name, id, version } = due
    const definition = this.definitionOf(name, version)
    if (definition === undefined || this.running.has(id) || this.running.size >= this.runningMax) return
    this.running.add(id)
    const ended = Effect.sync(() => {
      this.running.delete(id)
      // Room for another one.
      if (this.running.size === this.runningMax - 1) this.kick()
    })
    yield* Effect.forkIn(Effect.ensuring(this.work(id, definition), ended), this.scope)
  })

  private readonly scan = Effect.fnUntraced({ self: this }, function* (this: SagaDriver) {
    if (this.running.size >= this.runningMax) return
    const { nowMicros, transactions } = this.around
    // One that fails, because it takes too long, keeps no other look waiting.
    const isWhole = !this.wasWhole && nowMicros() >= this.wholeDueMicros
    this.wasWhole = isWhole
    let span: Span | undefined
    for (let page = 0; page < pagesMax && this.running.size < this.runningMax; page++) {
      const left: Span | undefined = span
      const look = Effect.flatMap(Transaction, (txn) => {
        const at = txn.readAt()
        const from = isWhole ? 0 : Math.min(this.overUntil, Math.max(0, at - lateMillis * 1_000))
        const found = SagaStore.due(txn, left ?? SagaKeys.dueWithin(from, at), pageEntries)
        return Effect.map(found, (all) => ({ ...all, at }))
      })
      const options = { readOnly: true, timeoutMillis: pageMillisMax }
      const { at, found, rest } = yield* transactions.run(look, options)
      if (left === undefined) this.overUntil = found.length > 0 ? found[0].dueAt : at
      for (const due of found) yield* this.begin(due)
      span = rest
      if (span === undefined) break
    }
    if (isWhole) this.wholeDueMicros = nowMicros() + wholeEveryMillis * 1_000
  })

  /** Never ends. */
  readonly run: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forever(
      Effect.andThen(Effect.ignore(this.scan()), Effect.timeoutOption(Queue.take(this.kicks), this.scanMillis))
    )
  )
}
