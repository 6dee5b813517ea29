/** Ranges on one store in a simulated machine, asked without a router. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Store from "#cluster/Store.ts"
import * as Batch from "#storage/Batch.ts"
import * as Keys from "#storage/Keys.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import { end, systemEnd, systemRange } from "./Descriptor.ts"
import * as Key from "./Key.ts"
import type { RangeError } from "./KeyspaceError.ts"
import * as Leaseholder from "./Leaseholder.ts"
import * as Placing from "./Placing.ts"
import { RangeStore } from "./RangeStore.ts"
import type { Request, Response, Timestamp, Txn } from "./Request.ts"
import * as Spaces from "./Spaces.ts"
import type { Tuple } from "./TupleElement.ts"

const second = 1_000_000
const utf8 = new TextEncoder()
const text = new TextDecoder()
const key = (name: string): Uint8Array => utf8.encode(name)
/** As text, which its bytes are. */
const recordName = text.decode(Spaces.keyOf("redis", [0, "record", 1, 0]) as Uint8Array)
const noReads = { since: 0, keys: [], spans: [] }

type Said = RangeError | Response

/** A store with the system's range and one for everything else. */
class Bench {
  readonly bench = new TestBench({ machines: 1 })
  ranges: RangeStore | undefined
  /** Where the wall clock stands; undefined: it goes with the machine's. */
  wallMicros: number | undefined
  /** Between the opening of its groups and its beginning. */
  pauseMillis = 0

  private readonly splitBytes: number

  constructor(splitBytes = Infinity) {
    this.splitBytes = splitBytes
    this.start()
  }

  start(): void {
    const program = Effect.gen({ self: this }, function* () {
      const timers = yield* Timers
      const clock = yield* Clock.Clock
      const trace = yield* Trace
      let ranges: RangeStore | undefined
      const store = yield* Store.open({
        store: 1,
        cluster: "0123456789abcdef0123456789abcdef",
        listen: { host: "n0", port: 7_000 },
        peers: new Map(),
        directory: "store",
        memory: { slabBytes: 4_096 },
        machines: (port) => {
          ranges = new RangeStore({
            store: 1,
            port,
            timers,
            wallMicros: () => this.wallMicros ?? clock.currentTimeMillisUnsafe() * 1_000,
            range: { ...Leaseholder.defaults, txnTtlMicros: second },
            sweep: { retentionMicros: 30 * second, everyMicros: 5 * second },
            placing: { ...Placing.defaults, replicas: 0 },
            trace,
            closeMicros: 0,
            splitBytes: this.splitBytes,
            below: () => 0
          })
          return ranges.machines
        },
        halted: (message) => {
          throw new Error(message)
        }
      })
      const made = ranges!
      yield* Effect.sleep(this.pauseMillis)
      yield* made.begin({
        host: store.log.host,
        ask: (request, timeoutMicros, done) =>
          made.submit({ range: this.rangeOf(made, request), timeoutMicros, waiter: undefined, request }, done),
        settle: () => {},
        at: (_key, _request, _timeoutMicros, done) => done(undefined, undefined),
        stores: () => [1],
        learned: () => {},
        timestamp: (timeoutMicros, done) => {
          const request = { type: "timestamps" as const, count: 1 }
          made.submit({ range: systemRange, timeoutMicros, waiter: undefined, request }, (error, response) =>
            done(error, response?.type === "at" ? response.at : 0)
          )
        }
      })
      made.found({ range: systemRange, from: new Uint8Array(0), to: systemEnd, generation: 1 }, [1])
      made.found({ range: 2, from: systemEnd, to: end, generation: 1 }, [1])
      this.ranges = made
      return yield* Effect.never
    })
    this.bench.start(0, program)
    this.bench.pass(3 * second)
  }

  private rangeOf(ranges: RangeStore, request: Request): number {
    if (!("txn" in request) || typeof request.txn === "number") return systemRange
    const { anchor } = request.txn
    return ranges.known({ from: anchor, to: anchor })[0].descriptor.range
  }

  ask(range: number, request: Request, waiter?: Txn): { said: Said | undefined } {
    const answer: { said: Said | undefined } = { said: undefined }
    this.ranges!.submit({ range, timeoutMicros: 5 * second, waiter, request }, (error, response) => {
      answer.said = error ?? response
    })
    return answer
  }

  now(range: number, request: Request, waiter?: Txn): Said | undefined {
    const answer = this.ask(range, request, waiter)
    this.bench.pass(second / 2)
    return answer.said
  }

