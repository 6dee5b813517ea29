/**
 * Elle judges itself: histories of a store of known isolation are never refused at its level; changed ones are refused; and
 * on tiny histories the verdicts are those of the definitions, which try every order.
 */
import * as fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import type { Value } from "#sim/judges/Value.ts"
import * as BruteForce from "./BruteForce.ts"
import * as Elle from "./Elle.ts"
import * as Mvcc from "./Mvcc.ts"
import type { Kind } from "./Transactions.ts"

const drawOf = (choices: ReadonlyArray<number>): Mvcc.Draw => {
  let at = 0
  // Past its end the list goes on differently each time, so that no draw repeats for ever.
  return (bound) => (choices[at % choices.length]! + Math.floor(at++ / choices.length) * 7919) % bound
}
const choices = fc.array(fc.nat(5039), { minLength: 8, maxLength: 120 })

const kinds: ReadonlyArray<Kind> = ["list-append", "rw-register"]
const levelOf: Readonly<Record<Mvcc.Isolation, string>> = {
  serializable: "strict-serializable",
  snapshot: "strong-snapshot-isolation",
  "read-committed": "read-committed"
}

const rates = { valid: 0, validRefused: 0, changed: 0, changedRefused: 0, compared: 0, invalid: 0 }
afterAll(() => {
  process.stdout.write(
    `elle: ${rates.validRefused} of ${rates.valid} valid histories refused; ${rates.changedRefused} of ${rates.changed} broken ones refused; ` +
      `${rates.compared} tiny ones compared with the definitions, ${rates.invalid} of them invalid\n`
  )
})

const generate = (kind: Kind, isolation: Mvcc.Isolation, draw: Mvcc.Draw, transactions: number, stepsMax = 4) =>
  Mvcc.generate(
    {
      kind,
      isolation,
      transactions,
      clients: 1 + draw(5),
      keys: 1 + draw(4),
      stepsMax,
      failedPercent: draw(2) * 15,
      unknownPercent: draw(3) === 0 ? 15 : 0
    },
    draw
  )

const judge = (rows: ReadonlyArray<Mvcc.Row>, kind: Kind, consistency: string) =>
  Elle.check(Mvcc.build(rows), { model: kind, consistency })

describe.each(kinds)("a %s history", (kind) => {
  it.each(Object.entries(levelOf))("of a %s store is never refused as %s", (isolation, level) => {
    fc.assert(
      fc.property(choices, (list) => {
        const draw = drawOf(list)
        const rows = generate(kind, isolation as Mvcc.Isolation, draw, 1 + draw(60))
        const { valid } = judge(rows, kind, level)
        rates.valid += 1
        if (valid === false) rates.validRefused += 1
        expect(valid).toBe(rows.some((row) => row.outcome === "ok") ? true : "unknown")
      }),
      { numRuns: 300, seed: 11 }
    )
  })

  it.each(Object.keys(breaks))("is refused even as read committed after this: %s", (name) => {
    fc.assert(
      fc.property(choices, (list) => {
        const draw = drawOf(list)
        const rows = breaks[name]!(generate(kind, "serializable", draw, 20 + draw(40)), kind, draw)
        if (rows === undefined) return
        const { valid } = judge(rows, kind, "read-committed")
        rates.changed += 1
        if (valid === false) rates.changedRefused += 1
        expect(valid).toBe(false)
      }),
      { numRuns: 200, seed: 12 }
    )
  })

  it("is refused as snapshot isolation after an update was lost", () => {
    fc.assert(
      fc.property(choices, (list) => {
        const draw = drawOf(list)
        const rows = loseUpdate(generate(kind, "serializable", draw, 5 + draw(40)), kind)
        const { valid } = judge(rows, kind, "snapshot-isolation")
        rates.changed += 1
        if (valid === false) rates.changedRefused += 1
        expect(valid).toBe(false)
      }),
      { numRuns: 200, seed: 13 }
    )
  })

  it("is judged as the definitions judge it, whatever its reads were changed to", () => {
    fc.assert(
      fc.property(choices, (list) => {
        const draw = drawOf(list)
        const isolation = (["serializable", "snapshot", "read-committed"] as const)[draw(3)]!
        const rows = mixReads(generate(kind, isolation, draw, 2 + draw(4), 3), kind, draw, draw(3))
        if (!rows.some((row) => row.outcome === "ok")) return
        for (const [consistency, question] of questions) {
          const expected = BruteForce.holds(rows, { ...question, kind })
          const verdict = judge(rows, kind, consistency)
          rates.compared += 1
          if (!expected) rates.invalid += 1
          expect([consistency, verdict.valid]).toEqual([consistency, expected])
        }
      }),
      { numRuns: 1500, seed: 14 }
    )
  })
})

