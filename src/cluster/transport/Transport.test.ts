/** Transports of simulated stores: what arrives, what is told, and what becomes of connections under each fault. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { Streams } from "#sim/kernel/Stream.ts"
import type { SimConnection } from "#sim/world/SimConnection.ts"
import { TestBench, type BenchOptions } from "#sim/world/TestBench.ts"
import * as SimCertificate from "#sim/world/SimCertificate.ts"
import { Net, type Connection, type Credentials } from "#world/Net.ts"
import * as Frame from "./Frame.ts"
import * as Greeting from "./Greeting.ts"
import * as Settings from "./Settings.ts"
import * as TestStores from "./TestStores.ts"
import * as Transport from "./Transport.ts"

const second = 1_000_000
const { cluster, port } = TestStores
const addressOf = (machine: number) => ({ host: `n${machine}`, port })

/** Machine i carries store i + 1; every store knows all others. */
class Stores {
  readonly bench: TestBench
  readonly stores: Array<TestStores.Store> = []
  private readonly epochs: Array<number> = []
  private readonly settings: Settings.Settings

  constructor(count: number, options: BenchOptions & { readonly settings?: Partial<Settings.Settings> } = {}) {
    this.bench = new TestBench({ machines: count, ...options })
    this.settings = { ...Settings.defaults, ...options.settings }
    for (let machine = 0; machine < count; machine++) this.start(machine)
    this.bench.pass(second)
  }

  start(machine: number, options: Partial<TestStores.StoreOptions> = {}): TestStores.Store {
    const epoch = (this.epochs[machine] ?? 0) + 1
    // Numbers rise from start to start as well.
    const store = new TestStores.Store((epoch - 1) * 1_000)
    this.stores[machine] = store
    this.epochs[machine] = epoch
    const others = this.bench.machines.map((_, other) => other).filter((other) => other !== machine)
    const defaults: TestStores.StoreOptions = {
      store: machine + 1,
      epoch,
      listen: addressOf(machine),
      peers: new Map(others.map((other) => [other + 1, addressOf(other)])),
      settings: this.settings
    }
    this.bench.start(machine, TestStores.live(store, { ...defaults, ...options }))
    return store
  }

  /** Both ends of all connections of a machine. */
  endsOf(machine: number): ReadonlyArray<SimConnection> {
    return this.bench.net.connectionsOf(machine).flatMap((end) => (end.peer === undefined ? [end] : [end, end.peer]))
  }

  traced(name: string) {
    return this.bench.traced.filter((event) => event.name === name)
  }
}

/** Two stores that have heard nothing yet but of each other. */
const two = (options: ConstructorParameters<typeof Stores>[1] = {}) => {
  const all = new Stores(2, options)
  const { bench } = all
  return { all, bench, there: bench.net.link(0, 1), back: bench.net.link(1, 0) }
}