  at(): Timestamp {
    const said = this.now(systemRange, { type: "timestamps", count: 1 })
    return said !== undefined && "type" in said && said.type === "at" ? said.at : Number.NaN
  }

  begin(anchor: string): Txn {
    const id = this.at()
    return { id, anchor: key(anchor), age: id }
  }

  put(name: string, value: string | undefined, range = 2): Said | undefined {
    const txn = this.begin(name)
    const mutations = [{ key: key(name), value: value === undefined ? undefined : key(value) }]
    return this.now(range, { type: "commit-once", txn, snapshot: txn.id, mutations, reads: noReads })
  }

  get(name: string, at = this.at(), range = 2): string {
    return shown(this.now(range, { type: "get", keys: [key(name)], at }))
  }

  /** What the engine has of the second range. */
  entries(): ReadonlyArray<string> {
    const found: Array<string> = []
    const cursor = this.ranges!.port.scan({ bounds: Key.bounds({ from: systemEnd, to: end }) })
    while (cursor.next() === "entry") {
      const engineKey = cursor.key()
      const keyEnd = Key.endOf(engineKey)
      found.push(`${text.decode(Key.keyOf(engineKey, keyEnd))} 0x${Key.kindAt(engineKey, keyEnd).toString(16)}`)
    }
    cursor.close()
    return found
  }

  /** What a range counts, and what the engine has of it. */
  sizes(range = 2): { readonly counted: number; readonly found: number } {
    const { descriptor, sizeBytes: counted } = this.ranges!["servers"].get(range)!.machine.state!
    let found = 0
    const cursor = this.ranges!.port.scan({ bounds: Key.bounds(descriptor) })
    while (cursor.next() === "entry") found += cursor.key().length + cursor.value().length
    cursor.close()
    return { counted, found }
  }

  scan(at = this.at(), range = 2, reverse = false): string {
    const { from, to } = this.ranges!.known({ from: systemEnd, to: end }).find(
      ({ descriptor }) => descriptor.range === range
    )!.descriptor
    const span = { from, to }
    return shown(this.now(range, { type: "scan", span, at, reverse, entriesMax: 100, sizeBytesMax: 10_000 }))
  }
}

const shownValue = (value: Uint8Array | undefined): string => (value === undefined ? "-" : text.decode(value))

const shown = (said: Said | undefined): string => {
  if (said === undefined) return "waits"
  if ("_tag" in said) return said._tag
  if (said.type === "values") return said.values.map(({ value }) => shownValue(value)).join(" ")
  if (said.type === "entries")
    return said.entries.map((entry) => `${text.decode(entry.key)}=${text.decode(entry.value)}`).join(" ")
  if (said.type === "state") return said.state.type
  return said.type
}

