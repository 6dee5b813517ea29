import { describe, expect, it } from "vitest"
import type { Operation } from "#sim/run/History.ts"
import type { Judge } from "#sim/run/Judge.ts"
import type * as Client from "./Client.ts"
import * as Judges from "./Judges.ts"
import type { Isolation } from "#txn/Attempt.ts"
import { balanceAtFirst, type Seen, type Step } from "./Step.ts"

type Done = Operation<Client.Operation, Client.Value>

const sight = { nodes: 1, clients: 1, options: {}, durable: () => undefined, damaged: () => false }
const isolation: Isolation = "strict-serializable"

/** Each begins when the one before is over, and is committed at one after its own first timestamp. */
const transactions = (...steps: ReadonlyArray<readonly [step: Step, seen: Seen]>): ReadonlyArray<Done> =>
  steps.map(([step, seen], index) => ({
    process: 0,
    client: 0,
    operation: { type: "run", isolation, isLocked: false, steps: [step] },
    invokedAt: 10 * index,
    completedAt: 10 * index + 5,
    outcome: {
      type: "ok",
      value: { id: 10 * index + 1, follows: false, at: 10 * index + 2, attempts: 1, seen: [seen] }
    },
    final: false
  }))

const at = (done: Done, value: { readonly id: number; readonly at: number; readonly follows?: boolean }): Done => ({
  ...done,
  outcome: { type: "ok", value: { follows: false, attempts: 1, seen: [null], ...value } }
})

/** The first thing that breaks; undefined: nothing. */
const verdict = (judge: Judge<Client.Operation, Client.Value>, history: ReadonlyArray<Done>): string | undefined => {
  const judging = judge.make(sight)
  for (const done of history) {
    const violation = judging.completed?.(done, done.completedAt)
    if (violation !== undefined) return violation.detail
  }
  const finished = judging.finish?.(history)
  return finished === undefined || typeof finished === "string" ? undefined : finished.detail
}

const put = (key: number, value: number): readonly [Step, Seen] => [{ type: "put", key, value }, null]

const scan = (...seen: ReadonlyArray<Seen>): readonly [Step, Seen] => [
  { type: "scan", keys: seen.map((_, key) => key), reverse: false },
  seen
]

describe("timestamps are broken", () => {
  const [first, second] = transactions(put(1, 1), put(1, 2))
  const broken = (...history: ReadonlyArray<Done>) => verdict(Judges.timestamps, history)

  it("by nothing in order", () => {
    expect(broken(first, second)).toBe(undefined)
  })

  it("by one that is given twice", () => {
    expect(broken(first, at({ ...second, invokedAt: 0 }, { id: 1, at: 9 }))).toBe("timestamp 1 is given twice")
    expect(broken(first, at({ ...second, invokedAt: 0 }, { id: 1.5, at: 2 }))).toBe("timestamp 2 is given twice")
  })

  it("but not by one that begins where another was committed, whichever is answered first", () => {
    const follows = at(second, { id: 2, at: 12, follows: true })
    expect(broken(first, follows)).toBe(undefined)
    expect(broken(follows, { ...first, completedAt: 30 })).toBe(undefined)
  })

  it("by two that begin where one was committed, or one that is committed before what was answered", () => {
    const follows = at(second, { id: 2, at: 12, follows: true })
    expect(broken(first, follows, at({ ...second, invokedAt: 0 }, { id: 2, at: 13, follows: true }))).toBe(
      "timestamp 2 is given twice"
    )
    expect(broken(at(first, { id: 1, at: 20 }), at(second, { id: 2, at: 12, follows: true }))).toContain(
      "began after another was answered"
    )
  })

  it("by who begins after a commit was answered, and does not see it", () => {
    expect(broken(first, at(second, { id: 1.5, at: 9 }))).toContain("began after another was answered")
  })

  it("by a write that is committed when it began", () => {
    expect(broken(at(first, { id: 3, at: 3 }))).toBe("transaction 3 is committed at 3")
  })
})

it("a bank is broken by a read that has lost money, and by one below zero", () => {
  const read = (...balances: ReadonlyArray<Seen>) => verdict(Judges.bank(3), transactions(scan(...balances)))
  expect(read(null, balanceAtFirst - 10, balanceAtFirst + 10)).toBe(undefined)
  expect(read(null, balanceAtFirst - 10, null)).toContain("wrong-total")
  expect(read(null, -1, 2 * balanceAtFirst + 1)).toContain("negative-value")
})

it("a ring is broken by a shorter one beside it", () => {
  const read = (...next: ReadonlyArray<Seen>) => verdict(Judges.ring(4), transactions(scan(...next)))
  expect(read(null, null, null, null)).toBe(undefined)
  expect(read(2, 3, 1, null)).toBe(undefined)
  expect(read(1, 0, 3, 2)).toContain("a ring of 2 instead of 4")
})

it("a pair is broken when both are gone", () => {
  const leave = (...seen: ReadonlyArray<Seen>) =>
    verdict(Judges.onCall, transactions([{ type: "leave", key: 0, other: 1 }, seen]))
  expect(leave(1, 0)).toBe(undefined)
  expect(leave(0, 0)).toContain("both of a pair gone")
  expect(verdict(Judges.onCall, transactions(scan(0, 1, 0, 0)))).toContain("both of a pair gone")
})

describe("what steps do, in the words of Elle", () => {
  const judged = (level: string, ...steps: ReadonlyArray<readonly [Step, Seen]>) =>
    verdict(Judges.elle("list-append", level), transactions(...steps))
  const append = (value: number, before: Seen): readonly [Step, Seen] => [{ type: "append", key: 0, value }, before]

  it("are appends that read what was before them", () => {
    expect(judged("strict-serializable", append(1, null), append(2, [1]), scan([1, 2]))).toBe(undefined)
    expect(judged("strict-serializable", append(1, null), append(2, null), scan([2]))).toContain("lost-update")
  })

  it("are reads of all keys of a scan, those without a value too", () => {
    expect(judged("strict-serializable", append(1, null), scan(null, null))).toContain("G-single")
  })
})
