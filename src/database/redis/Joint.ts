/** Joint: what a command has done to keys of several nodes, stored for all of them, or for none. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Transaction } from "#txn/Transaction.ts"
import type { Transactions } from "#txn/Transactions.ts"
import type { RunError, StepError } from "#txn/TxnError.ts"
import * as Completion from "#world/Completion.ts"
import * as Owner from "./Owner.ts"
import type { Grant } from "./Partaking.ts"
import * as Places from "./Places.ts"
import * as Record from "./Record.ts"

/** undefined: it was only read there. */
export interface Part {
  readonly grant: Grant
  readonly record: Uint8Array | undefined
}

/** `unstored`: and it never will be. `unknown`: each of the nodes finds out by itself. */
export type Stored =
  | { readonly type: "stored" }
  | { readonly type: "unknown" }
  /** `isMoved`: one of the nodes has not held its slots. */
  | { readonly type: "unstored"; readonly reason: string; readonly isMoved: boolean }

/** A node that waits for it does not wait longer. */
const timeoutMillis = 8_000

const over: Stored = { type: "unstored", reason: "the keys went to another node meanwhile", isMoved: true }
const stored: Stored = { type: "stored" }

type Txn = Transaction["Service"]

/** All have granted still, and none has decided by itself what became of it. */
const areHeld = (txn: Txn, parts: ReadonlyArray<Part>): Effect.Effect<boolean, StepError> => {
  const changed = parts.filter(({ record }) => record !== undefined)
  const owners = parts.map(({ grant: { node } }) => Places.ownerKey(node))
  const records = changed.map(({ grant: { number, stream } }) => Places.recordKey(stream, number, 0))
  return Effect.map(txn.getMany([...owners, ...records]), (values) => {
    const isHeld = ({ grant: { epoch } }: Part, at: number): boolean => {
      const owner = values[at]
      return owner !== undefined && Owner.decode(owner).epoch === epoch
    }
    return parts.every(isHeld) && values.slice(parts.length).every((record) => record === undefined)
  })
}

const put = Effect.fnUntraced(function* (
  txn: Txn,
  { grant: { number, stream }, record }: Part
): Effect.fn.Return<void, StepError> {
  if (record === undefined) return
  for (let piece = 0; piece < Record.piecesIn(record.length); piece++) {
    const from = piece * Record.pieceBytes
    yield* txn.put(Places.recordKey(stream, number, piece), record.subarray(from, from + Record.pieceBytes))
  }
})

/** What callbacks ask for is done side by side, as long as `run` is. */
export class Jobs {
  private jobs: Array<Effect.Effect<void>> = []
  private wake: (() => void) | undefined

  add(job: Effect.Effect<void>): void {
    this.jobs.push(job)
    this.wake?.()
  }

  /** Never ends; what was begun ends with the scope. */
  run(scope: Scope.Scope): Effect.Effect<never> {
    const added = Completion.submit<void, never>((done) => {
      this.wake = () => {
        this.wake = undefined
        done(undefined, undefined)
      }
      // One may have come since it was looked.
      if (this.jobs.length > 0) this.wake()
    })
    const next = Effect.suspend(() => {
      const job = this.jobs.shift()
      return job === undefined ? added : Effect.asVoid(Effect.forkIn(job, scope))
    })
    return Effect.forever(next)
  }
}

/** Whoever has granted is asked whether it still does, also where nothing has changed. */
export const store = (transactions: Transactions["Service"], parts: ReadonlyArray<Part>): Effect.Effect<Stored> => {
  const body = (txn: Txn): Effect.Effect<Stored, StepError> =>
    Effect.gen(function* () {
      if (!(yield* areHeld(txn, parts))) return over
      for (const part of parts) yield* put(txn, part)
      return stored
    })
  return Effect.catch(transactions.run(body, { timeoutMillis }), ({ _tag, message }: RunError) =>
    Effect.succeed<Stored>(
      _tag === "OutcomeUnknown" ? { type: "unknown" } : { type: "unstored", reason: message, isMoved: false }
    )
  )
}
