import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Net from "#world/Net.ts"
import type { NetObserver } from "./SimNet.ts"
import { TestBench, type BenchOptions } from "./TestBench.ts"

const port = 53
const second = 1_000_000

interface Mail {
  readonly at: number
  readonly from: string
  readonly number: number
}

const numberOf = (bytes: Uint8Array): number => bytes[0] | (bytes[1] << 8)
const bytesOf = (number: number): Uint8Array => Uint8Array.of(number & 255, number >>> 8)

/** A datagram socket on a machine, and what it received. */
const bind = (bench: TestBench, machine: number) => {
  const mail: Array<Mail> = []
  let socket: Net.DatagramSocket | undefined
  const received = (from: Net.Address, bytes: Uint8Array): void => {
    mail.push({ at: bench.kernel.now, from: Net.addressKey(from), number: numberOf(bytes) })
  }
  bench.start(
    machine,
    Effect.map(Net.Net, (net) => {
      net.port.bind({ host: `n${machine}`, port }, { received }, (_, value) => (socket = value))
    })
  )
  bench.pass(10)
  return { mail, socket: socket!, address: { host: `n${machine}`, port } }
}

const two = (options: BenchOptions = {}) => {
  const bench = new TestBench({ machines: 2, ...options })
  const [one, other] = [bind(bench, 0), bind(bench, 1)]
  return { bench, one, other, there: bench.net.link(0, 1), back: bench.net.link(1, 0) }
}

const numbers = (mail: ReadonlyArray<Mail>): ReadonlyArray<number> => mail.map(({ number }) => number)
const upTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, index) => index)
const sorted = (list: ReadonlyArray<number>): ReadonlyArray<number> => [...list].sort((left, right) => left - right)