describe("a range", () => {
  it("gives timestamps that rise", () => {
    const bench = new Bench()
    const [first, second, third] = [bench.at(), bench.at(), bench.at()]
    expect(first).toBeLessThan(second)
    expect(second).toBeLessThan(third)
  })

  it("gives timestamps that go on where the wall clock stands or is set back, let it come up, and follow it ahead", () => {
    const bench = new Bench()
    const before = bench.at()
    for (const wallMicros of [before, before - 3_600 * second]) {
      bench.wallMicros = wallMicros
      const from = bench.at()
      bench.bench.pass(23.5 * second)
      // A call takes half a second.
      expect(Math.abs(bench.at() - from - 21 * second)).toBeLessThan(second / 100)
    }
    const ahead = before + 3_600 * second
    bench.wallMicros = ahead
    expect(bench.at()).toBe(ahead)
    // Beyond what a clock can say it is not heard.
    bench.wallMicros = Number.MAX_SAFE_INTEGER
    expect(Math.abs(bench.at() - ahead - (second * 7) / 16)).toBeLessThan(second / 100)
  })

  it("keeps versions, and reads as of any time", () => {
    const bench = new Bench()
    expect(shown(bench.put("a", "1"))).toBe("at")
    const between = bench.at()
    expect(shown(bench.put("a", "2"))).toBe("at")
    const later = bench.at()
    expect(shown(bench.put("a", undefined))).toBe("at")
    expect(shown(bench.put("b", "3"))).toBe("at")
    expect([bench.get("a", between), bench.get("a", later), bench.get("a"), bench.get("c")]).toEqual([
      "1",
      "2",
      "-",
      "-"
    ])
    expect(bench.scan()).toBe("b=3")
    expect(bench.scan(later)).toBe("a=2")
    expect(bench.scan(between, 2, true)).toBe("a=1")
  })

  it("answers a commit that came twice as it did the first time", () => {
    const bench = new Bench()
    const txn = bench.begin("a")
    const commit = {
      type: "commit-once" as const,
      txn,
      snapshot: txn.id,
      mutations: [{ key: key("a"), value: key("1") }],
      reads: noReads
    }
    const first = bench.now(2, commit)
    expect(shown(first)).toBe("at")
    bench.put("a", "2")
    expect(bench.now(2, commit)).toEqual(first)
    expect(bench.get("a")).toBe("2")
  })

  it("refuses to write over what was written after the snapshot, and to commit reads that have changed", () => {
    const bench = new Bench()
    const txn = bench.begin("a")
    bench.put("a", "1")
    const mutations = [{ key: key("a"), value: key("2") }]
    expect(shown(bench.now(2, { type: "commit-once", txn, snapshot: txn.id, mutations, reads: noReads }))).toBe(
      "Conflict"
    )
    const other = { ...txn, anchor: key("b") }
    const reads = { since: txn.id, keys: [], spans: [{ from: key("a"), to: key("b") }] }
    const wanted = [{ key: key("b"), value: key("2") }]
    expect(shown(bench.now(2, { type: "commit-once", txn: other, snapshot: txn.id, mutations: wanted, reads }))).toBe(
      "Conflict"
    )
  })

  it("lets a reader wait for an intent that may be committed before it, and shows what came of it", () => {
    const bench = new Bench()
    bench.put("a", "1")
    const txn = bench.begin("a")
    const before = txn.id - 1
    const mutations = [
      { key: key("a"), value: key("2") },
      { key: key("b"), value: key("2") }
    ]
    expect(shown(bench.now(2, { type: "prepare", txn, snapshot: txn.id, mutations }))).toBe("done")
    expect(bench.get("a", before)).toBe("1")
    const at = bench.at()
    const later = bench.at()
    const reader = bench.ask(2, { type: "get", keys: [key("a"), key("b")], at: later })
    bench.bench.pass(second / 10)
    expect(reader.said).toBeUndefined()
    const keys = [key("a"), key("b")]
    const outcome = { type: "committed" as const, at }
    expect(shown(bench.now(2, { type: "decide", txn, outcome, keys }))).toBe("committed")
    expect(shown(reader.said)).toBe("2 2")
    // Whoever waited has resolved what it waited for; the rest is for the coordinator.
    expect(shown(bench.now(2, { type: "resolve", txn: txn.id, outcome, keys }))).toBe("done")
    expect(bench.scan(at)).toBe("a=2 b=2")
    expect(bench.scan(at - 1)).toBe("a=1")
  })

  it("aborts a transaction that nobody has heard of for too long, and never commits it then", () => {
    const bench = new Bench()
    const txn = bench.begin("a")
    const mutations = [{ key: key("a"), value: key("2") }]
    bench.now(2, { type: "prepare", txn, snapshot: txn.id, mutations })
    const reader = bench.ask(2, { type: "get", keys: [key("a")], at: bench.at() })
    bench.bench.pass(3 * second)
    expect(shown(reader.said)).toBe("-")
    const outcome = { type: "committed" as const, at: bench.at() }
    expect(shown(bench.now(2, { type: "decide", txn, outcome, keys: [key("a")] }))).toBe("aborted")
  })

  it("resolves an intent once, however many wait for it", () => {
    const bench = new Bench()
    const txn = bench.begin("a")
    bench.now(2, { type: "prepare", txn, snapshot: txn.id, mutations: [{ key: key("a"), value: key("2") }] })
    const resolved: Array<string> = []
    const { machine } = bench.ranges!["servers"].get(2)!
    const { onWrite } = machine
    machine.onWrite = (operations) => {
      onWrite?.(operations)
      Batch.visit(operations, 0, operations.length, {
        put: () => {},
        delete: (bytes, from, to) => resolved.push(text.decode(bytes.subarray(from, to))),
        deleteRange: () => {}
      })
    }
    const readers = [1, 2, 3].map(() => bench.ask(2, { type: "get", keys: [key("a")], at: bench.at() }))
    bench.bench.pass(3 * second)
    expect(readers.map(({ said }) => shown(said))).toEqual(["-", "-", "-"])
    expect(resolved).toEqual([text.decode(Key.intent(key("a")))])
  })

  it("gives locks first come, first served, and finds those who wait in a circle", () => {
    const bench = new Bench()
    const [one, two, three] = [bench.begin("a"), bench.begin("b"), bench.begin("a")]
    const lock = (txn: Txn, name: string) =>
      bench.ask(2, { type: "lock", txn, keys: [key(name)], mode: "exclusive" }, txn)
    const [first, second_] = [lock(one, "a"), lock(two, "b")]
    bench.bench.pass(second / 10)
    expect([shown(first.said), shown(second_.said)]).toEqual(["locked", "locked"])
    const waits = lock(three, "a")
    const crossing = lock(one, "b")
    bench.bench.pass(second / 10)
    expect([shown(waits.said), shown(crossing.said)]).toEqual(["waits", "waits"])
    const closing = lock(two, "a")
    bench.bench.pass(second / 2)
    expect([shown(waits.said), shown(crossing.said), shown(closing.said)]).toEqual(["waits", "waits", "Aborted"])
    bench.now(2, { type: "unlock", txn: two.id, keys: [key("b")] })
    expect(shown(crossing.said)).toBe("locked")
    bench.now(2, { type: "unlock", txn: one.id, keys: [key("a")] })
    expect(shown(waits.said)).toBe("locked")
  })

  it("forgets what nobody may read any more, and says so to who asks for it", () => {
    const bench = new Bench()
    bench.put("a", "1")
    const early = bench.at()
    bench.put("a", "2")
    bench.put("b", "1")
    bench.put("b", undefined)
    expect(bench.get("a", early)).toBe("1")
    bench.bench.pass(60 * second)
    bench.put("c", "3")
    bench.bench.pass(10 * second)
    expect(bench.get("a", early)).toBe("TooOld")
    expect(bench.scan()).toBe("a=2 c=3")
    // Of each key one version, and the state: records and deletions are gone, but those of the last seconds.
    expect(bench.entries()).toEqual(["a 0x20", "c 0x20", "c 0x40"])
    // Those go when their time has come, though nothing changes any more; and then nothing is looked through for nothing.
    bench.bench.pass(40 * second)
    expect(bench.entries()).toEqual(["a 0x20", "c 0x20"])
    const { applied } = bench.ranges!["servers"].get(2)!.machine
    bench.bench.pass(300 * second)
    expect(bench.ranges!["servers"].get(2)!.machine.applied).toBe(applied)
  })

  it("keeps no older version of a record of changes, and in the end nothing of it", () => {
    const bench = new Bench()
    const entries = () => bench.entries().filter((entry) => entry.startsWith(recordName) && !entry.endsWith("0x40"))
    bench.put(recordName, "1")
    const at = bench.at()
    bench.put(recordName, "2")
    bench.put(recordName, undefined)
    expect([bench.get(recordName, at), bench.get(recordName)]).toEqual(["-", "-"])
    expect(entries()).toEqual([`${recordName} 0x20`])
    bench.bench.pass(60 * second)
    bench.put("a", "1")
    bench.bench.pass(10 * second)
    expect(entries()).toEqual([])
  })

  it("collects what lies before records of changes and behind them, and passes them by", () => {
    const bench = new Bench()
    const nameOf = (...tuple: ReadonlyArray<string | number>) => text.decode(Spaces.keyOf("redis", tuple) as Uint8Array)
    const [gone, there, later] = [1, 2, 3].map((number) => nameOf(0, "record", number, 0))
    const behind = nameOf(1, 0, "k")
    for (const name of [gone, there, later, behind]) for (const value of ["1", "2"]) bench.put(name, value)
    bench.put(gone, undefined)
    bench.bench.pass(60 * second)
    const passed = [`${later} 0x20`, `${later} 0x40`, `${later} 0x40`]
    expect(bench.entries()).toEqual([`${there} 0x20`, ...passed, `${behind} 0x20`])
    for (const name of [there, later]) bench.put(name, undefined)
    bench.bench.pass(60 * second)
    expect(bench.entries()).toEqual([`${behind} 0x20`])
  })

  it("counts what it has, to the byte: or it would be cut, or not, for nothing", () => {
    const bench = new Bench()
    const check = (range = 2): void => {
      const { counted, found } = bench.sizes(range)
      expect(counted).toBe(found)
    }
    const prepared = (...names: ReadonlyArray<string>): Txn => {
      const txn = bench.begin(names[0])
      const mutations = names.map((name) => ({ key: key(name), value: key(`${name} in two phases`) }))
      for (let copy = 0; copy < 2; copy++) bench.now(2, { type: "prepare", txn, snapshot: txn.id, mutations })
      return txn
    }
    for (const [name, value] of [
      ["a", "1"],
      ["b\u0000", "longer"],
      ["a", "longer"],
      ["b\u0000", "1"],
      ["a", undefined],
      ["c", "1"],
      [recordName, "longer"],
      [recordName, undefined]
    ] as const)
      bench.put(name, value)
    check()
    const keys = ["a", "d", "b\u0000"]
    const committed = prepared(...keys)
    check()
    const outcome = { type: "committed" as const, at: bench.at() }
    const settled = { txn: committed.id, outcome, keys: keys.map(key) }
    bench.now(2, { type: "decide", txn: committed, outcome, keys: settled.keys })
    bench.now(2, { type: "resolve", ...settled })
    bench.now(2, { type: "forget", txn: committed })
    check()
    const aborted = prepared("a", "e")
    bench.now(2, { type: "decide", txn: aborted, outcome: { type: "aborted" }, keys: [] })
    bench.now(2, { type: "resolve", txn: aborted.id, outcome: { type: "aborted" }, keys: [key("a"), key("e")] })
    check()
    bench.now(2, { type: "split", key: key("b") })
    check()
    check(3)
    const { found } = bench.sizes()
    bench.bench.pass(60 * second)
    bench.put("a", "2")
    bench.bench.pass(10 * second)
    expect(bench.sizes().found).toBeLessThan(found)
    check()
  })

  it("tells what was committed since, each change once, also from memory", () => {
    const bench = new Bench()
    const told: Array<string> = []
    let after = bench.at()
    const follow = (entriesMax = 100): void => {
      const span = { from: systemEnd, to: end }
      const said = bench.now(2, { type: "changes", span, after, entriesMax, sizeBytesMax: 1_000 })
      if (said === undefined || !("type" in said) || said.type !== "changes") throw new Error(shown(said))
      for (const { key, value } of said.changes) told.push(`${text.decode(key)}=${shownValue(value)}`)
      after = said.upTo
    }
    bench.put("a", "1")
    bench.put("b", "1")
    bench.put("a", "2")
    follow(1)
    expect(told).toEqual(["a=1"])
    follow()
    bench.put("a", undefined)
    bench.put("c", "1")
    follow(1)
    follow()
    follow()
    expect(told).toEqual(["a=1", "b=1", "a=2", "a=-", "c=1"])
    // An intent holds back what comes after it, for nobody knows yet when it will have been committed.
    const txn = bench.begin("d")
    const mutations = [{ key: key("d"), value: key("1") }]
    bench.now(2, { type: "prepare", txn, snapshot: txn.id, mutations })
    bench.put("e", "1")
    follow()
    expect(told.length).toBe(5)
    const outcome = { type: "committed" as const, at: bench.at() }
    bench.now(2, { type: "decide", txn, outcome, keys: [key("d")] })
    bench.now(2, { type: "resolve", txn: txn.id, outcome, keys: [key("d")] })
    follow()
    expect(told.slice(5)).toEqual(["e=1", "d=1"])
  })

  it("that holds still for its neighbour answers nobody, not those either who came before and have waited for that", () => {
    const bench = new Bench()
    bench.put("a", "1")
    const attempt = bench.at()
    const txn = bench.begin("a")
    const mutations = [{ key: key("a"), value: key("2") }]
    const span = { from: systemEnd, to: end }
    const held = { type: "freeze" as const, key: systemEnd, attempt }
    const asked: ReadonlyArray<Request> = [
      held,
      { type: "get", keys: [key("a")], at: attempt },
      { type: "lock", txn, keys: [key("a")], mode: "exclusive" },
      { type: "prepare", txn, snapshot: txn.id, mutations },
      { type: "changes", span, after: attempt, entriesMax: 10, sizeBytesMax: 100 }
    ]
    const answers = asked.map((request) => bench.ask(2, request))
    bench.bench.pass(second)
    expect(answers.map(({ said }) => shown(said))).toEqual(["frozen", "Busy", "Busy", "Busy", "Busy"])
    expect(bench.get("a", attempt)).toBe("Busy")
    // The attempt is given up, and it goes on.
    expect(shown(bench.now(2, { ...held, type: "thaw" }))).toBe("done")
    expect(bench.get("a")).toBe("1")
  })

  it("is cut where it is too large, at a key that has most of it, too; and where that is its only key it is left alone", () => {
    const bench = new Bench(500)
    const known = () => bench.ranges!.known({ from: systemEnd, to: end }).map(({ descriptor }) => descriptor)
    const put = (name: string, value: string): void => {
      const { range } = known().find(
        ({ from, to }) => Keys.compare(from, key(name)) <= 0 && Keys.compare(key(name), to) < 0
      )!
      expect(shown(bench.put(name, value, range))).toBe("at")
    }
    put("a", "1")
    for (let i = 0; i < 12; i++) put("b", String(i).padEnd(50))
    bench.bench.pass(10 * second)
    const cuts = () =>
      known()
        .map(({ from }) => text.decode(from))
        .sort()
    expect(cuts()).toEqual([text.decode(systemEnd), "b"])
    // Nor is it looked through again, before it has grown.
    const { port } = bench.ranges!
    let looks = 0
    const scan = port.scan.bind(port)
    port.scan = (options) => {
      if (text.decode(options?.bounds?.from).includes("b")) looks += 1
      return scan(options)
    }
    bench.bench.pass(2 * second)
    expect(looks).toBe(0)
    put("c", "1".padEnd(2_000))
    bench.bench.pass(5 * second)
    expect(cuts()).toEqual([text.decode(systemEnd), "b", "c"])
  })

  it("is not cut where keys belong together, however large they are", () => {
    const bench = new Bench(500)
    const nameOf = (tuple: Tuple): string => text.decode(Spaces.keyOf("redis", tuple) as Uint8Array)
    const put = (tuple: Tuple, sizeBytes: number): void => {
      expect(shown(bench.put(nameOf(tuple), "1".padEnd(sizeBytes)))).toBe("at")
    }
    const known = () => bench.ranges!.known({ from: systemEnd, to: end }).map(({ descriptor }) => descriptor)
    for (const tuple of [[0, 1, "a"], [0, "owner"], ...[1, 2, 3, 4, 5, 6].map((number) => [0, "record", number, 0])]) {
      put(tuple, 150)
    }
    bench.bench.pass(10 * second)
    expect(known().map(({ from }) => from)).toEqual([systemEnd])
    put([1, 1, "a"], 2_000)
    bench.bench.pass(10 * second)
    expect(known().map(({ from }) => text.decode(from))).toEqual([text.decode(systemEnd), nameOf([1, 1, "a"])])
  })

  it("is cut in two, and both halves go on, also after a power failure", () => {
    const bench = new Bench()
    for (const name of ["a", "b", "c", "d"]) bench.put(name, name)
    expect(shown(bench.now(2, { type: "split", key: key("c") }))).toBe("halves")
    bench.bench.pass(2 * second)
    const check = (): void => {
      expect(bench.scan()).toBe("a=a b=b")
      expect(bench.scan(undefined, 3)).toBe("c=c d=d")
      expect(shown(bench.now(2, { type: "get", keys: [key("c")], at: bench.at() }))).toBe("Misplaced")
      expect(shown(bench.now(2, { type: "split", key: key("d") }))).toBe("Misplaced")
      expect(shown(bench.now(2, { type: "transfer", range: 3, to: 1 }))).toBe("Misplaced")
    }
    check()
    bench.put("d", "d", 3)
    bench.bench.machines[0].crash({ powerLost: true })
    bench.start()
    check()
    expect(shown(bench.put("c", "x", 3))).toBe("at")
    expect(bench.get("c", undefined, 3)).toBe("x")
    const located = bench.now(systemRange, { type: "locate", key: key("d") })
    expect(located).toMatchObject({ location: { descriptor: { range: 3 } } })
    expect(Keys.compare(key("c"), key("d"))).toBeLessThan(0)
  })

  it("is cut in two before its store has begun, which founds the right half when it does", () => {
    const bench = new Bench()
    for (const name of ["a", "b", "c", "d"]) bench.put(name, name)
    const answer = bench.ask(2, { type: "split", key: key("c") })
    while (answer.said === undefined) bench.bench.pass(10)
    // The log has the split, the engine has not.
    const [machine] = bench.bench.machines
    Object.assign(machine.faults, { losesUnsynced: true, losesAll: true })
    machine.crash({ powerLost: true })
    bench.pauseMillis = 5_000
    bench.start()
    bench.bench.pass(10 * second)
    expect(bench.scan()).toBe("a=a b=b")
    expect(bench.scan(undefined, 3)).toBe("c=c d=d")
  })
})
