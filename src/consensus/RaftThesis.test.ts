/** One test a claim of the thesis on Raft (Ongaro, 2014), beyond those of the paper: section in its name. */
import { describe, expect, it } from "vitest"
import { OneNode, configurationOf } from "#sim/raft/OneNode.ts"
import * as ConfChange from "./ConfChange.ts"
import * as Message from "./Message.ts"
import { entryKinds, kinds } from "./Message.ts"

const noData = new Uint8Array(0)
const command = Uint8Array.of(1)

describe("leadership transfer (thesis, section 3.10)", () => {
  const group = () => {
    const node = new OneNode().leads(2)
    for (const from of [2, 3]) node.acknowledged(from, 2)
    return node
  }

  it("3.10: a successor that has everything is told to campaign at once", () => {
    const node = group()
    node.raft.transferLeadership(2)
    expect(node.said()).toEqual(["MsgTimeoutNow to 2 term 2"])
  })

  it("3.10: one that lags is brought up to date first", () => {
    const node = group()
    node.raft.propose(command)
    node.said()
    node.raft.transferLeadership(3)
    expect(node.said()).not.toContain("MsgTimeoutNow to 3 term 2")
    expect(node.acknowledged(3, 3)).toContain("MsgTimeoutNow to 3 term 2")
  })

  it("3.10: meanwhile the leader takes no proposals, and goes on when the successor fails for an election time-out", () => {
    const node = group()
    node.raft.transferLeadership(2)
    expect(node.raft.propose(command)).toBe("dropped")
    node.ticks(10)
    expect(node.raft.propose(command)).toBe("taken")
  })

  it("3.10: the successor campaigns without asking before, and is heard though a leader is alive", () => {
    const successor = new OneNode({ preVote: true, checkQuorum: true })
    successor.hears(kinds.heartbeat, 2, 1)
    expect(successor.hears(kinds.timeoutNow, 2, 1)).toEqual([
      "MsgVote to 2 term 2 at 1/1",
      "MsgVote to 3 term 2 at 1/1"
    ])
    const voter = new OneNode({ checkQuorum: true })
    voter.hears(kinds.heartbeat, 2, 1)
    const request = { index: 1, logTerm: 1 }
    expect(voter.hears(kinds.vote, 3, 2, request)).toEqual([])
    expect(voter.hears(kinds.vote, 3, 2, { ...request, isTransfer: true })).toEqual(["MsgVoteResp to 3 term 2"])
  })
})

