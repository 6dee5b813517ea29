/** Routers and ranges in memory: what is asked reaches whoever has the keys, and what is said of its outcome is true. */
import { beforeEach, describe, expect, it } from "vitest"
import * as Hex from "#base/Hex.ts"
import { Streams } from "#sim/kernel/Stream.ts"
import type { Send } from "./Errand.ts"
import { Aborted, Conflict, NotLeaseholder, TooOld, type KeyspaceError, type RangeError } from "./KeyspaceError.ts"
import type { Locked } from "./Keyspace.ts"
import type { Asking, Span, Timestamp, Value } from "./Request.ts"
import type { Router } from "./Router.ts"
import type { TestRanges } from "./TestRanges.ts"
import { asked, contentsOf, key, keyOf, keysOf, put, span, TestRouters } from "./TestRouters.ts"

const second = 1_000_000
const all = Array.from({ length: 64 }, (_, index) => index)

let cluster: TestRouters
let ranges: TestRanges
let router: Router
beforeEach(() => {
  const draw = new Streams({ seed: "router" }).get("test")
  cluster = new TestRouters((bound) => draw.below(bound))
  ranges = cluster.ranges
  router = cluster.routers[0]
  cluster.fill()
})

describe("keys of several ranges", () => {
  it("come back in the order of the call, each from the range that has it, with one request a range", () => {
    for (const each of [10, 20, 30]) ranges.split(key(each))
    cluster.get(router, [5, 15, 25, 35])
    ranges.counts.asked = 0
    expect(contentsOf(cluster.get(router, [35, 5, 99, 25, 6, 15]).value)).toEqual([35, 5, undefined, 25, 6, 15])
    expect(ranges.counts.asked).toBe(4)
  })

  it("are asked of whoever has them now, when ranges were cut, merged and moved behind the router's back", () => {
    for (const change of [
      () => ranges.split(key(10)),
      () => ranges.split(key(40)),
      () => ranges.move(key(15), 3),
      () => ranges.merge(key(5)),
      () => ranges.split(key(20)),
      () => ranges.move(key(50), 2),
      () => ranges.merge(key(20))
    ]) {
      change()
      expect(contentsOf(cluster.get(router, [5, 15, 25, 45]).value)).toEqual([5, 15, 25, 45])
    }
  })

  it("go as several requests where they are many or large", () => {
    const mutations = Array.from({ length: 40 }, (_, index) => ({ key: key(index), value: new Uint8Array(60_000) }))
    const txn = cluster.txn(key(0))
    ranges.counts.asked = 0
    cluster.run<void>((done) => router.prepare(txn, txn.id, mutations, asked, done))
    expect([ranges.counts.asked, ranges.intentsOf(txn.id).length]).toEqual([3, 40])
    ranges.counts.asked = 0
    const many = Array.from({ length: 3_000 }, (_, index) => 1_000 + index)
    expect(cluster.get(router, many).value.length).toBe(3_000)
    expect(ranges.counts.asked).toBe(3)
  })

  it("that nobody may have are refused at once", () => {
    ranges.counts.asked = 0
    const keys = [key(1), Uint8Array.of(0xff, 1)]
    const { error } = cluster.run<ReadonlyArray<Value>>((done) => router.get(keys, 1, asked, done))
    expect([error?._tag, ranges.counts.asked]).toEqual(["Refused", 0])
  })
})

describe("a scan", () => {
  beforeEach(() => {
    for (const each of [7, 20, 21, 40]) ranges.split(key(each))
  })

  it("goes from range to range, to the end of the span or of all keys, and to the beginning in reverse", () => {
    expect(keysOf(cluster.scan(router, span(5, 50)).entries)).toEqual(all.slice(5, 50))
    expect(keysOf(cluster.scan(router, span(5, 50), { reverse: true }).entries)).toEqual(all.slice(5, 50).toReversed())
    const whole = { from: Uint8Array.of(0x08), to: Uint8Array.of(0xff, 0xff) }
    expect(keysOf(cluster.scan(router, whole).entries)).toEqual(all)
    const { entries, rest } = cluster.scan(router, whole, { reverse: true })
    expect([keysOf(entries), rest]).toEqual([all.toReversed(), undefined])
  })

  it("stops at a bound, and says what is left, which ends where a range ends, too", () => {
    for (const reverse of [false, true]) {
      for (const entriesMax of [1, 7, 13, 20, 64, 65]) {
        const found: Array<number> = []
        for (let rest: Span | undefined = span(0, 64); rest !== undefined;) {
          const scanned = cluster.scan(router, rest, { reverse, entriesMax })
          expect(scanned.entries.length).toBeLessThanOrEqual(entriesMax)
          found.push(...keysOf(scanned.entries))
          rest = scanned.rest
        }
        expect(found).toEqual(reverse ? all.toReversed() : all)
      }
    }
  })

  it("counts bytes over all ranges", () => {
    const { entries, rest } = cluster.scan(router, span(0, 64), { sizeBytesMax: 12 * 5 })
    expect([entries.length, rest]).toEqual([12, span(12, 64)])
  })

  it("passes over ranges that have nothing, and of an empty span asks nobody", () => {
    expect(cluster.scan(router, span(100, 200))).toEqual({ entries: [], rest: undefined })
    ranges.counts.asked = 0
    expect(cluster.scan(router, span(9, 9))).toEqual({ entries: [], rest: undefined })
    expect(ranges.counts.asked).toBe(0)
  })

  it("finds ranges that the router does not know, from either end", () => {
    for (const reverse of [false, true]) {
      const other = cluster.routers[reverse ? 1 : 2]
      expect(cluster.scan(other, span(0, 64), { reverse }).entries.length).toBe(64)
    }
  })
})

