/**
 * One test a claim of the Raft paper (Ongaro and Ousterhout, 2014), section in its name: one node, messages in, messages out. What groups of
 * nodes do together is in `sim/raft`.
 */
import { describe, expect, it } from "vitest"
import { OneNode } from "#sim/raft/OneNode.ts"
import * as Message from "./Message.ts"
import { entryKinds, kinds, type Entry } from "./Message.ts"

const noData = new Uint8Array(0)
const command = Uint8Array.of(1)

describe("terms (section 5.1)", () => {
  it("5.1: whoever sees a higher term takes it and follows, be it leader or candidate", () => {
    for (const node of [new OneNode(), new OneNode().leads(2)]) {
      node.raft.campaign()
      node.hears(kinds.append, 3, 9, { index: 1, logTerm: 1 })
      expect([node.core.term, node.core.role, node.core.lead]).toEqual([9, "follower", 3])
    }
  })

  it("5.1: a message of an old term is of no use", () => {
    const node = new OneNode({ term: 5, terms: [3] })
    expect(node.append(2, 4, [1, 1], [4])).toEqual([])
    expect(node.hears(kinds.vote, 2, 4, { index: 9, logTerm: 4 })).toEqual([])
    expect([node.core.term, node.log]).toEqual([5, [3]])
  })

  it("5.1: a vote is given once a term, and is durable with the term before it is told", () => {
    const node = new OneNode()
    node.raft.step({ ...Message.make(kinds.vote, 1, { index: 1, logTerm: 1 }), from: 2, term: 2 })
    const { afterDurable, hard, messages, mustSync } = node.raft.ready()
    expect([hard, mustSync, messages.length]).toEqual([{ term: 2, vote: 2, commit: 1 }, true, 0])
    expect(afterDurable.map(({ isRejected, kind, to }) => [kind, to, isRejected])).toEqual([[kinds.voted, 2, false]])
    expect(node.hears(kinds.vote, 3, 2, { index: 5, logTerm: 1 })).toEqual(["MsgVoteResp to 3 term 2 no"])
    expect(node.hears(kinds.vote, 2, 2, { index: 1, logTerm: 1 })).toEqual(["MsgVoteResp to 2 term 2"])
  })

  it("5.1: a vote outlives a restart", () => {
    const node = new OneNode({ term: 2, vote: 2 })
    expect(node.hears(kinds.vote, 3, 2, { index: 5, logTerm: 1 })).toEqual(["MsgVoteResp to 3 term 2 no"])
  })
})

describe("election (section 5.2)", () => {
  it("5.2: a node starts as follower", () => {
    expect([new OneNode().core.role, new OneNode().core.lead]).toEqual(["follower", 0])
  })

  it("5.2: a follower that hears nobody for its time-out asks all others in the next term, and votes for itself", () => {
    const node = new OneNode()
    expect(node.ticks(9)).toEqual([])
    expect(node.ticks(1)).toEqual(["MsgVote to 2 term 2 at 1/1", "MsgVote to 3 term 2 at 1/1"])
    expect([node.core.role, node.core.vote]).toEqual(["candidate", 1])
  })

  it("5.2: a word of the leader begins the time-out anew", () => {
    const node = new OneNode()
    for (let i = 0; i < 5; i++) {
      node.ticks(9)
      node.hears(kinds.heartbeat, 2, 1)
    }
    expect(node.core.role).toBe("follower")
  })

  it("5.2: time-outs are drawn between one and two election time-outs, anew for each try", () => {
    let draw = 0
    const node = new OneNode({ random: (bound) => draw++ % bound })
    const tries = Array.from({ length: 12 }, () => {
      const { term } = node.core
      let ticks = 0
      for (; node.core.term === term; ticks++) node.ticks(1)
      return ticks
    })
    expect([Math.min(...tries) >= 10, Math.max(...tries) < 20, new Set(tries).size > 5]).toEqual([true, true, true])
  })

  it.each([
    { voters: [1], votes: [], role: "leader" },
    { voters: [1, 2, 3], votes: [], role: "candidate" },
    { voters: [1, 2, 3], votes: [2], role: "leader" },
    { voters: [1, 2, 3, 4], votes: [2], role: "candidate" },
    { voters: [1, 2, 3, 4, 5], votes: [2, 3], role: "leader" },
    { voters: [1, 2, 3, 4, 5], votes: [2, 2, 2], role: "candidate" },
    { voters: [1, 2, 3, 4, 5], votes: [-2, -3, -4], role: "follower" },
    { voters: [1, 2, 3, 4, 5], votes: [2, -3, -4, 5], role: "leader" }
  ])("5.2: a majority of the votes decides: of $voters, $votes make a $role", ({ role, voters, votes }) => {
    const node = new OneNode({ voters })
    node.raft.campaign()
    node.said()
    for (const vote of votes) node.hears(kinds.voted, Math.abs(vote), 2, { isRejected: vote < 0 })
    expect(node.core.role).toBe(role)
  })

  it("5.2: a candidate does not lead before its own vote is durable", () => {
    const { raft } = new OneNode({ voters: [1] })
    raft.campaign()
    const { afterDurable } = raft.ready()
    expect(raft.core.role).toBe("candidate")
    for (const message of afterDurable) raft.step(message)
    expect(raft.core.role).toBe("leader")
  })

  it("5.2: a vote of an earlier term counts for nothing", () => {
    const node = new OneNode()
    node.raft.campaign()
    node.raft.campaign()
    node.said()
    node.hears(kinds.voted, 2, 2)
    expect([node.core.term, node.core.role]).toEqual([3, "candidate"])
  })

  it("5.2: a candidate that hears a leader of its own term follows it", () => {
    const node = new OneNode()
    node.raft.campaign()
    node.said()
    node.hears(kinds.heartbeat, 3, 2)
    expect([node.core.role, node.core.lead, node.core.vote]).toEqual(["follower", 3, 1])
  })

  it("5.2: a candidate without a majority tries again in another term", () => {
    const node = new OneNode()
    node.ticks(10)
    node.ticks(10)
    expect([node.core.role, node.core.term]).toEqual(["candidate", 3])
  })

  it("5.2: a leader sends heartbeats at once and at every interval", () => {
    const node = new OneNode({ heartbeatTicks: 2, electionTicks: 20 }).leads(2)
    for (const from of [2, 3]) node.acknowledged(from, 2)
    expect(node.ticks(1)).toEqual([])
    expect(node.ticks(1)).toEqual(["MsgHeartbeat to 2 term 2", "MsgHeartbeat to 3 term 2"])
  })
})

