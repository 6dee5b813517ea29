import { describe, expect, it } from "vitest"
import { OneNode } from "#sim/raft/OneNode.ts"
import * as ConfChange from "./ConfChange.ts"
import { emptyState } from "./Configuration.ts"
import type { Config } from "./Core.ts"
import * as Message from "./Message.ts"
import { entryKinds, kinds, type Entry } from "./Message.ts"
import type { Doubt } from "./Storage.ts"

const noData = new Uint8Array(0)
const ofEntries: Doubt = { entries: true, vote: false }
const ofVote: Doubt = { entries: true, vote: true }

const entry = (index: number, term: number): Entry => ({ index, term, kind: entryKinds.normal, data: noData })

/** Node 1, whose log ends with index 3 of term 2; its own term is 5. Everything that it writes is durable at once. */
class Replica {
  private readonly node: OneNode

  constructor(doubt: Doubt | undefined, given: Partial<Config> & { readonly voters?: ReadonlyArray<number> } = {}) {
    const isEmpty = given.voters?.length === 0
    this.node = new OneNode({
      terms: isEmpty ? [] : [1, 2],
      term: 5,
      vote: 2,
      commit: isEmpty ? 1 : 2,
      electionTicks: 5,
      ...given,
      ...(doubt === undefined ? {} : { doubt })
    })
  }

  get raft() {
    return this.node.raft
  }

  get core() {
    return this.node.core
  }

  get readies() {
    return this.node.readies
  }

  /** What it says, in words, once everything is durable. */
  said(): ReadonlyArray<string> {
    return this.node
      .messages()
      .map(
        ({ index, isRejected, kind, term, to }) =>
          `${Message.nameOf(kind)} to ${to} term ${term}${index > 0 ? ` index ${index}` : ""}${isRejected ? " no" : ""}`
      )
  }

  hears(kind: Message.Kind, from: number, term: number, fields: Parameters<typeof Message.make>[2] = {}) {
    this.raft.step({ ...Message.make(kind, 1, fields), from, term })
    return this.said()
  }

  append(from: number, term: number, entries: ReadonlyArray<Entry>, previous = { index: 3, logTerm: 2 }) {
    return this.hears(kinds.append, from, term, { ...previous, entries })
  }

  ticks(count: number) {
    for (let i = 0; i < count; i++) this.raft.tick()
    return this.said()
  }

  /** The number of its roll call. */
  get number(): number {
    this.raft.tick()
    const { messages } = this.raft.ready()
    return messages.find(({ kind }) => kind === kinds.preVote)!.read
  }

  answers(from: number, term: number, read: number) {
    return this.hears(kinds.preVoted, from, term, { isRejected: true, read })
  }
}

