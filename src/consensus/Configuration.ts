/**
 * Configuration: who votes and who only learns. During a joint change both the incoming and the outgoing voters count; a voter
 * that is to become a learner waits in `learnersNext` until the joint configuration is left.
 */
import type { NodeId } from "./NodeId.ts"
import type { Joint } from "./Quorum.ts"

export interface Configuration {
  readonly voters: Joint
  readonly learners: ReadonlySet<NodeId>
  readonly learnersNext: ReadonlySet<NodeId>
  /** The leader leaves the joint configuration by itself. */
  readonly autoLeave: boolean
}

/** The same as it stands in snapshots: sorted lists. */
export interface ConfState {
  readonly voters: ReadonlyArray<NodeId>
  readonly votersOutgoing: ReadonlyArray<NodeId>
  readonly learners: ReadonlyArray<NodeId>
  readonly learnersNext: ReadonlyArray<NodeId>
  readonly autoLeave: boolean
}

export const none: Configuration = {
  voters: { incoming: new Set(), outgoing: new Set() },
  learners: new Set(),
  learnersNext: new Set(),
  autoLeave: false
}

export const emptyState: ConfState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false
}

export const isJoint = ({ voters }: Configuration): boolean => voters.outgoing.size > 0

export const sorted = (ids: Iterable<NodeId>): ReadonlyArray<NodeId> => [...ids].sort((left, right) => left - right)

export const toState = ({ autoLeave, learners, learnersNext, voters }: Configuration): ConfState => ({
  voters: sorted(voters.incoming),
  votersOutgoing: sorted(voters.outgoing),
  learners: sorted(learners),
  learnersNext: sorted(learnersNext),
  autoLeave
})

const set = (ids: ReadonlySet<NodeId>): string => `(${sorted(ids).join(" ")})`

/** `voters=(1 2)&&(1) learners=(3) learners_next=(2) autoleave`. */
export const describe = ({ autoLeave, learners, learnersNext, voters }: Configuration): string =>
  `voters=${set(voters.incoming)}${voters.outgoing.size > 0 ? `&&${set(voters.outgoing)}` : ""}` +
  (learners.size > 0 ? ` learners=${set(learners)}` : "") +
  (learnersNext.size > 0 ? ` learners_next=${set(learnersNext)}` : "") +
  (autoLeave ? " autoleave" : "")
