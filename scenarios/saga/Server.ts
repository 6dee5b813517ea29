/**
 * Server: a store with the keyspace, transactions and sagas. Clients start orders, cancel them, and ask for the books; servers ask each other, as
 * banks, to pay and to pay back, by datagrams under the same address, which are lost, late and repeated like all others.
 *
 * | request, after the head of `Call.ts`              | answer                                                     |
 * | ------------------------------------------------- | ---------------------------------------------------------- |
 * | start, cancel, books: `kind u8`, then JSON        | `ending u8`, then what is to be known, or why not, as JSON |
 * | pay: `kind u8`, `back u8`, `amount u32`, `key`    | `u8`, whether it was done                                  |
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import { Reader, Writer } from "#base/Bytes.ts"
import type { ServerSpec } from "#sim/run/Scenario.ts"
import type { Status } from "#txn/saga/SagaCore.ts"
import { StepRejected } from "#txn/saga/SagaError.ts"
import * as Sagas from "#txn/saga/Sagas.ts"
import * as Transactions from "#txn/Transactions.ts"
import * as Completion from "#world/Completion.ts"
import { Host } from "#world/Host.ts"
import { Net, type DatagramSocket } from "#world/Net.ts"
import { Trace } from "#world/Trace.ts"
import * as Call from "../systems/Call.ts"
import * as Node from "../txn/Node.ts"
import { ObservedSteps } from "./ObservedSteps.ts"
import * as Shop from "./Shop.ts"

/** The first is the default. */
export const leaseMillis: ReadonlyArray<number> = [2_000, 600]

/**
 * So long a bank leaves payments lying, those of one amount in four, however often it is asked; 0: not at all. A saga asks for less long, with all
 * its pauses: what undoes the payment is there first.
 */
export const bankLateMillis: ReadonlyArray<number> = [0, 2_500]
const lateOneIn = 4

export const kinds = { start: 1, cancel: 2, books: 3, pay: 4 } as const
export const endings = { ok: 1, failed: 2 } as const

export type Operation =
  | { readonly type: "start"; readonly id: string; readonly order: Shop.Order }
  | { readonly type: "cancel"; readonly id: string }
  | { readonly type: "books" }

/** Whether it was started or cancelled; or what there is, once no saga is under way. */
export type Value =
  | boolean
  | {
      readonly total: number
      readonly bank: number
      readonly completed: ReadonlyArray<string>
      readonly compensated: ReadonlyArray<string>
    }

/** Questions of one life of a server. */
const numbersOfLife = 1_048_576

/** The client that servers are for each other. */
const bankClient = 0xffff

/** Asks another server for a payment, each time the next one: one whose disk is damaged is gone for good. A late answer is for nobody. */
class Bank {
  private readonly spec: ServerSpec
  private readonly asked = new Map<number, (isDone: boolean) => void>()
  private numbers: number
  socket: DatagramSocket | undefined

  constructor(spec: ServerSpec, incarnation: number) {
    this.spec = spec
    // An answer to a life before is none to this one.
    this.numbers = incarnation * numbersOfLife
  }

  readonly ask: Shop.Ask = ({ amount, isUndo, key }) =>
    Effect.suspend(() => {
      const number = ++this.numbers
      const { index, peers } = this.spec
      const answered = Completion.submit<boolean, string>((done) => {
        this.asked.set(number, (isDone) => done(undefined, isDone))
        const request = Writer.make()
          .u8(Call.kinds.request)
          .u32(bankClient)
          .u32(number)
          .u8(kinds.pay)
          .u8(isUndo ? 1 : 0)
          .u32(amount)
          .text(key)
        const ahead = 1 + (number % Math.max(1, peers.length - 1))
        this.socket!.send(peers[(index + ahead) % peers.length], request.finish())
      })
      return Effect.ensuring(
        answered,
        Effect.sync(() => this.asked.delete(number))
      )
    })

  answered(number: number, isDone: boolean): void {
    this.asked.get(number)?.(isDone)
  }
}

const pauseMillis = 400
const underWay: ReadonlyArray<Status> = ["running", "compensating", "parked"]

