/** The service over a router: each call ends as an Effect as it does below. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { beforeEach, describe, expect, it } from "vitest"
import { Streams } from "#sim/kernel/Stream.ts"
import type { KeyspaceError } from "./KeyspaceError.ts"
import type { Keyspace } from "./Keyspace.ts"
import type { Outcome } from "./Request.ts"
import * as RouterDriver from "./RouterDriver.ts"
import type { TestRanges } from "./TestRanges.ts"
import { contentsOf, key, keysOf, put, span, TestRouters } from "./TestRouters.ts"

let cluster: TestRouters
let ranges: TestRanges
let keyspace: Keyspace["Service"]
beforeEach(() => {
  const draw = new Streams({ seed: "driver" }).get("test")
  cluster = new TestRouters((bound) => draw.below(bound))
  ranges = cluster.ranges
  keyspace = RouterDriver.make(cluster.routers[0])
  cluster.fill()
  ranges.split(key(30))
})

/** What an Effect succeeds with, or the name of its error; time passes meanwhile. */
const run = <A>(effect: Effect.Effect<A, KeyspaceError>): A | string => {
  let ended: A | string | undefined
  Effect.runFork(effect).addObserver((exit) => {
    ended = Exit.isSuccess(exit)
      ? exit.value
      : String(exit.cause.reasons.map((each) => ("error" in each ? each.error : each)))
  })
  cluster.pass(6_000_000)
  return ended!
}

describe("the service", () => {
  it("reads, scans, and gives timestamps", () => {
    const before = ranges.now
    expect(run(keyspace.timestamp())).toBeGreaterThan(before)
    const at = ranges.timestamp()
    expect(run(Effect.map(keyspace.get([key(40), key(2)], at), contentsOf))).toEqual([40, 2])
    expect(run(keyspace.get([], at))).toEqual([])
    const scan = { span: span(28, 33), at }
    expect(run(Effect.map(keyspace.scan(scan), ({ entries }) => keysOf(entries)))).toEqual([28, 29, 30, 31, 32])
    const last = Effect.map(keyspace.scan({ ...scan, reverse: true, entriesMax: 2 }), ({ entries, rest }) => [
      keysOf(entries),
      rest
    ])
    expect(run(last)).toEqual([[32, 31], span(28, 31)])
    expect(run(Effect.map(keyspace.scan({ ...scan, entriesMax: Infinity }), ({ entries }) => entries.length))).toBe(5)
  })

  it("commits in one round where that can be, and in two phases across ranges", () => {
    const txn = cluster.txn(key(1))
    const reads = { since: txn.id, keys: [key(2)], spans: [span(3, 5)] }
    const mutations = [put(1, 100), put(40, 400)]
    expect(run(keyspace.commitOnce({ txn, snapshot: txn.id, mutations, reads }))).toBe(undefined)
    const keys = mutations.map((each) => each.key)
    run(keyspace.lock(txn, keys, "exclusive"))
    run(keyspace.prepare({ txn, snapshot: txn.id, mutations }))
    expect(ranges.intentsOf(txn.id)).toEqual(keys)
    expect(run(keyspace.heartbeat(txn))).toEqual({ type: "pending" })
    const outcome: Outcome = { type: "committed", at: ranges.timestamp() }
    expect(run(keyspace.validate(txn.id, reads, outcome.at))).toBe(undefined)
    expect(run(keyspace.decide(txn, outcome, keys))).toEqual(outcome)
    expect(run(keyspace.push(txn, true))).toEqual(outcome)
    for (const each of [keyspace.resolve(txn.id, outcome, keys), keyspace.unlock(txn.id, keys), keyspace.forget(txn)]) {
      expect(run(each)).toBe(undefined)
    }
    expect(run(Effect.map(keyspace.get(keys, ranges.timestamp()), contentsOf))).toEqual([100, 400])
  })

  it("asks nobody where there is nothing to ask", () => {
    ranges.counts.asked = 0
    const txn = cluster.txn(key(1))
    const nothing = { since: 0, keys: [], spans: [] }
    expect(run(keyspace.validate(txn.id, nothing, 1))).toBe(undefined)
    expect(run(keyspace.prepare({ txn, snapshot: 1, mutations: [] }))).toBe(undefined)
    expect(run(keyspace.resolve(txn.id, { type: "aborted" }, []))).toBe(undefined)
    expect(ranges.counts.asked).toBe(0)
  })

  it("fails with the range's error, and in time", () => {
    const snapshot = ranges.timestamp()
    cluster.commit(cluster.routers[1], [put(1)])
    const txn = cluster.txn(key(1))
    expect(run(keyspace.prepare({ txn, snapshot, mutations: [put(1)] }))).toContain("Conflict")
    expect(run(keyspace.get([Uint8Array.of(0xff)], 1))).toContain("Refused")
  })
})