describe("a replica that has lost entries", () => {
  it("goes on in a term above its own, in which it has given no vote, durably", () => {
    const replica = new Replica(ofEntries)
    expect([replica.core.term, replica.core.vote]).toEqual([6, 0])
    replica.said()
    expect(replica.readies[0].hard).toEqual({ term: 6, vote: 0, commit: 2 })
    expect(replica.readies[0].mustSync).toBe(true)
  })

  it("gives nobody a vote, nor a yes to whoever only asks, however much they have", () => {
    const replica = new Replica(ofEntries)
    replica.said()
    const ahead = { index: 100, logTerm: 9 }
    expect(replica.hears(kinds.preVote, 2, 9, ahead)).toEqual(["MsgPreVoteResp to 2 term 6 no"])
    expect(replica.hears(kinds.vote, 2, 9, ahead)).toEqual(["MsgVoteResp to 2 term 9 no"])
    expect(replica.core.vote).toBe(0)
  })

  it("does not campaign: not when it hears nobody, nor when its leader or its operator asks", () => {
    const replica = new Replica(ofEntries)
    replica.said()
    expect(replica.ticks(50)).toEqual([])
    expect(replica.hears(kinds.timeoutNow, 2, 6)).toEqual([])
    replica.raft.campaign()
    expect(replica.said()).toEqual([])
    expect(replica.core.role).toBe("follower")
  })

  it("tells the leader of its old term that there is a new one, which makes that one begin anew", () => {
    const replica = new Replica(ofEntries, { preVote: false, checkQuorum: false })
    replica.said()
    expect(replica.append(2, 5, [entry(4, 5)])).toEqual(["MsgAppResp to 2 term 6"])
    expect(replica.hears(kinds.heartbeat, 2, 5, { commit: 90 })).toEqual(["MsgAppResp to 2 term 6"])
    expect([replica.core.log.lastIndex, replica.core.isInDoubt]).toEqual([3, true])
  })

  it("takes what a leader sends, and acknowledges it, as everybody does", () => {
    const replica = new Replica(ofEntries)
    replica.said()
    expect(replica.append(2, 7, [entry(4, 4)])).toEqual(["MsgAppResp to 2 term 7 index 4"])
    expect(replica.append(2, 7, [], { index: 50, logTerm: 7 })).toEqual(["MsgAppResp to 2 term 7 index 50 no"])
    expect(replica.hears(kinds.heartbeat, 2, 7, { commit: 3 })).toEqual(["MsgHeartbeatResp to 2 term 7"])
    expect(replica.core.log.committed).toBe(3)
  })

  it("is whole when its log ends with an entry of the leader's own term, and not a moment earlier", () => {
    const replica = new Replica(ofEntries)
    replica.said()
    replica.append(2, 7, [entry(4, 4), entry(5, 5)])
    expect(replica.core.isInDoubt).toBe(true)
    replica.append(2, 7, [entry(6, 7)], { index: 5, logTerm: 5 })
    expect(replica.core.isInDoubt).toBe(false)
    expect(replica.hears(kinds.vote, 3, 8, { index: 6, logTerm: 7 })).toEqual(["MsgVoteResp to 3 term 8"])
  })

  it("says that it is whole together with the entries that make it so", () => {
    const replica = new Replica(ofEntries)
    replica.append(2, 7, [entry(4, 7)])
    expect(replica.readies.map(({ doubt, entries }) => [doubt, entries.length])).toEqual([
      [{ entries: false, vote: false }, 1]
    ])
  })

  it("is not whole by a snapshot of an earlier term", () => {
    const replica = new Replica(ofEntries)
    const snapshot = { index: 20, term: 5, configuration: { ...emptyState, voters: [1, 2, 3] }, data: noData }
    expect(replica.hears(kinds.snapshot, 2, 7, { snapshot })).toEqual(["MsgAppResp to 2 term 7 index 20"])
    expect(replica.core.isInDoubt).toBe(true)
    replica.append(2, 7, [entry(21, 7)], { index: 20, logTerm: 5 })
    expect(replica.core.isInDoubt).toBe(false)
  })

  it("is no other than one that has lost nothing, once it is whole", () => {
    const replica = new Replica(ofEntries)
    replica.append(2, 7, [entry(4, 7)])
    expect(replica.ticks(5)).toEqual(["MsgVote to 2 term 8 index 4", "MsgVote to 3 term 8 index 4"])
  })
})

