import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Limits from "#base/Limits.ts"
import { pattern } from "#world/contract/Claim.ts"
import { End } from "#world/contract/StreamEnd.ts"
import * as Net from "#world/Net.ts"
import { TestBench, type BenchOptions } from "./TestBench.ts"

const port = 80
const second = 1_000_000
const address: Net.Address = { host: "n1", port }

/** The network of a machine as its present incarnation has it. */
const boot = (bench: TestBench, machine: number): Net.Port => {
  let net: Net.Port | undefined
  bench.start(
    machine,
    Effect.map(Net.Net, (service) => {
      net = service.port
    })
  )
  return net!
}

/** Listens on n1; `accepted` are the listening ends, each expecting the pattern 1. */
const listen = (bench: TestBench, net: Net.Port, onAccept: (end: End) => void = () => {}) => {
  const accepted: Array<End> = []
  let listener: Net.Closable | undefined
  net.listen(
    address,
    (connection) => {
      const end = new End({ expectedKey: 1 })
      end.connection = connection
      accepted.push(end)
      onAccept(end)
      return end
    },
    (_, value) => (listener = value)
  )
  bench.pass(1_000)
  return { accepted, listener: listener! }
}

/** Dials n1; the end expects the pattern 2. */
const dial = (net: Net.Port, options?: Net.DialOptions): End => {
  const end = new End({ expectedKey: 2 })
  end.connection = net.dial(address, end, options)
  return end
}

/** n0 and n1 with a connection between them, dialled by n0. */
const connected = (options: BenchOptions = {}) => {
  const bench = new TestBench({ machines: 2, ...options })
  const [from, to] = [boot(bench, 0), boot(bench, 1)]
  const { accepted, listener } = listen(bench, to)
  const near = dial(from)
  bench.pass(second)
  expect([near.events, accepted.length]).toEqual([["opened"], 1])
  const there = bench.net.link(0, 1)
  const back = bench.net.link(1, 0)
  return { bench, near, far: accepted[0], accepted, listener, there, back, from, to }
}

const open = (...links: ReadonlyArray<{ cuts: number; clogs: number; release: () => void }>): void => {
  for (const link of links) {
    link.cuts = 0
    link.clogs = 0
  }
  for (const link of links) link.release()
}

/** What one end was told since it was opened. */
const told = (end: End): string =>
  end.events.filter((event) => event !== "opened").join(" ") + (end.isClosed ? ` ${end.error?.code ?? "in order"}` : "")

type Action =
  | { readonly type: "write"; readonly near: boolean; readonly bytes: number }
  | {
      readonly type: "cut" | "clog" | "open" | "pauseMachine" | "resumeMachine" | "hold" | "take"
      readonly near: boolean
    }
  | { readonly type: "pass"; readonly amount: number }
  | { readonly type: "fragment" | "slow" | "delay"; readonly amount: number }

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("write" as const),
      near: fc.boolean(),
      bytes: fc.oneof(fc.nat(30), fc.nat(30_000))
    })
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("pass" as const),
      amount: fc.oneof(fc.nat(500), fc.nat(20_000), fc.nat(2 * second))
    })
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "cut" as const,
        "clog" as const,
        "open" as const,
        "pauseMachine" as const,
        "resumeMachine" as const,
        "hold" as const,
        "take" as const
      ),
      near: fc.boolean()
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom("fragment" as const, "slow" as const),
      amount: fc.integer({ min: 1, max: 3_000 })
    })
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("delay" as const), amount: fc.nat(100_000) }) }
)

type Pair = ReturnType<typeof connected> & { sent: [near: number, far: number] }