describe("two stores", () => {
  it("have one connection, dialled by the one with the higher number, and each hears of it once", () => {
    const { all, bench } = two()
    for (const of of ["events", "requestEvents"] as const) {
      expect(all.stores.map((store) => store[of])).toEqual([["connected 2"], ["connected 1"]])
    }
    const [end] = bench.net.connectionsOf(0)
    expect([bench.net.connectionsOf(0).length, end.local.port]).toEqual([1, port])
  })

  it("have what they send on each lane, both ways, whole and in order", () => {
    const { all, bench } = two()
    for (let round = 0; round < 50; round++) {
      for (const [machine, store] of all.stores.entries()) {
        for (let index = 0; index < 6; index++) {
          expect(store.send(2 - machine, TestStores.laneOf(index), 4 + 37 * index)).toBe(true)
        }
      }
      bench.pass(1_000)
    }
    bench.pass(second)
    for (const { came } of all.stores) expect([came.length, TestStores.problems(came)]).toEqual([300, []])
  })

  it("write once a turn, whatever they send in it", () => {
    const segments: Array<number> = []
    const all = new Stores(2, { net: { message: ({ bytes }) => segments.push(bytes.length) } })
    all.bench.pass(second / 2)
    segments.length = 0
    for (let index = 0; index < 20; index++) all.stores[1].send(1, TestStores.laneOf(index))
    all.bench.pass(100_000)
    expect(segments).toEqual([20 * (4 + Frame.headerBytes)])
    expect(all.stores[0].came.length).toBe(20)
  })

  it("are silent while nobody speaks but for a sign of life now and then, and stay connected", () => {
    const segments: Array<number> = []
    const all = new Stores(2, { net: { message: ({ bytes }) => segments.push(bytes.length) } })
    segments.length = 0
    all.bench.pass(100 * second)
    expect(new Set(segments)).toEqual(new Set([Frame.headerBytes]))
    expect([segments.length >= 190, segments.length <= 200]).toEqual([true, true])
    expect(all.stores.map(({ events }) => events)).toEqual([["connected 2"], ["connected 1"]])
  })

  it("have frames whole from single bytes and through slow and late links", () => {
    const { all, back, bench, there } = two()
    for (const link of [there, back]) Object.assign(link, { fragmentBytes: 3, bytesPerMilli: 50, delayMicros: 30_000 })
    for (let index = 0; index < 90; index++)
      all.stores[index % 2].send(2 - (index % 2), TestStores.laneOf(index), 4 + index)
    bench.pass(20 * second)
    for (const { came } of all.stores) expect([came.length, TestStores.problems(came)]).toEqual([45, []])
  })

  it("have a frame of megabytes, and what is sent meanwhile", () => {
    const { all, bench } = two()
    all.stores[0].send(2, "bulk", 5_000_000)
    bench.pass(1)
    for (let index = 0; index < 10; index++) all.stores[0].send(2, "system")
    bench.pass(second)
    expect(all.stores[1].came.map(({ bytes }) => bytes.length)).toEqual([
      5_000_000,
      ...Array.from({ length: 10 }, () => 4)
    ])
    expect(TestStores.problems(all.stores[1].came)).toEqual([])
  })
})

describe("a connection", () => {
  it("that broke is told to both, and dialled again", () => {
    const { all, bench } = two()
    for (const end of all.endsOf(0)) end.broken("reset")
    bench.pass(second)
    const again = (peer: number) => [`connected ${peer}`, `disconnected ${peer}`, `connected ${peer}`]
    expect(all.stores.map(({ events }) => events)).toEqual([again(2), again(1)])
    expect(all.stores.map(({ requestEvents }) => requestEvents)).toEqual([again(2), again(1)])
    all.stores[0].send(2, "normal")
    bench.pass(second)
    expect(all.stores[1].numbers()).toEqual([0])
  })

  it("that is half open is given up by each side alone, and another takes its place", () => {
    const { all, bench } = two()
    for (const end of all.endsOf(0)) end.silent = true
    expect(all.stores[0].send(2, "normal")).toBe(true)
    bench.pass(2 * second)
    expect(all.stores[0].events).toEqual(["connected 2"])
    bench.pass(4 * second)
    expect(all.stores.map(({ events }) => events.at(-1))).toEqual(["connected 2", "connected 1"])
    expect(all.traced("cluster/disconnected").map(({ fields }) => fields["reason"])).toContain("silent")
    all.stores[0].send(2, "normal")
    bench.pass(second)
    expect(all.stores[1].numbers()).toEqual([1])
  })

  it("outlives a pause of its machine: who slept does not call others silent", () => {
    const { all, bench } = two({ settings: { silenceMicros: 3_500_000 } })
    bench.machines[1].pause()
    bench.pass(2 * second)
    bench.machines[1].resume()
    bench.pass(5 * second)
    expect(all.stores.map(({ events }) => events)).toEqual([["connected 2"], ["connected 1"]])
  })

  it("is dialled again fast at first, then ever more slowly, each time after another while", () => {
    const { all, bench } = two()
    bench.machines[0].crash({ powerLost: false })
    bench.start(0, Effect.void)
    bench.pass(second)
    const early = all.traced("cluster/dial-failed").length
    bench.pass(30 * second)
    const late = all.traced("cluster/dial-failed").length - early
    expect([early > 3, early < 9, late >= 29, late <= 61]).toEqual([true, true, true, true])
    bench.machines[0].crash({ powerLost: false })
    const store = all.start(0)
    bench.pass(Settings.defaults.backoffMicrosMax + 10_000)
    expect(store.events).toEqual(["connected 2"])
  })

  it("brings everything that was sent to the new start of a peer, and nothing that was sent to the old one", () => {
    for (const machine of [0, 1]) {
      for (const powerLost of [false, true]) {
        const { all, bench } = two()
        const other = all.stores[1 - machine]
        other.send(machine + 1, "normal")
        bench.machines[machine].crash({ powerLost })
        other.send(machine + 1, "normal")
        const store = all.start(machine)
        bench.pass(6 * second)
        expect(other.events.slice(1)).toEqual([`disconnected ${machine + 1}`, `connected ${machine + 1}`])
        other.send(machine + 1, "normal")
        bench.pass(second)
        expect(store.numbers()).toEqual([2])
      }
    }
  })

  it("ends with the scope of its store", () => {
    const { all, bench } = two()
    bench.watched(() => bench.machines[0].stop(() => {}))
    bench.pass(second)
    expect(all.stores[1].events).toEqual(["connected 1", "disconnected 1"])
    expect(bench.story.slice(2)).toEqual(["n0 stopped"])
  })
})