describe("a replica that has lost its vote", () => {
  it("promises nobody anything: no vote, no acknowledgement, no answer to a heartbeat", () => {
    const replica = new Replica(ofVote)
    expect(replica.hears(kinds.vote, 2, 9, { index: 100, logTerm: 8 })).toEqual([])
    expect(replica.hears(kinds.preVote, 2, 10, { index: 100, logTerm: 8 })).toEqual([])
    expect(replica.append(2, 9, [entry(4, 9)])).toEqual([])
    expect(replica.hears(kinds.heartbeat, 2, 9, { commit: 50, read: 3 })).toEqual([])
    expect(replica.core.log.committed).toBe(2)
    expect(replica.core.isInDoubt).toBe(true)
  })

  it("may say no to what does not fit", () => {
    const replica = new Replica(ofVote)
    const answer = replica.append(2, 9, [entry(51, 9)], { index: 50, logTerm: 9 })
    expect(answer).toEqual(["MsgAppResp to 2 term 9 index 50 no"])
  })

  it("asks all other members for their terms, again and again, and nobody who has answered", () => {
    const replica = new Replica(ofVote, { voters: [1, 2, 3, 4, 5] })
    const { number } = replica
    replica.answers(3, 7, number)
    replica.answers(5, 7, number)
    const asked = ["MsgPreVote to 2 term 1", "MsgPreVote to 4 term 1"]
    expect(replica.ticks(2)).toEqual([...asked, ...asked])
    expect(replica.core.isSilent).toBe(true)
  })

  it("goes on above the highest term that it was told when everybody has answered, and takes part again", () => {
    const replica = new Replica(ofVote)
    const { number } = replica
    replica.answers(2, 30, number)
    expect([replica.core.term, replica.core.isSilent]).toEqual([5, true])
    replica.answers(3, 12, number)
    expect([replica.core.term, replica.core.vote, replica.core.isSilent]).toEqual([31, 0, false])
    expect(replica.hears(kinds.vote, 2, 32, { index: 100, logTerm: 31 })).toEqual(["MsgVoteResp to 2 term 32 no"])
    expect(replica.append(2, 32, [entry(4, 32)])).toEqual(["MsgAppResp to 2 term 32 index 4"])
    expect(replica.core.isInDoubt).toBe(false)
  })

  it("stays in its term when that is above all it was told", () => {
    const replica = new Replica(ofVote)
    const { number } = replica
    replica.append(2, 40, [entry(4, 40)])
    replica.answers(2, 30, number)
    replica.answers(3, 12, number)
    expect([replica.core.term, replica.core.isInDoubt]).toEqual([40, false])
  })

  it("believes no answer to an earlier question, nor one to an election", () => {
    const replica = new Replica(ofVote)
    const { number } = replica
    for (const from of [2, 3]) replica.answers(from, 7, number + 1)
    for (const from of [2, 3]) replica.hears(kinds.preVoted, from, 7, { isRejected: true })
    expect(replica.core.isSilent).toBe(true)
  })

  it("draws another number at every start", () => {
    let draws = 0
    const numbers = [1, 2, 3].map(() => new Replica(ofVote, { random: () => ++draws }).number)
    expect(new Set(numbers).size).toBe(3)
  })

  it("acknowledges no entry before it has heard the members that the log names, whether they are in force or not", () => {
    const replica = new Replica(ofVote)
    const { number } = replica
    for (const from of [2, 3]) replica.answers(from, 7, number)
    expect(replica.core.isSilent).toBe(false)
    const change = {
      transition: 0,
      changes: [{ kind: ConfChange.changeKinds.addVoter, node: 4 }],
      context: noData
    } as const
    const added: Entry = { index: 4, term: 8, kind: entryKinds.confChangeV2, data: ConfChange.encode(change) }
    replica.said()
    replica.raft.step({
      ...Message.make(kinds.append, 1, { index: 3, logTerm: 2, entries: [added] }),
      from: 2,
      term: 8
    })
    expect(replica.core.isSilent).toBe(true)
    expect(replica.ticks(1)).toContain("MsgPreVote to 4 term 1")
    replica.answers(4, 20, number)
    expect([replica.core.term, replica.core.isSilent, replica.core.isInDoubt]).toEqual([21, false, true])
  })

  it("knows nobody to ask before a snapshot has told it who is a member", () => {
    const replica = new Replica(ofVote, { voters: [] })
    expect(replica.ticks(10)).toEqual([])
    const snapshot = { index: 20, term: 9, configuration: { ...emptyState, voters: [1, 2, 3] }, data: noData }
    expect(replica.hears(kinds.snapshot, 2, 9, { snapshot })).toEqual([])
    expect(replica.ticks(1)).toEqual(["MsgPreVote to 2 term 1", "MsgPreVote to 3 term 1"])
  })

  it("is silent for ever when it is the only member: nobody can tell", () => {
    const replica = new Replica(ofVote, { voters: [1] })
    expect(replica.ticks(100)).toEqual([])
    expect(replica.core.isSilent).toBe(true)
  })
})

describe("whoever is asked for its term", () => {
  const question = { term: 1, read: 77 }

  it("answers with the one that it has, when that is durable, and changes nothing", () => {
    const replica = new Replica(undefined, { preVote: true, checkQuorum: true })
    replica.raft.step({ ...Message.make(kinds.preVote, 1, question), from: 3 })
    const { afterDurable, hard, messages } = replica.raft.ready()
    expect(messages).toEqual([])
    expect(afterDurable.map(({ kind, read, term, to }) => [kind, to, term, read])).toEqual([[kinds.preVoted, 3, 5, 77]])
    expect(hard).toBeUndefined()
  })

  it("answers when it is in doubt about entries alone, and not while it has forgotten its own term", () => {
    const forgetful = new Replica(ofVote)
    expect(forgetful.hears(kinds.preVote, 3, 1, question)).toEqual([])
    expect(new Replica(ofEntries).hears(kinds.preVote, 3, 1, question)).toEqual(["MsgPreVoteResp to 3 term 6 no"])
  })

  it("asked for votes itself only when its term was durable", () => {
    for (const asksAtOnce of [false, true]) {
      const { raft } = new Replica(undefined, { asksAtOnce })
      raft.campaign()
      const { afterDurable, messages } = raft.ready()
      const asked = (list: ReadonlyArray<Message.Message>) => list.filter(({ kind }) => kind === kinds.vote).length
      expect([asked(messages), asked(afterDurable)]).toEqual(asksAtOnce ? [2, 0] : [0, 2])
    }
  })
})
