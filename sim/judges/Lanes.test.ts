import { describe, expect, it } from "vitest"
import * as KeyValue from "#models/KeyValue.ts"
import * as Register from "#models/Register.ts"
import * as Lanes from "./Lanes.ts"
import * as Linearizability from "./Linearizability.ts"
import { fromArray } from "./linear/Entries.ts"

const model = Register.make(0)
const history = (...last: ReadonlyArray<number>) =>
  fromArray<Register.Operation, Register.Result>([
    { process: 0, call: 0, return: 6, operation: Register.write(1), result: null },
    { process: 1, call: 1, return: 3, operation: Register.read, result: 0 },
    { process: 2, call: 2, return: 5, operation: Register.read, result: 1 },
    ...last.map((result, at) => ({
      process: 1,
      call: 7 + 2 * at,
      return: 8 + 2 * at,
      operation: Register.read,
      result
    }))
  ])

describe("the lanes of a history", () => {
  it("show a linearization, each point between call and return, with the state after it", () => {
    const entries = history(1)
    const lanes = Lanes.ofLinearization(model, entries, undefined)!
    expect(lanes.processes).toEqual([0, 1, 2])
    expect(lanes.bars.map((bar) => bar.words)).toEqual(["write 1", "read -> 0", "read -> 1", "read -> 1"])
    const [line] = lanes.lines
    expect(line!.map(({ row, state }) => [row, state])).toEqual([
      [1, "0"],
      [0, "1"],
      [2, "1"],
      [3, "1"]
    ])
    for (const { row, place } of line!) {
      expect(place).toBeGreaterThan(entries.calls[row]!)
      expect(place).toBeLessThan(entries.returns[row]!)
    }
    const places = line!.map(({ place }) => place)
    expect(places).toEqual(places.toSorted((left, right) => left - right))
  })

  it("show how far linearizations go, the operation that fits nowhere, and what suffices", () => {
    const entries = history(1, 0, 1)
    const verdict = Linearizability.check(model, entries)
    const lanes = verdict.type === "refused" ? Lanes.ofRefusal(model, entries, verdict.refusal) : undefined
    expect(lanes).toMatchObject({ stuck: 4, minimal: [3, 4], before: 0, after: 1 })
    expect(lanes!.lines.map((line) => line.map(({ row }) => row))).toEqual([[1, 0, 2, 3]])
  })

  it("show of a long history the stretch before that operation, in the words of its part", () => {
    const entries = fromArray<KeyValue.Operation, KeyValue.Result>([
      ...Array.from({ length: 300 }, (_, at) => ({
        process: 0,
        call: 2 * at,
        return: 2 * at + 1,
        operation: KeyValue.put(at % 2 === 0 ? "a" : "b", at),
        result: null
      })),
      { process: 1, call: 700, return: 701, operation: KeyValue.get("b"), result: 7 }
    ])
    const verdict = Linearizability.check(KeyValue.make(), entries)
    const lanes =
      verdict.type === "refused"
        ? Lanes.ofRefusal(KeyValue.make(), entries, verdict.refusal, { barsMax: 10 })
        : undefined
    expect(lanes).toMatchObject({ part: "b", stuck: 300, before: 141, after: 0 })
    expect(lanes!.bars.length).toBe(10)
    expect(lanes!.lines[0]!.at(-1)).toMatchObject({ row: 299, state: "299" })
  })
})
