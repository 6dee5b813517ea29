/**
 * TestCluster: a keyspace on simulated machines for tests: whole, from the router to the disks. The machines are somebody else's: a test bench of the
 * simulator has what is asked for here.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { storeOf } from "#consensus/Replica.ts"
import { end, systemEnd } from "./Descriptor.ts"
import * as Key from "./Key.ts"
import type { RangeError } from "./KeyspaceError.ts"
import type { World } from "#world/World.ts"
import * as KeyspaceNode from "./KeyspaceNode.ts"
import type { Mutation, Request, Response, Timestamp } from "./Request.ts"

export const second = 1_000_000
const utf8 = new TextEncoder()
const text = new TextDecoder()
export const key = (name: string): Uint8Array => utf8.encode(name)

interface Bench {
  readonly machines: ReadonlyArray<{ crash: (how: { readonly powerLost: boolean }) => void }>
  start: (machine: number, program: Effect.Effect<unknown, unknown, World | Scope.Scope>) => void
  pass: (micros: number) => void
}

export class Cluster {
  readonly bench: Bench
  readonly nodes: Array<KeyspaceNode.KeyspaceNode | undefined> = []
  private readonly work: Array<Queue.Queue<Effect.Effect<void, never, World>>> = []
  private readonly founders: number
  private readonly options: Partial<KeyspaceNode.Options>

  constructor(bench: Bench, founders = bench.machines.length, options: Partial<KeyspaceNode.Options> = {}) {
    this.bench = bench
    this.founders = founders
    this.options = options
    for (let i = 0; i < bench.machines.length; i++) this.start(i)
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
      const work = yield* Queue.unbounded<Effect.Effect<void, never, World>>()
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
  on<A, E>(index: number, seconds: number, use: (node: KeyspaceNode.KeyspaceNode) => Effect.Effect<A, E, World>): A {
    let result: { readonly value: A } | { readonly error: E } | undefined
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