describe("credit", () => {
  const lane = { creditBytes: 10 * (100 + Frame.headerBytes), waitMicros: 60 * second }
  const settings = { lanes: { system: lane, normal: lane, requests: lane, bulk: lane } }

  it("is refused when a lane is full and given back when there is room, and nothing that was taken is lost", () => {
    const { all, bench, there } = two({ settings })
    const [from, to] = all.stores
    there.clogs = 1
    // What a connection buffers is written, and blocks what comes behind it.
    expect(from.send(2, "normal", 100_000)).toBe(true)
    bench.pass(1_000)
    const taken = Array.from({ length: 20 }, () => from.send(2, "normal", 100))
    expect(taken).toEqual([...Array.from({ length: 10 }, () => true), ...Array.from({ length: 10 }, () => false)])
    expect([from.send(2, "system", 100), from.events.at(-1)]).toEqual([true, "connected 2"])
    there.clogs = 0
    there.release()
    bench.pass(second)
    expect(from.events.slice(1)).toEqual(["drained 2 normal"])
    expect(to.numbers()).toEqual([0, 21, ...Array.from({ length: 10 }, (_, index) => index + 1)])
  })

  it("is used by system frames before normal before requests before bulk", () => {
    const { all, bench, there } = two({ settings })
    const [from, to] = all.stores
    there.clogs = 1
    from.send(2, "bulk", 100_000)
    bench.pass(1_000)
    for (const lane of ["bulk", "requests", "normal", "system", "bulk", "system"] as const) from.send(2, lane)
    there.clogs = 0
    there.release()
    bench.pass(second)
    expect(to.came.map(({ lane, number }) => `${lane} ${number}`)).toEqual([
      "bulk 0",
      "system 4",
      "system 6",
      "normal 3",
      "requests 2",
      "bulk 1",
      "bulk 5"
    ])
  })

  it("is not for frames that have waited too long: they are dropped, and make room", () => {
    const short = { creditBytes: 1_000, waitMicros: second }
    const { all, bench, there } = two({
      settings: { lanes: { system: lane, normal: short, requests: lane, bulk: lane } }
    })
    const [from, to] = all.stores
    there.clogs = 1
    from.send(2, "bulk", 100_000)
    bench.pass(1_000)
    from.send(2, "normal", 1_000)
    expect(from.send(2, "normal")).toBe(false)
    from.send(2, "system")
    bench.pass(1_100_000)
    expect(from.events.at(-1)).toBe("drained 2 normal")
    from.send(2, "normal")
    there.clogs = 0
    there.release()
    bench.pass(second)
    expect(to.numbers()).toEqual([0, 3, 4])
  })

  it("is not given to a store that is not connected, or that nobody knows", () => {
    const { all, bench } = two()
    bench.machines[0].crash({ powerLost: false })
    bench.pass(second)
    expect([all.stores[1].send(1, "normal"), all.stores[1].send(9, "normal")]).toEqual([false, false])
  })
})

