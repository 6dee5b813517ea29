/** What Raft leaves open and a node decides: proposals, forwarding, bounds, and what a driver tells it. */
import { describe, expect, it } from "vitest"
import { OneNode } from "#sim/raft/OneNode.ts"
import * as ConfChange from "./ConfChange.ts"
import * as Message from "./Message.ts"
import { entryKinds, kinds } from "./Message.ts"

const noData = new Uint8Array(0)
const command = Uint8Array.of(1, 2, 3)

/** Leads, and both others have its first entry. */
const leader = (given: ConstructorParameters<typeof OneNode>[0] = {}): OneNode => {
  const node = new OneNode(given).leads(2)
  for (const from of [2, 3]) node.acknowledged(from, 2)
  return node
}

const follower = (given: ConstructorParameters<typeof OneNode>[0] = {}): OneNode => {
  const node = new OneNode(given)
  node.hears(kinds.heartbeat, 2, 1)
  return node
}

describe("a proposal", () => {
  it("goes to the leader from a follower that knows one, unless that is not wanted", () => {
    const node = follower()
    expect(node.raft.propose(command)).toBe("taken")
    expect(node.said()).toEqual(["MsgProp to 2 term 0 with 0"])
    expect(follower({ forwardsProposals: false }).raft.propose(command)).toBe("dropped")
  })

  it("is dropped where no leader is known, and while one is being elected", () => {
    const node = new OneNode()
    expect(node.raft.propose(command)).toBe("dropped")
    node.raft.campaign()
    expect(node.raft.propose(command)).toBe("dropped")
  })

  it("is dropped when more would be uncommitted than may be, but one of any size is taken", () => {
    const node = leader({ uncommittedBytesMax: 4 })
    expect([node.raft.propose(new Uint8Array(9)), node.raft.propose(command)]).toEqual(["taken", "dropped"])
    expect(node.raft.uncommittedRoomBytes).toBe(0)
    node.said()
    node.acknowledged(2, 3)
    expect([node.raft.uncommittedRoomBytes, node.raft.propose(command)]).toEqual([4, "taken"])
  })

  it("of an empty command is always taken", () => {
    const node = leader({ uncommittedBytesMax: 1 })
    node.raft.propose(command)
    expect(node.raft.propose(new Uint8Array(0))).toBe("taken")
  })

  it("of a change that nobody can read is dropped", () => {
    expect(leader().raft.proposeConfChange("confChangeV2", Uint8Array.of(255, 1))).toBe("dropped")
  })

  it("is dropped by a leader that is no member any more", () => {
    const node = leader()
    node.changes({ kind: ConfChange.changeKinds.remove, node: 1 })
    node.said()
    node.acknowledged(2, 3)
    expect([node.core.role, node.raft.propose(command)]).toEqual(["leader", "dropped"])
  })
})