describe("a datagram", () => {
  it("arrives once, within the latency of its link, from the address of its sender", () => {
    const { bench, one, other } = two()
    for (const number of upTo(200)) {
      const sentAt = bench.kernel.now
      one.socket.send(other.address, bytesOf(number))
      bench.pass(1_000)
      const { at, ...rest } = other.mail.at(-1)!
      expect(rest).toEqual({ from: "n0:53", number })
      expect(at - sentAt).toBeGreaterThanOrEqual(200)
      expect(at - sentAt).toBeLessThanOrEqual(400)
    }
    expect(numbers(other.mail)).toEqual(upTo(200))
  })

  it("under loss arrives or vanishes, about as often as the link says, and is told apart by the observer", () => {
    const fates: Record<string, number> = {}
    const net: NetObserver = { message: ({ fate }) => (fates[fate] = (fates[fate] ?? 0) + 1) }
    const { bench, one, other, there } = two({ net })
    there.lossPerMille = 300
    for (const number of upTo(1_000)) one.socket.send(other.address, bytesOf(number))
    bench.pass(second)
    expect(other.mail.length).toBeGreaterThan(630)
    expect(other.mail.length).toBeLessThan(770)
    expect(fates).toEqual({ delivered: other.mail.length, lost: 1_000 - other.mail.length })
  })

  it("under duplication arrives once or twice, each copy whole", () => {
    const { bench, one, other, there } = two()
    there.duplicatePerMille = 500
    for (const number of upTo(1_000)) one.socket.send(other.address, bytesOf(number))
    bench.pass(second)
    const counts = upTo(1_000).map((number) => numbers(other.mail).filter((each) => each === number).length)
    expect(new Set(counts)).toEqual(new Set([1, 2]))
    expect(counts.filter((count) => count === 2).length).toBeGreaterThan(400)
  })

  it("under reordering is overtaken by later ones, and none is lost", () => {
    const { bench, one, other, there } = two({ netTimes: { latencyMicrosMin: 200, latencyMicrosMax: 200 } })
    const send = (): void => {
      for (const number of upTo(100)) {
        one.socket.send(other.address, bytesOf(number))
        bench.pass(10)
      }
      bench.pass(second)
    }
    send()
    expect(numbers(other.mail)).toEqual(upTo(100))
    other.mail.length = 0
    there.reorderPerMille = 300
    send()
    expect(numbers(other.mail)).not.toEqual(upTo(100))
    expect(sorted(numbers(other.mail))).toEqual(upTo(100))
  })

  it("takes longer by up to the delay of its link", () => {
    const { bench, one, other, there } = two()
    there.delayMicros = 50_000
    const from = bench.kernel.now
    for (const number of upTo(200)) one.socket.send(other.address, bytesOf(number))
    bench.pass(second)
    const latencies = other.mail.map(({ at }) => at - from)
    expect(Math.max(...latencies)).toBeGreaterThan(40_000)
    expect(Math.max(...latencies)).toBeLessThanOrEqual(50_400)
  })

  it("is lost on a link that is cut, even one that was under way, and the other way stays open", () => {
    const { back, bench, one, other, there } = two()
    one.socket.send(other.address, bytesOf(1))
    bench.pass(100)
    there.cuts = 1
    bench.pass(second)
    one.socket.send(other.address, bytesOf(2))
    other.socket.send(one.address, bytesOf(3))
    bench.pass(second)
    expect([numbers(other.mail), numbers(one.mail), back.cuts]).toEqual([[], [3], 0])
    there.heal()
    one.socket.send(other.address, bytesOf(4))
    bench.pass(second)
    expect(numbers(other.mail)).toEqual([4])
  })

  it("waits at a link that is clogged, and arrives when it goes on", () => {
    const { bench, one, other, there } = two()
    there.clogs = 2
    for (const number of upTo(20)) one.socket.send(other.address, bytesOf(number))
    bench.pass(second)
    there.clogs = 1
    there.release()
    bench.pass(second)
    expect(other.mail).toEqual([])
    there.clogs = 0
    there.release()
    bench.pass(second)
    expect(sorted(numbers(other.mail))).toEqual(upTo(20))
  })

  it("waits for the bytes before it on a slow link", () => {
    const { bench, one, other, there } = two()
    there.bytesPerMilli = 1
    for (const number of upTo(50)) one.socket.send(other.address, bytesOf(number))
    bench.pass(50_000)
    expect(other.mail.length).toBeGreaterThan(20)
    expect(other.mail.length).toBeLessThan(26)
    bench.pass(second)
    expect(sorted(numbers(other.mail))).toEqual(upTo(50))
  })

  it("to a machine that is down, or to a new incarnation that does not listen, vanishes", () => {
    const { bench, one, other } = two()
    one.socket.send(other.address, bytesOf(1))
    bench.machines[1].crash({ powerLost: false })
    bench.pass(second)
    bench.start(1, Effect.void)
    one.socket.send(other.address, bytesOf(2))
    bench.pass(second)
    const again = { ...other, ...bindAgain(bench) }
    one.socket.send(other.address, bytesOf(3))
    bench.pass(second)
    expect([numbers(other.mail), numbers(again.mail)]).toEqual([[], [3]])
  })

  const bindAgain = (bench: TestBench) => {
    bench.machines[1].crash({ powerLost: false })
    return bind(bench, 1)
  }

  it("of a dead incarnation is never sent, and its socket takes no port from the next", () => {
    const { bench, one, other } = two()
    bench.machines[1].crash({ powerLost: false })
    other.socket.send(one.address, bytesOf(1))
    const again = bind(bench, 1)
    other.socket.close()
    one.socket.send(other.address, bytesOf(2))
    bench.pass(second)
    expect([one.mail, other.mail, numbers(again.mail)]).toEqual([[], [], [2]])
  })

  it("that is under way when its sender dies arrives all the same", () => {
    const { bench, one, other } = two()
    one.socket.send(other.address, bytesOf(1))
    bench.machines[0].crash({ powerLost: true })
    bench.pass(second)
    expect(numbers(other.mail)).toEqual([1])
  })

  it("to a machine that stands still arrives when that goes on, in the order in which it came", () => {
    const { bench, one, other } = two()
    bench.machines[1].pause()
    for (const number of upTo(30)) {
      one.socket.send(other.address, bytesOf(number))
      bench.pass(1_000)
    }
    expect(other.mail).toEqual([])
    const resumedAt = bench.kernel.now
    bench.machines[1].resume()
    bench.pass(1_000)
    expect(numbers(other.mail)).toEqual(upTo(30))
    expect(other.mail.every(({ at }) => at === resumedAt)).toBe(true)
  })

  it("to itself needs no network", () => {
    const { back, bench, one, there } = two()
    there.cuts = 1
    back.cuts = 1
    one.socket.send(one.address, bytesOf(1))
    bench.pass(100)
    expect(numbers(one.mail)).toEqual([1])
  })
})

describe("links", () => {
  it("draw from streams of their own: what happens on one moves nothing on another", () => {
    const arrivals = (noise: boolean): ReadonlyArray<Mail> => {
      const bench = new TestBench({ machines: 3 })
      const [one, other, third] = [bind(bench, 0), bind(bench, 1), bind(bench, 2)]
      for (const link of bench.net.allLinks)
        Object.assign(link, { lossPerMille: 200, duplicatePerMille: 200, reorderPerMille: 200 })
      for (const number of upTo(50)) {
        one.socket.send(other.address, bytesOf(number))
        if (noise) third.socket.send(other.address, bytesOf(1_000 + number))
        bench.pass(500)
      }
      bench.pass(second)
      return other.mail.filter(({ from }) => from === "n0:53")
    }
    expect(arrivals(true)).toEqual(arrivals(false))
  })
})
