/** TestRouters: three routers over `TestRanges`, on a clock that a test moves. Keys are numbers, values too. */
import { assert } from "#base/Assert.ts"
import { Alarms } from "#cluster/Alarms.ts"
import { TestClock } from "#cluster/TestClock.ts"
import type { Send } from "./Errand.ts"
import type { KeyspaceError } from "./KeyspaceError.ts"
import type { Scanned } from "./Keyspace.ts"
import type { Entry, Mutation, Span, Timestamp, Txn, Value } from "./Request.ts"
import { Router } from "./Router.ts"
import { TestRanges } from "./TestRanges.ts"

export const asked = { timeoutMicros: 5_000_000 }

/** A user's key; they sort as their numbers do. */
export const key = (number: number): Uint8Array => Uint8Array.of(0x10, number >> 8, number & 255)

export const put = (number: number, content = number): Mutation => ({
  key: key(number),
  value: Uint8Array.of(content >> 8, content & 255)
})

export const span = (from: number, to: number): Span => ({ from: key(from), to: key(to) })

export const keyOf = (bytes: Uint8Array): number => bytes[1] * 256 + bytes[2]

export const keysOf = (entries: ReadonlyArray<Entry>): ReadonlyArray<number> => entries.map((entry) => keyOf(entry.key))

export const contentsOf = (values: ReadonlyArray<Value>): ReadonlyArray<number | undefined> =>
  values.map(({ value }) => (value === undefined ? undefined : value[0] * 256 + value[1]))

export interface Ended<A> {
  readonly error: KeyspaceError | undefined
  readonly value: A
}

export class TestRouters {
  readonly clock = new TestClock()
  readonly alarms = new Alarms(this.clock.attach)
  readonly ranges: TestRanges
  readonly routers: ReadonlyArray<Router>
  private readonly random: (bound: number) => number

  constructor(random: (bound: number) => number) {
    this.random = random
    this.ranges = new TestRanges(this.alarms, random, [1, 2, 3])
    this.routers = this.ranges.stores.map((store) => this.router(this.ranges.sendOf(store)))
  }

  router(send: Send): Router {
    return new Router({ send, alarms: this.alarms, random: this.random })
  }

  /** One more router on a store, whose requests a test may do with what it likes. */
  watched(store: number, change: (send: Send) => Partial<Send>): Router {
    const send = this.ranges.sendOf(store)
    return this.router({ ...send, ...change(send) })
  }

  /** Calls `then` after a while. */
  after(micros: number, then: () => void): void {
    this.alarms.at(this.clock.now + micros, then)
  }

  pass(micros: number): void {
    this.clock.pass(this.clock.now + micros)
  }

  /** Lets time pass until a call has ended. */
  run<A>(call: (done: (error: KeyspaceError | undefined, value: A) => void) => void): Ended<A> {
    let ended: Ended<A> | undefined
    call((error, value) => {
      assert(ended === undefined, "a call ends once")
      ended = { error, value }
    })
    for (let step = 0; step < 7_000 && ended === undefined; step++) this.pass(1_000)
    assert(ended !== undefined, "a call ends by its deadline")
    return ended
  }

  txn(anchor: Uint8Array): Txn {
    const id = this.ranges.timestamp()
    return { id, anchor, age: id }
  }

  commit(
    router: Router,
    mutations: ReadonlyArray<Mutation>,
    read: { readonly keys?: ReadonlyArray<Uint8Array>; readonly spans?: ReadonlyArray<Span> } = {}
  ): Ended<Timestamp | undefined> & { readonly txn: Txn } {
    const txn = this.txn(mutations[0].key)
    const reads = { since: txn.id, keys: [], spans: [], ...read }
    const ended = this.run<Timestamp | undefined>((done) =>
      router.commitOnce({ txn, snapshot: txn.id, mutations, reads }, asked, done)
    )
    return { txn, ...ended }
  }

  /** The keys below 64, each by a commit of its own. */
  fill(): void {
    for (let each = 0; each < 64; each++) this.commit(this.routers[0], [put(each)])
  }

  get(router: Router, numbers: ReadonlyArray<number>): Ended<ReadonlyArray<Value>> {
    return this.run((done) => router.get(numbers.map(key), this.ranges.timestamp(), asked, done))
  }

  scan(
    router: Router,
    of: Span,
    options: { readonly reverse?: boolean; readonly entriesMax?: number; readonly sizeBytesMax?: number } = {}
  ): Scanned {
    const bounds = { reverse: false, entriesMax: 1_000, sizeBytesMax: 1_000_000, ...options }
    const { error, value } = this.run<Scanned>((done) =>
      router.scan({ span: of, at: this.ranges.timestamp(), ...bounds }, asked, done)
    )
    assert(error === undefined, "a scan succeeds")
    return value
  }
}
