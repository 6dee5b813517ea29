/**
 * The judges test themselves: histories that a model made are never refused, whatever failed or is pending; changed ones
 * are refused exactly when the definition finds no order. Every way of judging must agree: by parts or whole, by special
 * algorithms or by search.
 */
import * as fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import * as Generator from "./Generator.ts"
import * as Linearizability from "./Linearizability.ts"
import * as BruteForce from "./linear/BruteForce.ts"
import { type Entry, fromArray } from "./linear/Entries.ts"
import * as Mutation from "./Mutation.ts"
import * as Workloads from "./Workloads.ts"

/** Draws from a list of numbers that fast-check can shrink. */
const drawOf = (choices: ReadonlyArray<number>): Generator.Draw => {
  let at = 0
  return (bound) => choices[at++ % choices.length]! % bound
}
const choices = fc.array(fc.nat(5039), { minLength: 1, maxLength: 200 })

const generate = (subject: Workloads.Workload, draw: Generator.Draw, operations: number): ReadonlyArray<Entry> => {
  const clients = 1 + draw(4)
  const unknownPercent = draw(2) * 30
  const failedPercent = draw(2) * 20
  return Generator.entriesOf(
    Generator.generate({ ...subject, clients, operations, unknownPercent, failedPercent }, draw)
  )
}

const ways: ReadonlyArray<Linearizability.Options> = [
  {},
  { partition: false },
  { special: false },
  { special: false, partition: false }
]

const rates = { valid: 0, validRefused: 0, validUndecided: 0, changed: 0, changedInvalid: 0, changedRefused: 0 }
afterAll(() => {
  process.stdout.write(
    `judges: ${rates.validRefused} of ${rates.valid} valid histories refused, ${rates.validUndecided} of ${4 * rates.valid} verdicts undecided; ` +
      `${rates.changedRefused} of ${rates.changedInvalid} invalid ones refused (of ${rates.changed} changed)\n`
  )
})

describe.each(Workloads.all)("a history of: $name", (subject) => {
  it("is never refused when the model made it, whatever failed or is pending", () => {
    fc.assert(
      fc.property(choices, (list) => {
        const draw = drawOf(list)
        const entries = fromArray(generate(subject, draw, 1 + draw(50)))
        rates.valid += 1
        for (const way of ways) {
          // What a special algorithm decides may be too much for the search, which then says so.
          const { type } = Linearizability.check(subject.model, entries, { ...way, configurationsMax: 2000 })
          if (type === "refused") rates.validRefused += 1
          expect(type).not.toBe("refused")
          if (type === "undecided") rates.validUndecided += 1
        }
      }),
      { numRuns: 200, seed: 1 }
    )
  })

  it("is refused, once changed, exactly when no order of its operations explains it", () => {
    fc.assert(
      fc.property(choices, (list) => {
        const draw = drawOf(list)
        let entries = generate(subject, draw, 1 + draw(8))
        for (let changes = draw(4); changes > 0; changes -= 1) {
          const name = Mutation.names[draw(Mutation.names.length)]!
          entries = Mutation.mutate(name, subject, entries, draw) ?? entries
        }
        if (entries.length > BruteForce.operationsMax) return
        const explained = BruteForce.linearizable(subject.model, entries)
        rates.changed += 1
        if (!explained) rates.changedInvalid += 1
        for (const [index, way] of ways.entries()) {
          const { type } = Linearizability.check(subject.model, fromArray(entries), way)
          if (index === 0 && !explained && type === "refused") rates.changedRefused += 1
          expect(type).toBe(explained ? "linearizable" : "refused")
        }
      }),
      { numRuns: 800, seed: 2 }
    )
  })

  it("is refused for operations that suffice, and for the same completion by every way of judging", () => {
    fc.assert(
      fc.property(choices, (list) => {
        const draw = drawOf(list)
        const whole = generate(subject, draw, 1 + draw(7))
        const changed = Mutation.mutate(Mutation.names[draw(Mutation.names.length)]!, subject, whole, draw)
        const entries = fromArray(changed ?? whole)
        const verdicts = ways.map((way) => Linearizability.check(subject.model, entries, way))
        const [first, , searched] = verdicts
        if (first?.type !== "refused" || searched?.type !== "refused") return
        const { stuck, minimal, partials } = first.refusal
        expect(searched.refusal.stuck).toBe(stuck)
        expect([...minimal.rows]).toContain(stuck)
        // What comes before the completion that nothing reaches can be explained, and the partials do it.
        for (const { rows } of partials) {
          const order = [...rows].map((row) => ({ row, call: entries.calls[row]!, end: entries.returns[row]! }))
          for (const [index, one] of order.entries()) {
            for (const later of order.slice(index + 1)) expect(later.end).toBeGreaterThan(one.call)
          }
          expect([...rows]).not.toContain(stuck)
        }
      }),
      { numRuns: 200, seed: 3 }
    )
  })
})
