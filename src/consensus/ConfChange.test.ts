import { describe, expect, it } from "vitest"
import * as ConfChange from "./ConfChange.ts"
import * as Configuration from "./Configuration.ts"

const limits = { inflightMax: 4, inflightBytesMax: Infinity }

/** Of voters, outgoing voters, learners and learners to be. */
const baseOf = (
  voters: ReadonlyArray<number>,
  votersOutgoing: ReadonlyArray<number> = [],
  learners: ReadonlyArray<number> = [],
  learnersNext: ReadonlyArray<number> = []
): ConfChange.Base => {
  const state = { voters, votersOutgoing, learners, learnersNext, autoLeave: false }
  const base = { configuration: Configuration.none, progresses: new Map(), lastIndex: 9, limits }
  if (voters.length === 0) return base
  return { ...base, ...(ConfChange.restore(state, 9, limits) as ConfChange.Result) }
}

const letters = { v: 0, r: 1, u: 2, l: 3 } as const

/** `v4 r1`: add voter 4, remove 1; `l` adds a learner, `u` updates; first how: auto, implicit, explicit. */
const changeOf = (how: "auto" | "implicit" | "explicit", text: string): ConfChange.ConfChange => ({
  transition: ({ auto: 0, implicit: 1, explicit: 2 } as const)[how],
  changes: text
    .split(" ")
    .filter((each) => each !== "")
    .map((each) => ({ kind: letters[each[0] as keyof typeof letters], node: Number(each.slice(1)) })),
  context: new Uint8Array(0)
})

const outcomeOf = (base: ConfChange.Base, change: ConfChange.ConfChange): string => {
  const result = ConfChange.apply(base, change)
  return "refused" in result ? result.refused : Configuration.describe(result.configuration)
}

describe("a change of the members", () => {
  it.each([
    { base: baseOf([1, 2]), how: "auto", text: "v3", now: "voters=(1 2 3)" },
    { base: baseOf([1, 2]), how: "auto", text: "r2", now: "voters=(1)" },
    { base: baseOf([1, 2]), how: "auto", text: "l3", now: "voters=(1 2) learners=(3)" },
    { base: baseOf([1, 2]), how: "auto", text: "l2", now: "voters=(1) learners=(2)" },
    { base: baseOf([1], [], [2]), how: "auto", text: "v2", now: "voters=(1 2)" },
    { base: baseOf([1], [], [2]), how: "auto", text: "l2", now: "voters=(1) learners=(2)" },
    { base: baseOf([1, 2]), how: "auto", text: "u2", now: "voters=(1 2)" },
    { base: baseOf([1, 2]), how: "auto", text: "r7", now: "voters=(1 2)" },
    { base: baseOf([1, 2]), how: "auto", text: "v0", now: "voters=(1 2)" },
    { base: baseOf([1]), how: "auto", text: "r1", now: "removed all voters" },
    { base: baseOf([1, 2], [1]), how: "auto", text: "v3", now: "can't apply simple config change in joint config" },
    { base: baseOf([1, 2]), how: "auto", text: "", now: "can't leave a non-joint config" }
  ] as const)("of one: $how $text makes $now", ({ base, how, now, text }) => {
    expect(outcomeOf(base, changeOf(how, text))).toBe(now)
  })

  it.each([
    { base: baseOf([1, 2]), how: "auto", text: "v3 r1", now: "voters=(2 3)&&(1 2) autoleave" },
    { base: baseOf([1, 2]), how: "implicit", text: "v3", now: "voters=(1 2 3)&&(1 2) autoleave" },
    { base: baseOf([1, 2]), how: "explicit", text: "v3 v4", now: "voters=(1 2 3 4)&&(1 2)" },
    { base: baseOf([1, 2]), how: "explicit", text: "l2 v3", now: "voters=(1 3)&&(1 2) learners_next=(2)" },
    { base: baseOf([1, 2]), how: "explicit", text: "l2 v2", now: "voters=(1 2)&&(1 2)" },
    { base: baseOf([1, 2]), how: "explicit", text: "r1 r2", now: "removed all voters" },
    { base: baseOf([1, 2], [1]), how: "explicit", text: "v3", now: "config is already joint" },
    { base: baseOf([]), how: "explicit", text: "v1", now: "can't make a zero-voter config joint" },
    { base: baseOf([1, 3], [1, 2], [], [2]), how: "auto", text: "", now: "voters=(1 3) learners=(2)" },
    { base: baseOf([3, 4], [1, 2]), how: "auto", text: "", now: "voters=(3 4)" }
  ] as const)("through a joint configuration: $how $text makes $now", ({ base, how, now, text }) => {
    expect(outcomeOf(base, changeOf(how, text))).toBe(now)
  })

  it("that is refused leaves what it was made of as it was", () => {
    const base = baseOf([1, 2], [], [3])
    const before = JSON.stringify([...base.progresses])
    expect(outcomeOf(base, changeOf("explicit", "v3 r1 r2 r3"))).toBe("removed all voters")
    expect(JSON.stringify([...base.progresses])).toBe(before)
  })

  it("keeps what is known of those who stay, and drops those who are nobody's members any more", () => {
    const base = baseOf([1, 2, 3])
    base.progresses.get(2)!.match = 7
    const joint = ConfChange.apply(base, changeOf("explicit", "r3 l2")) as ConfChange.Result
    expect(Configuration.sorted(joint.progresses.keys())).toEqual([1, 2, 3])
    const left = ConfChange.apply({ ...base, ...joint }, changeOf("auto", "")) as ConfChange.Result
    expect(Configuration.sorted(left.progresses.keys())).toEqual([1, 2])
    expect([left.progresses.get(2)!.match, left.progresses.get(2)!.isLearner]).toEqual([7, true])
  })

  it("puts every configuration together again that a snapshot can have", () => {
    for (const base of [baseOf([1, 2, 3], [], [4]), baseOf([1, 3], [1, 2], [5], [2]), baseOf([4, 5], [1, 2, 3])]) {
      const state = Configuration.toState(base.configuration)
      const again = ConfChange.restore(state, 9, limits) as ConfChange.Result
      expect(Configuration.toState(again.configuration)).toEqual(state)
      expect(Configuration.sorted(again.progresses.keys())).toEqual(Configuration.sorted(base.progresses.keys()))
    }
  })

  it("puts together none without voters", () => {
    const state = { ...Configuration.emptyState, learners: [1] }
    expect(ConfChange.restore(state, 9, limits)).toEqual({ refused: "removed all voters" })
  })
})