const act = (pair: Pair, each: Action): void => {
  const { back, bench, far, near, there } = pair
  if (each.type === "pass") return bench.pass(each.amount)
  if ("amount" in each) {
    for (const link of [there, back]) {
      if (each.type === "fragment") link.fragmentBytes = each.amount
      else if (each.type === "slow") link.bytesPerMilli = each.amount
      else link.delayMicros = each.amount
    }
    return
  }
  const [link, machine, end] = each.near ? [there, bench.machines[0], near] : [back, bench.machines[1], far]
  switch (each.type) {
    case "write": {
      const index = each.near ? 0 : 1
      // A node that stands still writes nothing.
      if (machine.epoch?.paused === true || !machine.isUp) return
      end.connection.write(pattern(index + 1, pair.sent[index], each.bytes))
      pair.sent[index] += each.bytes
      return
    }
    case "cut":
      return void link.cuts++
    case "clog":
      return void link.clogs++
    case "open":
      return open(link)
    case "pauseMachine":
      return machine.pause()
    case "resumeMachine":
      return machine.resume()
    case "hold":
      return end.connection.pause()
    case "take":
      return end.connection.resume()
  }
}

/** Whatever was in the way is gone, and everybody may go on. */
const heal = ({ back, bench, far, near, there }: Pair): void => {
  for (const machine of bench.machines) machine.resume()
  for (const end of [near, far]) end.connection.resume()
  for (const link of [there, back]) {
    link.fragmentBytes = Math.max(link.fragmentBytes, 50)
    link.bytesPerMilli = 0
    link.delayMicros = 0
  }
  open(there, back)
}

const policies = fc.constantFrom("fifo" as const, "uniform" as const)