describe("replication (section 5.3)", () => {
  it("5.3: a leader appends what is proposed and sends it, with what precedes it", () => {
    const node = new OneNode().leads(2)
    for (const from of [2, 3]) node.acknowledged(from, 2)
    node.raft.propose(command)
    expect(node.said()).toEqual(["MsgApp to 2 term 2 at 2/2 with 2", "MsgApp to 3 term 2 at 2/2 with 2"])
    expect(node.log).toEqual([2, 2])
  })

  it("5.3: an entry is committed once a majority has it, and followers are told", () => {
    const node = new OneNode({ voters: [1, 2, 3, 4, 5] }).leads(2, 3)
    node.acknowledged(2, 2)
    expect(node.core.log.committed).toBe(1)
    node.messages()
    node.raft.step({ ...Message.make(kinds.appended, 1, { index: 2 }), from: 3, term: 2 })
    expect(node.core.log.committed).toBe(2)
    expect(node.messages().every(({ commit }) => commit === 2)).toBe(true)
  })

  it("5.3: a leader counts itself only when the entry is durable there", () => {
    const { raft } = new OneNode({ voters: [1, 2] }).leads(2)
    raft.propose(command)
    const { afterDurable, entries } = raft.ready()
    raft.step({ ...Message.make(kinds.appended, 1, { index: 3 }), from: 2, term: 2 })
    // Of its own log it counts what is durable: up to 2.
    expect([entries.length, raft.core.log.committed]).toEqual([1, 2])
    for (const message of afterDurable) raft.step(message)
    expect(raft.core.log.committed).toBe(3)
  })

  it("5.3: a follower takes what is committed from its leader, never more than it has", () => {
    const node = new OneNode({ terms: [1, 1] })
    node.append(2, 1, [3, 1], [], 2)
    expect(node.core.log.committed).toBe(2)
    node.append(2, 1, [3, 1], [], 90)
    expect(node.core.log.committed).toBe(3)
  })

  it("5.3: a follower without the preceding entry refuses", () => {
    const node = new OneNode({ term: 3, terms: [1, 2] })
    expect(node.append(2, 3, [9, 3], [3])).toEqual(["MsgAppResp to 2 term 3 at 9/2 no"])
    expect(node.append(2, 3, [3, 3], [3])).toEqual(["MsgAppResp to 2 term 3 at 3/2 no"])
    expect(node.log).toEqual([1, 2])
  })

  it.each([
    { has: [1, 1, 1], at: [3, 1], sent: [4], now: [1, 1, 4], why: "replaces what conflicts and all behind it" },
    { has: [1, 2, 2], at: [2, 1], sent: [4, 4], now: [1, 4, 4], why: "from the first conflict on" },
    { has: [1, 1, 1], at: [2, 1], sent: [1], now: [1, 1, 1], why: "keeps what an old append does not mention" },
    { has: [], at: [1, 1], sent: [1, 2, 4], now: [1, 2, 4], why: "appends what is new" },
    { has: [1, 1], at: [1, 1], sent: [1, 1], now: [1, 1], why: "takes the same twice without harm" }
  ] as const)("5.3: a follower $why", ({ at, has, now, sent }) => {
    const node = new OneNode({ term: 4, terms: has })
    node.append(2, 4, at, sent)
    expect(node.log).toEqual(now)
  })

  it("5.3: a follower acknowledges only what the append speaks of", () => {
    const node = new OneNode({ term: 4, terms: [1, 1, 1] })
    expect(node.append(2, 4, [2, 1], [1])).toEqual(["MsgAppResp to 2 term 4 at 3"])
  })

  it("5.3: a follower answers when its entries are durable, not before", () => {
    const { raft } = new OneNode()
    const entries = [{ index: 2, term: 1, kind: entryKinds.normal, data: noData }]
    raft.step({ ...Message.make(kinds.append, 1, { index: 1, logTerm: 1, entries }), from: 2, term: 1 })
    const { afterDurable, messages, mustSync } = raft.ready()
    expect([messages.length, mustSync, afterDurable.map(({ kind }) => kind)]).toEqual([0, true, [kinds.appended]])
  })

  it("5.3: a leader that is refused goes back to where the logs may match, skipping whole terms", () => {
    const node = new OneNode({ term: 5, terms: [1, 1, 4, 4, 4] }).leads(2)
    node.messages()
    const answer = { index: 6, isRejected: true, hint: 4, logTerm: 2 }
    expect(node.hears(kinds.appended, 3, 6, answer)).toEqual(["MsgApp to 3 term 6 at 3/1 with 4,4,4,6"])
  })

  it("5.3: a leader never changes or drops an entry of its own log", () => {
    const node = new OneNode({ terms: [1, 1] }).leads(2)
    node.append(3, 2, [1, 1], [2, 2, 2])
    expect([node.core.role, node.log]).toEqual(["leader", [1, 1, 2]])
  })
})

