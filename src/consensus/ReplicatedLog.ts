/**
 * ReplicatedLog: the service of this room: many replicated state machines on one store. Whoever calls it is answered once; an answer
 * of `propose` means that the command is committed, and was applied here; `read` sees everything that was answered before it began.
 *
 * `host` is the same without Effect, for callers on a hot path.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Completion from "#world/Completion.ts"
import * as ConfChange from "./ConfChange.ts"
import type { ConfState } from "./Configuration.ts"
import { ChangeRefused, type ConsensusError, type Halted, type NoGroup } from "./ConsensusError.ts"
import { Group } from "./Group.ts"
import type { Host, Metrics } from "./Host.ts"
import type { Entry } from "./Message.ts"
import type { NodeId } from "./NodeId.ts"
import * as Replica from "./Replica.ts"
import type { GroupId, StoreId } from "./Replica.ts"

export interface CallOptions {
  /** Default: 5,000. */
  readonly timeoutMillis?: number
}

/** Changes of one call take effect together, by way of a joint configuration when there are several. */
export interface MemberChange {
  readonly type: "add-voter" | "add-learner" | "remove"
  readonly store: StoreId
}

export interface ChangeOptions extends CallOptions {
  /** The joint configuration stays until `leaveJoint`. Default: false, it is left at once. */
  readonly explicitLeave?: boolean
}

export interface FollowerStatus {
  readonly replica: NodeId
  readonly match: number
  readonly next: number
  readonly state: "probe" | "replicate" | "snapshot"
  readonly isActive: boolean
}

export interface Status {
  readonly replica: NodeId
  readonly role: "follower" | "pre-candidate" | "candidate" | "leader"
  readonly term: number
  readonly leader: StoreId | undefined
  readonly firstIndex: number
  readonly lastIndex: number
  readonly committedIndex: number
  readonly appliedIndex: number
  readonly durableIndex: number
  readonly logBytes: number
  readonly configuration: ConfState
  readonly isAsleep: boolean
  /** Of a leader. */
  readonly followers: ReadonlyArray<FollowerStatus>
}

export class ReplicatedLog extends Context.Service<
  ReplicatedLog,
  {
    readonly host: Host
    readonly propose: (
      group: GroupId,
      command: Uint8Array,
      options?: CallOptions
    ) => Effect.Effect<Uint8Array, ConsensusError>
    readonly read: (
      group: GroupId,
      query: Uint8Array,
      options?: CallOptions
    ) => Effect.Effect<Uint8Array, ConsensusError>
    /** Committed entries in [from, to) that the log still has; the first may be a later one than was asked for. */
    readonly entries: (
      group: GroupId,
      from: number,
      to: number
    ) => Effect.Effect<ReadonlyArray<Entry>, NoGroup | Halted>
    readonly status: (group: GroupId) => Effect.Effect<Status, NoGroup | Halted>
    readonly transfer: (group: GroupId, to: StoreId) => Effect.Effect<void, ConsensusError>
    /** Succeeds with the members once they are in force, and not joint (or joint, if that was asked for). */
    readonly changeMembership: (
      group: GroupId,
      changes: ReadonlyArray<MemberChange>,
      options?: ChangeOptions
    ) => Effect.Effect<ConfState, ConsensusError>
    readonly leaveJoint: (group: GroupId) => Effect.Effect<ConfState, ConsensusError>
    /** Hands over everything that this store leads. */
    readonly drain: Effect.Effect<void>
    readonly metrics: Effect.Effect<Metrics>
  }
>()("orbit/consensus/ReplicatedLog") {}

export const timeoutMillisDefault = 5_000

/** The tick from which on a call that begins now has waited so long. */
export const deadlineOf = (host: Host, timeoutMillis = timeoutMillisDefault): number =>
  host.tick + 1 + Math.ceil((timeoutMillis * 1_000) / host.options.tickMicros)

const call = <A>(
  host: Host,
  id: GroupId,
  use: (group: Group, done: Completion.Done<A, ConsensusError>) => void
): Effect.Effect<A, ConsensusError> =>
  Effect.suspend(() => {
    const group = host.find(id)
    return group instanceof Group
      ? Completion.submit<A, ConsensusError>((done) => use(group, done))
      : Effect.fail(group)
  })