describe("a connection", () => {
  it("carries every byte once and in order, whatever is cut, clogged, cut to pieces, slowed or paused, and closes in order", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), fc.string(), policies, (actions, seed, policy) => {
        const pair: Pair = { ...connected({ seed, policy }), sent: [0, 0] }
        const { bench, far, near } = pair
        for (const each of actions) {
          act(pair, each)
          expect([near.wrongAt, far.wrongAt]).toEqual([-1, -1])
          expect(far.receivedBytes).toBeLessThanOrEqual(pair.sent[0])
          expect(near.receivedBytes).toBeLessThanOrEqual(pair.sent[1])
        }
        heal(pair)
        near.connection.end()
        far.connection.end()
        bench.pass(60 * second)
        expect([far.receivedBytes, near.receivedBytes, far.wrongAt, near.wrongAt]).toEqual([...pair.sent, -1, -1])
        for (const end of [near, far]) {
          expect(told(end).replaceAll("drained ", "")).toBe("ended closed in order")
          expect(end.eventsAfterClosed).toBe(0)
        }
        expect([bench.net.connectionsOf(0), bench.net.connectionsOf(1)]).toEqual([[], []])
      }),
      { seed: 21, numRuns: 120 }
    )
  })

  it("delivers a prefix and closes at most once, when it breaks at whatever moment; both ends learn of it when they speak", () => {
    const breaking = fc.constantFrom(
      "reset near",
      "reset far",
      "crash near",
      "crash far",
      "power near",
      "power far",
      "stop near",
      "stop far"
    )
    fc.assert(
      fc.property(
        fc.array(action, { maxLength: 20 }),
        fc.array(action, { maxLength: 12 }),
        breaking,
        fc.string(),
        (before, after, how, seed) => {
          const pair: Pair = { ...connected({ seed }), sent: [0, 0] }
          const { bench, far, near } = pair
          for (const each of before) act(pair, each)
          const [verb, which] = how.split(" ")
          const index = which === "near" ? 0 : 1
          const [own, other] = which === "near" ? [near, far] : [far, near]
          const machine = bench.machines[index]
          const seen = (): unknown => [own.receivedBytes, own.events.length]
          if (verb === "reset") own.connection.reset()
          else if (verb === "stop") machine.stop(() => {})
          else machine.crash({ powerLost: verb === "power" })
          const atDeath = seen()
          for (const each of after) act(pair, each)
          const died = verb === "crash" || verb === "power"
          // Nothing of a dead incarnation is told anything.
          expect(died ? seen() : atDeath).toEqual(atDeath)
          if (died) boot(bench, index)
          heal(pair)
          bench.pass(15 * second)
          if (verb === "stop") boot(bench, index)
          other.connection.write(new Uint8Array(1))
          bench.pass(30 * second)
          expect([near.wrongAt, far.wrongAt, near.eventsAfterClosed, far.eventsAfterClosed]).toEqual([-1, -1, 0, 0])
          expect(far.receivedBytes).toBeLessThanOrEqual(pair.sent[0] + 1)
          expect(near.receivedBytes).toBeLessThanOrEqual(pair.sent[1] + 1)
          expect([other.count("closed"), other.error?.code]).toEqual([1, "reset"])
          expect(other.count("ended")).toBeLessThanOrEqual(verb === "reset" ? 0 : 1)
          expect(own.count("closed")).toBeLessThanOrEqual(1)
          expect(bench.net.connectionsOf(1 - index)).toEqual([])
        }
      ),
      { seed: 22, numRuns: 150 }
    )
  })

  it("cut to pieces gives chunks of at most the size that the link carries, and not always the same", () => {
    const { bench, far, near, there } = connected()
    const sizes = new Set<number>()
    far.onData = (chunk) => sizes.add(chunk.length)
    there.fragmentBytes = 7
    near.connection.write(pattern(1, 0, 1_000))
    bench.pass(second)
    expect([far.receivedBytes, far.wrongAt]).toEqual([1_000, -1])
    expect(Math.max(...sizes)).toBe(7)
    expect(sizes.size).toBeGreaterThan(4)
  })

  it("cuts only the last of a large segment to crumbs", () => {
    const { bench, far, near, there } = connected()
    let chunks = 0
    far.onData = () => chunks++
    there.fragmentBytes = 1
    near.connection.write(pattern(1, 0, 65_536))
    bench.pass(second)
    expect([far.receivedBytes, far.wrongAt]).toEqual([65_536, -1])
    expect(chunks).toBeGreaterThan(1_000)
    expect(chunks).toBeLessThan(1_300)
  })

  it("lets a writer that was told to wait finish what it is at, and takes it down when it does not listen", () => {
    const { bench, far, near } = connected()
    const buffer = new Uint8Array(Limits.connectionBufferedBytesMax)
    const writes = (count: number): void => {
      for (let i = 0; i < count; i++) near.connection.write(buffer)
    }
    far.connection.pause()
    writes(9)
    far.connection.resume()
    bench.pass(second)
    expect([near.count("drained"), far.receivedBytes]).toEqual([1, 9 * buffer.length])
    far.connection.pause()
    expect(() => writes(12)).toThrow("a writer that was told to wait until `drained` does so")
  })

  it("tells its writer of room only when the peer has taken enough, and the news has come back", () => {
    const { back, bench, far, near } = connected()
    far.connection.pause()
    let sent = 0
    let more = true
    while (more) {
      more = near.connection.write(pattern(1, sent, 10_000))
      sent += 10_000
    }
    expect(sent).toBe(Math.ceil((Limits.connectionBufferedBytesMax + 1) / 10_000) * 10_000)
    bench.pass(second)
    expect([near.count("drained"), far.receivedBytes]).toEqual([0, 0])
    back.cuts = 1
    far.connection.resume()
    bench.pass(second)
    // All is there, but the way back is cut.
    expect([near.count("drained"), far.receivedBytes]).toEqual([0, sent])
    open(back)
    bench.pass(second)
    expect(near.count("drained")).toBe(1)
  })

  it("puts what was written before it was opened before what is written while it is told so", () => {
    const bench = new TestBench({ machines: 2 })
    const [from, to] = [boot(bench, 0), boot(bench, 1)]
    const { accepted } = listen(bench, to)
    const near = new End()
    near.connection = from.dial(address, {
      opened: () => {
        near.connection.write(pattern(1, 5, 5))
        near.connection.end()
      },
      data: () => {},
      drained: () => {},
      ended: () => {},
      closed: () => {}
    })
    near.connection.write(pattern(1, 0, 5))
    bench.pass(second)
    expect([accepted[0].receivedBytes, accepted[0].wrongAt, accepted[0].count("ended")]).toEqual([10, -1, 1])
  })
})

