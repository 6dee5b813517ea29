/** Anomalies of list-append histories, one by one: each is found, named, and explained. */
import { describe, expect, it } from "vitest"
import * as Jepsen from "#sim/judges/formats/Jepsen.ts"
import * as Elle from "./Elle.ts"

/** Transactions in EDN, each of a process of its own unless given; all at the same time unless `then` is between them. */
const history = (...lines: ReadonlyArray<string>): string => {
  let process = 100
  let open: Array<string> = []
  const events: Array<string> = []
  const close = (): void => {
    events.push(...open)
    open = []
  }
  for (const line of lines) {
    if (line === "then") {
      close()
      continue
    }
    const [, who, type, steps] = /^(?:(\d+) )?(ok|fail|info) (.*)$/.exec(line)!
    const name = who ?? String(process++)
    const asked = steps!.replace(/(\[r \S+) [^\]]*\]*\]/g, "$1 nil]")
    const keyword = (text: string): string => text.replace(/\[(r|append|w) /g, "[:$1 ").replace(/ ([xyz]) /g, " :$1 ")
    events.push(`{:process ${name}, :type :invoke, :f :txn, :value [${keyword(asked)}]}`)
    open.push(`{:process ${name}, :type :${type}, :f :txn, :value [${keyword(type === "ok" ? steps! : asked)}]}`)
  }
  close()
  return events.join("\n")
}

const check = (lines: ReadonlyArray<string>, consistency = "strict-serializable") =>
  Elle.check(Jepsen.read(history(...lines)), { model: "list-append", consistency })

const types = (lines: ReadonlyArray<string>, consistency?: string) => Object.keys(check(lines, consistency).counts)

