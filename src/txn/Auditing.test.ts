/** What transactions, sagas and locks leave in the audit trail of a keyspace that keeps one. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import * as AuditEntry from "#keyspace/audit/AuditEntry.ts"
import * as StoreTrail from "#keyspace/audit/StoreTrail.ts"
import { Keyspace } from "#keyspace/Keyspace.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import { Cluster, key, second } from "#keyspace/TestCluster.ts"
import type { World } from "#world/World.ts"
import * as Locks from "./locks/Locks.ts"
import * as Saga from "./saga/Saga.ts"
import * as Sagas from "./saga/Sagas.ts"
import { credit, Transfer, withdraw } from "./saga/TestSagas.ts"
import * as Transactions from "./Transactions.ts"

const cluster = (): Cluster => new Cluster(new TestBench({ machines: 1 }), 1, { range: { audits: true } })

/** Runs it on a cluster of its own; what the trail says then of all but ranges: kind, outcome, subject, actor. */
const told = <E>(
  use: (transactions: Transactions.Transactions["Service"]) => Effect.Effect<unknown, E, World | Scope.Scope>
): ReadonlyArray<string> => {
  const one = cluster()
  one.split("m")
  one.on(0, 20, ({ keyspace }) =>
    Effect.scoped(
      Effect.flatMap(Effect.provideService(Transactions.make(), Keyspace, keyspace), (made) => Effect.asVoid(use(made)))
    )
  )
  one.bench.pass(5 * second)
  return entriesOf(one)
}

const entriesOf = (one: Cluster): ReadonlyArray<string> => {
  const lines: Array<readonly [at: number, line: string]> = []
  one.on(0, 1, ({ ranges }) =>
    StoreTrail.visit(ranges.port, (bytes) => {
      const entry = AuditEntry.decode(bytes) as AuditEntry.Entry
      const { actor, atMicros, keysTotal, kind, outcome, subject } = entry
      if (kind === "range") return
      const about = kind === "transaction" ? `${keysTotal} keys` : subject.replace(/\d{10,}/, "id")
      lines.push([atMicros, `${kind} ${outcome}: ${about}${actor === "" ? "" : `, ${actor.replace(/\d{10,}/, "id")}`}`])
    })
  )
  return lines.sort(([left], [right]) => left - right).map(([, line]) => line)
}

const vault = { kind: "lock", outcome: "granted", actor: "me", subject: "vault" } as const

describe("a transaction", () => {
  it("is one entry, on whose behalf it was, with what it notes, in one range and in several", () => {
    const lines = told((transactions) =>
      Effect.gen(function* () {
        yield* transactions.run((txn) => txn.put(key("a"), key("1")), { actor: "teller" })
        yield* transactions.run(
          (txn) => Effect.all([txn.put(key("b"), key("1")), txn.put(key("x"), key("1")), txn.note(vault)]),
          { actor: "c".repeat(5_000) }
        )
        yield* transactions.run((txn) => txn.get(key("a")), { actor: "nobody" })
      })
    )
    expect(lines).toEqual([
      "transaction committed: 1 keys, teller",
      `transaction committed: 2 keys, ${"c".repeat(340)}…`,
      "lock granted: vault, me"
    ])
  })

  it("notes nothing that it has taken back, and nothing more than its bound", () => {
    const lines = told((transactions) =>
      Effect.gen(function* () {
        const body = transactions.run((txn) =>
          Effect.gen(function* () {
            yield* txn.put(key("a"), key("1"))
            yield* txn.note(vault)
            const savepoint = yield* txn.savepoint()
            yield* txn.note({ ...vault, subject: "cellar" })
            yield* txn.rollbackTo(savepoint)
          })
        )
        yield* body
        const many = transactions.run((txn) => Effect.forEach(Array.from({ length: 2_049 }), () => txn.note(vault)))
        expect((yield* Effect.flip(many))._tag).toBe("Refused")
      })
    )
    expect(lines).toEqual(["transaction committed: 1 keys", "lock granted: vault, me"])
  })
})

describe("a lock", () => {
  it("is granted and released in the trail", () => {
    const lines = told((transactions) =>
      Effect.gen(function* () {
        const locks = yield* Effect.provideService(Locks.make, Transactions.Transactions, transactions)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const session = yield* locks.session()
            const lease = yield* session.acquire("vault")
            yield* lease.release
          })
        )
      })
    )
    const own = lines.filter((line) => line.startsWith("lock"))
    expect(own).toEqual(["lock granted: vault, session id", "lock released: vault, session id"])
  })
})

describe("a saga", () => {
  it("is an entry each time that its status changes", () => {
    const good = Saga.make("good", { version: 1, input: Transfer, steps: [credit] })
    const bad = Saga.make("bad", { version: 1, input: Transfer, steps: [credit, withdraw] })
    const lines = told((transactions) =>
      Effect.gen(function* () {
        const layer = Sagas.layer([good, bad], { leaseMillis: 400, scanMillis: 50 })
        const built = yield* Effect.provideService(Layer.build(layer), Transactions.Transactions, transactions)
        const sagas = Context.get(built, Sagas.Sagas)
        for (const one of [good, bad]) yield* sagas.start(one, one.name, { from: 1, to: 2, amount: 1 })
        yield* Effect.sleep(5_000)
      })
    )
    const own = lines.filter((line) => line.startsWith("saga"))
    expect(own.filter((line) => line.includes("good"))).toEqual([
      "saga started: good, good",
      "saga completed: good, good"
    ])
    expect(own.filter((line) => line.includes("bad"))).toEqual([
      "saga started: bad, bad",
      "saga compensating: bad, bad",
      "saga compensated: bad, bad"
    ])
  })
})