describe("an end whose peer is gone", () => {
  it("is told of an orderly end or a reset when the peer's process died and its machine lives, by the draw", () => {
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 20; seed++) {
      const { bench, far, near } = connected({ seed: `${seed}` })
      far.connection.write(pattern(2, 0, 10))
      bench.pass(second)
      bench.machines[1].crash({ powerLost: false })
      bench.pass(second)
      outcomes.add(told(near))
      expect([near.receivedBytes, told(far)]).toEqual([10, ""])
    }
    expect(outcomes).toEqual(new Set(["ended", "closed reset"]))
  })

  it("is told that its peer ended once only, even if the peer's process dies after it ended", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { bench, far, near } = connected({ seed: `${seed}` })
      far.connection.end()
      if (seed % 2 === 0) bench.pass(second)
      bench.machines[1].crash({ powerLost: false })
      bench.pass(second)
      expect(["ended", "ended closed reset", "closed reset"]).toContain(told(near))
    }
  })

  it("hears nothing when the peer's power went, until the machine is up again and answers what is sent to it", () => {
    const { bench, near } = connected()
    bench.machines[1].crash({ powerLost: true })
    near.connection.write(pattern(1, 0, 10))
    bench.pass(60 * second)
    expect(told(near)).toBe("")
    boot(bench, 1)
    bench.pass(second)
    expect(told(near)).toBe("closed reset")
  })

  it("takes bytes until its buffer is full, and then stays silent, for ever", () => {
    const { bench, far, near } = connected()
    for (const end of bench.net.connectionsOf(0)) {
      end.silent = true
      end.peer!.silent = true
    }
    expect(near.connection.write(pattern(1, 0, Limits.connectionBufferedBytesMax))).toBe(true)
    expect(near.connection.write(pattern(1, 0, 1))).toBe(false)
    near.connection.end()
    bench.pass(3_600 * second)
    expect([told(near), told(far), far.receivedBytes]).toEqual(["", "", 0])
  })

  it("learns of a reset that was lost in a partition when it speaks", () => {
    const { bench, far, near, there } = connected()
    there.cuts = 1
    near.connection.reset()
    bench.pass(second)
    open(there)
    bench.pass(60 * second)
    expect([told(near), told(far)]).toEqual(["closed reset", ""])
    far.connection.write(pattern(2, 0, 1))
    bench.pass(second)
    expect(told(far)).toBe("closed reset")
  })
})

describe("a machine that stands still", () => {
  it("is given what came meanwhile when it goes on, in order", () => {
    const { bench, far, near } = connected()
    bench.machines[1].pause()
    for (let index = 0; index < 10; index++) near.connection.write(pattern(1, index * 100, 100))
    near.connection.end()
    bench.pass(10 * second)
    expect([far.receivedBytes, told(far)]).toEqual([0, ""])
    bench.machines[1].resume()
    bench.pass(second)
    expect([far.receivedBytes, far.wrongAt, told(far)]).toEqual([1_000, -1, "ended"])
  })

  it("accepts a dial when it goes on, unless the dial was given up by then", () => {
    const after = (pausedMicros: number) => {
      const bench = new TestBench({ machines: 2 })
      const [from, to] = [boot(bench, 0), boot(bench, 1)]
      const { accepted } = listen(bench, to)
      bench.machines[1].pause()
      const near = dial(from)
      bench.pass(pausedMicros)
      bench.machines[1].resume()
      bench.pass(second)
      return { near: [...near.events, near.error?.code], far: accepted.map(told) }
    }
    expect(after(5 * second)).toEqual({ near: ["opened", undefined], far: [""] })
    expect(after(30 * second)).toEqual({ near: ["closed", "timeout"], far: ["closed reset"] })
  })
})