const questions: ReadonlyArray<readonly [string, Omit<BruteForce.Question, "kind">]> = [
  ["strict-serializable", { level: "serial", sessions: true, realtime: true }],
  ["strong-session-serializable", { level: "serial", sessions: true, realtime: false }],
  ["serializable", { level: "serial", sessions: false, realtime: false }],
  ["strong-snapshot-isolation", { level: "snapshot", sessions: true, realtime: true }],
  ["strong-session-snapshot-isolation", { level: "snapshot", sessions: true, realtime: false }],
  ["snapshot-isolation", { level: "snapshot", sessions: false, realtime: false }]
]

describe("a history of registers without real time", () => {
  it("is judged at the weak levels as their axioms judge it", () => {
    fc.assert(
      fc.property(choices, (list) => {
        const draw = drawOf(list)
        const shape = { kind: "rw-register", isolation: "read-committed", keys: 1 + draw(3), stepsMax: 3 } as const
        const made = { transactions: 2 + draw(7), clients: 1 + draw(4), failedPercent: 0, unknownPercent: 0 }
        const rows = writeOnce(mixReads(Mvcc.generate({ ...shape, ...made }, draw), "rw-register", draw, draw(6)))
        const history = Mvcc.build(rows, "process")
        for (const [consistency, level] of weakLevels) {
          const { counts, valid } = Elle.check(history, { model: "rw-register", consistency })
          // What a transaction does to itself is not of these axioms.
          if (["internal", "future-read", "garbage-read"].some((type) => counts[type] !== undefined)) return
          const expected = BruteForce.holdsWeakly(rows, level)
          rates.compared += 1
          if (!expected) rates.invalid += 1
          expect([consistency, valid]).toEqual([consistency, expected])
        }
      }),
      { numRuns: 3000, seed: 15 }
    )
  })
})

const weakLevels = [
  ["RC", "read-committed"],
  ["RA", "read-atomic"],
  ["CC", "causal"]
] as const

/** Keeps of each transaction one write a key, so that nobody can read an intermediate one. */
const writeOnce = (rows: ReadonlyArray<Mvcc.Row>): ReadonlyArray<Mvcc.Row> => {
  const kept = (steps: Mvcc.Row["done"]): Mvcc.Row["done"] =>
    steps.filter(
      ([name, key], at) => name === "r" || !steps.slice(at + 1).some((step) => step[0] !== "r" && step[1] === key)
    )
  const once = rows.map((row) => ({ ...row, asked: kept(row.asked), done: kept(row.done) }))
  const left = new Set(once.flatMap((row) => row.done.flatMap(([name, , value]) => (name === "r" ? [] : [value]))))
  const seen = (step: ReadonlyArray<Value>): ReadonlyArray<Value> =>
    step[0] === "r" && !left.has(step[2]) ? ["r", step[1]!, null] : step
  return once.map((row) => ({ ...row, done: row.done.map(seen) }))
}

type Break = (rows: ReadonlyArray<Mvcc.Row>, kind: Kind, draw: Mvcc.Draw) => ReadonlyArray<Mvcc.Row> | undefined