describe("safety (section 5.4)", () => {
  it.each([
    { own: [1, 1], last: [3, 1], isGiven: true, why: "as up to date" },
    { own: [1, 1], last: [4, 1], isGiven: true, why: "longer" },
    { own: [1, 1], last: [2, 2], isGiven: true, why: "of a later term, though shorter" },
    { own: [1, 1], last: [2, 1], isGiven: false, why: "shorter" },
    { own: [1, 2], last: [9, 1], isGiven: false, why: "of an earlier term, though longer" }
  ] as const)("5.4.1: a log that is $why gets the vote: $isGiven", ({ isGiven, last: [index, logTerm], own }) => {
    const node = new OneNode({ term: 2, terms: own })
    const answer = node.hears(kinds.vote, 2, 3, { index, logTerm })
    expect(answer).toEqual([`MsgVoteResp to 2 term 3${isGiven ? "" : " no"}`])
  })

  it("5.4.2: a leader does not commit an entry of an earlier term by counting replicas (figure 8)", () => {
    const node = new OneNode({ term: 2, terms: [2] }).leads(2)
    node.acknowledged(2, 2)
    expect(node.core.log.committed).toBe(1)
    node.acknowledged(2, 3)
    expect(node.core.log.committed).toBe(3)
  })

  it("5.4.2: a new leader appends an entry of its own term at once", () => {
    const node = new OneNode({ terms: [1] }).leads(2)
    expect(node.log).toEqual([1, 2])
  })

  it("5.4.3: entries are applied in order, each once, and none before it is committed", () => {
    const node = new OneNode()
    node.append(2, 1, [1, 1], [1, 1, 1], 2)
    node.append(2, 1, [4, 1], [1], 4)
    node.append(2, 1, [5, 1], [], 5)
    expect(node.readies.flatMap(({ committed }) => committed.map(({ index }) => index))).toEqual([2, 3, 4, 5])
  })

  it("5.4: an append that would replace committed entries changes nothing", () => {
    const node = new OneNode({ term: 4, terms: [1, 1], commit: 3 })
    const entries = [3, 4].map((index): Entry => ({ index, term: 4, kind: entryKinds.normal, data: noData }))
    const append = Message.make(kinds.append, 1, { index: 2, logTerm: 1, entries })
    expect(node.raft.step({ ...append, from: 2, term: 4 })).toBe("taken")
    expect(node.log).toEqual([1, 1])
  })
})