/** The orders that have ended; it fails as long as some saga is under way. */
const endedOf = Effect.fnUntraced(function* (sagas: Sagas.Sagas["Service"]) {
  for (const status of underWay) {
    const found = yield* sagas.list(status, { entriesMax: 1 })
    if (found.length === 0) continue
    // Who asks asks again at once.
    yield* Effect.sleep(pauseMillis)
    return yield* Effect.fail({ _tag: `saga ${found[0]} is ${status}` })
  }
  const ended = { completed: [] as ReadonlyArray<string>, compensated: [] as ReadonlyArray<string> }
  for (const status of ["completed", "compensated"] as const) {
    const ids = yield* sagas.list(status, { entriesMax: 1_000 })
    ended[status] = ids.filter((id) => !id.includes("/"))
  }
  return ended
})

/** Everything that there is. */
const books = Effect.fnUntraced(function* (
  sagas: Sagas.Sagas["Service"],
  transactions: Transactions.Transactions["Service"]
) {
  const { compensated, completed } = yield* endedOf(sagas)
  const counted = yield* transactions.run((txn) =>
    Effect.gen(function* () {
      const bank = yield* Shop.balanceOfBank(txn)
      let total = bank
      for (let account = 0; account < Shop.accounts; account++) total += yield* Shop.balance(txn, account)
      return { total, bank, completed, compensated }
    })
  )
  // Nor has one begun meanwhile.
  const after = yield* endedOf(sagas)
  if (after.completed.length + after.compensated.length === completed.length + compensated.length) return counted
  return yield* Effect.fail({ _tag: "an order has come in between" })
})

const utf8 = new TextEncoder()
const text = new TextDecoder()

export const server = Effect.fnUntraced(function* (spec: ServerSpec) {
  const net = yield* Net
  const isTraced = spec.options["trace.steps"] === true
  const { transactions } = yield* Node.open(spec, isTraced ? { observer: new ObservedSteps(yield* Trace) } : {})
  const bank = new Bank(spec, (yield* Host).incarnation)
  const definitions = Shop.definitions(bank.ask)
  const lease = Number(spec.options["leaseMillis"] ?? leaseMillis[0])
  const late = Number(spec.options["bankLateMillis"] ?? bankLateMillis[0])
  const sagas = yield* Effect.provideService(
    Sagas.make([definitions.order, definitions.bonus], { leaseMillis: lease, scanMillis: 200 }),
    Transactions.Transactions,
    transactions
  )
  const fork = yield* FiberSet.makeRuntime<never>()
  const perform = (operation: Operation): Effect.Effect<Value, { readonly _tag: string }> => {
    if (operation.type === "start") return sagas.start(definitions.order, operation.id, operation.order)
    if (operation.type === "cancel") return Effect.as(sagas.cancel(operation.id, "cancelled by a client"), true)
    return books(sagas, transactions)
  }
  /** Whatever is asked may be asked again: sagas have ids, and payments keys. */
  const serve = (number: number, body: Reader, answer: (bytes: Uint8Array) => void): void => {
    const kind = body.u8()
    if (kind === kinds.pay) {
      const [isUndo, amount, key] = [body.u8() === 1, body.u32(), body.text()]
      const paid = Effect.as(
        transactions.run((txn) =>
          isUndo ? Shop.payBack(txn, key, amount) : Effect.asVoid(Shop.pay(txn, key, amount))
        ),
        true
      )
      const told = Effect.catchIf(
        paid,
        (error) => error instanceof StepRejected,
        () => Effect.succeed(false)
      )
      const answered = Effect.map(told, (isDone) => {
        const reply = Call.answer(number).u8(isDone ? 1 : 0)
        answer(reply.finish())
      })
      const isLate = !isUndo && amount % lateOneIn === 0
      // Without a transaction nobody knows, and nobody is told.
      fork(Effect.ignore(isLate ? Effect.delay(answered, late) : answered))
      return
    }
    const reply = (ending: keyof typeof endings, told: unknown): void =>
      answer(
        Call.answer(number)
          .u8(endings[ending])
          .raw(utf8.encode(JSON.stringify(told)))
          .finish()
      )
    const operation = JSON.parse(text.decode(body.rest())) as Operation
    fork(
      Effect.match(perform(operation), {
        onFailure: (error) => reply("failed", error._tag),
        onSuccess: (value) => reply("ok", value)
      })
    )
  }
  const socket: DatagramSocket = yield* net.bind(spec.self, {
    received: (from, bytes) => {
      const request = Call.readRequest(bytes)
      if (request !== undefined) return serve(request.number, request.body, (reply) => socket.send(from, reply))
      const reader = new Reader(bytes)
      if (reader.u8() === Call.kinds.answer) bank.answered(reader.u32(), reader.u8() === 1)
    }
  })
  bank.socket = socket
  return yield* Effect.never
})
