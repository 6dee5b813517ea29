import { describe, expect, it } from "vitest"
import * as KeyValue from "#models/KeyValue.ts"
import * as Model from "#models/Model.ts"
import * as Queue from "#models/Queue.ts"
import * as Register from "#models/Register.ts"
import * as Linearizability from "../Linearizability.ts"
import { type Entry, fromArray } from "./Entries.ts"

/** Operations one after another, each of its own process: `[operation, result]`. */
const sequence = <Operation, Result>(
  ...steps: ReadonlyArray<readonly [Operation, Result | Model.Unknown]>
): ReadonlyArray<Entry<Operation, Result>> =>
  steps.map(([operation, result], at) => ({ process: at, operation, result, call: 2 * at, return: 2 * at + 1 }))

const minimal = <State, Operation, Result>(
  model: Model.Model<State, Operation, Result>,
  entries: ReadonlyArray<Entry<Operation, Result>>
): ReadonlyArray<string> => {
  const columns = fromArray(entries)
  const verdict = Linearizability.check(model, columns)
  if (verdict.type !== "refused") return [verdict.type]
  const { rows, complete } = verdict.refusal.minimal
  expect(complete).toBe(true)
  return [...rows].map((row) => model.describe(columns.operations[row]!, columns.results[row]!))
}

describe("what suffices for a refusal", () => {
  const write = (value: number) => [Register.write(value), null] as const
  const read = (value: number) => [Register.read, value] as const

  it("of a stale read is a sight of the value, the write that hid it, and the read", () => {
    const noise = [write(7), read(7), write(8), read(8)]
    expect(
      minimal(Register.make(0), sequence(...noise, write(1), read(1), write(2), ...noise, read(1), read(8)))
    ).toEqual(["read -> 1", "write 8", "read -> 1"])
  })

  it("of a value that nobody wrote is the read alone", () => {
    expect(minimal(Register.make(0), sequence(write(1), read(1), write(2), read(9)))).toEqual(["read -> 9"])
  })

  it("of a lost update is what stood before, and what was read after", () => {
    const appends = ["a", "b", "c"].map((piece) => [KeyValue.append("k", piece), null] as const)
    const history = sequence<KeyValue.Operation, KeyValue.Result>(...appends, [KeyValue.get("k"), "ac"])
    expect(minimal(KeyValue.make({ absent: "" }), history)).toEqual(['append "k" "b"', 'get "k" -> "ac"'])
  })

  it("of a value that left a queue too early is what was before it, more than others may have taken", () => {
    const history = sequence<Queue.Operation, Queue.Result>(
      [Queue.enqueue(1), null],
      [Queue.enqueue(2), null],
      [Queue.enqueue(3), null],
      [Queue.dequeue, 1],
      [Queue.dequeue, 3],
      [Queue.enqueue(4), null]
    )
    // The first dequeue may have taken anything, as far as the rest is concerned, but not both.
    expect(minimal(Queue.make(), history)).toEqual(["enqueue 1", "enqueue 2", "enqueue 3", "dequeue -> 3"])
  })
})