const look = <A>(host: Host, id: GroupId, at: (group: Group) => A): Effect.Effect<A, NoGroup | Halted> =>
  Effect.suspend(() => {
    const group = host.find(id)
    return group instanceof Group ? Effect.succeed(at(group)) : Effect.fail(group)
  })

export const statusOf = (group: Group): Status => {
  const { log, machine, raft, replica } = group
  const { core } = raft
  const followers =
    core.role !== "leader"
      ? []
      : core.tracker.ids
          .filter((id) => id !== replica)
          .map((id): FollowerStatus => {
            const { isActive, match, next, state } = core.tracker.get(id)!
            return { replica: id, match, next, state, isActive }
          })
  return {
    replica,
    role: core.role,
    term: core.term,
    leader: group.leader,
    firstIndex: log.firstIndex,
    lastIndex: core.log.lastIndex,
    committedIndex: core.log.committed,
    appliedIndex: machine.applied.index,
    durableIndex: machine.durable.index,
    logBytes: log.sizeBytes,
    configuration: machine.applied.configuration,
    isAsleep: group.isAsleep,
    followers
  }
}

const members = ({ learners, learnersNext, voters, votersOutgoing }: ConfState): ReadonlyArray<NodeId> => [
  ...voters,
  ...votersOutgoing,
  ...learners,
  ...learnersNext
]

/** The change in terms of replicas; what the group makes of it is its own business. */
export const changeOf = (
  group: Group,
  changes: ReadonlyArray<MemberChange>,
  isExplicit = false
): ConfChange.ConfChange | ChangeRefused => {
  const present = members(group.machine.applied.configuration)
  const made: Array<ConfChange.Change> = []
  for (const { store, type } of changes) {
    const member = present.find((id) => Replica.storeOf(id) === store)
    if (type === "remove") {
      if (member === undefined)
        return new ChangeRefused({ message: `store ${store} is no member of group ${group.id}` })
      made.push({ kind: ConfChange.changeKinds.remove, node: member })
      continue
    }
    // The place that the change takes in the log: no replica of this group was ever called so.
    const node = member ?? Replica.idOf(store, group.raft.core.log.lastIndex + 1)
    made.push({
      kind: type === "add-voter" ? ConfChange.changeKinds.addVoter : ConfChange.changeKinds.addLearner,
      node
    })
  }
  const transition = isExplicit ? ConfChange.transitions.explicit : ConfChange.transitions.auto
  return { transition, changes: made, context: new Uint8Array(0) }
}

export const make = (host: Host): ReplicatedLog["Service"] => {
  const change = (id: GroupId, of: (group: Group) => ConfChange.ConfChange | ChangeRefused) =>
    Effect.map(
      call<ConfState | undefined>(host, id, (group, done) => {
        const made = of(group)
        if (made instanceof ChangeRefused) done(made, undefined)
        else group.changeMembers(made, done)
      }),
      (state) => state!
    )
  return {
    host,
    propose: (id, command, options) =>
      call(host, id, (group, done) => group.propose(command, deadlineOf(host, options?.timeoutMillis), done)),
    read: (id, query, options) =>
      call(host, id, (group, done) => group.read(query, deadlineOf(host, options?.timeoutMillis), done)),
    entries: (id, from, to) =>
      look(host, id, ({ raft: { core } }) =>
        core.log.slice(Math.max(from, core.log.firstIndex), Math.min(to, core.log.committed + 1), Infinity)
      ),
    status: (id) => look(host, id, statusOf),
    transfer: (id, to) => call(host, id, (group, done) => group.transfer(to, done)),
    changeMembership: (id, changes, options) =>
      change(id, (group) => changeOf(group, changes, options?.explicitLeave === true)),
    leaveJoint: (id) => change(id, () => ConfChange.leaveJoint),
    drain: Effect.sync(() => host.drain()),
    metrics: Effect.sync(() => host.metrics())
  }
}
