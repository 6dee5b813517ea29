/** Elle as a whole: sizes, the judge of scenarios, and the verdicts of published histories. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as Format from "#sim/judges/formats/Format.ts"
import * as History from "#sim/judges/History.ts"
import * as Elle from "./Elle.ts"
import * as Mvcc from "./Mvcc.ts"

/** A store that appends in the order of a counter: `count` transactions, each of one append and one read. */
const long = (count: number, wrongAt = -1): History.History => {
  const builder = new History.Builder()
  let list: ReadonlyArray<number> = []
  for (let index = 0; index < count; index += 1) {
    const key = Math.floor(index / 16)
    list = index % 16 === 0 ? [index] : [...list, index]
    const seen = index === wrongAt ? [] : list
    const asked = [
      ["append", key, index],
      ["r", key, null]
    ]
    builder.invoke(index % 7, "txn", asked)
    builder.complete(index % 7, "ok", [asked[0]!, ["r", key, index === wrongAt ? seen : list]])
  }
  return builder.build()
}

describe("a long history", () => {
  it("overflows no stack, be it one chain of half a million transactions or one cycle through them", () => {
    expect(Elle.check(long(500_000), { model: "list-append" }).valid).toBe(true)
    const builder = new History.Builder()
    const count = 200_000
    // Each transaction reads what the next one wrote, and the last what the first did: one knot of all of them.
    for (let index = 0; index < count; index += 1) builder.invoke(index, "txn", [])
    for (let index = 0; index < count; index += 1) {
      const next = (index + 1) % count
      builder.complete(index, "ok", [
        ["append", index, 1],
        ["r", next, [1]]
      ])
    }
    const verdict = Elle.check(builder.build(), { model: "list-append", consistency: "serializable" })
    expect(verdict).toMatchObject({ valid: false, not: ["read-committed"] })
  }, 120_000)

  it("has its one wrong read found", () => {
    const { valid, counts } = Elle.check(long(20_000, 12_345), { model: "list-append" })
    expect(valid).toBe(false)
    expect(counts).toMatchObject({ internal: 1 })
  })
})

describe("a hostile history", () => {
  it("ends as unknown, within its budget, where no order is found in it", () => {
    const draw = ((state: number) => (bound: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor(state / 256) % bound
    })(5)
    const shape = { kind: "rw-register", isolation: "snapshot", transactions: 400, clients: 40, keys: 400 } as const
    const rows = Mvcc.generate({ ...shape, stepsMax: 6, failedPercent: 0, unknownPercent: 0 }, draw)
    let time = 0
    const verdict = Elle.check(Mvcc.build(rows), {
      model: "rw-register",
      consistency: "serializable",
      budget: { prefixesMax: 500, timeMillisMax: 1_000 },
      now: () => (time += 1)
    })
    expect(["unknown", true, false]).toContain(verdict.valid)
    expect(verdict.valid === "unknown" ? verdict.reason : "budget").toContain("budget")
  })
})

describe("the judge of a scenario", () => {
  const operation = (process: number, at: number, read: number | null, value?: number) => ({
    process,
    client: process,
    operation: { read, value },
    invokedAt: at,
    completedAt: at + 5,
    outcome: { type: "ok" as const, value: read },
    final: false
  })
  const judge = Elle.judge<{ readonly read: number | null; readonly value: number | undefined }, number | null>({
    model: "rw-register",
    toWords: ({ value }, outcome) => {
      const seen = outcome.type === "ok" ? outcome.value : null
      const steps = value === undefined ? [["r", 1, seen]] : [["w", 1, value]]
      return { function: "txn", input: steps, output: steps }
    }
  })
  const finish = (...operations: ReadonlyArray<ReturnType<typeof operation>>) =>
    judge.make({ nodes: 3, clients: 2, options: {}, durable: () => undefined, damaged: () => false }).finish!(
      operations
    )

  it("passes what one order explains, and points at the client and time of what none does", () => {
    expect(finish(operation(0, 0, null, 7), operation(1, 10, 7))).toBe("pass")
    const violation = finish(operation(0, 0, null, 7), operation(1, 10, null))
    expect(violation).toMatchObject({ atMicros: 15, node: 4 })
    expect((violation as { detail: string }).detail).toContain("G-single-realtime")
  })

  it("says that it does not know when nothing has happened", () => {
    expect(finish()).toBe("unknown")
  })
})

const folder = join(import.meta.dirname, "../../../shared/histories")
const verdicts = join(folder, "verdicts.csv")

describe("published histories", () => {
  it("get the verdicts that were published with them", () => {
    if (!existsSync(verdicts)) return
    const rows = readFileSync(verdicts, "utf8").trim().split(/\r?\n/).slice(1)
    let judged = 0
    for (const row of rows) {
      const [file, model, level, published] = row.split(",") as [string, Elle.Model, string, string]
      if (!/^(elle-cli|canonical)\//.test(file)) continue
      // Elle takes a value that nobody wrote for an initial state. But this key was written before it was read with that
      // value, by the same process, and held the written value after it: no register does that, whatever it held at first.
      const expected = file.endsWith("/rw-register.edn") ? "false" : published
      const history = Format.read(readFileSync(join(folder, file)))
      const { valid } = Elle.check(history, { model, ...(level === "default" ? {} : { consistency: level }) })
      expect([file, level, String(valid)]).toEqual([file, level, expected])
      judged += 1
    }
    expect(judged).toBeGreaterThan(30)
  })
})