/** Changes one read of a committed transaction that saw something (`longest`: several elements). */
const changeRead = (
  rows: ReadonlyArray<Mvcc.Row>,
  draw: Mvcc.Draw,
  admits: (value: Value) => boolean,
  change: (value: Value, key: Value) => Value
): ReadonlyArray<Mvcc.Row> | undefined => {
  const places = rows.flatMap((row, at) =>
    row.outcome !== "ok"
      ? []
      : row.done.flatMap((step, index) => (step[0] === "r" && admits(step[2]!) ? [{ at, index }] : []))
  )
  if (places.length === 0) return undefined
  const { at, index } = places[draw(places.length)]!
  const row = rows[at]!
  const step = row.done[index]!
  const done = row.done.with(index, ["r", step[1]!, change(step[2]!, step[1]!)])
  return rows.with(at, { ...row, done })
}

const last = (rows: ReadonlyArray<Mvcc.Row>): number => Math.max(...rows.map((row) => row.return)) + 1

const invented = 1_000_000

const breaks: Readonly<Record<string, Break>> = {
  "a read saw a value that nobody wrote": (rows, kind, draw) =>
    changeRead(
      rows,
      draw,
      () => true,
      (value) => (kind === "list-append" ? [...(value as ReadonlyArray<Value>), invented] : invented)
    ),
  "a read saw the write of a transaction that failed": (rows, kind) => {
    const at = last(rows)
    const write = [[kind === "list-append" ? "append" : "w", 0, invented]]
    const seen = kind === "list-append" ? [invented] : invented
    return [
      ...rows,
      { process: 900, outcome: "failed", asked: write, done: write, call: at, return: at + 1 },
      { process: 901, outcome: "ok", asked: [["r", 0, null]], done: [["r", 0, seen]], call: at + 2, return: at + 3 }
    ]
  },
  "a list has an element twice": (rows, kind, draw) =>
    kind === "list-append"
      ? changeRead(rows, draw, isLong, (value) => [
          ...(value as ReadonlyArray<Value>),
          (value as ReadonlyArray<Value>)[0]!
        ])
      : undefined,
  "two reads saw elements in different orders": (rows, kind, draw) => {
    if (kind !== "list-append") return undefined
    let read: ReadonlyArray<Value> = []
    const changed = changeRead(rows, draw, isLong, (value) => {
      const list = value as ReadonlyArray<Value>
      read = list
      return list.toReversed()
    })
    // Somebody must still have seen the right order.
    const others = changed?.flatMap((row) => (row.outcome === "ok" ? row.done : [])) ?? []
    const agrees = others.some(
      ([name, , value]) => name === "r" && isLong(value!) && (value as ReadonlyArray<Value>)[0] === read[0]
    )
    return agrees ? changed : undefined
  }
}

const isLong = (value: Value): boolean => Array.isArray(value) && value.length > 1

/** Two more transactions that read a key's last state and write it, both of them on what they read. */
const loseUpdate = (rows: ReadonlyArray<Mvcc.Row>, kind: Kind): ReadonlyArray<Mvcc.Row> => {
  const key = 77
  const at = last(rows)
  const write = kind === "list-append" ? "append" : "w"
  const update = (process: number, value: number): Mvcc.Row => ({
    process,
    outcome: "ok",
    asked: [
      ["r", key, null],
      [write, key, value]
    ],
    done: [
      ["r", key, kind === "list-append" ? [] : null],
      [write, key, value]
    ],
    call: at + process - 900,
    return: at + process - 890
  })
  return [...rows, update(900, invented), update(901, invented + 1)]
}

/** Changes some reads to other states that the key has had in somebody's eyes. */
const mixReads = (
  rows: ReadonlyArray<Mvcc.Row>,
  kind: Kind,
  draw: Mvcc.Draw,
  changes: number
): ReadonlyArray<Mvcc.Row> => {
  let mixed = rows
  for (let change = 0; change < changes; change += 1) {
    const next = changeRead(
      mixed,
      draw,
      () => true,
      (_, key) => {
        const values = rows.flatMap((row) =>
          row.done.flatMap(([name, one, value]) => (name !== "r" && one === key ? [value!] : []))
        )
        const count = draw(values.length + 1)
        if (kind === "list-append") return values.slice(0, count)
        return values[count] ?? null
      }
    )
    if (next !== undefined) mixed = next
  }
  return mixed
}