describe("membership (thesis, chapter 4)", () => {
  const { addLearner, addVoter, remove } = ConfChange.changeKinds

  it("4.1: one change at a time: another one before it is applied becomes an empty entry", () => {
    const node = new OneNode().leads(2)
    for (const from of [2, 3]) node.acknowledged(from, 2)
    node.changes({ kind: addVoter, node: 4 })
    node.changes({ kind: addVoter, node: 5 })
    const kindsOf = node.core.log.slice(3, 5, Infinity).map(({ kind }) => kind)
    expect(kindsOf).toEqual([entryKinds.confChangeV2, entryKinds.normal])
  })

  it("4.2.1: a learner gets everything and its acknowledgement counts for nothing", () => {
    const node = new OneNode({ voters: [1, 2], learners: [4] }).leads(2)
    node.acknowledged(4, 2)
    expect(node.core.log.committed).toBe(1)
    node.acknowledged(2, 2)
    expect(node.core.log.committed).toBe(2)
  })

  it("4.2.1: a learner does not campaign", () => {
    const node = new OneNode({ voters: [2, 3], learners: [1] })
    expect(node.ticks(50)).toEqual([])
  })

  it("4.2.2: a leader that removes itself steps down when the change is applied", () => {
    const node = new OneNode({ stepsDownOnRemoval: true }).leads(2)
    for (const from of [2, 3]) node.acknowledged(from, 2)
    node.changes({ kind: remove, node: 1 })
    node.said()
    expect(node.core.role).toBe("leader")
    node.acknowledged(2, 3)
    expect([node.core.role, node.core.tracker.ids]).toEqual(["follower", [2, 3]])
  })

  it("4.2.3: a follower that hears its leader gives no vote and keeps its term", () => {
    const node = new OneNode({ checkQuorum: true })
    node.hears(kinds.heartbeat, 2, 1)
    expect(node.hears(kinds.vote, 3, 7, { index: 9, logTerm: 6 })).toEqual([])
    expect(node.core.term).toBe(1)
    node.ticks(10)
    expect(node.hears(kinds.vote, 3, 7, { index: 9, logTerm: 6 })).toEqual(["MsgVoteResp to 3 term 7"])
  })

  it("4.3: while the configuration is joint, a majority of the old and one of the new voters are needed", () => {
    const node = new OneNode({ voters: [1, 2] }).leads(2)
    node.acknowledged(2, 2)
    node.changes({ kind: addVoter, node: 3 }, { kind: addVoter, node: 4 }, { kind: remove, node: 2 })
    node.said()
    node.acknowledged(2, 3)
    expect(node.core.describeConfiguration()).toBe("voters=(1 3 4)&&(1 2) autoleave")
    // The entry that leaves it: the new ones alone do not commit it, nor do the old ones.
    const last = node.core.log.lastIndex
    for (const from of [3, 4]) node.acknowledged(from, last)
    expect(node.core.log.committed).toBe(last - 1)
    node.acknowledged(2, last)
    expect(node.core.describeConfiguration()).toBe("voters=(1 3 4)")
  })

  it("4.4: a node whose applied configuration lags does not campaign", () => {
    const node = new OneNode({ learners: [4] })
    const data = ConfChange.encode({ transition: 0, changes: [{ kind: addLearner, node: 5 }], context: noData })
    const entries = [{ index: 2, term: 1, kind: entryKinds.confChangeV2, data }]
    node.raft.step({ ...Message.make(kinds.append, 1, { index: 1, logTerm: 1, entries, commit: 2 }), from: 2, term: 1 })
    node.raft.campaign()
    expect(node.core.role).toBe("follower")
    node.said()
    node.raft.campaign()
    expect(node.core.role).toBe("candidate")
  })
})

describe("compaction (thesis, chapter 5)", () => {
  it("5: a follower that needs what was compacted gets a snapshot, and nothing else meanwhile", () => {
    const node = new OneNode({ terms: [1, 1, 1], commit: 4 }).leads(2)
    node.acknowledged(2, 5)
    node.hears(kinds.heartbeatAnswer, 3, 2)
    node.storage.compact(4)
    const answer = { index: 4, isRejected: true, hint: 1, logTerm: 1 }
    node.storage.snapshot = () => ({ index: 4, term: 1, configuration: configurationOf([1, 2, 3]), data: noData })
    expect(node.hears(kinds.appended, 3, 2, answer)).toEqual(["MsgSnap to 3 term 2"])
    node.raft.propose(command)
    expect(node.said().filter((text) => text.includes("to 3"))).toEqual([])
  })

  it("5: a snapshot takes the place of a log that is behind it", () => {
    const node = new OneNode({ term: 3, terms: [1, 2, 2] })
    const snapshot = { index: 9, term: 3, configuration: configurationOf([1, 2, 4]), data: noData }
    expect(node.hears(kinds.snapshot, 2, 3, { snapshot })).toEqual(["MsgAppResp to 2 term 3 at 9"])
    expect([node.core.log.firstIndex, node.core.log.lastIndex, node.core.log.committed]).toEqual([10, 9, 9])
    expect(node.core.tracker.ids).toEqual([1, 2, 4])
  })

  it("5: of a snapshot whose last entry is in the log only the commit index is taken", () => {
    const node = new OneNode({ term: 3, terms: [1, 2, 2] })
    const snapshot = { index: 3, term: 2, configuration: configurationOf([1, 2, 3]), data: noData }
    node.hears(kinds.snapshot, 2, 3, { snapshot })
    expect([node.log, node.core.log.committed]).toEqual([[1, 2, 2], 3])
  })

  it("5: an old snapshot changes nothing", () => {
    const node = new OneNode({ term: 3, terms: [1, 2, 2], commit: 4 })
    const snapshot = { index: 3, term: 2, configuration: configurationOf([1, 2]), data: noData }
    expect(node.hears(kinds.snapshot, 2, 3, { snapshot })).toEqual(["MsgAppResp to 2 term 3 at 4"])
    expect([node.log, node.core.tracker.ids]).toEqual([
      [1, 2, 2],
      [1, 2, 3]
    ])
  })
})

