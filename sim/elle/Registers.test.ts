/** rw-register histories: anomalies that values tell, and levels that are decided as a whole. */
import { describe, expect, it } from "vitest"
import * as Jepsen from "#sim/judges/formats/Jepsen.ts"
import * as Text from "#sim/judges/formats/Text.ts"
import * as Elle from "./Elle.ts"

const check = (text: string, consistency?: string, options: Partial<Elle.Options> = {}) =>
  Elle.check(Text.read(text), {
    model: "rw-register",
    ...(consistency === undefined ? {} : { consistency }),
    ...options
  })

/** Which of the levels of Biswas and Enea a history has. */
const levels = (text: string): string =>
  ["RC", "RA", "CC", "SI", "SER"].filter((level) => check(text, level).valid === true).join(" ")

describe("a history of registers", () => {
  it("satisfies every level when it happened in one order", () => {
    expect(levels("w(1,5,0,0) r(1,5,1,1) w(1,6,1,1) r(1,6,0,2)")).toBe("RC RA CC SI SER")
  })

  it("is not read committed when a transaction sees a write and then misses an earlier part of it", () => {
    expect(levels("w(1,5,0,0) w(2,6,0,0) r(1,5,1,1) r(2,0,1,1)")).toBe("")
  })

  it("is read committed, and not read atomic, when it misses a part first and sees the rest then", () => {
    expect(levels("w(1,5,0,0) w(2,6,0,0) r(2,0,1,1) r(1,5,1,1)")).toBe("RC")
  })

  it("is read atomic, and not causal, when an effect is seen without its cause", () => {
    expect(levels("w(1,5,0,0) r(1,5,1,1) w(2,6,1,1) r(2,6,2,2) r(1,0,2,3)")).toBe("RC RA")
  })

  it("is causal, and no snapshot isolation, after a lost update or a long fork", () => {
    expect(levels("w(1,5,0,0) r(1,5,1,1) w(1,6,1,1) r(1,5,2,2) w(1,7,2,2)")).toBe("RC RA CC")
    expect(levels("w(1,5,0,0) w(2,6,1,1) r(1,5,2,2) r(2,0,2,2) r(1,0,3,3) r(2,6,3,3)")).toBe("RC RA CC")
  })

  it("is snapshot isolation, and not serializable, with a write skew, which is shown as a cycle", () => {
    const text = "w(1,5,0,0) w(2,6,0,0) r(1,5,1,1) r(2,6,1,1) w(1,7,1,1) r(1,5,2,2) r(2,6,2,2) w(2,8,2,2)"
    expect(levels(text)).toBe("RC RA CC SI")
    const [anomaly] = check(text, "SER").anomalies
    expect(anomaly!.type).toBe("no-serial-order-process")
    expect(anomaly!.cycle!.edges.map(({ type }) => type)).toEqual(["rw", "rw"])
    expect(anomaly!.explanation).toContain("a contradiction")
  })

  it("counts its sessions where there is no real time: serializable means strong session serializable", () => {
    const text = "w(1,5,0,0) r(1,0,0,1)"
    expect(check(text, "serializable")).toMatchObject({ valid: false, consistency: "strong-session-serializable" })
  })

  it("is refused at every level after an aborted, an intermediate or an invented read", () => {
    expect(check("w(1,5,0,-1) r(1,5,1,1)", "RC").counts).toEqual({ G1a: 1 })
    expect(check("w(1,5,0,0) w(1,6,0,0) r(1,5,1,1)", "RC").counts).toMatchObject({ G1b: 1 })
    expect(check("w(1,5,0,0) r(1,9,1,1)", "RC").counts).toMatchObject({ "garbage-read": 1 })
    expect(levels("w(1,5,0,0) r(1,9,1,1)")).toBe("")
  })

  it("takes 0 for the initial state of a key of which nobody wrote it, and another value where that is said", () => {
    expect(check("r(1,0,0,0) w(1,5,1,1)").valid).toBe(true)
    expect(check("r(1,3,0,0) w(1,5,1,1)").valid).toBe(false)
    expect(check("r(1,3,0,0) w(1,5,1,1)", undefined, { registers: { initial: 3 } }).valid).toBe(true)
  })

  it("is unknown when one value was written twice", () => {
    expect(check("w(1,5,0,0) w(1,5,1,1)")).toMatchObject({ valid: "unknown" })
  })

  it("is unknown when the budget of the search ends before it", () => {
    // Both orders of 1 and 2 look alike, and neither has room for all four readers: only a search can tell.
    const writes = "w(1,1,0,0) w(1,2,1,1) w(2,1,2,2) w(2,2,3,3)"
    const readers = [
      [1, 1],
      [2, 2],
      [1, 2],
      [2, 1]
    ].map(([x, y], at) => `r(1,${x},${at + 4},${at + 4}) r(2,${y},${at + 4},${at + 4})`)
    const text = `${writes} ${readers.join(" ")}`
    const free = check(text, "SER")
    expect(free.valid).toBe(false)
    expect(free.anomalies[0]!.explanation).toContain("all were tried")
    const bound = check(text, "SER", { budget: { prefixesMax: 0 } })
    expect(bound).toMatchObject({ valid: "unknown", reason: expect.stringContaining("budget") })
  })

  it("is judged the same each time", () => {
    const text = "w(1,5,0,0) r(1,5,1,1) w(1,6,1,1) r(1,5,2,2) w(1,7,2,2)"
    expect(check(text, "SI")).toEqual(check(text, "SI"))
  })
})