describe("a store is refused", () => {
  const verdicts = (all: Stores) => [
    ...new Set(
      all.traced("cluster/refused").map(({ fields, machine }) => `n${machine}: ${fields["verdict"]} by ${fields["by"]}`)
    )
  ]

  const restarted = (machine: number, options: Partial<TestStores.StoreOptions>) => {
    const { all, bench } = two()
    bench.machines[machine].crash({ powerLost: false })
    all.start(machine, options)
    bench.pass(3 * second)
    return { all, bench }
  }

  it("that is of another cluster", () => {
    const { all } = restarted(1, { cluster: "f".repeat(32) })
    expect(verdicts(all)).toEqual(["n0: cluster by this store", "n1: cluster by its peer"])
    expect(all.stores[1].events).toEqual([])
  })

  it("that the other does not know, until it does", () => {
    const { all, bench } = restarted(0, { peers: new Map() })
    expect(verdicts(all)).toEqual(["n0: unknown-store by this store", "n1: unknown-store by its peer"])
    all.stores[0].transport!.setAddress(2, addressOf(1))
    bench.pass(2 * second)
    expect(all.stores[0].events).toEqual(["connected 2"])
  })

  it("that is not the one that was dialled", () => {
    const { all } = restarted(0, { store: 9, peers: new Map() })
    expect(verdicts(all)).toEqual(["n0: wrong-store by this store", "n1: wrong-store by its peer"])
  })

  it("whose epoch is not its newest", () => {
    const { all } = restarted(1, { epoch: 0 })
    expect(verdicts(all)).toEqual(["n0: stale by this store", "n1: stale by its peer"])
  })

  it("whose epoch is not its newest, unless it was removed and added since: it may have lost its disk", () => {
    const { all, bench } = restarted(1, { epoch: 0 })
    all.stores[0].transport!.remove(2)
    all.stores[0].transport!.setAddress(2, addressOf(1))
    bench.pass(2 * second)
    expect(all.stores[1].events).toEqual(["connected 1"])
  })

  it("after it was removed, and the sink of the other hears nothing more", () => {
    const { all, bench } = two()
    all.stores[0].transport!.remove(2)
    bench.pass(3 * second)
    expect(verdicts(all)).toEqual(["n0: unknown-store by this store", "n1: unknown-store by its peer"])
    expect([all.stores[0].events, all.stores[0].send(2, "normal")]).toEqual([["connected 2"], false])
    expect(all.stores[1].events).toEqual(["connected 1", "disconnected 1"])
  })
})

describe("stores with certificates", () => {
  const of = (store: number, authority = "a") => SimCertificate.issue(authority, [Transport.nameOf(store)])

  /** Store 1, and store 2 with these credentials. */
  const pair = (tls: Credentials | undefined) => {
    const { all, bench } = two()
    for (const machine of [0, 1]) bench.machines[machine].crash({ powerLost: false })
    all.start(0, { tls: of(1) })
    all.start(1, { tls })
    bench.pass(3 * second)
    return all
  }

  it("talk when both are of one authority and have the names of their stores", () => {
    const all = pair(of(2))
    all.stores[1].send(1, "normal")
    all.bench.pass(second)
    expect([all.stores[1].events, all.stores[0].events]).toEqual([["connected 1"], ["connected 2"]])
    expect(all.stores[0].came.length).toBe(1)
  })

  it("are refused when the certificate is another store's, with an event on both sides", () => {
    const all = pair(of(3))
    expect(all.stores.map(({ events }) => events)).toEqual([[], []])
    const verdicts = all.traced("cluster/refused").map(({ fields, machine }) => `n${machine}: ${fields["verdict"]}`)
    expect(new Set(verdicts)).toEqual(new Set(["n0: wrong-name", "n1: wrong-name"]))
  })

  it("do not hear of one that is of another authority or has no certificate, and it is told why where that can be", () => {
    for (const tls of [of(2, "b"), undefined]) {
      const all = pair(tls)
      expect(all.stores.map(({ events }) => events)).toEqual([[], []])
      const reasons = all.traced("cluster/dial-failed").map(({ fields }) => fields["reason"])
      expect(new Set(reasons)).toEqual(new Set([tls === undefined ? "reset" : "untrusted"]))
    }
  })
})

