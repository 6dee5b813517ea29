/** Calls between simulated stores: who is answered what, under each fault of the way between. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { Streams } from "#sim/kernel/Stream.ts"
import { TestBench, type BenchOptions } from "#sim/world/TestBench.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import { Alarms } from "./Alarms.ts"
import * as Calls from "./Calls.ts"
import * as Settings from "./transport/Settings.ts"
import * as TestStores from "./transport/TestStores.ts"
import type { Transport } from "./transport/Transport.ts"
import * as TransportDriver from "./transport/TransportDriver.ts"

const second = 1_000_000
const addressOf = (machine: number) => ({ host: `n${machine}`, port: TestStores.port })

/** One start of a store that serves and calls. */
class Store {
  readonly calls: Calls.Calls
  readonly transport: Transport
  readonly now: () => number
  /** Requests that came, as text. */
  readonly came: Array<string> = []
  /** How each call of `ask` ended, in that order. */
  readonly ended: Array<string> = []
  replies: Array<() => void> = []
  /** Requests are answered at once, not by `replyAll`. */
  isPrompt = true

  constructor(calls: Calls.Calls, transport: Transport, now: () => number) {
    this.calls = calls
    this.transport = transport
    this.now = now
    calls.serve((from, request, timeoutMicros, reply) => {
      const text = new TextDecoder().decode(request)
      this.came.push(`${text} from ${from} within ${timeoutMicros}`)
      const answer = (): void => reply(new TextEncoder().encode(`re: ${text}`))
      if (this.isPrompt) answer()
      else this.replies.push(answer)
    })
  }

  ask(to: number, text: string, timeoutMicros = second): void {
    let isWithin = true
    this.calls.call(to, new TextEncoder().encode(text), timeoutMicros, (error, answer) => {
      this.ended.push(`${isWithin ? "within " : ""}${text}: ${error ?? new TextDecoder().decode(answer)}`)
    })
    isWithin = false
  }

  replyAll(): void {
    const { replies } = this
    this.replies = []
    for (const reply of replies) reply()
  }
}

interface CallsOptions extends BenchOptions {
  readonly callsMax?: number
  readonly settings?: Partial<Settings.Settings>
}

/** Machine i carries store i + 1. */
class Stores {
  readonly bench: TestBench
  readonly stores: Array<Store> = []
  private readonly epochs: Array<number> = []
  private readonly options: CallsOptions

  constructor(count: number, options: CallsOptions = {}) {
    this.options = options
    this.bench = new TestBench({ machines: count, ...options })
    for (let machine = 0; machine < count; machine++) this.start(machine)
    this.bench.pass(second)
  }

  start(machine: number): void {
    const { callsMax, settings } = this.options
    const epoch = (this.epochs[machine] ?? 0) + 1
    this.epochs[machine] = epoch
    const others = this.bench.machines.map((_, other) => other).filter((other) => other !== machine)
    const program = Effect.gen({ self: this }, function* () {
      const timers = yield* Timers
      const trace = yield* Trace
      const { transport } = yield* TransportDriver.make({
        self: { cluster: TestStores.cluster, store: machine + 1, epoch },
        listen: addressOf(machine),
        peers: new Map(others.map((other) => [other + 1, addressOf(other)])),
        settings: { ...Settings.defaults, ...settings }
      })
      const alarms = new Alarms(timers.attach)
      const calls = new Calls.Calls({
        attach: (sink) => transport.attachRequests(sink),
        alarms,
        trace,
        ...(callsMax === undefined ? {} : { callsMax })
      })
      this.stores[machine] = new Store(calls, transport, () => alarms.nowMicros())
      transport.attach({ received: () => {}, connected: () => {}, disconnected: () => {}, drained: () => {} })
      return yield* Effect.never
    })
    this.bench.start(machine, Effect.scoped(program))
  }
}

const two = (options: CallsOptions = {}) => {
  const all = new Stores(2, options)
  const [near, far] = all.stores
  return { all, bench: all.bench, near, far }
}

