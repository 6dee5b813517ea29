/**
 * Server: a store with the keyspace, transactions and locks. Asked to use a lock it begins a session, acquires the lock, enters, stays for a
 * while, leaves and releases. Both transactions, of entering and of leaving, are guarded by the lease; who holds the lock alone leaves one more
 * in the lock's register than it found when it entered, which is right only if nobody else was there in between.
 *
 * | request, after the head of `Call.ts`                                   | answer                                  |
 * | ---------------------------------------------------------------------- | --------------------------------------- |
 * | `lock u8`, `shared u8`, milliseconds: `stay u32`, `wait u32`           | `ending u8`, then the use, or why not, as JSON |
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type { Reader } from "#base/Bytes.ts"
import * as Spaces from "#keyspace/Spaces.ts"
import type { ServerSpec } from "#sim/run/Scenario.ts"
import * as Locks from "#txn/locks/Locks.ts"
import type { Transaction } from "#txn/Transaction.ts"
import * as Transactions from "#txn/Transactions.ts"
import { OutcomeUnknown } from "#txn/TxnError.ts"
import { Net, type DatagramSocket } from "#world/Net.ts"
import * as Call from "../systems/Call.ts"
import * as Node from "../txn/Node.ts"

/** The first is the default. With the longest, what is not given back keeps the clients from their last operations. */
export const leaseMillis: ReadonlyArray<number> = [1_500, 400, 5_000, 20_000]

export const endings = { used: 1, failed: 2, unknown: 3 } as const

/** Timestamps of the two transactions, and what the first one saw. */
export interface Use {
  readonly token: number
  readonly enteredAt: number
  readonly leftAt: number
  readonly seen: number
}

interface Wish {
  readonly lock: number
  readonly shared: boolean
  readonly stayMillis: number
  readonly waitMillis: number
}

const registerOf = (lock: number): Uint8Array => Spaces.rawKeyOf(Uint8Array.of(0x10 * lock))

const use = Effect.fnUntraced(function* (
  transactions: Transactions.Transactions["Service"],
  locks: Locks.Locks["Service"],
  { lock, shared, stayMillis, waitMillis }: Wish,
  ttlMillis: number
) {
  const session = yield* locks.session({ ttlMillis })
  const lease = yield* session.acquire(`lock ${lock}`, { mode: shared ? "shared" : "exclusive", waitMillis })
  const key = registerOf(lock)
  const read = (txn: Transaction["Service"]) =>
    Effect.map(Effect.andThen(lease.guard(txn), txn.get(key)), (bytes) =>
      bytes === undefined ? 0 : bytes[0] + 256 * bytes[1]
    )
  // It writes, so that it has a time of its own behind all that it reads.
  const mark = Spaces.rawKeyOf(Uint8Array.of(0x10 * lock + 1))
  const entered = yield* transactions.runCommitted((txn) =>
    Effect.tap(read(txn), () => txn.put(mark, Uint8Array.of(0)))
  )
  yield* Effect.sleep(stayMillis)
  const next = entered.value + (shared ? 0 : 1)
  const left = yield* transactions.runCommitted((txn) =>
    Effect.andThen(lease.guard(txn), txn.put(shared ? mark : key, Uint8Array.of(next, next >>> 8)))
  )
  // Others leave that to the end of their session, which also gives back what could not be given back here.
  if (stayMillis % 2 === 0) yield* Effect.ignore(lease.release)
  return { token: lease.token, enteredAt: entered.at, leftAt: left.at, seen: entered.value }
})

const open = Effect.fnUntraced(function* (spec: ServerSpec) {
  const { transactions } = yield* Node.open(spec)
  const locks = yield* Effect.provideService(Locks.make, Transactions.Transactions, transactions)
  return { locks, transactions }
})

const readWish = (body: Reader): Wish => ({
  lock: body.u8(),
  shared: body.u8() === 1,
  stayMillis: body.u32(),
  waitMillis: body.u32()
})

const utf8 = new TextEncoder()

export const server = Effect.fnUntraced(function* (spec: ServerSpec) {
  const net = yield* Net
  const { locks, transactions } = yield* open(spec)
  const ttlMillis = Number(spec.options["leaseMillis"] ?? leaseMillis[0])
  const fork = yield* FiberSet.makeRuntime<never>()
  /** The number of the last request of each client, and its answer once there is one. */
  const clients = new Map<number, { readonly number: number; answer: Uint8Array | undefined }>()
  const begin = (client: number, number: number, wish: Wish, answer: (bytes: Uint8Array) => void): void => {
    const known = clients.get(client)
    if (known !== undefined && number <= known.number) {
      if (number === known.number && known.answer !== undefined) answer(known.answer)
      return
    }
    const own = { number, answer: undefined as Uint8Array | undefined }
    clients.set(client, own)
    const end = (ending: keyof typeof endings, told: unknown): void => {
      own.answer = Call.answer(number)
        .u8(endings[ending])
        .raw(utf8.encode(JSON.stringify(told)))
        .finish()
      answer(own.answer)
    }
    fork(
      Effect.match(Effect.scoped(use(transactions, locks, wish, ttlMillis)), {
        onFailure: (error) => end(error instanceof OutcomeUnknown ? "unknown" : "failed", error._tag),
        onSuccess: (used) => end("used", used)
      })
    )
  }
  // The socket hears before this fiber goes on.
  let isBound = false
  const socket: DatagramSocket = yield* net.bind(spec.self, {
    received: (from, bytes) => {
      const request = Call.readRequest(bytes)
      if (request === undefined || !isBound) return
      begin(request.client, request.number, readWish(request.body), (reply) => socket.send(from, reply))
    }
  })
  isBound = true
  return yield* Effect.never
})