describe("a peer that moves", () => {
  it("is found at its new address", () => {
    const all = new Stores(3)
    const { bench } = all
    for (const machine of [0, 1]) bench.machines[machine].crash({ powerLost: false })
    bench.pass(second)
    // Store 1 comes back on the machine that was store 2's.
    const moved = all.start(1, { store: 1, epoch: 2, peers: new Map([[3, addressOf(2)]]) })
    all.stores[2].transport!.setAddress(1, addressOf(1))
    bench.pass(2 * second)
    expect([moved.events, all.stores[2].events.at(-1)]).toEqual([["connected 3"], "connected 1"])
  })
})

describe("whoever speaks otherwise", () => {
  /** A machine without a store; it says `bytes` to store 1 once connected. */
  const stranger = (bytes: Uint8Array, bench: TestBench, dials = 1) => {
    const events: Array<string> = []
    const answers: Array<Uint8Array> = []
    const sink = {
      opened: () => {},
      data: (chunk: Uint8Array) => void answers.push(chunk),
      drained: () => {},
      ended: () => void events.push("ended"),
      closed: () => void events.push("closed")
    }
    const connections: Array<Connection> = []
    bench.start(
      1,
      Effect.map(Net, (net) => {
        for (let dial = 0; dial < dials; dial++) {
          const connection = net.port.dial(addressOf(0), sink)
          connections.push(connection)
          connection.write(bytes)
        }
      })
    )
    return { answers, connections, events }
  }

  const one = () => {
    const { all, bench } = two()
    bench.machines[1].crash({ powerLost: false })
    bench.pass(second)
    return { all, bench }
  }

  const greeting = (change: Partial<Greeting.Greeting> = {}) =>
    Greeting.encode({
      versionMin: 3,
      versionMax: 3,
      cluster,
      store: 2,
      epoch: 7,
      to: 1,
      dial: 1,
      verdict: "welcome",
      ...change
    })

  it("is broken off, with an event, for anything but a greeting", () => {
    const { all, bench } = one()
    const { events } = stranger(new TextEncoder().encode(`GET / HTTP/1.1\r\nHost: n0\r\n${"x".repeat(64)}`), bench)
    bench.pass(second)
    expect(events).toEqual(["closed"])
    expect(all.traced("cluster/corrupt").map(({ fields }) => fields["problem"])).toEqual(["magic"])
  })

  it("is told so when it has another version, in bytes that every version understands", () => {
    const { bench } = one()
    const { answers } = stranger(greeting({ versionMin: 8, versionMax: 9 }), bench)
    bench.pass(second)
    expect(Greeting.decode(answers[0])).toMatchObject({ verdict: "version", versionMin: 3, versionMax: 3, store: 1 })
  })

  it("is broken off when it says nothing, and does not keep others out", () => {
    const { all, bench } = one()
    const { connections, events } = stranger(new Uint8Array(0), bench, 1_100)
    bench.pass(second)
    expect([connections.length, events.length]).toEqual([1_100, 1_100 - 1_024])
    bench.pass(4 * second)
    expect(events.length).toBe(1_100)
    bench.machines[1].crash({ powerLost: false })
    const store = all.start(1, { epoch: 9 })
    bench.pass(2 * second)
    expect(store.events).toEqual(["connected 1"])
  })

  it("has the connection reset, with an event, when a frame is damaged; those before it count", () => {
    const { all, bench } = one()
    const frames = new Uint8Array(2 * (Frame.headerBytes + 4))
    Frame.put(frames, 0, { lane: 1, number: 0, payload: Uint8Array.of(5, 0, 0, 0) })
    Frame.put(frames, Frame.headerBytes + 4, { lane: 1, number: 1, payload: Uint8Array.of(6, 0, 0, 0) })
    frames[frames.length - 1] = 1
    const bytes = new Uint8Array([...greeting(), ...frames])
    const { events } = stranger(bytes, bench)
    bench.pass(second)
    expect([events, all.stores[0].numbers()]).toEqual([["closed"], [5]])
    expect(all.stores[0].events.slice(-2)).toEqual(["connected 2", "disconnected 2"])
    expect(all.traced("cluster/corrupt").map(({ fields }) => fields["problem"])).toEqual(["payload"])
  })

  it("does not get behind a newer connection of its store", () => {
    const { all, bench } = one()
    stranger(greeting({ dial: 2 }), bench)
    bench.pass(second)
    const late = stranger(greeting({ dial: 1 }), bench)
    bench.pass(second)
    expect(Greeting.decode(late.answers[0])).toMatchObject({ verdict: "stale" })
    expect(all.stores[0].events.at(-1)).toBe("connected 2")
  })
})

