import { describe, expect, it } from "vitest"
import { Prng } from "#base/Prng.ts"
import * as Keyed from "#models/Keyed.ts"
import type * as Model from "#models/Model.ts"
import * as Queue from "#models/Queue.ts"
import * as Register from "#models/Register.ts"
import * as Linearizability from "../Linearizability.ts"
import { type Entries, fromArray, never } from "./Entries.ts"

/** Sixteen values enter a queue at once, and leave in an order that a seventeenth makes impossible. */
const hostile = fromArray<Queue.Operation, Queue.Result>([
  { process: 90, operation: Queue.enqueue(99), result: null, call: -3, return: -2 },
  ...Array.from({ length: 16 }, (_, at) => ({
    process: at,
    operation: Queue.enqueue(at % 15),
    result: null,
    call: at,
    return: 100 + at
  })),
  { process: 91, operation: Queue.dequeue, result: 1, call: 200, return: 201 }
])

/** A register used by twenty clients at once; columns, so that millions cost little. */
const longHistory = (count: number, distinct: boolean): Entries<Register.Operation, Register.Result> => {
  const prng = new Prng(1, 2, 3, 4)
  const clients = 20
  const operations: Array<Register.Operation> = []
  const results: Array<Register.Result | Model.Unknown> = []
  const processes = new Int32Array(count)
  const calls = new Int32Array(count)
  const returns = new Int32Array(count).fill(never)
  const current = new Int32Array(clients).fill(-1)
  const taken = new Uint8Array(clients)
  let value = 0
  let rank = 0
  let open = 0
  while (operations.length < count || open > 0) {
    const client = prng.below(clients)
    const row = current[client]!
    if (row === -1) {
      if (operations.length === count) continue
      current[client] = operations.length
      processes[operations.length] = client
      calls[operations.length] = rank++
      const write = Register.write(distinct ? operations.length + 1 : prng.below(5))
      operations.push(prng.below(2) === 0 ? write : Register.read)
      results.push(null)
      taken[client] = 0
      open += 1
    } else if (taken[client] === 0) {
      const operation = operations[row]!
      if (operation.type === "write") value = operation.value as number
      else results[row] = value
      taken[client] = 1
    } else {
      returns[row] = rank++
      current[client] = -1
      open -= 1
    }
  }
  return { count, operations, results, processes, calls, returns }
}

describe("the search", () => {
  it("decides a history of hundreds of thousands of operations without a stack", () => {
    const entries = longHistory(300_000, false)
    expect(Linearizability.check(Register.make(0), entries, { special: false }).type).toBe("linearizable")
  })

  it("is not needed for a million writes and reads of distinct values", () => {
    const entries = longHistory(1_000_000, true)
    expect(Linearizability.check(Register.make(0), entries)).toMatchObject({ type: "linearizable", configurations: 0 })
  })

  it("ends undecided when it has visited as many configurations as it may", () => {
    expect(Linearizability.check(Queue.make(), hostile, { configurationsMax: 1000 })).toMatchObject({
      type: "undecided",
      reason: "configurations",
      undecided: [undefined]
    })
  })

  it("ends undecided when its memory is used up", () => {
    expect(Linearizability.check(Queue.make(), hostile, { memoryBytesMax: 4_000_000 })).toMatchObject({
      type: "undecided",
      reason: "memory"
    })
  })

  it("ends undecided when its time is over, by the clock that it was given", () => {
    let clock = 0
    const now = () => (clock += 1)
    expect(Linearizability.check(Queue.make(), hostile, { now, timeMillisMax: 20 })).toMatchObject({
      type: "undecided",
      reason: "time"
    })
    expect(clock).toBeLessThan(30)
  })

  it("gives a part its turn though another would use up the budget", () => {
    const keyed: Model.Model = Keyed.make(Queue.make())
    const independent = fromArray([
      ...Array.from({ length: hostile.count }, (_, row) => ({
        process: hostile.processes[row]!,
        operation: { key: "hostile", operation: hostile.operations[row]! },
        result: hostile.results[row]!,
        call: hostile.calls[row]!,
        return: hostile.returns[row]!
      })),
      { process: 95, operation: { key: "plain", operation: Queue.dequeue }, result: 5, call: 900, return: 901 }
    ])
    const verdict = Linearizability.check(keyed, independent, { configurationsMax: 300_000 })
    expect(verdict).toMatchObject({ type: "refused", refusal: { part: "plain" } })
  })
})
