/** Latches and waits beside plain models of both. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Latches from "./Latches.ts"
import type { Latch, Touched } from "./Latches.ts"
import type { Txn } from "./Request.ts"
import { Waits, type Waiter } from "./Waits.ts"

const key = fc.nat(5).map((byte) => Uint8Array.of(byte))
const span = fc.tuple(fc.nat(5), fc.nat(5)).map(([one, other]) => ({
  from: Uint8Array.of(Math.min(one, other)),
  to: Uint8Array.of(Math.max(one, other) + 1)
}))
const touched: fc.Arbitrary<Touched> = fc.record({
  reads: fc.array(key, { maxLength: 2 }),
  writes: fc.array(key, { maxLength: 2 }),
  readSpans: fc.array(span, { maxLength: 1 }),
  writeSpans: fc.array(span, { maxLength: 1 })
})

/** Every key of the small keyspace that is looked at, or written. */
const keysOf = ({ readSpans, reads, writeSpans, writes }: Touched) => {
  const all = (points: ReadonlyArray<Uint8Array>, spans: Touched["readSpans"]): ReadonlySet<number> => {
    const found = new Set(points.map(([byte]) => byte))
    for (const { from, to } of spans) for (let byte = from[0]; byte < to[0]; byte++) found.add(byte)
    return found
  }
  return { looks: all(reads, readSpans), changes: all(writes, writeSpans) }
}

const clash = (left: Touched, right: Touched): boolean => {
  const [one, other] = [keysOf(left), keysOf(right)]
  const meet = (a: ReadonlySet<number>, b: ReadonlySet<number>): boolean => [...a].some((byte) => b.has(byte))
  return meet(one.changes, other.changes) || meet(one.changes, other.looks) || meet(one.looks, other.changes)
}

describe("latches", () => {
  it("are granted in the order in which they were asked for, to those that do not clash, and to all in the end", () => {
    fc.assert(
      fc.property(fc.array(touched, { minLength: 1, maxLength: 12 }), fc.array(fc.nat(100)), (asked, picks) => {
        const latches = new Latches.Latches()
        const granted = new Set<number>()
        const over = new Set<number>()
        const all: Array<Latch> = asked.map((each, index) => latches.acquire(each, () => granted.add(index)))
        const check = (): void => {
          // Exactly those that clash with nobody who came before and is not over.
          const free = asked.map((each, index) =>
            asked.slice(0, index).every((other, at) => over.has(at) || !clash(each, other))
          )
          expect([...granted].sort((a, b) => a - b)).toEqual(free.flatMap((isFree, index) => (isFree ? [index] : [])))
        }
        check()
        for (const pick of [...picks, ...asked.map(() => 0)]) {
          const held = [...granted].filter((index) => !over.has(index))
          if (held.length === 0) break
          const index = held[pick % held.length]
          over.add(index)
          latches.release(all[index])
          check()
        }
        expect(over.size).toBe(asked.length)
        expect(latches.count).toBe(0)
      }),
      { numRuns: 500 }
    )
  })

  it("that were given up before their turn keep nobody waiting", () => {
    const latches = new Latches.Latches()
    const writes = { ...Latches.none, writes: [Uint8Array.of(1)] }
    const order: Array<string> = []
    const first = latches.acquire(writes, () => order.push("first"))
    const second = latches.acquire(writes, () => order.push("second"))
    latches.acquire(writes, () => order.push("third"))
    latches.release(second)
    expect(order).toEqual(["first"])
    latches.release(first)
    expect(order).toEqual(["first", "third"])
  })

  it("of a long queue are granted without a deep stack", () => {
    const latches = new Latches.Latches()
    const writes = { ...Latches.none, writes: [Uint8Array.of(1)] }
    let count = 0
    const first = latches.acquire(writes, () => count++)
    for (let i = 0; i < 4_096; i++) {
      latches.acquire(writes, (own) => {
        count++
        latches.release(own)
      })
    }
    latches.release(first)
    expect(count).toBe(4_097)
  })
})

describe("waits", () => {
  const txn = (id: number): Txn => ({ id, age: id, anchor: Uint8Array.of(id) })
  const place = Uint8Array.of(1)
  const waiter = (ticket: number): Waiter => ({ ticket, wantsLock: true, txn: txn(ticket) })

  it("share what is shared, and nothing with who holds it alone", () => {
    const waits = new Waits<Waiter>()
    waits.lock(place, txn(1), "shared")
    waits.lock(place, txn(2), "shared")
    expect(waits.holders(place, 3, "shared")).toEqual([])
    expect(waits.holders(place, 2, "exclusive")).toEqual([txn(1)])
    waits.unlock(1, [place])
    waits.lock(place, txn(2), "exclusive")
    expect(waits.holders(place, 3, "shared")).toEqual([txn(2)])
    // What is held alone stays so when it is asked for to share.
    waits.lock(place, txn(2), "shared")
    expect(waits.holders(place, 3, "shared")).toEqual([txn(2)])
  })

  it("wake in the order of the tickets, however they came, and leave nothing behind", () => {
    const waits = new Waits<Waiter>()
    waits.lock(place, txn(9), "exclusive")
    for (const ticket of [3, 1, 2]) waits.wait(place, waiter(ticket))
    expect(waits.earlier(place, 3, 3)).toEqual([txn(1), txn(2)])
    waits.remove(place, waits.wakeAll()[0])
    for (const ticket of [2, 1]) waits.wait(place, waiter(ticket))
    expect(waits.unlock(9, [place]).map(({ ticket }) => ticket)).toEqual([1, 2])
    expect(waits.isEmpty).toBe(true)
    expect(waits.unlockAll(9)).toEqual([])
  })
})