describe("under any faults", () => {
  /** Stores send all the time, while links and machines fail as the seed says; then all is well for a while. */
  const run = (seed: string) => {
    const all = new Stores(3, { seed, policy: "fifo" })
    const { bench } = all
    const draw = new Streams({ seed }).get("test")
    const lives = [...all.stores]
    const fault = (): void => {
      const machine = draw.below(3)
      const link = bench.net.allLinks[draw.below(9)]
      const strikes = [
        () => (link.cuts = 1),
        () => (link.clogs = 1),
        () => (link.delayMicros = 1 + draw.below(500_000)),
        () => (link.fragmentBytes = 1 + draw.below(40)),
        () => (link.bytesPerMilli = 1 + draw.below(100)),
        () => link.heal(),
        () => link.heal(),
        () => all.endsOf(machine).forEach((end) => end.broken("reset")),
        () => all.endsOf(machine).forEach((end) => (end.silent = true)),
        () => {
          bench.machines[machine].crash({ powerLost: draw.below(2) === 0 })
          lives.push(all.start(machine))
        }
      ]
      strikes[draw.below(strikes.length)]()
    }
    for (let step = 0; step < 400; step++) {
      const from = draw.below(3)
      const to = (from + 1 + draw.below(2)) % 3
      if (all.stores[from].port !== undefined)
        all.stores[from].send(to + 1, TestStores.laneOf(draw.below(4)), 4 + draw.below(2_000))
      if (draw.below(8) === 0) fault()
      bench.pass(draw.below(100_000))
    }
    for (const link of bench.net.allLinks) link.heal()
    bench.pass(12 * second)
    const before = all.stores.map(({ came }) => came.length)
    for (const machine of [0, 1, 2]) {
      for (const other of [0, 1, 2].filter((each) => each !== machine)) all.stores[machine].send(other + 1, "normal")
    }
    bench.pass(second)
    return {
      came: all.stores.map(({ came }, index) => came.length - before[index]),
      problems: lives.flatMap(({ came }) => TestStores.problems(came)),
      total: lives.reduce((sum, { came }) => sum + came.length, 0),
      story: bench.story.filter((line) => /defect|exited/.test(line))
    }
  }

  it("frames come whole, at most once, in the order of their lane, and all stores find each other again", () => {
    for (let seed = 0; seed < 12; seed++) {
      const { came, problems, story, total } = run(`transport ${seed}`)
      expect([seed, came, problems, story]).toEqual([seed, [2, 2, 2], [], []])
      expect(total).toBeGreaterThan(50)
    }
  })
})
