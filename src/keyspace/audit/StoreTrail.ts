/**
 * StoreTrail: all that a store has of the audit trail: the chains of the ranges that have a replica here, and those of ranges that these have
 * taken in. A range that is gone, but for its replica, may have left a chain that another range has now: it is shown once.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Engine from "#storage/Engine.ts"
import type { StorageError } from "#storage/StorageError.ts"
import * as Key from "../Key.ts"
import * as RangeState from "../RangeState.ts"
import type { Head } from "./AuditChain.ts"

interface Kept {
  readonly range: number
  readonly sequence: number
}

/**
 * Visits the entries, each chain's in their order; `bytes` are valid during the call only. Answers the heads that the ranges know of their own
 * chains, by which one sees whether the last entries are there.
 */
export const visit = Effect.fnUntraced(function* (
  port: Engine.Port,
  entry: (bytes: Uint8Array) => void
): Effect.fn.Return<ReadonlyArray<Head>, StorageError, Scope.Scope> {
  const engine = Engine.make(port)
  // All of it as of one moment.
  const at = yield* engine.snapshot
  const audits = { bounds: Key.audits, at }
  const kept = new Map<number, Kept>()
  yield* engine.scan(audits, (key) => {
    const { chain, range, sequence } = Key.auditAt(key)
    const known = kept.get(chain)
    // Whoever took it in has all of it.
    const isFurther =
      known === undefined || sequence > known.sequence || (sequence === known.sequence && range !== chain)
    if (isFurther) kept.set(chain, { range, sequence })
  })
  yield* engine.scan(audits, (key, bytes) => {
    const { chain, range } = Key.auditAt(key)
    if (kept.get(chain)?.range === range) entry(bytes)
  })
  const heads: Array<Head> = []
  yield* engine.scan({ bounds: Key.states, at }, (key, record) => {
    const chain = Key.rangeOf(key)
    const { phase, trail } = RangeState.decode(record) ?? {}
    const isShown = (kept.get(chain)?.range ?? chain) === chain
    // What a snapshot says of its end comes before the entries that are in it.
    if (trail !== undefined && isShown && phase !== "restoring")
      heads.push({ chain, sequence: trail.sequence, hash: trail.hash })
  })
  return heads
}, Effect.scoped)
