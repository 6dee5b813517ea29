/**
 * SagaCleaning: ended sagas go, with their journals, once they have been over for so long. From then on their ids are as if they had never been: so
 * who starts a saga again, not knowing whether it was, has that long. All stores look; of two that clean one saga one finds nothing.
 *
 * A nested saga stays as long as its parent goes on, which may yet turn it round. What participants keep of effects is theirs (`SagaParticipant.forget`).
 */
import * as Effect from "effect/Effect"
import type { Transaction } from "../Transaction.ts"
import type { Transactions } from "../Transactions.ts"
import type { StepError } from "../TxnError.ts"
import * as SagaCore from "./SagaCore.ts"
import * as SagaKeys from "./SagaKeys.ts"
import * as SagaStore from "./SagaStore.ts"

export interface Options {
  readonly retentionMillis: number
  /** Between two looks. */
  readonly everyMillis: number
}

type Txn = Transaction["Service"]

const pageEntries = 128
const timeoutMillis = 10_000

/** It is over for good: nobody goes on who could turn it round. */
const isOver = Effect.fnUntraced(function* (
  txn: Txn,
  { parent }: NonNullable<Effect.Success<ReturnType<typeof SagaStore.record>>>
): Effect.fn.Return<boolean, StepError> {
  const above = parent === undefined ? undefined : yield* SagaStore.record(txn, parent.id)
  return above === undefined || SagaCore.isEnded(above.status)
})

/** Of one that ended at `endedAt`, and nothing before `before` is kept. */
const clean = Effect.fnUntraced(function* (
  txn: Txn,
  { at: endedAt, id }: SagaStore.Ended,
  before: number
): Effect.fn.Return<void, StepError> {
  const record = yield* SagaStore.record(txn, id)
  const isEnded = record !== undefined && SagaCore.isEnded(record.status)
  const last = isEnded ? (yield* SagaStore.entries(txn, id, record.entries - 1)).at(-1) : undefined
  // It was turned round since, or has ended another time: that has a key of its own.
  if (!isEnded || last === undefined || last.at > before) return yield* txn.delete(SagaKeys.ended(endedAt, id))
  if (!(yield* isOver(txn, record))) return
  yield* txn.delete(SagaKeys.ended(endedAt, id))
  yield* txn.delete(SagaKeys.status(record.status, id))
  yield* txn.delete(SagaKeys.record(id))
  yield* txn.deleteRange(SagaKeys.entriesFrom(id, 0))
})

const look = Effect.fnUntraced(function* (transactions: Transactions["Service"], retentionMicros: number) {
  let after: SagaStore.Ended | undefined
  for (;;) {
    const from = after
    const { before, found } = yield* transactions.run(
      (txn) =>
        Effect.map(SagaStore.ended(txn, from, txn.readAt() - retentionMicros, pageEntries), (all) => ({
          found: all,
          before: txn.readAt() - retentionMicros
        })),
      { readOnly: true, timeoutMillis }
    )
    for (const one of found) yield* transactions.run((txn) => clean(txn, one, before), { timeoutMillis })
    after = found.at(-1)
    if (found.length < pageEntries) return
  }
})

/** Never ends. What fails is tried again the next time. */
export const run = (
  transactions: Transactions["Service"],
  { everyMillis, retentionMillis }: Options
): Effect.Effect<never> =>
  Effect.forever(Effect.andThen(Effect.sleep(everyMillis), Effect.ignore(look(transactions, retentionMillis * 1_000))))
