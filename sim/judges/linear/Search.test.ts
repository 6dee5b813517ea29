import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as CasRegister from "#models/CasRegister.ts"
import * as Counter from "#models/Counter.ts"
import * as KeyValue from "#models/KeyValue.ts"
import type * as Model from "#models/Model.ts"
import * as Register from "#models/Register.ts"
import * as Generator from "../Generator.ts"
import * as Linearizability from "../Linearizability.ts"
import * as BruteForce from "./BruteForce.ts"
import { type Entry, fromArray } from "./Entries.ts"

interface Case<State, Operation, Result> {
  readonly model: Model.Model<State, Operation, Result>
  readonly operation: (draw: Generator.Draw) => Operation
  /** Some result that an operation might have given. */
  readonly result: (draw: Generator.Draw, operation: Operation) => Result
}
const of = <State, Operation, Result>(value: Case<State, Operation, Result>): Case<any, any, any> => value

const cases: ReadonlyArray<Case<any, any, any>> = [
  of({
    model: Register.make(0),
    operation: (draw) => (draw(2) === 0 ? Register.read : Register.write(draw(3))),
    result: (draw) => draw(3)
  }),
  of({
    model: CasRegister.make(0),
    operation: (draw) =>
      [Register.read, Register.write(draw(3)), CasRegister.cas(draw(3), draw(3))][draw(3)] as CasRegister.Operation,
    result: (draw, operation) => (operation.type === "cas" ? draw(2) === 0 : draw(3))
  }),
  of({
    model: Counter.make(),
    operation: (draw) => (draw(2) === 0 ? Counter.read : Counter.add(draw(4) - 1)),
    result: (draw) => (draw(3) === 0 ? undefined : draw(5))
  }),
  of({
    model: KeyValue.make({ absent: "" }),
    operation: (draw) => {
      const key = "ab"[draw(2)]!
      return [KeyValue.get(key), KeyValue.put(key, "xyz"[draw(3)]!), KeyValue.append(key, "xyz"[draw(3)]!)][draw(3)]!
    },
    result: (draw) => ["", "x", "y", "xy", "yx", "xx"][draw(6)]!
  })
]

/** Draws from a list of numbers that fast-check can shrink. */
const drawOf = (choices: ReadonlyArray<number>): Generator.Draw => {
  let at = 0
  return (bound) => choices[at++ % choices.length]! % bound
}
const choices = fc.array(fc.nat(5039), { minLength: 1, maxLength: 120 })

const generate = (subject: Case<any, any, any>, draw: Generator.Draw, operations: number): Array<Entry> => [
  ...Generator.entriesOf(
    Generator.generate(
      { ...subject, clients: 1 + draw(4), operations, unknownPercent: draw(2) * 30, failedPercent: draw(2) * 20 },
      draw
    )
  )
]

describe.each(cases)("a history of the model $model.name", (subject) => {
  it("is never refused when the model made it, whatever failed or is pending", () => {
    fc.assert(
      fc.property(choices, (list) => {
        const draw = drawOf(list)
        const entries = generate(subject, draw, 1 + draw(60))
        expect(Linearizability.check(subject.model, fromArray(entries)).type).toBe("linearizable")
      }),
      { numRuns: 1000, seed: 1 }
    )
  })

  it("is refused exactly when no order of its operations explains it", () => {
    let refused = 0
    let runs = 0
    fc.assert(
      fc.property(choices, (list) => {
        const draw = drawOf(list)
        const entries = generate(subject, draw, 1 + draw(7))
        for (let changes = draw(4); changes > 0; changes -= 1) {
          const at = draw(entries.length + 1)
          const entry = entries[at]
          if (entry === undefined || entry.return === Infinity) continue
          entries[at] = { ...entry, result: subject.result(draw, entry.operation) }
        }
        const expected = BruteForce.linearizable(subject.model, entries)
        runs += 1
        if (!expected) refused += 1
        for (const partition of [true, false]) {
          const verdict = Linearizability.check(subject.model, fromArray(entries), { partition })
          expect(verdict.type).toBe(expected ? "linearizable" : "refused")
        }
      }),
      { numRuns: 3000, seed: 2 }
    )
    expect(refused).toBeGreaterThan(runs / 10)
    expect(refused).toBeLessThan((runs * 9) / 10)
  })
})