describe("a call", () => {
  it("is answered with what the server replies, and the server knows who asks, and for how long", () => {
    const { bench, far, near } = two()
    near.ask(2, "one", 300_000)
    far.ask(1, "two", 400_000)
    bench.pass(10_000)
    expect([near.ended, far.ended]).toEqual([["one: re: one"], ["two: re: two"]])
    expect([near.came, far.came]).toEqual([["two from 2 within 400000"], ["one from 1 within 300000"]])
  })

  it("has its own answer, whatever the order of answers", () => {
    const { bench, far, near } = two()
    far.isPrompt = false
    for (const text of ["a", "b", "c"]) near.ask(2, text)
    bench.pass(10_000)
    far.replies.reverse()
    far.replyAll()
    bench.pass(10_000)
    expect(near.ended).toEqual(["c: re: c", "b: re: b", "a: re: a"])
  })

  it("shares one write with all others of its turn", () => {
    const segments: Array<number> = []
    const { bench, near } = two({ net: { message: ({ bytes }) => segments.push(bytes.length) } })
    segments.length = 0
    for (let index = 0; index < 10; index++) near.ask(2, "text")
    bench.pass(10_000)
    expect(segments).toEqual([10 * (13 + Calls.callHeadBytes + 4), 10 * (13 + Calls.answerHeadBytes + 8)])
  })

  it("times out once, and its late answer is nobody's", () => {
    const { bench, far, near } = two()
    far.isPrompt = false
    near.ask(2, "slow", 200_000)
    bench.pass(199_000)
    expect(near.ended).toEqual([])
    bench.pass(2_000)
    expect(near.ended).toEqual(["slow: timed-out"])
    far.replyAll()
    near.ask(2, "next")
    bench.pass(10_000)
    far.replyAll()
    bench.pass(10_000)
    expect(near.ended).toEqual(["slow: timed-out", "next: re: next"])
  })

  it("to a store that is not connected, or that nobody knows, is told so at once, but not within it", () => {
    const { bench, far, near } = two()
    bench.machines[0].crash({ powerLost: false })
    bench.pass(second)
    far.ask(1, "dead")
    far.ask(9, "nobody")
    expect(far.ended).toEqual([])
    bench.pass(1)
    expect(far.ended).toEqual(["dead: unconnected", "nobody: unconnected"])
    expect(near.came).toEqual([])
  })

  it("is lost with its connection, whoever dials, and what is asked afterwards is answered", () => {
    for (const caller of [0, 1]) {
      const { all, bench } = two()
      const [near, far] = [all.stores[caller], all.stores[1 - caller]]
      far.isPrompt = false
      near.ask(2 - caller, "before")
      bench.pass(10_000)
      for (const end of bench.net.connectionsOf(0)) end.broken("reset")
      for (const end of bench.net.connectionsOf(1)) end.broken("reset")
      bench.pass(10_000)
      expect(near.ended).toEqual(["before: lost"])
      bench.pass(second)
      // The reply to the first is made when there is another connection already.
      far.replyAll()
      near.ask(2 - caller, "after")
      bench.pass(10_000)
      far.replyAll()
      bench.pass(10_000)
      expect(near.ended).toEqual(["before: lost", "after: re: after"])
    }
  })

  it("is not answered with what the caller's former process had asked", () => {
    const { all, bench, far, near } = two()
    far.isPrompt = false
    near.ask(2, "of the former")
    bench.pass(10_000)
    bench.machines[0].crash({ powerLost: false })
    all.start(0)
    bench.pass(3 * second)
    // It has the same number as that of the former.
    all.stores[0].ask(2, "of the next")
    bench.pass(10_000)
    far.replyAll()
    bench.pass(10_000)
    expect([near.ended, all.stores[0].ended]).toEqual([[], ["of the next: re: of the next"]])
  })

  it("is refused where too many are under way, to that peer only, and taken when some have ended", () => {
    const { all, bench, near } = (() => {
      const stores = new Stores(3, { callsMax: 2 })
      return { all: stores, bench: stores.bench, near: stores.stores[0] }
    })()
    all.stores[1].isPrompt = false
    for (const text of ["a", "b", "c"]) near.ask(2, text)
    near.ask(3, "d")
    bench.pass(10_000)
    expect(near.ended).toEqual(["c: full", "d: re: d"])
    all.stores[1].replyAll()
    bench.pass(10_000)
    near.ask(2, "e")
    bench.pass(10_000)
    expect(all.stores[1].came.map((text) => text[0])).toEqual(["a", "b", "e"])
  })

  it("is refused by a server that still serves as many of this peer, though these have timed out", () => {
    const { bench, far, near } = two({ callsMax: 2 })
    far.isPrompt = false
    for (const text of ["a", "b"]) near.ask(2, text, 1_000)
    bench.pass(10_000)
    near.ask(2, "c")
    bench.pass(10_000)
    expect(near.ended).toEqual(["a: timed-out", "b: timed-out", "c: full"])
    expect(far.came.length).toBe(2)
  })

  it("has its answer when the way back has room again", () => {
    const lane = { creditBytes: 2_000, waitMicros: 60 * second }
    const { bench, far, near } = two({ settings: { lanes: { ...Settings.defaults.lanes, requests: lane } } })
    far.isPrompt = false
    const back = bench.net.link(1, 0)
    near.ask(2, "x".repeat(100_000), 30 * second)
    bench.pass(10_000)
    for (let index = 0; index < 40; index++) {
      near.ask(2, `${index} ${"y".repeat(200)}`, 30 * second)
      bench.pass(1_000)
    }
    expect(far.replies.length).toBe(41)
    back.clogs = 1
    far.replyAll()
    bench.pass(second)
    expect(near.ended.length).toBe(0)
    back.clogs = 0
    back.release()
    bench.pass(second)
    expect(near.ended.map((text) => text.split(" ")[0])).toEqual([
      expect.stringMatching(/^x+:$/),
      ...Array.from({ length: 40 }, (_, index) => `${index}`)
    ])
  })

  it("that is no call is told to the trace and passed over", () => {
    const { bench, far, near } = two()
    const port = near.transport
    for (const bytes of [
      Uint8Array.of(),
      Uint8Array.of(9, 1, 0, 0, 0),
      Uint8Array.of(Calls.types.call, 1, 0, 0, 0, 0, 0)
    ]) {
      port.send(2, "requests", bytes)
    }
    near.ask(2, "one")
    bench.pass(10_000)
    expect([near.ended, far.came.length]).toEqual([["one: re: one"], 1])
    expect(bench.traced.filter(({ name }) => name === "cluster/call-malformed").length).toBe(3)
  })
})

