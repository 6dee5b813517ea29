import { describe, expect, it } from "vitest"
import { Prng } from "#base/Prng.ts"
import * as Register from "#models/Register.ts"
import * as Generator from "../Generator.ts"
import * as Linearizability from "../Linearizability.ts"
import * as Mutation from "../Mutation.ts"
import * as Workloads from "../Workloads.ts"
import { Automaton } from "./Automaton.ts"
import { type Entry, fromArray } from "./Entries.ts"
import * as Problem from "./Problem.ts"
import { Search } from "./Search.ts"
import * as Window from "./Window.ts"

describe.each(Workloads.all)("a stretch of a history of: $name", (subject) => {
  it("shows only what the whole history shows", () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const prng = new Prng(seed, 3, 5, 7)
      for (let warm = 0; warm < 8; warm += 1) prng.next()
      const draw: Generator.Draw = (bound) => prng.below(bound)
      const made = Generator.generate({ ...subject, clients: 3, operations: 25, unknownPercent: 10 }, draw)
      const entries = fromArray(
        Mutation.mutate(Mutation.names[draw(5)]!, subject, Generator.entriesOf(made), draw) ?? Generator.entriesOf(made)
      )
      const automaton = new Automaton(subject.model)
      const problem = Problem.make(
        entries,
        Int32Array.from({ length: entries.count }, (_, row) => row),
        automaton
      )
      const outcome = new Search(problem, automaton).run({
        configurationsMax: 20_000,
        memoryBytesMax: 1e9,
        expired: () => false
      })
      if (outcome.type === "undecided") continue
      // Nothing reaches the completion at which the search was stuck, nor any later one.
      const last = outcome.type === "refused" ? problem.completed.indexOf(outcome.stuck) : problem.completed.length
      for (const operation of problem.completed.subarray(0, last)) {
        expect(Window.refuting(entries, problem, automaton, operation)).toBeUndefined()
      }
    }
  })
})

describe("a long history", () => {
  const count = 40_000

  it("is refused for what a short stretch shows, though many orders lead there", () => {
    const prng = new Prng(4, 3, 2, 1)
    const made = Generator.generate(
      {
        model: Register.make(0),
        operation: (draw) => (draw(2) === 0 ? Register.read : Register.write(draw(5))),
        clients: 20,
        operations: count
      },
      (bound) => prng.below(bound)
    )
    const list: Array<Entry<Register.Operation, Register.Result>> = [...Generator.entriesOf(made)]
    const wrong = list.findIndex((entry, at) => at > count / 2 && entry.operation.type === "read")
    list[wrong] = { ...list[wrong]!, result: 77 }
    const verdict = Linearizability.check(Register.make(0), fromArray(list))
    expect(verdict).toMatchObject({ type: "refused", refusal: { stuck: wrong } })
    expect(verdict.type === "refused" && verdict.refusal.minimal).toEqual({
      rows: Int32Array.of(wrong),
      complete: true
    })
  })
})