describe("a commit in one round", () => {
  it("is not begun where the keys that it writes or reads are in several ranges", () => {
    ranges.split(key(30))
    const commits = [
      cluster.commit(router, [put(1), put(40)]),
      cluster.commit(router, [put(1)], { keys: [key(40)] }),
      cluster.commit(router, [put(1)], { spans: [span(5, 31)] })
    ]
    for (const { error, txn, value } of commits) {
      expect([error, value, ranges.writtenBy(txn.id)]).toEqual([undefined, undefined, []])
    }
    const { txn, value: at } = cluster.commit(router, [put(1), put(29)], { keys: [key(2)], spans: [span(5, 30)] })
    expect(ranges.writtenBy(txn.id)).toEqual([1, 29].map((each) => `${Hex.of(key(each))} ${at}`))
  })

  it("is not begun when the range turns out to have been cut between them", () => {
    ranges.counts.misplaced = 0
    ranges.split(key(30))
    const { error, txn, value } = cluster.commit(router, [put(1), put(40)])
    expect([error, value, ranges.writtenBy(txn.id)]).toEqual([undefined, undefined, []])
    expect(ranges.counts.misplaced).toBe(1)
  })

  /** Of store 2; the first copy is lost, or its answer is, then `next` sees to the others. */
  const losing = (next: (send: Send) => Send["call"], arrives = false): Router => {
    let copies = 0
    return cluster.watched(2, (send) => ({
      call: (store, asking, done) => {
        if (asking.request.type !== "commit-once") return send.call(store, asking, done)
        if (copies++ > 0) return next(send)(store, asking, done)
        if (arrives) send.call(store, asking, () => {})
        cluster.after(10_000, () => done("lost", undefined))
      }
    }))
  }

  it("is unknown when the range was cut after it may have been taken", () => {
    const lossy = losing((send) => (store, asking, done) => {
      ranges.split(key(30))
      send.call(store, asking, done)
    })
    expect(cluster.commit(lossy, [put(1), put(40)]).error?._tag).toBe("Unknown")
  })

  const ending = (error: RangeError): KeyspaceError | undefined =>
    cluster.commit(
      losing(() => (_store, _asking, done) => cluster.after(1_000, () => done(error, undefined))),
      [put(1)]
    ).error

  it("is unknown when its second copy met what the first may not have met", () => {
    expect(ending(new Aborted({ txn: 1, reason: "deadlock" }))?._tag).toBe("Unknown")
    expect(ending(new Conflict({ key: key(1), at: undefined }))?._tag).toBe("Unknown")
  })

  it("has not happened when its second copy met what every copy meets", () => {
    expect(ending(new Conflict({ key: key(1), at: 5 }))?._tag).toBe("Conflict")
    expect(ending(new TooOld({ at: 1, floor: 2 }))?._tag).toBe("TooOld")
  })

  it("is found by its second copy when the first took effect", () => {
    ranges.move(key(1), 1)
    const first = losing((send) => (store, asking, done) => send.call(store, asking, done), true)
    const { txn, value: at } = cluster.commit(first, [put(1)])
    expect(at).toBeGreaterThan(txn.id)
    expect(ranges.writtenBy(txn.id)).toEqual([`${Hex.of(key(1))} ${at}`])
  })
})

describe("locks of several ranges", () => {
  it("answer with values that are in force at one time", () => {
    ranges.split(key(30))
    cluster.get(router, [1, 40])
    // The second range is long in answering; meanwhile the value of the first is written over, by somebody who takes no lock.
    const slow = cluster.watched(1, (send) => ({
      submit: (asking, done) => {
        const { request } = asking
        const isSecond = request.type === "lock" && keyOf(request.keys[0]) === 40
        cluster.after(isSecond ? 100_000 : 0, () => send.submit(asking, done))
      }
    }))
    const txn = cluster.txn(key(1))
    const { value: locked } = cluster.run<Locked>((done) => {
      slow.lock(txn, [key(1), key(40)], "exclusive", asked, done)
      cluster.pass(50_000)
      cluster.commit(router, [put(1, 999)])
    })
    expect(contentsOf(locked.values)).toEqual([999, 40])
    expect(locked.values).toEqual([1, 40].map((each) => ranges.valueAt(key(each), locked.at)))
  })
})