describe("under any faults", () => {
  const run = (seed: string) => {
    const all = new Stores(3, { seed, policy: "fifo", callsMax: 20 })
    const { bench } = all
    const draw = new Streams({ seed }).get("test")
    const lives = [...all.stores]
    const asked = new Map<Store, number>()
    const strike = (): void => {
      const machine = draw.below(3)
      const link = bench.net.allLinks[draw.below(9)]
      const strikes = [
        () => (link.cuts = 1),
        () => (link.clogs = 1),
        () => (link.delayMicros = 1 + draw.below(500_000)),
        () => link.heal(),
        () => link.heal(),
        () => bench.net.connectionsOf(machine).forEach((end) => end.broken("reset")),
        () => {
          bench.machines[machine].crash({ powerLost: false })
          all.start(machine)
        }
      ]
      strikes[draw.below(strikes.length)]()
    }
    for (let step = 0; step < 600; step++) {
      const from = draw.below(3)
      const store = all.stores[from]
      if (!lives.includes(store)) lives.push(store)
      const count = asked.get(store) ?? 0
      asked.set(store, count + 1)
      store.ask(1 + ((from + 1 + draw.below(2)) % 3), `${lives.indexOf(store)}.${count}`, draw.below(2 * second))
      store.isPrompt = draw.below(3) > 0
      if (draw.below(4) === 0) store.replyAll()
      if (draw.below(10) === 0) strike()
      bench.pass(draw.below(60_000))
    }
    for (const link of bench.net.allLinks) link.heal()
    bench.pass(15 * second)
    return { asked, lives, alive: all.stores, story: bench.story.filter((line) => /defect|exited/.test(line)) }
  }

  it("every call of a store that lives ends once, with its own answer if with any, and none is served twice", () => {
    let answered = 0
    for (let seed = 0; seed < 10; seed++) {
      const { alive, asked, lives, story } = run(`calls ${seed}`)
      expect(story).toEqual([])
      for (const store of lives) {
        const ended = store.ended.map((text) => text.split(": "))
        answered += ended.filter(([, how]) => how === "re").length
        expect(new Set(ended.map(([text]) => text)).size).toBe(ended.length)
        expect(ended.length).toBe(alive.includes(store) ? (asked.get(store) ?? 0) : ended.length)
        for (const [text, how, answer] of ended) {
          expect(["re", "lost", "timed-out", "unconnected", "full"]).toContain(how)
          expect(how === "re" ? answer : text).toBe(text)
        }
      }
      const came = lives.flatMap((store) => store.came.map((text) => text.split(" ")[0]))
      expect(new Set(came).size).toBe(came.length)
      const refused = new Set(
        lives.flatMap((store) =>
          store.ended.filter((text) => /unconnected|full/.test(text)).map((text) => text.split(":")[0])
        )
      )
      expect(came.filter((text) => refused.has(text))).toEqual([])
    }
    expect(answered).toBeGreaterThan(1_000)
  })
})