describe("a history of registers with real time", () => {
  const edn = (...transactions: ReadonlyArray<string>): string =>
    transactions
      .map((steps, process) => {
        const asked = steps.replace(/(\[:r \S+) [^\]]*\]/g, "$1 nil]")
        return `{:process ${process}, :type :invoke, :f :txn, :value [${asked}]}\n{:process ${process}, :type :ok, :f :txn, :value [${steps}]}`
      })
      .join("\n")
  const checkEdn = (text: string, options: Partial<Elle.Options> = {}) =>
    Elle.check(Jepsen.read(text), { model: "rw-register", ...options })

  it("is not strict serializable after a stale read, which Elle's default would pass without an order of versions", () => {
    // Elle needs linearizable-keys to order 1 before 2; every order of commits by real time has it.
    const text = edn("[:w :x 1]", "[:w :x 2]", "[:r :x 1]")
    expect(checkEdn(text).valid).toBe(false)
    expect(checkEdn(text, { consistency: "serializable" }).valid).toBe(true)
    const { counts } = checkEdn(text, { registers: { linearizableKeys: true } })
    expect(Object.keys(counts)).toContain("cyclic-versions")
  })

  it("has a value from nowhere even if Elle takes it for an initial state: the key had another one before", () => {
    // elle-cli's rw-register.edn reads 3 after a write of 2; no register that nobody else writes does that.
    expect(checkEdn(edn("[:w :x 2]", "[:r :x 3]", "[:r :x 2]")).counts).toEqual({ "garbage-read": 1 })
  })

  it("orders the versions of one transaction where writes are taken to follow reads", () => {
    const text = edn("[:w :x 1]", "[:r :x 1] [:w :x 2]", "[:r :x 2] [:w :y 1]", "[:r :y 1] [:r :x 1]")
    const { counts } = checkEdn(text, { consistency: "serializable", registers: { wfrKeys: true } })
    expect(Object.keys(counts)).toContain("G-single")
  })

  it("has no cycle of versions with the order of processes, unless a process goes back", () => {
    const text = edn("[:w :x 1]", "[:w :x 2]").concat(
      "\n{:process 9, :type :invoke, :f :txn, :value [[:r :x nil]]}\n{:process 9, :type :ok, :f :txn, :value [[:r :x 2]]}",
      "\n{:process 9, :type :invoke, :f :txn, :value [[:r :x nil]]}\n{:process 9, :type :ok, :f :txn, :value [[:r :x 1]]}",
      "\n{:process 9, :type :invoke, :f :txn, :value [[:r :x nil]]}\n{:process 9, :type :ok, :f :txn, :value [[:r :x 2]]}"
    )
    const { counts } = checkEdn(text, { consistency: "serializable", registers: { sequentialKeys: true } })
    expect(counts).toMatchObject({ "cyclic-versions": 1 })
  })

  it("finds reads of the own future and contradictions within a transaction", () => {
    expect(checkEdn(edn("[:r :x 1] [:w :x 1]")).counts).toMatchObject({ "future-read": 1 })
    expect(checkEdn(edn("[:w :x 1] [:r :x nil]")).counts).toMatchObject({ internal: 1 })
  })
})
