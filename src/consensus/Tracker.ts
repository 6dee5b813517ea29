/** Tracker: the configuration in force, the progress of every member, and the votes of a campaign. */
import * as Configuration from "./Configuration.ts"
import type * as ConfChange from "./ConfChange.ts"
import type { NodeId } from "./NodeId.ts"
import type { Progress } from "./Progress.ts"
import * as Quorum from "./Quorum.ts"

export interface Tally {
  readonly granted: number
  readonly rejected: number
  readonly result: Quorum.VoteResult
}

export class Tracker {
  readonly limits: ConfChange.Limits
  configuration = Configuration.none
  private members: Map<NodeId, Progress> = new Map()
  /** In ascending order. */
  ids: ReadonlyArray<NodeId> = []
  private readonly votes = new Map<NodeId, boolean>()

  constructor(limits: ConfChange.Limits) {
    this.limits = limits
  }

  use({ configuration, progresses }: ConfChange.Result): void {
    this.configuration = configuration
    this.members = progresses
    this.ids = Configuration.sorted(progresses.keys())
  }

  get progresses(): ConfChange.Progresses {
    return this.members
  }

  get(id: NodeId): Progress | undefined {
    return this.members.get(id)
  }

  replace(id: NodeId, progress: Progress): void {
    this.members.set(id, progress)
  }

  /** The highest index that a quorum has. */
  committed(): number {
    return Quorum.committedIndex(this.configuration.voters, this.matchOf)
  }

  private readonly matchOf = (id: NodeId): number => this.members.get(id)?.match ?? 0

  isQuorumActive(): boolean {
    return Quorum.voteResult(this.configuration.voters, (id) => this.members.get(id)?.isActive === true) === "won"
  }

  isSingleton(): boolean {
    const { incoming, outgoing } = this.configuration.voters
    return incoming.size === 1 && outgoing.size === 0
  }

  isVoter(id: NodeId): boolean {
    const { incoming, outgoing } = this.configuration.voters
    return incoming.has(id) || outgoing.has(id)
  }

  /** Nothing is proposed until a successor has all: with one that has nothing yet that would be an election time-out in vain. */
  canSucceed(id: NodeId): boolean {
    return this.isVoter(id) && this.get(id)!.state === "replicate"
  }

  forgetVotes(): void {
    this.votes.clear()
  }

  /** A node's first vote counts. */
  vote(id: NodeId, isGranted: boolean): Tally {
    if (!this.votes.has(id)) this.votes.set(id, isGranted)
    let granted = 0
    let rejected = 0
    for (const [voter, progress] of this.members) {
      const cast = this.votes.get(voter)
      if (progress.isLearner || cast === undefined) continue
      if (cast) granted++
      else rejected++
    }
    return {
      granted,
      rejected,
      result: Quorum.voteResult(this.configuration.voters, (voter) => this.votes.get(voter))
    }
  }
}
