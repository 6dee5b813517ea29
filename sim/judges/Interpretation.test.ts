import { describe, expect, it } from "vitest"
import * as Format from "./formats/Format.ts"
import * as Interpretation from "./Interpretation.ts"
import * as Linearizability from "./Linearizability.ts"

/** Verdict on events, each `process type f value`, for a model. */
const verdict = (
  name: Interpretation.Name,
  options: Interpretation.Options,
  ...events: ReadonlyArray<string>
): string => {
  const edn = events.map((event) => {
    const [process, type, f, ...value] = event.split(" ")
    return `{:process ${process}, :type :${type}, :f :${f}, :value ${value.join(" ") || "nil"}}`
  })
  const { model, entries } = Interpretation.interpret(Format.read(edn.join("\n"), "edn"), name, options)
  return Linearizability.check(model, entries).type
}

describe("a history in the words of a model", () => {
  it("leaves out what failed", () => {
    expect(verdict("register", {}, "0 invoke write 1", "0 fail write 1", "1 invoke read", "1 ok read 1")).toBe(
      "refused"
    )
  })

  it("takes nil from a register as unknown or as nil, as told", () => {
    const events = ["0 invoke write 1", "0 ok write 1", "1 invoke read", "1 ok read nil"]
    expect(verdict("cas-register", {}, ...events)).toBe("linearizable")
    expect(verdict("cas-register", { nil: "exact" }, ...events)).toBe("refused")
  })

  it("compares registers by value, whatever the values are", () => {
    const events = ["0 invoke write [1 {:a #{2}}]", "0 ok write nil", "1 invoke read"]
    expect(verdict("register", {}, ...events, "1 ok read [1 {:a [2]}]")).toBe("linearizable")
    expect(verdict("register", {}, ...events, "1 ok read [1 {:a [3]}]")).toBe("refused")
  })

  it("takes values that are all pairs as independent registers", () => {
    const events = [
      "0 invoke write [:x 1]",
      "0 ok write [:x 1]",
      "0 invoke cas [:y [nil 2]]",
      "0 ok cas [:y [nil 2]]",
      "1 invoke read [:x nil]"
    ]
    expect(verdict("cas-register", {}, ...events, "1 ok read [:x 1]")).toBe("linearizable")
    expect(verdict("cas-register", {}, ...events, "1 ok read [:x 2]")).toBe("refused")
  })

  it("lets registers read together hold anything at first, one value each", () => {
    const first = ["0 invoke txn [[:read :x nil] [:write :y 1]]", "0 ok txn [[:read :x 7] [:write :y 1]]"]
    const second = "1 invoke txn [[:read :x nil] [:read :y nil]]"
    expect(verdict("multi-register", {}, ...first, second, "1 ok txn [[:read :x 7] [:read :y 1]]")).toBe("linearizable")
    expect(verdict("multi-register", {}, ...first, second, "1 ok txn [[:read :x 8] [:read :y 1]]")).toBe("refused")
    expect(verdict("multi-register", { initial: 0 }, ...first)).toBe("refused")
  })

  it("joins what is appended to a key, and reads a key that nobody wrote as empty", () => {
    const events = [
      '0 invoke append ["k" "a"]',
      '0 ok append ["k" "a"]',
      '0 invoke append ["k" "b"]',
      '0 ok append ["k" "b"]'
    ]
    expect(verdict("kv", {}, ...events, '1 invoke get ["k" nil]', '1 ok get ["k" "ab"]')).toBe("linearizable")
    expect(verdict("kv", {}, ...events, '1 invoke get ["k" nil]', '1 ok get ["k" "ba"]')).toBe("refused")
    expect(verdict("kv", {}, '1 invoke get ["j" nil]', '1 ok get ["j" ""]')).toBe("linearizable")
    expect(verdict("kv", {}, '1 invoke get ["j" nil]', '1 ok get ["j" nil]')).toBe("linearizable")
  })

  it("lets one hold a mutex at a time, and anybody release it", () => {
    const held = ["0 invoke acquire", "0 ok acquire", "1 invoke release", "1 ok release"]
    expect(verdict("mutex", {}, ...held, "2 invoke acquire", "2 ok acquire")).toBe("linearizable")
    expect(verdict("mutex", {}, "0 invoke acquire", "0 ok acquire", "2 invoke acquire", "2 ok acquire")).toBe("refused")
    expect(verdict("mutex", {}, ...held, "2 invoke release", "2 ok release")).toBe("refused")
  })

  it("counts, collects and queues", () => {
    const added = ["0 invoke add 2", "0 ok add 2", "1 invoke read"]
    expect(verdict("counter", {}, ...added, "1 ok read 2")).toBe("linearizable")
    expect(verdict("counter", {}, ...added, "1 ok read 1")).toBe("refused")
    expect(verdict("set", {}, ...added, "1 ok read #{2}")).toBe("linearizable")
    expect(verdict("set", {}, ...added, "1 ok read []")).toBe("refused")
    const queued = ["0 invoke enqueue 1", "0 ok enqueue 1", "0 invoke enqueue 2", "0 ok enqueue 2", "1 invoke dequeue"]
    expect(verdict("queue", {}, ...queued, "1 ok dequeue 1")).toBe("linearizable")
    expect(verdict("queue", {}, ...queued, "1 ok dequeue 2")).toBe("refused")
    expect(verdict("queue", {}, ...queued, "1 ok dequeue nil")).toBe("refused")
  })

  it("refuses an operation that the model does not know, and says which", () => {
    expect(() => verdict("register", {}, "0 invoke enqueue 1")).toThrow("the model register has no operation enqueue 1")
  })
})