describe("a dial", () => {
  const prepared = (options: BenchOptions = {}) => {
    const bench = new TestBench({ machines: 2, ...options })
    const [from, to] = [boot(bench, 0), boot(bench, 1)]
    const { accepted, listener } = listen(bench, to)
    return { accepted, listener, bench, from, to, there: bench.net.link(0, 1), back: bench.net.link(1, 0) }
  }

  it("asks again over a partition that has healed", () => {
    const { accepted, bench, from, there } = prepared()
    there.cuts = 1
    const near = dial(from)
    near.connection.write(pattern(1, 0, 100))
    bench.pass(2 * second)
    expect(near.events).toEqual([])
    open(there)
    bench.pass(2 * second)
    expect([near.events, accepted.length, accepted[0].receivedBytes]).toEqual([["opened"], 1, 100])
  })

  it("is not opened while the way back is cut, and closes both ends when it is given up", () => {
    const { accepted, back, bench, from } = prepared()
    back.cuts = 1
    const near = dial(from)
    bench.pass(9 * second)
    expect(near.events).toEqual([])
    bench.pass(2 * second)
    expect([near.events, near.error?.code]).toEqual([["closed"], "timeout"])
    open(back)
    bench.pass(second)
    expect(accepted.map(told)).toEqual(["closed reset"])
  })

  it("to a machine that is down times out, and succeeds when it comes up in time", () => {
    for (const downMicros of [2 * second, 20 * second]) {
      const { bench, from } = prepared()
      bench.machines[1].crash({ powerLost: false })
      const near = dial(from)
      bench.pass(downMicros)
      listen(bench, boot(bench, 1))
      bench.pass(5 * second)
      expect([near.events, near.error?.code]).toEqual(
        downMicros === 2 * second ? [["opened"], undefined] : [["closed"], "timeout"]
      )
    }
  })

  it("to a name that nobody has times out", () => {
    const { bench, from } = prepared()
    const near = new End()
    near.connection = from.dial({ host: "nobody", port }, near, { timeoutMillis: 300 })
    bench.pass(second)
    expect([near.events, near.error?.code]).toEqual([["closed"], "timeout"])
  })

  it("that is refused asks again when the refusal was lost, and waits for it at a clogged link", () => {
    const { back, bench, from, listener } = prepared()
    listener.close()
    back.cuts = 1
    const near = dial(from)
    bench.pass(500_000)
    open(back)
    bench.pass(2 * second)
    expect(near.error?.code).toBe("refused")
    back.clogs = 1
    const late = dial(from)
    bench.pass(500_000)
    expect(late.events).toEqual([])
    open(back)
    bench.pass(10_000)
    expect(late.error?.code).toBe("refused")
  })

  it("whose machine dies before it hears the answer leaves no end that can never learn of it", () => {
    for (let micros = 0; micros < 1_000; micros += 50) {
      for (const powerLost of [false, true]) {
        const { accepted, bench, from } = prepared({ seed: `${micros}` })
        dial(from)
        bench.pass(micros)
        bench.machines[0].crash({ powerLost })
        bench.pass(second)
        boot(bench, 0)
        for (const far of accepted) far.connection.write(pattern(2, 0, 1))
        bench.pass(second)
        expect(accepted.filter((far) => !far.isClosed)).toEqual([])
      }
    }
  })

  it("is not accepted by a listener that closed while the machine stood still", () => {
    const { accepted, bench, from, listener } = prepared()
    bench.machines[1].pause()
    const near = dial(from)
    bench.pass(second)
    listener.close()
    bench.machines[1].resume()
    bench.pass(second)
    expect([accepted.length, near.error?.code]).toEqual([0, "refused"])
  })
})

describe("a slow link", () => {
  it("takes as long for bytes as it says", () => {
    const { bench, far, near, there } = connected()
    there.bytesPerMilli = 10
    for (let index = 0; index < 10; index++) near.connection.write(pattern(1, index * 1_000, 1_000))
    bench.pass(500_000)
    expect(far.receivedBytes).toBeGreaterThan(3_000)
    expect(far.receivedBytes).toBeLessThan(6_000)
    bench.pass(600_000)
    expect(far.receivedBytes).toBe(10_000)
  })
})