describe("reads (thesis, section 6.4)", () => {
  const context = Uint8Array.of(7)
  const readsOf = (node: OneNode) => node.readies.flatMap(({ reads }) => reads.map(({ index }) => index))

  it("6.4: a leader answers none before it has committed an entry of its own term", () => {
    const node = new OneNode({ terms: [1], commit: 2 }).leads(2)
    node.raft.read(context)
    const read = node.messages().find(({ kind }) => kind === kinds.heartbeat)
    expect([read, readsOf(node)]).toEqual([undefined, []])
    node.acknowledged(2, 3)
    node.hears(kinds.heartbeatAnswer, 2, 2, { read: 1 })
    expect(readsOf(node)).toEqual([3])
  })

  it("6.4: then it asks a quorum whether it still leads, and answers with what was committed when it was asked", () => {
    const node = new OneNode().leads(2)
    node.acknowledged(2, 2)
    node.raft.read(context)
    const [{ read }] = node.messages().filter(({ kind }) => kind === kinds.heartbeat)
    node.raft.propose(command)
    node.said()
    node.acknowledged(2, 3)
    expect(readsOf(node)).toEqual([])
    node.hears(kinds.heartbeatAnswer, 3, 2, { read: read - 1 })
    expect(readsOf(node)).toEqual([])
    node.hears(kinds.heartbeatAnswer, 3, 2, { read })
    expect(readsOf(node)).toEqual([2])
  })

  it("6.4: a follower asks its leader, and answers when it has the index", () => {
    const node = new OneNode()
    node.hears(kinds.heartbeat, 2, 1)
    node.raft.read(context)
    expect(node.said()).toEqual(["MsgReadIndex to 2 term 0 with 0"])
    const entries = [{ term: 0, index: 0, kind: entryKinds.normal, data: context }]
    node.hears(kinds.readIndexAnswer, 2, 1, { index: 5, entries })
    expect(readsOf(node)).toEqual([5])
  })

  it("6.4: a leader that loses its term answers no read of it any more", () => {
    const node = new OneNode().leads(2)
    node.acknowledged(2, 2)
    node.raft.read(context)
    const [{ read }] = node.messages().filter(({ kind }) => kind === kinds.heartbeat)
    node.hears(kinds.heartbeat, 3, 3)
    node.hears(kinds.heartbeatAnswer, 2, 2, { read })
    expect(readsOf(node)).toEqual([])
  })
})

