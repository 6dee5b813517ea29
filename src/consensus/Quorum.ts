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

/** What nobody has to agree to is agreed to: the highest index, and every vote. */
const majorityIndex = (voters: Voters, acked: (id: NodeId) => number): number => {
  if (voters.size === 0) return Infinity
  const indexes: Array<number> = []
  for (const id of voters) indexes.push(acked(id))
  indexes.sort((left, right) => right - left)
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
