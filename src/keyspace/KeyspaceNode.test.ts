/** A keyspace on simulated machines: whole, from the router to the disks. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { storeOf } from "#consensus/Replica.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import { end, systemEnd } from "./Descriptor.ts"
import * as Key from "./Key.ts"
import type { KeyspaceError, RangeError } from "./KeyspaceError.ts"
import * as KeyspaceNode from "./KeyspaceNode.ts"
import type { Mutation, Request, Response, Timestamp } from "./Request.ts"

const second = 1_000_000
const utf8 = new TextEncoder()
const text = new TextDecoder()
const key = (name: string): Uint8Array => utf8.encode(name)

class Cluster {
  readonly bench: TestBench
  readonly nodes: Array<KeyspaceNode.KeyspaceNode | undefined> = []
  private readonly work: Array<Queue.Queue<Effect.Effect<void>>> = []
  private readonly founders: number
  private readonly options: Partial<KeyspaceNode.Options>

  constructor(machines: number, founders = machines, options: Partial<KeyspaceNode.Options> = {}) {
    this.bench = new TestBench({ machines })
    this.founders = founders
    this.options = options
    for (let i = 0; i < machines; i++) this.start(i)
    this.bench.pass(5 * second)
  }

  start(index: number): void {
    const all = this.bench.machines.map((_, i) => i + 1)
    const program = Effect.gen({ self: this }, function* () {
      this.nodes[index] = yield* KeyspaceNode.open({
        store: index + 1,
        cluster: "0123456789abcdef0123456789abcdef",
        listen: { host: `n${index}`, port: 7_000 },
        peers: new Map(
          all.filter((one) => one !== index + 1).map((one) => [one, { host: `n${one - 1}`, port: 7_000 }])
        ),
        directory: "store",
        memory: { slabBytes: 4_096 },
        founders: all.slice(0, this.founders),
        halted: (message) => {
          throw new Error(message)
        },
        ...this.options
      })
      const work = yield* Queue.unbounded<Effect.Effect<void>>()
      this.work[index] = work
      return yield* Effect.forever(Effect.flatMap(Queue.take(work), (next) => Effect.forkChild(next)))
    })
    this.bench.start(index, program)
  }

  crash(index: number): void {
    this.nodes[index] = undefined
    this.bench.machines[index].crash({ powerLost: true })
  }

  /** Runs an effect on a node, and says what came of it within some time. */
  on<A>(index: number, seconds: number, use: (node: KeyspaceNode.KeyspaceNode) => Effect.Effect<A, KeyspaceError>): A {
    let result: { readonly value: A } | { readonly error: KeyspaceError } | undefined
    Queue.offerUnsafe(
      this.work[index],
      Effect.match(use(this.nodes[index]!), {
        onFailure: (error) => {
          result = { error }
        },
        onSuccess: (value) => {
          result = { value }
        }
      })
    )
    this.bench.pass(seconds * second)
    if (result === undefined) throw new Error("no answer")
    if ("error" in result) throw result.error
    return result.value
  }

  put(index: number, name: string, value: string | undefined): Timestamp | undefined {
    return this.on(index, 10, ({ keyspace }) =>
      Effect.flatMap(keyspace.timestamp(), (id) => {
        const mutations: ReadonlyArray<Mutation> = [
          { key: key(name), value: value === undefined ? undefined : key(value) }
        ]
        const txn = { id, age: id, anchor: key(name) }
        return keyspace.commitOnce({ txn, snapshot: id, mutations, reads: { since: id, keys: [], spans: [] } })
      })
    )
  }

  leaseholder(range: number): number {
    const index = this.nodes.findIndex((node) => node?.store.log.host.group(range)?.isLeader === true)
    if (index < 0) throw new Error(`range ${range} has no leaseholder`)
    return index
  }

  /** What a range's own leaseholder is asked. */
  manage(range: number, request: Request): void {
    let said: RangeError | Response | undefined
    const asking = { range, timeoutMicros: 5 * second, waiter: undefined, request }
    this.nodes[this.leaseholder(range)]!.ranges.submit(asking, (error, response) => {
      said = error ?? response
    })
    this.bench.pass(8 * second)
    if (said === undefined || "_tag" in said) throw new Error(said?._tag ?? "no answer")
  }

  split(name: string): void {
    const range = 2
    this.manage(range, { type: "split", key: key(name) })
  }

  /** The machines on which a range's leaseholder has voters. */
  holders(range: number): ReadonlyArray<number> {
    const { configuration } = this.nodes[this.leaseholder(range)]!.store.log.host.group(range)!.machine.applied
    return configuration.voters.map((replica) => storeOf(replica) - 1)
  }

  ranges(index: number): ReadonlyArray<number> {
    return [...this.nodes[index]!.store.log.host.groups.keys()].sort((left, right) => left - right)
  }

  /** All replicas of a range have applied the same, and have the same in their engines. */
  isAlike(range: number): boolean {
    const seen = new Set<string>()
    for (const node of this.nodes) {
      const machine = node?.store.log.host.group(range)?.machine
      if (node === undefined || machine === undefined) continue
      const { descriptor } = node.ranges
        .known({ from: new Uint8Array(0), to: end })
        .find((location) => location.descriptor.range === range)!
      const cursor = node.ranges.port.scan({ bounds: Key.bounds(descriptor) })
      let entries = ""
      while (cursor.next() === "entry") entries += `${cursor.key().join(".")}=${cursor.value().join(".")};`
      cursor.close()
      seen.add(`${machine.applied.index} ${machine.digest()} ${entries}`)
    }
    return seen.size === 1
  }

  /** What a node's engine has of versions and intents. */
  entriesOf(index: number): number {
    const { port } = this.nodes[index]!.ranges
    let count = 0
    const span = { from: systemEnd, to: end }
    for (const bounds of [Key.bounds(span), Key.intents(span)]) {
      const cursor = port.scan({ bounds })
      while (cursor.next() === "entry") count++
      cursor.close()
    }
    return count
  }

  scan(index: number): string {
    const scanned = this.on(index, 10, ({ keyspace }) =>
      Effect.flatMap(keyspace.timestamp(), (at) => keyspace.scan({ span: { from: key("a"), to: key("zz") }, at }))
    )
    return scanned.entries.map((entry) => `${text.decode(entry.key)}=${text.decode(entry.value)}`).join(" ")
  }
}

