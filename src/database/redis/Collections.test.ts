import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { HashValue } from "./HashValue.ts"
import { compareIntegers, SetValue } from "./SetValue.ts"
import { SortedSetValue } from "./SortedSetValue.ts"
import type { Value } from "./Value.ts"

/** What is stored of a value: what `persist` hands out, put there. */
class Store {
  readonly elements = new Map<string, string>()
  /** Elements handed out so far. */
  handed = 0

  put(sub: string, bytes: string): void {
    this.elements.set(sub, bytes)
    this.handed += 1
  }

  remove(sub: string): void {
    this.elements.delete(sub)
    this.handed += 1
  }

  sorted(): ReadonlyArray<readonly [string, string]> {
    return [...this.elements].sort(([left], [right]) => (left < right ? -1 : 1))
  }
}

const names = fc.nat(40).map((n) => `n${n}`)
const change = fc.record({ name: names, score: fc.double({ noNaN: true }), isRemoval: fc.boolean() })
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

/** A kind of value: how it is changed and read. */
interface Kind<V extends Value> {
  readonly make: () => V
  readonly load: (head: string, elements: Iterable<readonly [string, string]>) => V
  readonly put: (value: V, change: Change) => void
  readonly remove: (value: V, name: string) => void
  readonly read: (value: V) => unknown
}

const bySub = (entries: Iterable<readonly [string, unknown]>): ReadonlyArray<readonly [string, unknown]> =>
  [...entries].sort(([left], [right]) => (left < right ? -1 : 1))

const hash: Kind<HashValue> = {
  make: () => new HashValue(),
  load: (head, elements) => HashValue.load(head, elements),
  put: (value, { name, score }) => value.set(name, `${score}`),
  remove: (value, name) => value.delete(name),
  read: (value) => bySub(value.fields)
}

const set: Kind<SetValue> = {
  make: () => new SetValue(),
  load: (head, elements) => SetValue.load(head, elements),
  put: (value, { name }) => value.add(name),
  remove: (value, name) => value.delete(name),
  read: (value) => bySub(value.members)
}

const sortedSet: Kind<SortedSetValue> = {
  make: () => new SortedSetValue(),
  load: (head, elements) => SortedSetValue.load(head, elements),
  put: (value, { name, score }) => value.set(name, score),
  remove: (value, name) => value.delete(name),
  read: (value) => {
    const entries: Array<readonly [string, number]> = []
    value.visit(0, value.size, false, (member, score) => entries.push([member, score]))
    expect(bySub(entries)).toEqual(bySub(value.scores))
    return entries
  }
}

const expectStored = <V extends Value>({ load, make, put, read, remove }: Kind<V>): void => {
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 20 }), { maxLength: 8 }), (rounds) => {
      const value = make()
      const store = new Store()
      for (const round of rounds) {
        const { handed } = store
        for (const step of round) {
          if (step.isRemoval) remove(value, step.name)
          else put(value, step)
        }
        value.persist(store, false)
        expect(store.handed - handed).toBeLessThanOrEqual(round.length)
        const loaded = load(value.head(), store.sorted())
        expect(read(loaded)).toEqual(read(value))
        expect([loaded.size, loaded.encoding]).toEqual([value.size, value.encoding])
        const copy = value.clone() as V
        expect(read(copy)).toEqual(read(value))
        const whole = new Store()
        copy.persist(whole, false)
        expect(whole.sorted()).toEqual(store.sorted())
        // A value that was loaded knows that it is stored.
        loaded.persist(whole, false)
        expect(whole.handed).toBe(value.size)
        loaded.persist(whole, true)
        expect(whole.handed).toBe(2 * value.size)
      }
    })
  )
}

describe("a hash", () => {
  it("is stored by what has changed, and loaded as it was", () => {
    expect.hasAssertions()
    expectStored(hash)
  })

  it("is a listpack up to either bound, and a hashtable from there on", () => {
    const value = new HashValue()
    value.set("f", "x".repeat(64))
    value.settle(1, 64)
    expect(value.encoding).toBe("listpack")
    value.set("g", "")
    value.settle(1, 64)
    value.delete("g")
    value.settle(1, 64)
    expect([value.encoding, value.clone().encoding]).toEqual(["hashtable", "hashtable"])
    const wide = new HashValue()
    wide.set("x".repeat(65), "")
    wide.settle(1, 64)
    expect(wide.encoding).toBe("hashtable")
  })
})

describe("a set", () => {
  it("is stored by what has changed, and loaded as it was", () => {
    expect.hasAssertions()
    expectStored(set)
  })

  it("takes exactly the 64-bit integers as Redis writes them for integers", () => {
    const encodingOf = (member: string): string => {
      const value = new SetValue()
      value.add(member)
      return value.encoding
    }
    for (const member of ["0", "1", "-1", "9223372036854775807", "-9223372036854775808"]) {
      expect([member, encodingOf(member)]).toEqual([member, "intset"])
    }
    for (const member of [
      "",
      "-",
      "-0",
      "01",
      "+1",
      "1.0",
      " 1",
      "9223372036854775808",
      "-9223372036854775809",
      "1e3"
    ]) {
      expect([member, encodingOf(member)]).toEqual([member, "hashtable"])
    }
  })

  it("orders integers as the numbers that they are", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.bigInt({ min: -1_000n, max: 1_000n }),
        (a, b) => {
          expect(Math.sign(compareIntegers(`${a}`, `${b}`))).toBe(a < b ? -1 : a > b ? 1 : 0)
        }
      ),
      { examples: [[-5n, -5n]] }
    )
  })

  it("is an intset in the order of its numbers until something else is in it, or too much", () => {
    const value = new SetValue()
    for (const member of ["10", "-3", "2"]) value.add(member)
    value.settle(3)
    expect([value.encoding, value.list()]).toEqual(["intset", ["-3", "2", "10"]])
    const copy = value.clone()
    value.add("4")
    value.settle(3)
    expect(value.encoding).toBe("hashtable")
    copy.add("x")
    copy.delete("x")
    expect([copy.encoding, copy.list()]).toEqual(["hashtable", ["10", "-3", "2"]])
  })
})

describe("a sorted set", () => {
  it("is stored by what has changed, and loaded as it was", () => {
    expect.hasAssertions()
    expectStored(sortedSet)
  })

  it("keeps the sign of zero as Redis does: not in a listpack, and at the same place as any zero", () => {
    const value = new SortedSetValue()
    value.set("b", -0)
    value.set("a", -0)
    value.settle(1, 64)
    value.set("a", -0)
    expect(sortedSet.read(value)).toEqual([
      ["a", -0],
      ["b", 0]
    ])
  })

  it("is a listpack when it was computed, and fits in one", () => {
    for (const [entriesMax, encoding, zero] of [
      [2, "listpack", 0],
      [1, "skiplist", -0]
    ] as const) {
      const value = SortedSetValue.result()
      value.set("a", -0)
      value.set("b", 1)
      value.compact(entriesMax, 64)
      expect([value.encoding, sortedSet.read(value)]).toEqual([
        encoding,
        [
          ["a", zero],
          ["b", 1]
        ]
      ])
    }
  })

  it("is a listpack up to either bound, and a skiplist from there on", () => {
    const value = new SortedSetValue()
    value.set("x".repeat(64), 1)
    value.settle(1, 64)
    expect(value.encoding).toBe("listpack")
    value.set("y", 1)
    value.settle(1, 64)
    expect(value.encoding).toBe("skiplist")
  })
})
