import { describe, expect, it } from "vitest"
import * as Invariants from "./Invariants.ts"
import type { Written } from "./Observed.ts"

/** Commands of one range, told one after the other. */
const range = () => {
  const check = Invariants.check()
  let index = 0
  let broken: string | undefined
  const write = (part: Partial<Written>, atMicros = 0): void => {
    const written = { floor: 0, records: [], intents: [], cleared: [], versions: [], ...part }
    index += 1
    broken ??= check.write(2, index, written, atMicros)
    // Other replicas apply it, too.
    broken ??= check.write(2, index, written, atMicros)
  }
  const all = {
    check,
    write,
    once: (txn: number, at: number, ...keys: ReadonlyArray<string>) =>
      write({ records: [{ txn, at, keys: [] }], versions: keys.map((key) => ({ key, at })) }),
    prepare: (txn: number, ...keys: ReadonlyArray<string>) => write({ intents: keys.map((key) => ({ key, txn })) }),
    decide: (txn: number, at: number, ...keys: ReadonlyArray<string>) => write({ records: [{ txn, at, keys }] }),
    resolve: (at: number, ...keys: ReadonlyArray<string>) =>
      write({ cleared: keys, versions: at === 0 ? [] : keys.map((key) => ({ key, at })) }),
    get broken() {
      return broken
    }
  }
  return all
}

it("nothing is broken by commits in one round and in two phases, nor by aborts", () => {
  const all = range()
  all.once(1, 2, "a", "b")
  all.prepare(3, "a", "c")
  all.prepare(4, "d")
  all.decide(3, 5, "a", "c")
  all.decide(4, 0)
  all.resolve(5, "a", "c")
  all.resolve(0, "d")
  // Forgotten, and told again.
  all.decide(3, 5)
  expect(all.broken).toBe(undefined)
})

describe("a transaction is decided once: broken", () => {
  it("by another outcome", () => {
    const all = range()
    all.prepare(3, "a")
    all.decide(3, 5, "a")
    all.decide(3, 0)
    expect(all.broken).toBe("decided once: transaction 3 is committed at 5, and then aborted")
  })

  it("by another timestamp", () => {
    const all = range()
    all.once(3, 5, "a")
    all.once(3, 6, "a")
    expect(all.broken).toBe("decided once: transaction 3 is committed at 5, and then committed at 6")
  })
})

it("prepared before decided is broken by a commit without one of its intents", () => {
  const all = range()
  all.prepare(3, "a")
  all.decide(3, 5, "a", "b")
  expect(all.broken).toBe("prepared before decided: transaction 3 is committed without an intent on b")
})

it("one timestamp a commit is broken by two", () => {
  const all = range()
  all.once(1, 5, "a")
  all.once(2, 5, "b")
  expect(all.broken).toBe("one timestamp a commit: transactions 1 and 2 are committed at 5")
})

it("commits are later than what they read", () => {
  const all = range()
  all.once(5, 5, "a")
  expect(all.broken).toContain("transaction 5 is committed at 5")
})

describe("intents are passed by nobody: broken", () => {
  it("by another intent", () => {
    const all = range()
    all.prepare(3, "a")
    all.prepare(4, "a")
    expect(all.broken).toBe("one intent a key: transaction 4 lays one on a, where that of 3 is")
  })

  it("by a version of another transaction", () => {
    const all = range()
    all.prepare(3, "a")
    all.once(4, 5, "a")
    expect(all.broken).toBe("transaction 4 writes over the intent of 3 on a")
  })

  it("by a version that leaves the intent there", () => {
    const all = range()
    all.prepare(3, "a")
    all.decide(3, 5, "a")
    all.write({ versions: [{ key: "a", at: 5 }] })
    expect(all.broken).toBe("the intent of 3 on a stays behind its version")
  })
})

describe("an intent goes as its transaction was decided: broken", () => {
  it("by one that goes before", () => {
    const all = range()
    all.prepare(3, "a")
    all.resolve(0, "a")
    expect(all.broken).toBe("the intent of 3 on a is taken away, and the transaction is undecided")
  })

  it("by one that goes without a version", () => {
    const all = range()
    all.prepare(3, "a")
    all.decide(3, 5, "a")
    all.resolve(0, "a")
    expect(all.broken).toBe("the intent of 3 on a is taken away, and the transaction is committed at 5")
  })

  it("by a version of an aborted transaction", () => {
    const all = range()
    all.prepare(3, "a")
    all.decide(3, 0)
    all.resolve(5, "a")
    expect(all.broken).toBe("a gets a version at 5, when nobody is committed")
  })
})

it("what is too old to be decided is aborted, and is not committed any more", () => {
  const all = range()
  all.prepare(3, "a", "b")
  all.write({ floor: 4 })
  all.resolve(0, "a")
  expect(all.broken).toBe(undefined)
  all.decide(3, 5, "b")
  expect(all.broken).toBe("decided once: transaction 3 is aborted, and then committed at 5")
})

it("versions rise is broken by one below the last", () => {
  const all = range()
  all.once(1, 5, "a")
  all.once(2, 4, "a")
  expect(all.broken).toBe("versions rise: a gets one at 4 over that at 5")
})

it("a read of everything leaves no intent that it met", () => {
  const all = range()
  const lay = (txn: number, key: string, atMicros: number): void => all.write({ intents: [{ key, txn }] }, atMicros)
  lay(3, "a", 10)
  lay(4, "b", 30)
  lay(9, "c", 10)
  expect(all.check.left({ invokedAt: 20, id: 5 })).toEqual(["a (transaction 3)"])
})