describe("a keyspace on three nodes", () => {
  it("answers on each of them", () => {
    const cluster = new Cluster(3)
    for (const index of [0, 1, 2]) expect(cluster.put(index, `k${index}`, "v")).toBeGreaterThan(0)
    for (const index of [0, 1, 2]) expect(cluster.scan(index)).toBe("k0=v k1=v k2=v")
  })

  it("is cut in two under a store that is down, which has both halves when it comes back", () => {
    const cluster = new Cluster(3, 3, { host: { logBytesMax: 1_000 } })
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
    const cluster = new Cluster(3)
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

  it("moves a range to a store that has just joined", () => {
    const cluster = new Cluster(4, 3, { placing: { replicas: 0 } })
    for (const name of ["a", "b", "c"]) cluster.put(3, name, "1")
    const leaving = (cluster.leaseholder(2) + 1) % 3
    cluster.manage(2, { type: "members", range: 2, changes: [{ type: "add-voter", store: 4 }] })
    cluster.manage(2, { type: "members", range: 2, changes: [{ type: "remove", store: leaving + 1 }] })
    cluster.bench.pass(10 * second)
    expect(cluster.ranges(3)).toEqual([2])
    expect(cluster.ranges(leaving)).toEqual([1])
    cluster.manage(2, { type: "transfer", range: 2, to: 4 })
    expect(cluster.leaseholder(2)).toBe(3)
    expect(cluster.scan(leaving)).toBe("a=1 b=1 c=1")
    expect(cluster.isAlike(2)).toBe(true)
  })

  it("spreads over stores that join, and replaces one that stays away", () => {
    const cluster = new Cluster(5, 1, { placing: { replicas: 3, deadAfterMicros: 20 * second } })
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
    const cluster = new Cluster(3)
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

  it("takes in a right neighbour, wherever that is, and leaves nothing of it behind", () => {
    const cluster = new Cluster(4, 3, { placing: { replicas: 0 } })
    for (const name of ["a", "b", "c", "d"]) cluster.put(0, name, "1")
    cluster.split("c")
    cluster.bench.pass(3 * second)
    // The right one has a replica where the left one has none.
    const leaving = (cluster.leaseholder(3) + 1) % 3
    cluster.manage(3, { type: "members", range: 3, changes: [{ type: "add-voter", store: 4 }] })
    cluster.manage(3, { type: "members", range: 3, changes: [{ type: "remove", store: leaving + 1 }] })
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

  it("comes out of a merge whole, whenever a node fails in it", () => {
    const outcomes = new Set<number>()
    for (let delay = 0; delay <= 40; delay += 4) {
      const cluster = new Cluster(3)
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
    const cluster = new Cluster(3)
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
