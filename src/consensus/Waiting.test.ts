import { describe, expect, it } from "vitest"
import { NotLeader, type ConsensusError } from "./ConsensusError.ts"
import { Appended, Proposal, Reading } from "./Waiting.ts"

const lost = (): ConsensusError => new NotLeader({ group: 1, leader: 2 })

/** Proposals that were appended, and what became of them. */
class Callers {
  readonly appended = new Appended()
  readonly answers: Array<string> = []

  append(name: string, index: number, term: number, deadlineTick = 100): void {
    const proposal = new Proposal(new Uint8Array(1), { queuedTick: 0, deadlineTick }, (error, result) => {
      this.answers.push(`${name} ${error?._tag ?? result[0]}`)
    })
    proposal.index = index
    proposal.term = term
    this.appended.add(proposal)
  }

  apply(index: number, term: number, result = index): void {
    this.appended.applied(index, term, Uint8Array.of(result), lost)
  }
}

describe("a proposal that was appended", () => {
  it("gets the result of its own entry", () => {
    const callers = new Callers()
    for (const index of [5, 6, 7]) callers.append(`p${index}`, index, 2)
    for (const index of [4, 5, 6, 7]) callers.apply(index, 2)
    expect(callers.answers).toEqual(["p5 5", "p6 6", "p7 7"])
    expect(callers.appended.isEmpty).toBe(true)
  })

  it("has lost when its place is applied with an entry of another term, and not before", () => {
    const callers = new Callers()
    callers.append("old", 5, 2)
    callers.appended.endLeadership()
    callers.append("new", 5, 4)
    expect(callers.answers).toEqual([])
    callers.apply(5, 4)
    expect(callers.answers).toEqual(["new 5", "old NotLeader"])
  })

  it("may still win after its leader was deposed: a later one may commit it", () => {
    const callers = new Callers()
    callers.append("old", 5, 2)
    callers.appended.endLeadership()
    callers.apply(5, 2)
    expect(callers.answers).toEqual(["old 5"])
  })

  it("is unknown, once, when its deadline passes or a snapshot takes its place", () => {
    const callers = new Callers()
    callers.append("late", 5, 2, 10)
    callers.append("skipped", 6, 2)
    callers.append("behind", 9, 2)
    callers.appended.expire(9)
    expect(callers.answers).toEqual([])
    callers.appended.expire(10)
    callers.apply(5, 2)
    callers.appended.skippedTo(8)
    callers.apply(9, 2)
    expect(callers.answers).toEqual(["late Unknown", "skipped Unknown", "behind 9"])
  })

  it("is found among ten thousand, in order", () => {
    const callers = new Callers()
    for (let index = 1; index <= 10_000; index++) callers.append(String(index), index, 1)
    for (let index = 1; index <= 10_000; index++) callers.apply(index, 1, 0)
    expect(callers.answers).toEqual(Array.from({ length: 10_000 }, (_, i) => `${i + 1} 0`))
  })
})

describe("reads", () => {
  const asked = () => {
    const reading = new Reading()
    const answers: Array<string> = []
    const add = (name: string, deadlineTick = 100): void =>
      reading.add({
        query: new TextEncoder().encode(name),
        deadlineTick,
        answer: (error, result) => answers.push(`${name} ${error?._tag ?? new TextDecoder().decode(result)}`)
      })
    const reach = (index: number): void => reading.reached(index, (query) => query)
    return { add, answers, reach, reading }
  }

  it("share a round, and are answered once its index is applied", () => {
    const { add, answers, reach, reading } = asked()
    add("a")
    add("b")
    const round = reading.ask(0)
    reading.confirm(round, 7)
    reach(6)
    expect(answers).toEqual([])
    reach(7)
    expect(answers).toEqual(["a a", "b b"])
    expect([reading.isEmpty, reading.ask(1)]).toEqual([true, 0])
  })

  it("are asked again under a new number, and the old one's answer confirms nothing", () => {
    const { add, answers, reach, reading } = asked()
    add("a")
    const first = reading.ask(0)
    reading.repeat(1)
    const second = reading.ask(1)
    reading.confirm(first, 3)
    reach(10)
    expect(answers).toEqual([])
    reading.confirm(second, 4)
    reach(10)
    expect(answers).toEqual(["a a"])
  })

  it("time out wherever they are, each on its own", () => {
    const { add, answers, reach, reading } = asked()
    add("confirmed", 5)
    reading.confirm(reading.ask(0), 99)
    add("asked", 5)
    add("patient", 50)
    const round = reading.ask(0)
    add("fresh", 5)
    reading.expire(5)
    expect([...answers].sort()).toEqual(["asked TimedOut", "confirmed TimedOut", "fresh TimedOut"])
    reading.confirm(round, 1)
    reach(1)
    expect(answers.at(-1)).toBe("patient patient")
  })

  it("are told when nothing goes on", () => {
    const { add, answers, reading } = asked()
    add("a")
    reading.ask(0)
    add("b")
    reading.endAll(lost)
    expect(answers.sort()).toEqual(["a NotLeader", "b NotLeader"])
    expect(reading.isEmpty).toBe(true)
  })
})
