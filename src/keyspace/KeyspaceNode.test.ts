/** A keyspace on simulated machines: whole, from the router to the disks. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import type * as KeyspaceNode from "./KeyspaceNode.ts"
import type { Timestamp } from "./Request.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import { Cluster, key, second } from "./TestCluster.ts"

const text = new TextDecoder()

describe("a keyspace on three nodes", () => {
  it("answers on each of them", () => {
    const cluster = new Cluster(new TestBench({ machines: 3 }))
    for (const index of [0, 1, 2]) expect(cluster.put(index, `k${index}`, "v")).toBeGreaterThan(0)
    for (const index of [0, 1, 2]) expect(cluster.scan(index)).toBe("k0=v k1=v k2=v")
  })

  it("is cut in two under a store that is down, which has both halves when it comes back", () => {
    const cluster = new Cluster(new TestBench({ machines: 3 }), 3, { host: { logBytesMax: 1_000 } })
    for (const name of ["a", "b", "c", "d"]) cluster.put(0, name, "1")
    const down = (cluster.leaseholder(2) + 1) % 3
    const up = (down + 1) % 3
    cluster.crash(down)
    cluster.bench.pass(5 * second)
    cluster.split("c")
    // Enough for the log to be cut: what is missing then is a snapshot of each half.
    for (let i = 0; i < 30; i++) cluster.put(up, `a${i}`, "x".repeat(100))
    for (let i = 0; i < 30; i++) cluster.put(up, `c${i}`, "x".repeat(100))
    cluster.start(down)
    cluster.bench.pass(30 * second)
    expect(cluster.ranges(down)).toEqual([1, 2, 3])
    expect(cluster.isAlike(2)).toBe(true)
    expect(cluster.isAlike(3)).toBe(true)
    cluster.crash(up)
    cluster.bench.pass(5 * second)
    expect(cluster.scan(down)).toContain("d=1")
  })

  it("goes on when leaseholders fail, and forgets nothing", () => {
    const cluster = new Cluster(new TestBench({ machines: 3 }))
    for (let round = 0; round < 4; round++) {
      cluster.put(round % 3, `k${round}`, "1")
      const index = cluster.leaseholder(round % 2 === 0 ? 1 : 2)
      cluster.crash(index)
      expect(cluster.put((index + 1) % 3, `l${round}`, "1")).toBeGreaterThan(0)
      cluster.start(index)
      cluster.bench.pass(5 * second)
    }
    expect(cluster.scan(0)).toBe("k0=1 k1=1 k2=1 k3=1 l0=1 l1=1 l2=1 l3=1")
  })

  it("goes on without a leaseholder whose disk does not answer, although its peers hear from it", () => {
    const bench = new TestBench({ machines: 3 })
    const cluster = new Cluster(bench)
    cluster.put(0, "a", "1")
    const stuck = cluster.leaseholder(2)
    const other = (stuck + 1) % 3
    bench.machines[stuck].faults.stuck = true
    expect(cluster.put(other, "b", "1")).toBeGreaterThan(0)
    expect(cluster.leaseholder(2)).not.toBe(stuck)
    expect(cluster.scan(other)).toBe("a=1 b=1")
  })

  it("moves a range to a store that has just joined", () => {
    const cluster = new Cluster(new TestBench({ machines: 4 }), 3, { placing: { replicas: 0 } })
    for (const name of ["a", "b", "c"]) cluster.put(3, name, "1")
    const leaving = (cluster.leaseholder(2) + 1) % 3
    cluster.manage(2, { type: "members", range: 2, changes: [{ type: "add-voter", store: 4 }], of: [] })
    cluster.manage(2, { type: "members", range: 2, changes: [{ type: "remove", store: leaving + 1 }], of: [] })
    cluster.bench.pass(10 * second)
    expect(cluster.ranges(3)).toEqual([2])
    expect(cluster.ranges(leaving)).toEqual([1])
    cluster.manage(2, { type: "transfer", range: 2, to: 4 })
    expect(cluster.leaseholder(2)).toBe(3)
    expect(cluster.scan(leaving)).toBe("a=1 b=1 c=1")
    expect(cluster.isAlike(2)).toBe(true)
  })

  it("goes on with a replica that is left alone, however soon after the other one has gone its store stops", () => {
    const bench = new TestBench({ machines: 2 })
    // What is applied reaches the disk late: only the log has it.
    const cluster = new Cluster(bench, 2, {
      engine: "btree",
      placing: { replicas: 0 },
      closeMicros: 0,
      host: { flushTicks: 10_000 }
    })
    cluster.put(0, "a", "1")
    const stays = cluster.leaseholder(2)
    const goes = 1 - stays
    // No other range syncs the store's log.
    if (cluster.leaseholder(1) === stays) cluster.manage(1, { type: "transfer", range: 1, to: goes + 1 })
    cluster.manage(1, { type: "members", range: 1, changes: [{ type: "remove", store: stays + 1 }], of: [] })
    const changes = [{ type: "remove" as const, store: goes + 1 }]
    const asking = { range: 2, timeoutMicros: 5 * second, waiter: undefined }
    cluster.nodes[stays]!.ranges.submit(
      { ...asking, request: { type: "members", range: 2, changes, of: [] } },
      () => {}
    )
    for (let waits = 0; cluster.ranges(goes).includes(2) && waits < 100_000; waits++) bench.pass(100)
    Object.assign(bench.machines[stays].faults, { losesUnsynced: true, losesEntries: true, losesAll: true })
    cluster.crash(stays)
    cluster.start(stays)
    bench.pass(10 * second)
    expect([cluster.ranges(goes), cluster.ranges(stays)]).toEqual([[1], [2]])
    expect(cluster.scan(stays)).toBe("a=1")
  })

  it("tells a replica that it is gone although all whom that one knows are others now", () => {
    const cluster = new Cluster(new TestBench({ machines: 3 }), 3, { placing: { replicas: 0 } })
    cluster.put(0, "a", "1")
    const change = (type: "add-voter" | "remove", index: number): void =>
      cluster.manage(2, { type: "members", range: 2, changes: [{ type, store: index + 1 }], of: [] })
    const first = cluster.leaseholder(2)
    const [other, away] = [(first + 1) % 3, (first + 2) % 3]
    cluster.crash(away)
    for (const index of [away, other]) change("remove", index)
    change("add-voter", other)
    cluster.manage(2, { type: "transfer", range: 2, to: other + 1 })
    change("remove", first)
    change("add-voter", first)
    cluster.start(away)
    cluster.bench.pass(10 * second)
    expect(cluster.ranges(away)).toEqual([1])
    expect(cluster.scan(away)).toBe("a=1")
  })

  it("changes no range that is not where it was meant to be", () => {
    const cluster = new Cluster(new TestBench({ machines: 3 }), 3, { placing: { replicas: 0 } })
    cluster.put(0, "k", "1")
    const leader = cluster.leaseholder(2) + 1
    const remove = (store: number, of: ReadonlyArray<number>): void =>
      cluster.manage(2, { type: "members", range: 2, changes: [{ type: "remove", store }], of })
    const leaving = (leader % 3) + 1
    expect(() => remove(leaving, [1, 2, 3, 4])).toThrow("Refused")
    expect(() => remove(leader, [1, 2, 3])).toThrow("Refused")
    expect(cluster.holders(2).length).toBe(3)
    remove(leaving, [3, 1, 2])
    expect(cluster.holders(2).length).toBe(2)
  })

  it("has its leases where most is asked, and spreads them again where all ask", () => {
    const cluster = new Cluster(new TestBench({ machines: 3 }))
    cluster.put(0, "k", "0")
    const asked = (...indexes: ReadonlyArray<number>): ReadonlyArray<number> => {
      const asks = Effect.forEach(Array.from({ length: 400 }), (_, i) => {
        const index = indexes[i % indexes.length]
        const { keyspace } = cluster.nodes[index]!
        return Effect.flatMap(keyspace.timestamp(), (at) => Effect.delay(keyspace.get([key("k")], at), "25 millis"))
      })
      cluster.on(indexes[0], 30, () => asks)
      return [1, 2].map((range) => cluster.leaseholder(range))
    }
    expect(asked(2)).toEqual([2, 2])
    expect(asked(0)).toEqual([0, 0])
    expect(new Set(asked(0, 1)).size).toBe(2)
  })

  it("spreads over stores that join, and replaces one that stays away", () => {
    const cluster = new Cluster(new TestBench({ machines: 5 }), 1, {
      placing: { replicas: 3, deadAfterMicros: 20 * second }
    })
    for (const name of ["a", "b", "c"]) cluster.put(4, name, "1")
    cluster.bench.pass(30 * second)
    const stores = (): Record<number, ReadonlyArray<number>> =>
      Object.fromEntries([1, 2].map((range) => [range, cluster.holders(range)]))
    const { 1: system, 2: all } = stores()
    expect([system.length, all.length]).toEqual([3, 3])
    const gone = all[0]
    cluster.crash(gone)
    cluster.bench.pass(60 * second)
    const { 2: left } = stores()
    expect(left.length).toBe(3)
    expect(left).not.toContain(gone)
    expect(cluster.isAlike(2)).toBe(true)
    const index = left[0]
    expect(cluster.scan(index)).toBe("a=1 b=1 c=1")
  })

  it("tells each change once, in order, from wherever a subscriber left off", () => {
    const cluster = new Cluster(new TestBench({ machines: 3 }))
    const told: Array<string> = []
    let upTo = 0
    const follow = (index: number, seconds: number, after?: Timestamp): void => {
      cluster.on(index, seconds + 1, ({ feed }) => {
        const span = { from: key("a"), to: key("zz") }
        const all = feed.subscribe(after === undefined ? { span } : { span, after })
        const each = Stream.runForEach(all, (batch) =>
          Effect.sync(() => {
            for (const change of batch.changes) told.push(text.decode(change.key))
            upTo = batch.upTo
          })
        )
        return Effect.timeoutOption(Effect.orDie(each), seconds * 1_000)
      })
    }
    follow(0, 2)
    for (const name of ["a", "p", "b"]) cluster.put(0, name, "1")
    follow(1, 3, upTo)
    expect(told).toEqual(["a", "p", "b"])
    cluster.split("m")
    for (const name of ["q", "c", "r"]) cluster.put(1, name, "1")
    cluster.crash(cluster.leaseholder(2))
    const index = cluster.nodes.findIndex((node) => node !== undefined)
    for (const name of ["d", "s"]) cluster.put(index, name, undefined)
    follow(index, 15, upTo)
    expect(told.slice(3)).toEqual(["q", "c", "r", "d", "s"])
  })

  it("cuts a range that is asked too much, and lets nobody put it together again while it is", () => {
    const cluster = new Cluster(new TestBench({ machines: 3 }), 3, { range: { perSecondMax: 50 } })
    const name = (index: number): Uint8Array => key(`k${String(index).padStart(3, "0")}`)
    /** From now on, for so many seconds, a hundred reads each, spread over a thousand keys. */
    const ask = (seconds: number): void => {
      const asking = ({ keyspace }: KeyspaceNode.KeyspaceNode) =>
        Effect.gen(function* () {
          const at = yield* keyspace.timestamp()
          for (let round = 0; round < seconds * 100; round++) {
            yield* Effect.forkChild(keyspace.get([name((round * 387) % 1_000)], at))
            yield* Effect.sleep(10)
          }
        })
      cluster.on(0, 0.001, (node) => Effect.asVoid(Effect.forkDetach(asking(node))))
      cluster.bench.pass(seconds * second)
    }
    ask(5)
    expect(cluster.ranges(0)).toEqual([1, 2])
    cluster.bench.pass(2 * second)
    ask(13)
    cluster.bench.pass(second)
    expect(cluster.ranges(0)).toEqual([1, 2, 3])
    const cut = (): string => {
      const { from } = cluster.nodes[0]!.ranges.known({ from: key("k"), to: key("l") }).at(-1)!.descriptor
      return text.decode(from)
    }
    expect(cut() > "k300" && cut() < "k700").toBe(true)
    const refusal = (): string => {
      try {
        cluster.manage(2, { type: "merge" })
        return ""
      } catch (error) {
        return (error as Error).message
      }
    }
    // Each half is asked 50 times a second.
    ask(3)
    expect(refusal()).toBe("Refused")
    cluster.bench.pass(2 * second)
    expect(refusal()).toBe("")
    expect(cluster.ranges(0)).toEqual([1, 2])
    expect(cluster.put(0, "k500", "v")).toBeGreaterThan(0)
  })

  it("takes in a right neighbour, wherever that is, and leaves nothing of it behind", () => {
    const cluster = new Cluster(new TestBench({ machines: 4 }), 3, { placing: { replicas: 0 } })
    for (const name of ["a", "b", "c", "d"]) cluster.put(0, name, "1")
    cluster.split("c")
    cluster.bench.pass(3 * second)
    // The right one has a replica where the left one has none.
    const leaving = (cluster.leaseholder(3) + 1) % 3
    cluster.manage(3, { type: "members", range: 3, changes: [{ type: "add-voter", store: 4 }], of: [] })
    cluster.manage(3, { type: "members", range: 3, changes: [{ type: "remove", store: leaving + 1 }], of: [] })
    cluster.put(1, "e", "1")
    cluster.manage(2, { type: "merge" })
    cluster.bench.pass(20 * second)
    for (let index = 0; index < 4; index++) expect(cluster.ranges(index)).not.toContain(3)
    expect(cluster.scan(3)).toBe("a=1 b=1 c=1 d=1 e=1")
    cluster.put(3, "d", "2")
    expect(cluster.scan(0)).toBe("a=1 b=1 c=1 d=2 e=1")
    expect(cluster.isAlike(2)).toBe(true)
    expect(cluster.entriesOf(3)).toBe(0)
  })

  it("is merged and at once cut again, and nothing of it goes with a replica that leaves late", () => {
    for (const slowSyncMicros of [100_000, 200_000, 400_000]) {
      const bench = new TestBench({ machines: 3 })
      const cluster = new Cluster(bench, 3, { placing: { replicas: 0 } })
      for (const name of ["a", "b", "c", "d"]) cluster.put(0, name, "1")
      cluster.split("c")
      bench.pass(3 * second)
      const leader = cluster.leaseholder(2)
      bench.machines[(leader + 1) % 3].faults.slowSyncMicros = slowSyncMicros
      const { ranges } = cluster.nodes[leader]!
      const asking = { range: 2, timeoutMicros: 5 * second, waiter: undefined }
      ranges.submit({ ...asking, request: { type: "merge" } }, () => {
        // The replicas of the range that was taken in are leaving now.
        ranges.submit({ ...asking, request: { type: "split", key: key("b") } }, () => {})
      })
      bench.pass(20 * second)
      for (const index of [0, 1, 2]) expect(cluster.ranges(index)).toEqual([1, 2, 4])
      expect(cluster.isAlike(4)).toBe(true)
      expect(cluster.scan(0)).toBe("a=1 b=1 c=1 d=1")
    }
  })

  it("has a replica on a store again that it was just removed from, however late its last one leaves", () => {
    for (const slowSyncMicros of [20_000, 100_000, 400_000]) {
      const bench = new TestBench({ machines: 4 })
      const cluster = new Cluster(bench, 3, { placing: { replicas: 0 } })
      for (const name of ["a", "b"]) cluster.put(0, name, "1")
      const { ranges } = cluster.nodes[cluster.leaseholder(2)]!
      const until = (isSo: () => boolean): void => {
        for (let waits = 0; !isSo() && waits < 100_000; waits++) bench.pass(100)
      }
      const change = (type: "add-voter" | "remove"): void => {
        const asking = { range: 2, timeoutMicros: 5 * second, waiter: undefined }
        const request = { type: "members" as const, range: 2, changes: [{ type, store: 4 }], of: [] }
        let isDone = false
        const attempt = (): void =>
          ranges.submit({ ...asking, request }, (error) => {
            if (error === undefined) isDone = true
            else ranges.defer(attempt)
          })
        attempt()
        until(() => isDone)
      }
      bench.machines[3].faults.slowSyncMicros = slowSyncMicros
      change("add-voter")
      until(() => cluster.ranges(3).includes(2))
      // It has not got anything yet.
      change("remove")
      until(() => !cluster.ranges(3).includes(2))
      change("add-voter")
      bench.pass(20 * second)
      expect(cluster.holders(2)).toContain(3)
      expect(cluster.nodes[3]!.ranges.known({ from: key("a"), to: key("b") })).toHaveLength(1)
      expect(cluster.isAlike(2)).toBe(true)
    }
  })

  it("comes out of a merge whole, whenever a node fails in it", () => {
    const outcomes = new Set<number>()
    for (let delay = 0; delay <= 40; delay += 4) {
      const cluster = new Cluster(new TestBench({ machines: 3 }))
      for (const name of ["a", "b", "c", "d"]) cluster.put(0, name, "1")
      cluster.split("c")
      cluster.bench.pass(3 * second)
      const victim = delay % 8 === 0 ? cluster.leaseholder(2) : cluster.leaseholder(3)
      const asking = { range: 2, timeoutMicros: 5 * second, waiter: undefined, request: { type: "merge" as const } }
      cluster.nodes[cluster.leaseholder(2)]!.ranges.submit(asking, () => {})
      cluster.bench.pass(delay * 1_000)
      cluster.crash(victim)
      cluster.bench.pass(10 * second)
      cluster.start(victim)
      cluster.bench.pass(30 * second)
      for (const name of ["a", "c", "d"]) expect(cluster.put((victim + 1) % 3, name, "2")).toBeGreaterThan(0)
      expect(cluster.scan(victim)).toBe("a=2 b=1 c=2 d=2")
      expect(cluster.isAlike(2)).toBe(true)
      const { length } = cluster.ranges(victim)
      for (let index = 0; index < 3; index++) expect(cluster.ranges(index).length).toBe(length)
      outcomes.add(length)
    }
    // Some came to pass, others did not.
    expect([...outcomes].sort((left, right) => left - right)).toEqual([2, 3])
  }, 60_000)

  it("lets any replica answer what it has up to its time, also where nobody leads", () => {
    const cluster = new Cluster(new TestBench({ machines: 3 }))
    cluster.put(0, "a", "1")
    cluster.put(0, "b", "1")
    cluster.bench.pass(10 * second)
    const at = cluster.on(0, 1, ({ keyspace }) => keyspace.timestamp())
    // What is closed is older than this.
    const before = cluster.nodes[0]!.ranges.closedOf(2)
    expect(before).toBeGreaterThan(0)
    expect(before).toBeLessThan(at)
    const alone = (cluster.leaseholder(2) + 1) % 3
    for (const index of [0, 1, 2]) if (index !== alone) cluster.crash(index)
    cluster.bench.pass(5 * second)
    const read = (time: Timestamp) =>
      cluster.on(alone, 10, ({ keyspace }) =>
        Effect.option(keyspace.get([key("a"), key("b")], time, { anyReplica: true, timeoutMillis: 3_000 }))
      )
    expect(Option.map(read(before), (values) => values.map(({ value }) => text.decode(value)))).toEqual(
      Option.some(["1", "1"])
    )
    const span = { from: key("a"), to: key("z") }
    const scanned = cluster.on(alone, 5, ({ keyspace }) => keyspace.scan({ span, at: before }, { anyReplica: true }))
    expect(scanned.entries.map((entry) => text.decode(entry.key))).toEqual(["a", "b"])
    expect(read(at)).toEqual(Option.none())
  })
})
