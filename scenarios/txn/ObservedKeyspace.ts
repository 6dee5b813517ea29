/**
 * ObservedKeyspace: a keyspace that traces what a coordinator asks of it, and what it is answered. It draws nothing and answers
 * what it is answered; but fibers take other turns with it, so a seed gives another run than without.
 *
 * | event          | when, and what                                                                     |
 * | -------------- | ---------------------------------------------------------------------------------- |
 * | `txn/asks`     | a call: its number in this life of the node, from 1, and an `Ask` as JSON          |
 * | `txn/answered` | its end: an `Answer` as JSON, `{}` for an error                                    |
 *
 * What resolves, forgets, asks what became of others or says that somebody lives is not traced: the commands that come of it are (`Observed`).
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Keyspace } from "#keyspace/Keyspace.ts"
import type { KeyspaceError } from "#keyspace/KeyspaceError.ts"
import type { Outcome, Reads, Span, Value } from "#keyspace/Request.ts"
import * as Overlay from "#txn/Overlay.ts"
import { Transaction } from "#txn/Transaction.ts"
import type { Trace } from "#world/Trace.ts"

/** Keys are text; `txn`: who asks, where that is known; timestamps of outcomes: 0 is aborted. */
export type Ask =
  | { readonly type: "timestamp"; readonly txn?: number }
  | { readonly type: "read"; readonly txn?: number; readonly keys: ReadonlyArray<string>; readonly at: number }
  | { readonly type: "scan"; readonly txn?: number; readonly at: number }
  | { readonly type: "lock"; readonly txn: number; readonly anchor: string; readonly keys: ReadonlyArray<string> }
  | {
      readonly type: "prepare" | "once"
      readonly txn: number
      readonly anchor: string
      readonly since: number
      readonly writes: ReadonlyArray<string>
      readonly reads: Relied
    }
  | { readonly type: "validate"; readonly txn: number; readonly reads: Relied; readonly until: number }
  | { readonly type: "decide"; readonly txn: number; readonly anchor: string; readonly at: number }

export interface Relied {
  readonly keys: ReadonlyArray<string>
  /** [from, to). */
  readonly spans: ReadonlyArray<readonly [string, string]>
}

/** All absent: an error. */
export interface Answer {
  /** A timestamp, or an outcome. */
  readonly at?: number
  /** Timestamps of versions, in the order of the keys. */
  readonly versions?: ReadonlyArray<number>
  /** Of a scan: what it covers, and what it found there. */
  readonly span?: readonly [string, string]
  readonly found?: ReadonlyArray<readonly [string, number]>
  readonly isDone?: true
}

const utf8 = new TextDecoder()
const textOf = (key: Uint8Array): string => utf8.decode(key)
const spanOf = ({ from, to }: Span): readonly [string, string] => [textOf(from), textOf(to)]
const reliedOf = ({ keys, spans }: Reads): Relied => ({ keys: keys.map(textOf), spans: spans.map(spanOf) })
const none: Relied = { keys: [], spans: [] }
const atOf = (outcome: Outcome): number => (outcome.type === "committed" ? outcome.at : 0)
const versionsOf = (values: ReadonlyArray<Value>): ReadonlyArray<number> => values.map(({ at }) => at)
const done = (): Answer => ({ isDone: true })

export const make = (keyspace: Keyspace["Service"], trace: Trace["Service"]): Keyspace["Service"] => {
  let calls = 0
  const observed = <A>(
    ask: Ask,
    asked: Effect.Effect<A, KeyspaceError>,
    answerOf: (answer: A) => Answer
  ): Effect.Effect<A, KeyspaceError> =>
    Effect.suspend(() => {
      const call = ++calls
      trace.emit("debug", "txn/asks", { call, ask: JSON.stringify(ask) })
      return Effect.onExit(asked, (exit) =>
        Effect.sync(() => {
          const answer = Exit.isSuccess(exit) ? answerOf(exit.value) : {}
          trace.emit("debug", "txn/answered", { call, answer: JSON.stringify(answer) })
        })
      )
    })
  /** With the transaction whose body asks, if one does. */
  const within = <A>(
    ask: (txn: { readonly txn?: number }) => Effect.Effect<A, KeyspaceError>
  ): Effect.Effect<A, KeyspaceError> =>
    Effect.flatMap(Effect.serviceOption(Transaction), (found) =>
      ask(Option.isNone(found) ? {} : { txn: found.value.id })
    )
  return {
    ...keyspace,
    timestamp: (options) => {
      const txn = options?.waiter === undefined ? {} : { txn: options.waiter.id }
      return observed({ type: "timestamp", ...txn }, keyspace.timestamp(options), (at) => ({ at }))
    },
    get: (keys, at, options) =>
      within((txn) =>
        observed({ type: "read", ...txn, keys: keys.map(textOf), at }, keyspace.get(keys, at, options), (values) => ({
          versions: versionsOf(values)
        }))
      ),
    scan: (scan, options) =>
      within((txn) =>
        observed({ type: "scan", ...txn, at: scan.at }, keyspace.scan(scan, options), ({ entries, rest }) => ({
          span: spanOf(Overlay.covered(scan.span, rest, scan.reverse === true)),
          found: entries.map(({ at, key }) => [textOf(key), at] as const)
        }))
      ),
    lock: (txn, keys, mode, options) =>
      observed(
        { type: "lock", txn: txn.id, anchor: textOf(txn.anchor), keys: keys.map(textOf) },
        keyspace.lock(txn, keys, mode, options),
        ({ at, values }) => ({ at, versions: versionsOf(values) })
      ),
    commitOnce: (commit, options) => {
      const { mutations, reads, snapshot: since, txn } = commit
      const writes = mutations.map(({ key }) => textOf(key))
      const own = { txn: txn.id, anchor: textOf(txn.anchor), since, writes, reads: reliedOf(reads) }
      return observed({ type: "once", ...own }, keyspace.commitOnce(commit, options), (at) =>
        at === undefined ? {} : { at }
      )
    },
    prepare: (prepare, options) => {
      const { mutations, snapshot: since, txn } = prepare
      const writes = mutations.map(({ key }) => textOf(key))
      const own = { txn: txn.id, anchor: textOf(txn.anchor), since, writes, reads: none }
      return observed({ type: "prepare", ...own }, keyspace.prepare(prepare, options), done)
    },
    validate: (txn, reads, until, options) =>
      observed(
        { type: "validate", txn, reads: reliedOf(reads), until },
        keyspace.validate(txn, reads, until, options),
        done
      ),
    decide: (txn, outcome, keys, options, told) =>
      observed(
        { type: "decide", txn: txn.id, anchor: textOf(txn.anchor), at: atOf(outcome) },
        keyspace.decide(txn, outcome, keys, options, told),
        (state) => (state.type === "pending" ? {} : { at: atOf(state) })
      )
  }
}
