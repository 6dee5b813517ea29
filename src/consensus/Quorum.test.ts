import { describe, expect, it } from "vitest"
import * as Quorum from "./Quorum.ts"

const idsMax = 4

/** All sets of ids from 1 to `idsMax`. */
const sets = Array.from({ length: 1 << idsMax }, (_, bits) =>
  Array.from({ length: idsMax }, (__, i) => i + 1).filter((id) => (bits >>> (id - 1)) & 1)
)

const joints = sets.flatMap((incoming) =>
  sets.map((outgoing): Quorum.Joint => ({ incoming: new Set(incoming), outgoing: new Set(outgoing) }))
)

/** Every way to give each id one of some values. */
const assignments = <A>(values: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: idsMax }).reduce<ReadonlyArray<ReadonlyArray<A>>>(
    (lists) => lists.flatMap((list) => values.map((value) => [...list, value])),
    [[]]
  )

/** More than half of each side that has anybody, by counting. */
const isQuorum = ({ incoming, outgoing }: Quorum.Joint, has: (id: number) => boolean): boolean =>
  [incoming, outgoing].every((voters) => voters.size === 0 || [...voters].filter(has).length * 2 > voters.size)

describe("a quorum, for every pair of sets of four voters", () => {
  it("has committed the highest index that more than half of each side have", () => {
    const wrong: Array<unknown> = []
    for (const acked of assignments([0, 3, 7])) {
      for (const joint of joints) {
        const isCommitted = (index: number): boolean => isQuorum(joint, (id) => acked[id - 1] >= index)
        const right = isCommitted(8) ? Infinity : [7, 3, 0].find(isCommitted)!
        if (Quorum.committedIndex(joint, (id) => acked[id - 1]) !== right) wrong.push({ acked, joint, right })
      }
    }
    expect(wrong).toEqual([])
    expect(joints.length).toBe(256)
  })

  it("has elected whom more than half of each side want, and rejected whom nobody's vote can help any more", () => {
    const wrong: Array<unknown> = []
    for (const votes of assignments([true, false, undefined])) {
      for (const joint of joints) {
        const isWon = isQuorum(joint, (id) => votes[id - 1] === true)
        const canWin = isQuorum(joint, (id) => votes[id - 1] !== false)
        const right = isWon ? "won" : canWin ? "pending" : "lost"
        if (Quorum.voteResult(joint, (id) => votes[id - 1]) !== right) wrong.push({ votes, joint, right })
      }
    }
    expect(wrong).toEqual([])
    expect(assignments([true, false, undefined]).length).toBe(81)
  })

  it("meets every other one of the same voters", () => {
    const wrong: Array<unknown> = []
    for (const joint of joints) {
      if (joint.incoming.size === 0) continue
      const quorums = sets.filter((ids) => Quorum.voteResult(joint, (id) => ids.includes(id)) === "won")
      for (const left of quorums) {
        for (const right of quorums) {
          const meets = left.some((id) => right.includes(id) && (joint.incoming.has(id) || joint.outgoing.has(id)))
          if (!meets) wrong.push({ joint, left, right })
        }
      }
    }
    expect(wrong).toEqual([])
  })

  it("is of voters in ascending order, each once", () => {
    expect(Quorum.voterIds({ incoming: new Set([3, 1, 20]), outgoing: new Set([2, 3]) })).toEqual([1, 2, 3, 20])
  })
})
