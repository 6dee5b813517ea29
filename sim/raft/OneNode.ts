/** OneNode: a single node of a Raft group under test: messages go in, what it says comes out as text; its writes are durable at once. */
import { assert } from "#base/Assert.ts"
import * as ConfChange from "#consensus/ConfChange.ts"
import { emptyState, type ConfState } from "#consensus/Configuration.ts"
import type { Config, Core } from "#consensus/Core.ts"
import * as Message from "#consensus/Message.ts"
import { entryKinds, kinds, type Entry, type Kind } from "#consensus/Message.ts"
import { Raft, type Ready } from "#consensus/Raft.ts"
import { MemoryStorage } from "#consensus/Storage.ts"

const noData = new Uint8Array(0)
export const configurationOf = (voters: ReadonlyArray<number>, learners: ReadonlyArray<number> = []): ConfState => ({
  ...emptyState,
  voters,
  learners
})

type Fields = Parameters<typeof Message.make>[2]

interface Given extends Partial<Config> {
  readonly voters?: ReadonlyArray<number>
  readonly learners?: ReadonlyArray<number>
  /** Of the log's entries, from index 2 on; 1 is in the snapshot, of term 1. */
  readonly terms?: ReadonlyArray<number>
  readonly term?: number
  readonly vote?: number
  readonly commit?: number
}

/** Node 1, in whose place the test answers for all others. */
export class OneNode {
  readonly raft: Raft
  readonly storage = new MemoryStorage()
  readonly readies: Array<Ready> = []

  constructor(given: Given = {}) {
    const { commit = 1, learners = [], term = 1, terms = [], vote = 0, voters = [1, 2, 3], ...config } = given
    const { storage } = this
    storage.restore({ index: 1, term: 1, configuration: configurationOf(voters, learners), data: noData })
    storage.append(terms.map((each, i) => ({ index: i + 2, term: each, kind: entryKinds.normal, data: noData })))
    storage.hardState = { term, vote, commit }
    const random = (): number => 0
    this.raft = new Raft({ id: 1, storage, electionTicks: 10, heartbeatTicks: 1, inflightMax: 8, random, ...config })
  }

  get core(): Core {
    return this.raft.core
  }

  get log(): ReadonlyArray<number> {
    const { log } = this.core
    return Array.from({ length: log.lastIndex - 1 }, (_, i) => log.term(i + 2))
  }

  /** What it says once all is durable; what is committed is applied. */
  messages(): ReadonlyArray<Message.Message> {
    const all: Array<Message.Message> = []
    while (this.raft.hasReady) {
      const ready = this.raft.ready()
      this.readies.push(ready)
      all.push(...ready.messages)
      if (ready.hard !== undefined) this.storage.hardState = ready.hard
      if (ready.snapshot !== undefined) this.storage.restore(ready.snapshot)
      this.storage.append(ready.entries)
      for (const message of ready.afterDurable) {
        if (message.to === 1) this.raft.step(message)
        else all.push(message)
      }
      if (ready.storage !== undefined) this.raft.stored(ready.storage)
      for (const { data, kind } of ready.committed) {
        if (ConfChange.isConfChange(kind)) this.raft.applyConfChange(ConfChange.decode(data)!)
      }
      this.raft.appliedUpTo(ready.committed)
    }
    return all
  }

  said(): ReadonlyArray<string> {
    return this.messages().map(
      ({ entries, index, isRejected, kind, logTerm, term, to }) =>
        `${Message.nameOf(kind)} to ${to} term ${term}` +
        (index > 0 ? ` at ${index}${logTerm > 0 ? `/${logTerm}` : ""}` : "") +
        (entries.length > 0 ? ` with ${entries.map((each) => each.term).join()}` : "") +
        (isRejected ? " no" : "")
    )
  }

  hears(kind: Kind, from: number, term: number, fields: Fields = {}): ReadonlyArray<string> {
    this.raft.step({ ...Message.make(kind, 1, fields), from, term })
    return this.said()
  }

  /** Entries of these terms behind one of another. */
  append(
    from: number,
    term: number,
    at: readonly [index: number, term: number],
    terms: ReadonlyArray<number>,
    commit = 0
  ): ReadonlyArray<string> {
    const entries = terms.map((each, i): Entry => ({
      index: at[0] + 1 + i,
      term: each,
      kind: entryKinds.normal,
      data: noData
    }))
    return this.hears(kinds.append, from, term, { index: at[0], logTerm: at[1], entries, commit })
  }

  ticks(count: number): ReadonlyArray<string> {
    for (let i = 0; i < count; i++) this.raft.tick()
    return this.said()
  }

  /** Elected by these. */
  leads(...voters: ReadonlyArray<number>): this {
    this.raft.campaign()
    this.said()
    for (const from of voters) this.hears(kinds.voted, from, this.core.term)
    assert(this.core.role === "leader", "these voters elect it")
    return this
  }

  acknowledged(from: number, index: number): ReadonlyArray<string> {
    return this.hears(kinds.appended, from, this.core.term, { index })
  }

  changes(...changes: ReadonlyArray<ConfChange.Change>): void {
    const data = ConfChange.encode({ transition: 0, changes, context: noData })
    this.raft.proposeConfChange("confChangeV2", data)
  }
}