describe("leases (thesis, section 6.4.1)", () => {
  const options = { checkQuorum: true, reads: "lease", leaseMicros: 100 } as const
  const readsOf = (node: OneNode): number => node.readies.flatMap(({ reads }) => reads).length

  /** Leads, and a quorum has answered a heartbeat of time 1,000 that it was told of at 1,050. */
  const holder = (): OneNode => {
    const node = new OneNode(options).leads(2)
    node.acknowledged(2, 2)
    node.raft.clock(1_000)
    node.raft.tick()
    const { read } = node.messages().find(({ kind }) => kind === kinds.heartbeat)!
    node.raft.clock(1_050)
    node.hears(kinds.heartbeatAnswer, 2, 2, { read })
    return node
  }

  const readsAt = (node: OneNode, micros: number): number => {
    const before = readsOf(node)
    node.raft.clock(micros)
    node.raft.read(Uint8Array.of(1))
    node.said()
    return readsOf(node) - before
  }

  it("6.4.1: a leader answers without asking for a while from when a heartbeat left that a quorum answered", () => {
    const node = holder()
    expect([readsAt(node, 1_060), readsAt(node, 1_099), readsAt(node, 1_100)]).toEqual([1, 1, 0])
  })

  it("6.4.1: handing over ends the lease", () => {
    const node = holder()
    node.raft.transferLeadership(2)
    expect(readsAt(node, 1_060)).toBe(0)
  })

  it("6.4.1: a change of the members ends the lease", () => {
    const node = holder()
    node.changes({ kind: ConfChange.changeKinds.addLearner, node: 4 })
    node.said()
    node.acknowledged(2, 3)
    expect(readsAt(node, 1_060)).toBe(0)
  })

  it("6.4.1: a node that has just started may have promised before: it votes only after an election time-out", () => {
    const node = new OneNode(options)
    const request = { index: 1, logTerm: 1 }
    expect(node.hears(kinds.vote, 2, 5, request)).toEqual([])
    node.ticks(9)
    expect(node.hears(kinds.vote, 2, 5, request)).toEqual([])
    node.ticks(1)
    expect(node.hears(kinds.vote, 2, 5, request)).toEqual(["MsgVoteResp to 2 term 5"])
  })
})

describe("liveness (thesis, sections 6.2 and 9.6)", () => {
  it("6.2: a leader that hears no quorum for an election time-out steps down", () => {
    const node = new OneNode({ checkQuorum: true }).leads(2)
    node.hears(kinds.heartbeatAnswer, 2, 2)
    node.ticks(10)
    expect(node.core.role).toBe("leader")
    node.ticks(10)
    expect(node.core.role).toBe("follower")
  })

  it("9.6: whoever hears nobody asks before it raises its term", () => {
    const node = new OneNode({ preVote: true })
    expect(node.ticks(10)).toEqual(["MsgPreVote to 2 term 2 at 1/1", "MsgPreVote to 3 term 2 at 1/1"])
    expect([node.core.role, node.core.term, node.core.vote]).toEqual(["pre-candidate", 1, 0])
    expect(node.hears(kinds.preVoted, 2, 2)).toEqual(["MsgVote to 2 term 2 at 1/1", "MsgVote to 3 term 2 at 1/1"])
  })

  it("9.6: a question costs the one who is asked neither vote nor term", () => {
    const node = new OneNode()
    expect(node.hears(kinds.preVote, 2, 2, { index: 1, logTerm: 1 })).toEqual(["MsgPreVoteResp to 2 term 2"])
    expect(node.hears(kinds.preVote, 3, 2, { index: 1, logTerm: 1 })).toEqual(["MsgPreVoteResp to 3 term 2"])
    expect([node.core.term, node.core.vote]).toEqual([1, 0])
  })

  it("9.6: a yes to an earlier question, which comes late, begins no term", () => {
    const node = new OneNode({ preVote: true })
    node.ticks(10)
    // It campaigned in term 2, in vain, and asks again for term 3.
    node.hears(kinds.preVoted, 2, 2)
    expect(node.ticks(10)).toEqual(["MsgPreVote to 2 term 3 at 1/1", "MsgPreVote to 3 term 3 at 1/1"])
    expect(node.hears(kinds.preVoted, 3, 2)).toEqual([])
    expect([node.core.role, node.core.term]).toEqual(["pre-candidate", 2])
    expect(node.hears(kinds.preVoted, 3, 3)).toEqual(["MsgVote to 2 term 3 at 1/1", "MsgVote to 3 term 3 at 1/1"])
  })

  it("9.6: a no with a higher term ends it", () => {
    const node = new OneNode({ preVote: true })
    node.ticks(10)
    node.hears(kinds.preVoted, 2, 8, { isRejected: true })
    expect([node.core.role, node.core.term]).toEqual(["follower", 8])
  })

  it("9.6: one that comes back with a higher term is heard by a leader of a lower one", () => {
    const node = new OneNode({ preVote: true, checkQuorum: true, term: 9 })
    expect(node.hears(kinds.heartbeat, 2, 3)).toEqual(["MsgAppResp to 2 term 9"])
  })
})