describe("a follower", () => {
  it("hands a transfer and a read on to its leader, and drops them when it knows none", () => {
    const node = follower()
    node.raft.transferLeadership(3)
    expect(node.said()).toEqual(["MsgTransferLeader to 2 term 1"])
    const alone = new OneNode()
    alone.raft.transferLeadership(3)
    alone.raft.read(command)
    expect(alone.said()).toEqual([])
  })

  it("forgets its leader when it is told to, and may then vote at once", () => {
    const node = follower({ checkQuorum: true })
    const request = { index: 1, logTerm: 1 }
    expect(node.hears(kinds.vote, 3, 2, request)).toEqual([])
    node.raft.forgetLeader()
    expect(node.hears(kinds.vote, 3, 2, request)).toEqual(["MsgVoteResp to 3 term 2"])
  })

  it("does not forget a leader that reads by its lease, nor does a leader itself", () => {
    const node = follower({ checkQuorum: true, reads: "lease", leaseMicros: 1 })
    node.raft.forgetLeader()
    expect(node.core.lead).toBe(2)
    const leading = leader()
    leading.raft.forgetLeader()
    expect(leading.core.role).toBe("leader")
  })

  it("that is told to campaign while it does is not disturbed", () => {
    const node = new OneNode()
    node.raft.campaign()
    node.said()
    expect(node.hears(kinds.timeoutNow, 2, 2)).toEqual([])
    expect([node.core.role, node.core.term]).toEqual(["candidate", 2])
  })

  it("ignores a snapshot in whose members it is not", () => {
    const node = follower({ terms: [1] })
    const snapshot = {
      index: 9,
      term: 1,
      configuration: { voters: [2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
      data: new Uint8Array(0)
    }
    expect(node.hears(kinds.snapshot, 2, 1, { snapshot })).toEqual(["MsgAppResp to 2 term 1 at 1"])
    expect(node.log).toEqual([1])
  })
})

describe("a leader", () => {
  it("does not campaign", () => {
    const node = leader()
    node.raft.campaign()
    expect([node.core.role, node.core.term]).toEqual(["leader", 2])
  })

  it("probes a follower that is out of reach, instead of sending ahead", () => {
    const node = leader()
    node.raft.propose(command)
    node.said()
    node.raft.reportUnreachable(3)
    expect([node.core.tracker.get(3)!.state, node.core.tracker.get(3)!.next]).toEqual(["probe", 3])
    expect(node.core.tracker.get(2)!.state).toBe("replicate")
  })

  it.each([
    { outcome: "finished", next: 21 },
    { outcome: "failed", next: 3 }
  ] as const)(
    "goes on at $next when a snapshot $outcome, after an answer or a heartbeat's time",
    ({ next, outcome }) => {
      const node = leader()
      const progress = node.core.tracker.get(3)!
      progress.becomeSnapshot(20)
      node.raft.reportSnapshot(3, outcome)
      expect([progress.state, progress.next, progress.isPaused]).toEqual(["probe", next, true])
      node.raft.reportSnapshot(3, outcome)
      expect(progress.state).toBe("probe")
    }
  )

  it("hears nothing of who is no member", () => {
    const node = leader()
    const reply = { to: 1, from: 9, term: 2, index: 2 }
    const message = { ...node.messages()[0], kind: kinds.appended, ...reply }
    expect(node.raft.step(message)).toBe("unknown-peer")
    node.raft.reportUnreachable(9)
    expect(node.said()).toEqual([])
  })

  it("hands over to no learner, not to itself, and to another one than before when asked anew", () => {
    const node = new OneNode({ learners: [4] }).leads(2)
    for (const from of [2, 3]) node.acknowledged(from, 2)
    for (const to of [4, 1]) node.raft.transferLeadership(to)
    expect([node.said(), node.core.transferee]).toEqual([[], 0])
    node.raft.transferLeadership(2)
    node.raft.transferLeadership(2)
    node.raft.transferLeadership(3)
    expect(node.said()).toEqual(["MsgTimeoutNow to 2 term 2", "MsgTimeoutNow to 3 term 2"])
    node.raft.transferLeadership(1)
    expect(node.core.transferee).toBe(0)
  })

  it("sends no snapshot to who has not answered lately, nor one that it does not have at present", () => {
    const node = leader({ terms: [] })
    for (let i = 0; i < 3; i++) node.raft.propose(command)
    node.said()
    node.acknowledged(2, 5)
    node.storage.compact(4)
    const progress = node.core.tracker.get(3)!
    node.storage.snapshot = () => undefined
    const refusal = { index: 5, isRejected: true, hint: 1, logTerm: 1 }
    expect(node.hears(kinds.appended, 3, 2, refusal)).toEqual([])
    progress.isActive = false
    node.raft.reportUnreachable(3)
    expect(node.said()).toEqual([])
  })

  it("commits what a smaller quorum has, as soon as that is in force, and hands over to nobody who left", () => {
    const node = new OneNode({ voters: [1, 2, 3, 4] }).leads(2, 3)
    for (const from of [2, 3]) node.acknowledged(from, 2)
    node.changes({ kind: ConfChange.changeKinds.remove, node: 4 })
    node.raft.propose(command)
    node.said()
    node.raft.transferLeadership(4)
    node.acknowledged(2, 4)
    expect(node.core.log.committed).toBe(2)
    // The change is committed by three of four; what is behind it then needs two of three.
    node.acknowledged(3, 3)
    expect([node.core.log.committed, node.core.transferee]).toEqual([4, 0])
  })

  it("knows the slowest of those that answer", () => {
    const node = leader()
    node.raft.propose(command)
    node.said()
    node.acknowledged(2, 3)
    expect([node.raft.slowestMatch(), follower().raft.slowestMatch()]).toEqual([2, Infinity])
  })

  it("says why a change could not be made now", () => {
    const node = leader()
    const changeOf = (id: number) =>
      ({
        transition: 0,
        changes: [{ kind: ConfChange.changeKinds.addVoter, node: id }],
        context: new Uint8Array(0)
      }) as const
    expect(node.raft.refuses(changeOf(4))).toBeUndefined()
    expect(node.raft.refuses(ConfChange.leaveJoint)).toBe("not in joint state; refusing empty conf change")
    node.changes({ kind: ConfChange.changeKinds.addVoter, node: 4 })
    expect(node.raft.refuses(changeOf(5))).toContain("possible unapplied conf change")
  })
})

describe("an election", () => {
  it("tells in each question, vote and answer what its sender knows to be committed", () => {
    const told = (node: OneNode) => node.messages().map(({ commit, commitTerm, kind }) => [kind, commit, commitTerm])
    const given = { terms: [1, 2, 2], commit: 3, term: 2 }
    for (const [preVote, kind] of [
      [true, kinds.preVote],
      [false, kinds.vote]
    ] as const) {
      const asks = new OneNode({ ...given, preVote })
      asks.raft.campaign()
      expect(told(asks)).toEqual([
        [kind, 3, 2],
        [kind, 3, 2]
      ])
    }
    const asked = (
      kind: Message.Kind,
      term: number,
      fields: { readonly index?: number; readonly logTerm?: number }
    ) => {
      const node = new OneNode({ ...given, preVote: true })
      node.raft.step({ ...Message.make(kind, 1, fields), from: 2, term })
      return told(node)
    }
    const longer = { index: 9, logTerm: 2 }
    expect(asked(kinds.vote, 3, longer)).toEqual([[kinds.voted, 3, 2]])
    expect(asked(kinds.vote, 3, {})).toEqual([[kinds.voted, 3, 2]])
    expect(asked(kinds.preVote, 3, longer)).toEqual([[kinds.preVoted, 3, 2]])
    expect(asked(kinds.preVote, 3, {})).toEqual([[kinds.preVoted, 3, 2]])
    expect(asked(kinds.preVote, 1, longer)).toEqual([[kinds.preVoted, 3, 2]])
  })

  it("that tells what is committed is believed where the log has that entry, and only there", () => {
    const learned = (commit: number, commitTerm: number) => {
      const node = new OneNode({ terms: [1, 2, 2], term: 2 })
      node.hears(kinds.preVote, 2, 3, { commit, commitTerm })
      return node.core.log.committed
    }
    expect(learned(3, 2)).toBe(3)
    expect(learned(4, 2)).toBe(4)
    expect(learned(3, 3)).toBe(1)
    expect(learned(5, 2)).toBe(1)
    expect(learned(0, 0)).toBe(1)
  })

  it("is given up when it tells of a change of the voters, which it was not held among", () => {
    const change = ConfChange.encode({
      transition: 0,
      changes: [{ kind: ConfChange.changeKinds.remove, node: 2 }],
      context: noData
    })
    const node = new OneNode({ voters: [1, 2] })
    const entries = [{ index: 2, term: 1, kind: entryKinds.confChangeV2, data: change }]
    node.raft.step({ ...Message.make(kinds.append, 1, { index: 1, logTerm: 1, entries, commit: 1 }), from: 2, term: 1 })
    node.said()
    // Whoever is removed has a longer log, and refuses its vote; but it knows what made it leave.
    node.raft.campaign()
    expect(node.said()).toEqual(["MsgVote to 2 term 2 at 2/1"])
    node.hears(kinds.voted, 2, 2, { isRejected: true, commit: 2, commitTerm: 1 })
    expect([node.core.role, node.core.tracker.ids]).toEqual(["follower", [1]])
    node.raft.campaign()
    node.said()
    expect(node.core.role).toBe("leader")
  })
})

describe("a group that has nothing to do", () => {
  it("is idle for its leader when everything is applied, and all that are live have it", () => {
    const node = leader()
    const all = (): boolean => true
    expect(node.raft.isIdle(all)).toBe(true)
    // A majority must be there, and whoever is there must have everything.
    expect([node.raft.isIdle((id) => id === 3), node.raft.isIdle(() => false)]).toEqual([true, false])
    node.raft.propose(command)
    node.said()
    expect(node.raft.isIdle(all)).toBe(false)
    node.acknowledged(2, 3)
    expect([node.raft.isIdle(all), node.raft.isIdle((id) => id === 2)]).toEqual([false, true])
  })

  it("is so for a follower of that leader that has applied its last entry", () => {
    const node = follower({ terms: [1] })
    node.append(2, 1, [2, 1], [], 2)
    const { raft } = node
    expect(raft.mayFollowAsleep(2, 1, 2)).toBe(true)
    expect([raft.mayFollowAsleep(3, 1, 2), raft.mayFollowAsleep(2, 2, 2), raft.mayFollowAsleep(2, 1, 3)]).toEqual([
      false,
      false,
      false
    ])
  })
})