describe("what is asked", () => {
  it("is tried until the deadline, and has not happened when nobody can have taken it", () => {
    const cut = cluster.watched(1, () => ({
      call: (_store, _asking, done) => cluster.after(100, () => done("unconnected", undefined)),
      stores: () => [2, 3]
    }))
    cut.locations.put({
      descriptor: ranges.rangeOf(key(1)).descriptor,
      stores: [2, 3],
      leaseholder: 2,
      isSettled: false
    })
    const before = cluster.clock.now
    const { error } = cluster.commit(cut, [put(1)])
    const micros = cluster.clock.now - before
    expect([error?._tag, micros >= 5 * second, micros < 5.5 * second]).toEqual(["Unavailable", true, true])
  })

  it("is unknown at its deadline when it may have been taken, and unavailable when it leaves nothing behind", () => {
    ranges.move(key(1), 2)
    const lossy = cluster.watched(1, () => ({
      call: (_store, _asking, done) => cluster.after(100, () => done("lost", undefined))
    }))
    lossy.locations.put({
      descriptor: ranges.rangeOf(key(1)).descriptor,
      stores: [2, 3],
      leaseholder: 2,
      isSettled: false
    })
    ranges.move(Uint8Array.of(0), 1)
    expect(cluster.commit(lossy, [put(1)]).error?._tag).toBe("Unknown")
    expect(cluster.get(lossy, [1]).error?._tag).toBe("Unavailable")
  })

  it("ends in time although a range never answers, and the late answer is nobody's", () => {
    const late: Array<() => void> = []
    const silent = cluster.watched(1, (send) => ({
      submit: (asking, done) => void late.push(() => send.submit(asking, done))
    }))
    silent.locations.put({
      descriptor: ranges.rangeOf(key(1)).descriptor,
      stores: [1],
      leaseholder: 1,
      isSettled: false
    })
    expect(cluster.commit(silent, [put(1)]).error?._tag).toBe("Unknown")
    for (const each of late) each()
    cluster.pass(second)
  })

  it("goes to another replica when the leaseholder is gone, and learns who leads now", () => {
    ranges.move(key(1), 3)
    cluster.get(router, [1])
    let asks = 0
    const two = cluster.watched(1, (send) => ({
      call: (store, asking, done) => {
        if (store === 3) return cluster.after(100, () => done("unconnected", undefined))
        asks++
        send.call(store, asking, done)
      }
    }))
    two.locations.put({
      descriptor: ranges.rangeOf(key(1)).descriptor,
      stores: [1, 2, 3],
      leaseholder: 3,
      isSettled: false
    })
    ranges.move(key(1), 2)
    expect(contentsOf(cluster.get(two, [1]).value)).toEqual([1])
    asks = 0
    cluster.get(two, [1])
    expect(asks).toBe(1)
  })

  it("finds the one store of many that has a range, asks none twice before all were asked, and remembers it", () => {
    ranges.move(Uint8Array.of(0), 3)
    const strangers: Array<number> = []
    const know = (store: number, { range }: Asking, done: (error: RangeError, response: undefined) => void): void => {
      strangers.push(store)
      done(new NotLeaseholder({ range, leaseholder: undefined }), undefined)
    }
    const newcomer = cluster.watched(1, (send) => ({
      stores: () => [1, 2, 3, 4, 5, 6, 7],
      submit: (asking, done) => know(1, asking, done),
      call: (store, asking, done) => {
        if (store === 3) send.call(store, asking, done)
        else cluster.after(100, () => know(store, asking, done))
      }
    }))
    const before = cluster.clock.now
    for (let round = 0; round < 5; round++) {
      cluster.run<Timestamp>((done) => newcomer.timestamp(second, done))
      expect(new Set(strangers).size).toBe(strangers.length)
    }
    expect(strangers[0]).toBe(1)
    expect(cluster.clock.now - before).toBeLessThan(50_000)
  })

  it("finds a key whose range is published late", () => {
    ranges.publishes = false
    ranges.split(key(30))
    const other = cluster.routers[2]
    other.locations.put({
      descriptor: ranges.rangeOf(key(1)).descriptor,
      stores: [1, 2, 3],
      leaseholder: undefined,
      isSettled: false
    })
    let found: ReadonlyArray<Value> = []
    other.get([key(1), key(40)], ranges.timestamp(), asked, (_, values) => (found = values))
    cluster.pass(second)
    ranges.publishes = true
    ranges.publishAll()
    cluster.pass(second)
    expect(contentsOf(found)).toEqual([1, 40])
  })

  it("says to every range who waits", () => {
    const waiters: Array<number | undefined> = []
    const watched = cluster.watched(1, (send) => ({
      submit: (asking, done) => {
        if (asking.request.type === "get") waiters.push(asking.waiter?.id)
        send.submit(asking, done)
      }
    }))
    const waiter = cluster.txn(key(1))
    cluster.run((done) => watched.get([key(1)], waiter.id, { ...asked, waiter }, done))
    expect(waiters).toEqual([waiter.id])
  })

  it("gets timestamps of its own, later than all before", () => {
    const got = new Set<Timestamp>()
    for (let round = 0; round < 20; round++) {
      const before = ranges.now
      const { value: at } = cluster.run<Timestamp>((done) => cluster.routers[round % 3].timestamp(second, done))
      expect(at).toBeGreaterThan(before)
      got.add(at)
    }
    expect(got.size).toBe(20)
  })
})