describe("a list-append history", () => {
  it("is valid when one order of its transactions explains it", () => {
    const verdict = check([
      "ok [append x 1] [r y []]",
      "then",
      "ok [append x 2] [append y 1]",
      "ok [r x [1 2]] [r y [1]]"
    ])
    expect(verdict).toMatchObject({ valid: true, anomalies: [], not: [], consistency: "strict-serializable" })
  })

  it("is valid for a single transaction, where Elle has no graph and will not say", () => {
    expect(check(["ok [append x 1] [r x [1]]"]).valid).toBe(true)
  })

  it("is unknown when nothing has committed", () => {
    expect(check(["fail [append x 1]", "info [r x nil]"])).toMatchObject({ valid: "unknown" })
    expect(check([]).valid).toBe("unknown")
  })

  it("is unknown when a value was appended twice, and nothing else is wrong", () => {
    expect(check(["ok [append x 1]", "ok [append x 1]"])).toMatchObject({ valid: "unknown" })
  })

  it("may take effect whole where the outcome is unknown, even after its process has gone on", () => {
    const lines = ["0 info [append x 1]", "then", "0 ok [r x []]", "then", "0 ok [r x [1]]"]
    expect(check(lines).valid).toBe(true)
  })

  it("of which G0 is found: writes in two orders", () => {
    const lines = ["ok [append x 1] [append y 1]", "ok [append x 2] [append y 2]", "ok [r x [1 2]] [r y [2 1]]"]
    const { anomalies, not, valid } = check(lines, "read-uncommitted")
    expect(valid).toBe(false)
    expect(not).toContain("read-uncommitted")
    expect(anomalies[0]!.type).toBe("G0")
    expect(anomalies[0]!.explanation).toBe(
      [
        "Let:",
        "  T1 = [[append :x 1] [append :y 1]], ok, by process 100",
        "  T2 = [[append :x 2] [append :y 2]], ok, by process 101",
        "Then:",
        "  - T1 < T2, because T2 appended 2 after T1 appended 1 to :x.",
        "  - However, T2 < T1, because T1 appended 1 after T2 appended 2 to :y: a contradiction!"
      ].join("\n")
    )
    expect(anomalies[0]!.cycle).toEqual({
      transactions: [0, 1],
      edges: [
        { from: 0, to: 1, type: "ww", key: ":x", value: 1, next: 2, reason: "T2 appended 2 after T1 appended 1 to :x" },
        { from: 1, to: 0, type: "ww", key: ":y", value: 2, next: 1, reason: "T1 appended 1 after T2 appended 2 to :y" }
      ]
    })
  })

  const cases: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
    ["G1a", ["fail [append x 1]", "ok [r x [1]]"]],
    ["G1b", ["ok [append x 1] [append x 2]", "ok [r x [1]]", "ok [r x [1 2]]"]],
    ["G1c", ["ok [append x 1] [r y [1]]", "ok [append y 1] [r x [1]]"]],
    ["G-single", ["ok [append x 1] [append y 1]", "ok [r x [1]] [r y []]"]],
    ["G-nonadjacent", ["ok [append x 1]", "ok [append y 1]", "ok [r x [1]] [r y []]", "ok [r x []] [r y [1]]"]],
    ["G2-item", ["ok [r x []] [append y 1]", "ok [r y []] [append x 1]"]],
    ["write-skew", ["ok [r x []] [append y 1]", "ok [r y []] [append x 1]"]],
    ["lost-update", ["ok [r x []] [append x 1]", "ok [r x []] [append x 2]"]],
    ["internal", ["ok [append x 1] [r x []]"]],
    ["internal", ["ok [r x [1]] [append x 2] [r x [1]]", "ok [append x 1]"]],
    ["future-read", ["ok [r x [1]] [append x 1]"]],
    ["duplicate-elements", ["ok [append x 1]", "ok [r x [1 1]]"]],
    ["incompatible-order", ["ok [append x 1]", "ok [append x 2]", "ok [r x [1 2]]", "ok [r x [2 1]]"]],
    ["dirty-update", ["fail [append x 1]", "ok [append x 2]", "ok [r x [1 2]]"]],
    ["garbage-read", ["ok [append x 1]", "ok [r x [1 7]]"]],
    ["G1c-process", ["0 ok [r x [1]]", "then", "0 ok [append y 1]", "ok [r y [1]] [append x 1]"]],
    ["G-single-process", ["0 ok [append x 1]", "then", "0 ok [r x []]"]],
    ["G-single-realtime", ["ok [append x 1]", "then", "ok [r x []]"]],
    ["G0-realtime", ["ok [append x 1]", "then", "ok [append x 2]", "ok [r x [2 1]]"]]
  ]
  it.each(cases)("of which %s is found", (type, lines) => {
    const verdict = check(lines)
    expect(Object.keys(verdict.counts)).toContain(type)
    expect(verdict.valid).toBe(false)
    for (const { explanation } of verdict.anomalies) expect(explanation.length).toBeGreaterThan(20)
  })

  it("shows a stale read by real time only where real time counts", () => {
    const lines = ["ok [append x 1]", "then", "ok [r x []]"]
    expect(check(lines, "serializable")).toMatchObject({ valid: true, not: [] })
    expect(check(lines, "strict-serializable").not).toEqual(["strong-snapshot-isolation"])
  })

  it("with write skew is fine for snapshot isolation, which is told all the same", () => {
    const lines = ["ok [r x []] [append y 1]", "ok [r y []] [append x 1]"]
    const verdict = check(lines, "snapshot-isolation")
    expect(verdict).toMatchObject({ valid: true, anomalies: [], not: ["repeatable-read"] })
    expect(verdict.allowed.map(({ type }) => type)).toEqual(["G2-item", "write-skew"])
  })

  it("with read skew is no repeatable read, since its anti-dependencies are of items: Elle passes it", () => {
    const lines = ["ok [append x 1] [append y 1]", "ok [r x [1]] [r y []]"]
    expect(check(lines, "repeatable-read").valid).toBe(false)
    expect(check(lines, "read-committed").valid).toBe(true)
  })

  it("in which a causal past is missed is found where the level is causal", () => {
    const lines = ["0 ok [append x 1]", "then", "0 ok [append y 1]", "ok [r y [1]] [r x []]"]
    expect(check(lines, "causal")).toMatchObject({ valid: false })
    expect(check(lines, "read-atomic").valid).toBe(true)
  })

  it("explains an aborted read by the transaction that failed", () => {
    const [anomaly] = check(["fail [append x 1]", "ok [r x [1]]"]).anomalies
    expect(anomaly!.explanation).toBe(
      "T1 = [[r :x [1]]] observed 1 in key :x, appended by T2 = [[append :x 1]], which failed"
    )
  })

  it("refuses what is no list-append operation, by its row", () => {
    const strange = Jepsen.read("{:process 0, :type :invoke, :f :txn, :value [[:w :x 1]]}")
    expect(() => Elle.check(strange, { model: "list-append" })).toThrow("the model list-append has no micro-operation")
  })

  it("finds the example of Elle's paper: T1 saw 2, but not what came before it", () => {
    // Kingsbury and Alvaro 2020, section 7: three appends to 34, of which one reader misses the middle one's transaction.
    const lines = [
      "ok [r 34 [2 1]] [append 36 5] [append 34 4]",
      "ok [append 34 5]",
      "ok [r 34 [2 1 5 4]]",
      "ok [append 34 2] [append 34 1]"
    ]
    expect(types(lines)).toContain("G-single")
  })
})
