/**
 * Quorum: majorities, and joint majorities while the membership changes (Ongaro's thesis, section 4.3): a decision of a joint
 * configuration needs a majority of the incoming voters and one of the outgoing.
 */
import type { NodeId } from "./NodeId.ts"

export type Voters = ReadonlySet<NodeId>

export interface Joint {
  readonly incoming: Voters
  /** Empty, but while the membership changes. */
  readonly outgoing: Voters
}

export type VoteResult = "won" | "lost" | "pending"

const majority = (voters: Voters): number => Math.floor(voters.size / 2) + 1

/** Descending, of the voters that were looked at; the next call uses it again: every answer to a leader asks for this. */
const indexes: Array<number> = []

/** What nobody has to agree to is agreed to: the highest index, and every vote. */
const majorityIndex = (voters: Voters, acked: (id: NodeId) => number): number => {
  if (voters.size === 0) return Infinity
  let count = 0
  for (const id of voters) {
    const index = acked(id)
    let at = count++
    for (; at > 0 && indexes[at - 1] < index; at--) indexes[at] = indexes[at - 1]
    indexes[at] = index
  }
  return indexes[majority(voters) - 1]
}

/** The highest index that a quorum has acknowledged; 0 when there is none. */
export const committedIndex = ({ incoming, outgoing }: Joint, acked: (id: NodeId) => number): number =>
  Math.min(majorityIndex(incoming, acked), majorityIndex(outgoing, acked))

const majorityResult = (voters: Voters, vote: (id: NodeId) => boolean | undefined): VoteResult => {
  if (voters.size === 0) return "won"
  let yes = 0
  let missing = 0
  for (const id of voters) {
    const cast = vote(id)
    if (cast === undefined) missing++
    else if (cast) yes++
  }
  if (yes >= majority(voters)) return "won"
  return yes + missing >= majority(voters) ? "pending" : "lost"
}

/** `vote` gives a voter's decision, undefined while it has none. */
export const voteResult = ({ incoming, outgoing }: Joint, vote: (id: NodeId) => boolean | undefined): VoteResult => {
  const first = majorityResult(incoming, vote)
  const second = majorityResult(outgoing, vote)
  if (first === second) return first
  return first === "lost" || second === "lost" ? "lost" : "pending"
}

/** All voters of both, in ascending order. */
export const voterIds = ({ incoming, outgoing }: Joint): ReadonlyArray<NodeId> =>
  [...new Set([...incoming, ...outgoing])].sort((left, right) => left - right)
