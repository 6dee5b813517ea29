/** RouterDriver: the service `Keyspace` over a router: each call as an Effect, which stops waiting when it is interrupted, and undoes nothing. */
import * as Effect from "effect/Effect"
import * as Completion from "#world/Completion.ts"
import { assert } from "#base/Assert.ts"
import type { KeyspaceError } from "./KeyspaceError.ts"
import type { CallOptions, Keyspace } from "./Keyspace.ts"
import type { Request, Response, Timestamp, Txn, TxnState, Value } from "./Request.ts"
import type { Asked, Router } from "./Router.ts"

const timeoutMillisDefault = 5_000
export const entriesMaxDefault = 1_000
export const sizeBytesMaxDefault = 1_048_576

/** What the wire has room for. */
const bounded = (count: number): number => Math.max(1, Math.min(count, 0xffff_ffff))

const noValues: ReadonlyArray<Value> = []

export const asked = (options: CallOptions | undefined, waiter?: Txn): Asked => ({
  timeoutMicros: (options?.timeoutMillis ?? timeoutMillisDefault) * 1_000,
  waiter: options?.waiter ?? waiter,
  anyReplica: options?.anyReplica === true
})

const stateOf = (response: Response | undefined): TxnState => {
  assert(response?.type === "state", "a transaction's anchor answers with its state")
  return response.state
}

/** Nothing to ask is nothing to wait for. */
const unlessNone = (
  items: ReadonlyArray<unknown>,
  call: Effect.Effect<void, KeyspaceError>
): Effect.Effect<void, KeyspaceError> => (items.length === 0 ? Effect.void : call)

export const make = (router: Router): Keyspace["Service"] => {
  const atAnchor = (txn: Txn, request: Request, options: CallOptions | undefined) =>
    Completion.submit<Response | undefined, KeyspaceError>((done) =>
      router.at(txn.anchor, request, asked(options, txn), done)
    )
  const state = (
    txn: Txn,
    request: Request,
    options: CallOptions | undefined
  ): Effect.Effect<TxnState, KeyspaceError> => Effect.map(atAnchor(txn, request, options), stateOf)
  const each = (
    keys: ReadonlyArray<Uint8Array>,
    build: (keys: ReadonlyArray<Uint8Array>) => Request,
    options: CallOptions | undefined
  ): Effect.Effect<void, KeyspaceError> =>
    unlessNone(
      keys,
      Completion.submit<void, KeyspaceError>((done) => router.each(keys, build, asked(options), done))
    )
  return {
    timestamp: (options) =>
      Completion.submit<Timestamp, KeyspaceError>((done) => router.timestamp(asked(options).timeoutMicros, done)),
    get: (keys, at, options) =>
      keys.length === 0
        ? Effect.succeed(noValues)
        : Completion.submit((done) => router.get(keys, at, asked(options), done)),
    scan: ({ at, entriesMax, reverse, sizeBytesMax, span }, options) => {
      const wanted = {
        span,
        at,
        reverse: reverse ?? false,
        entriesMax: bounded(entriesMax ?? entriesMaxDefault),
        sizeBytesMax: bounded(sizeBytesMax ?? sizeBytesMaxDefault)
      }
      return Completion.submit((done) => router.scan(wanted, asked(options), done))
    },
    lock: (txn, keys, mode, options) =>
      Completion.submit((done) => router.lock(txn, keys, mode, asked(options, txn), done)),
    unlock: (txn, keys, options) => each(keys, (own) => ({ type: "unlock", txn, keys: own }), options),
    commitOnce: (commit, options) =>
      Completion.submit((done) => router.commitOnce(commit, asked(options, commit.txn), done)),
    prepare: ({ mutations, snapshot, txn }, options) =>
      unlessNone(
        mutations,
        Completion.submit<void, KeyspaceError>((done) =>
          router.prepare(txn, snapshot, mutations, asked(options, txn), done)
        )
      ),
    validate: (txn, reads, until, options) =>
      unlessNone(
        [...reads.keys, ...reads.spans],
        Completion.submit<void, KeyspaceError>((done) => router.validate(txn, reads, until, asked(options), done))
      ),
    decide: (txn, outcome, keys, options, told) => state(txn, { type: "decide", txn, outcome, keys, told }, options),
    resolve: (txn, outcome, keys, options) =>
      each(keys, (own) => ({ type: "resolve", txn, outcome, keys: own }), options),
    forget: (txn, options) => Effect.asVoid(atAnchor(txn, { type: "forget", txn }, options)),
    push: (txn, abort, options) => state(txn, { type: "push", txn, abort }, options),
    heartbeat: (txn, options) => state(txn, { type: "heartbeat", txn }, options)
  }
}
