/** The audit trail of whole nodes in the simulator: what is decided has its entry on every replica, through splits, merges, moves and crashes. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Hex from "#base/Hex.ts"
import * as AuditEntry from "./audit/AuditEntry.ts"
import { AuditVerification } from "./audit/AuditVerification.ts"
import type { Told } from "./audit/AuditEntry.ts"
import * as StoreTrail from "./audit/StoreTrail.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import { Cluster, key, second } from "./TestCluster.ts"

const audited = { range: { audits: true }, placing: { replicas: 0 } }

interface Trail {
  readonly entries: ReadonlyArray<AuditEntry.Entry>
  readonly findings: ReadonlyArray<string>
}

const trailOf = (cluster: Cluster, index: number): Trail => {
  const entries: Array<AuditEntry.Entry> = []
  const verification = new AuditVerification()
  const heads = cluster.on(index, 1, ({ ranges }) =>
    Effect.orDie(
      StoreTrail.visit(ranges.port, (bytes) => {
        const entry = verification.add(bytes, entries.length)
        if (entry !== undefined) entries.push(entry)
      })
    )
  )
  const { findings } = verification.finish(heads)
  return { entries, findings: findings.map(({ chain, message, sequence }) => `${chain}:${sequence} ${message}`) }
}

/** Of what was decided about transactions, and what they noted. */
const said = ({ entries }: Trail): ReadonlyArray<string> =>
  entries
    .filter(({ kind }) => kind !== "range" && kind !== "membership")
    .map(
      ({ actor, keys, kind, outcome, subject }) =>
        `${kind} ${outcome} ${kind === "transaction" ? keys.map((each) => new TextDecoder().decode(each)).join() : subject} ${actor}`
    )

const about = ({ entries }: Trail, chain: number): ReadonlyArray<string> =>
  entries
    .filter((entry) => entry.chain === chain && (entry.kind === "range" || entry.kind === "membership"))
    .map(({ outcome, subject }) => `${outcome} ${subject.replace(/:[0-9a-f]{64}/, "")}`)

const areAlike = (cluster: Cluster, indexes: ReadonlyArray<number>): boolean => {
  const hashes = indexes.map((index) =>
    trailOf(cluster, index)
      .entries.map(({ hash }) => Hex.of(hash))
      .join()
  )
  return new Set(hashes).size === 1
}

const commit = (cluster: Cluster, names: ReadonlyArray<string>, told?: Told): unknown =>
  cluster.on(0, 10, ({ keyspace }) =>
    Effect.gen(function* () {
      const id = yield* keyspace.timestamp()
      const txn = { id, age: id, anchor: key(names[0]) }
      const mutations = names.map((name) => ({ key: key(name), value: key("v") }))
      if (names.length === 1) {
        const reads = { since: id, keys: [], spans: [] }
        return yield* keyspace.commitOnce({ txn, snapshot: id, mutations, reads, told })
      }
      yield* keyspace.prepare({ txn, snapshot: id, mutations })
      const at = yield* keyspace.timestamp()
      const keys = mutations.map((each) => each.key)
      return yield* keyspace.decide(txn, { type: "committed", at }, keys, {}, told)
    })
  )

describe("a keyspace that audits", () => {
  it("has an entry for each decision, and for what the transaction notes, in the same chain on every store", () => {
    const cluster = new Cluster(new TestBench({ machines: 3 }), 3, audited)
    commit(cluster, ["a"])
    commit(cluster, ["b"], {
      actor: "teller",
      notes: [{ kind: "lock", outcome: "granted", actor: "s", subject: "vault" }]
    })
    cluster.split("m")
    commit(cluster, ["c", "x"], { actor: "clerk", notes: [] })
    const aborted = cluster.on(0, 10, ({ keyspace }) =>
      Effect.flatMap(keyspace.timestamp(), (id) => keyspace.push({ id, age: id, anchor: key("y") }, true))
    )
    expect(aborted).toEqual({ type: "aborted" })
    cluster.bench.pass(10 * second)
    const trail = trailOf(cluster, 0)
    expect(trail.findings).toEqual([])
    expect(said(trail)).toEqual([
      "transaction committed a ",
      "transaction committed b teller",
      "lock granted vault s",
      "transaction committed c,x clerk",
      "transaction aborted y "
    ])
    expect(about(trail, 2)).toEqual(["begun ", "split 3"])
    expect(about(trail, 3)).toEqual(["begun 2:5"])
    expect(areAlike(cluster, [0, 1, 2])).toBe(true)
  })

  it("decides once, and says so once, however often it is asked", () => {
    const cluster = new Cluster(new TestBench({ machines: 3 }), 3, audited)
    const at = cluster.on(0, 10, ({ keyspace }) =>
      Effect.gen(function* () {
        const id = yield* keyspace.timestamp()
        const txn = { id, age: id, anchor: key("a") }
        const mutations = [{ key: key("a"), value: key("v") }]
        const one = { txn, snapshot: id, mutations, reads: { since: id, keys: [], spans: [] } }
        const first = yield* keyspace.commitOnce(one)
        const second = yield* keyspace.commitOnce(one)
        yield* keyspace.push(txn, true)
        return [first, second]
      })
    )
    expect(at[0]).toBe(at[1])
    expect(said(trailOf(cluster, 0))).toEqual(["transaction committed a "])
  })

  it("refuses what cannot be written down, and nothing of it happens", () => {
    const cluster = new Cluster(new TestBench({ machines: 1 }), 1, audited)
    const told = { actor: "x".repeat(2_000), notes: [] }
    expect(() => commit(cluster, ["a"], told)).toThrow("actor")
    expect(cluster.scan(0)).toBe("")
  })

  it("keeps chains sound when ranges merge, members move, and stores come back from a snapshot", () => {
    const cluster = new Cluster(new TestBench({ machines: 4 }), 3, { ...audited, host: { logBytesMax: 1_000 } })
    commit(cluster, ["a"])
    cluster.split("m")
    commit(cluster, ["x"])
    commit(cluster, ["b"])
    const down = (cluster.leaseholder(2) + 1) % 3
    cluster.crash(down)
    cluster.manage(3, { type: "members", range: 3, changes: [{ type: "add-voter", store: 4 }], of: [] })
    for (let i = 0; i < 30; i++) commit(cluster, [`c${i}`.padEnd(100, "c")])
    cluster.start(down)
    cluster.bench.pass(30 * second)
    cluster.manage(3, { type: "members", range: 3, changes: [{ type: "remove", store: 4 }], of: [] })
    cluster.bench.pass(10 * second)
    cluster.manage(2, { type: "merge" })
    commit(cluster, ["z"])
    cluster.bench.pass(20 * second)
    const trail = trailOf(cluster, down)
    expect(trail.findings).toEqual([])
    expect(about(trail, 2)).toEqual(["begun ", "split 3", expect.stringMatching(/^merged 3:\d+$/)])
    expect(about(trail, 3)).toEqual(["begun 2:3", "added store 4", "removed store 4"])
    expect(said(trail).length).toBe(34)
    expect(areAlike(cluster, [0, 1, 2])).toBe(true)
    // It has no range of these any more.
    expect(trailOf(cluster, 3).entries.filter(({ chain }) => chain > 1)).toEqual([])
  })
})
