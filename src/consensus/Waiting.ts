/**
 * Waiting: the callers of one group who wait for an answer: for their proposal's place in the log to be applied, or for a read
 * to be confirmed and reached. Each is answered exactly once.
 *
 * A proposal that was appended is decided when its index is applied: with an entry of its term it is the caller's; with
 * another's it has lost, for ever. Until then nobody can tell, also when the entry was overwritten here: a later leader may
 * still commit it from elsewhere (Raft, section 5.4.2).
 */
import type { Done } from "#world/Completion.ts"
import { TimedOut, Unknown, type ConsensusError } from "./ConsensusError.ts"

export type Answer<A> = Done<A, ConsensusError>

const nothing: Uint8Array = new Uint8Array(0)

export class Proposal {
  readonly command: Uint8Array
  readonly deadlineTick: number
  private answer: Answer<Uint8Array> | undefined
  /** Where it was appended; 0: it waits to be. */
  index = 0
  term = 0
  /** When it was queued, and once it is appended, when that was. */
  sinceTick: number

  constructor(
    command: Uint8Array,
    ticks: { readonly queuedTick: number; readonly deadlineTick: number },
    answer: Answer<Uint8Array>
  ) {
    this.command = command
    this.sinceTick = ticks.queuedTick
    this.deadlineTick = ticks.deadlineTick
    this.answer = answer
  }

  place(index: number, term: number, tick: number): void {
    this.index = index
    this.term = term
    this.sinceTick = tick
  }

  get isAnswered(): boolean {
    return this.answer === undefined
  }

  end(error: ConsensusError | undefined, result = nothing): void {
    const { answer } = this
    this.answer = undefined
    answer?.(error, result)
  }
}

/** Whether the first of a line has been in it since this tick, or longer. */
export const waitsSince = (first: Proposal | undefined, tick: number): boolean =>
  first !== undefined && first.sinceTick <= tick

/** Proposals that wait to be appended. */
export class Queued {
  private line: Array<Proposal> = []
  /** Of their commands. */
  sizeBytes = 0

  get isEmpty(): boolean {
    return this.line.length === 0
  }

  get first(): Proposal | undefined {
    return this.line[0]
  }

  add(proposal: Proposal): void {
    this.line.push(proposal)
    this.sizeBytes += proposal.command.length
  }

  /** As many as may be uncommitted, but one when nothing is: when there is room for `roomBytesMax`. */
  take(roomBytes: number, roomBytesMax: number): ReadonlyArray<Proposal> {
    const { line } = this
    let count = 0
    let sizeBytes = 0
    for (; count < line.length; count++) {
      const next = line[count].command.length
      if (count > 0 || roomBytes < Infinity) {
        const isOnlyOne = count === 0 && roomBytes === roomBytesMax
        if (sizeBytes + next > roomBytes && !isOnlyOne) break
      }
      sizeBytes += next
    }
    const taken = count === line.length ? line : line.slice(0, count)
    this.line = count === line.length ? [] : line.slice(count)
    this.sizeBytes -= sizeBytes
    return taken
  }

  expire(tick: number): void {
    this.line = this.line.filter((proposal) => {
      if (proposal.deadlineTick > tick) return true
      this.sizeBytes -= proposal.command.length
      proposal.end(new TimedOut({ message: "the deadline passed before the proposal's turn came" }))
      return false
    })
  }

  endAll(error: () => ConsensusError): void {
    const { line } = this
    this.line = []
    this.sizeBytes = 0
    for (const proposal of line) proposal.end(error())
  }
}

/** Proposals that were appended. Those of one leadership lie in the order of their indexes. */
export class Appended {
  private current: Array<Proposal> = []
  private head = 0
  /** Of earlier leaderships: few, and in no order. */
  private earlier: Array<Proposal> = []

  get isEmpty(): boolean {
    return this.head === this.current.length && this.earlier.length === 0
  }

  /** Of this leadership, the first that is not decided; its caller may have gone. */
  get first(): Proposal | undefined {
    return this.current[this.head]
  }

  add(proposal: Proposal): void {
    this.current.push(proposal)
  }

  /** This node leads no more: what follows need not be behind what it has appended. */
  endLeadership(): void {
    for (; this.head < this.current.length; this.head++) this.earlier.push(this.current[this.head])
    this.current = []
    this.head = 0
  }

  /** An entry was applied: its proposer gets the result, and whoever hoped for the same place `lost`. */
  applied(index: number, term: number, result: Uint8Array, lost: () => ConsensusError): void {
    const { current } = this
    if (this.head < current.length && current[this.head].index === index) {
      const proposal = current[this.head++]
      if (this.head === current.length) {
        current.length = 0
        this.head = 0
      } else if (this.head >= 4_096) {
        // Not one by one: what is taken from the front of a long list moves all the rest.
        current.splice(0, this.head)
        this.head = 0
      }
      proposal.end(proposal.term === term ? undefined : lost(), result)
    }
    if (this.earlier.length === 0) return
    this.earlier = this.earlier.filter((proposal) => {
      if (proposal.index !== index) return true
      proposal.end(proposal.term === term ? undefined : lost(), result)
      return false
    })
  }

  /** Everything up to there was applied elsewhere: a snapshot tells no answers. */
  skippedTo(index: number): void {
    const told = (proposal: Proposal): boolean => {
      if (proposal.index > index) return true
      proposal.end(new Unknown({ message: "the entry's place was taken by a snapshot; read to find out" }))
      return false
    }
    this.endLeadership()
    this.earlier = this.earlier.filter(told)
  }

  expire(tick: number): void {
    const told = (proposal: Proposal): void => {
      if (proposal.isAnswered || proposal.deadlineTick > tick) return
      proposal.end(new Unknown({ message: "the deadline passed before the entry was committed; read to find out" }))
    }
    for (let i = this.head; i < this.current.length; i++) told(this.current[i])
    for (const proposal of this.earlier) told(proposal)
  }

  endAll(error: () => ConsensusError): void {
    this.endLeadership()
    for (const proposal of this.earlier) proposal.end(error())
    this.earlier = []
  }
}

export interface Read {
  readonly query: Uint8Array
  readonly deadlineTick: number
  readonly answer: Answer<Uint8Array>
}

interface Round {
  /** When it was asked; -Infinity: not yet, or in vain. */
  readonly tick: number
  readonly reads: ReadonlyArray<Read>
}

/**
 * Linearizable reads. All that come in one turn share one round of `ReadIndex`; a round that no answer comes to is asked again,
 * under a new number, because a read may be repeated and an old number's answer must not confirm a new one.
 */
export class Reading {
  /** Reads that wait, wherever. */
  count = 0
  private fresh: Array<Read> = []
  private readonly asked = new Map<number, Round>()
  private confirmed: Array<{ readonly index: number; readonly reads: ReadonlyArray<Read> }> = []
  private rounds = 0

  get isEmpty(): boolean {
    return this.count === 0
  }

  add(read: Read): void {
    this.count++
    this.fresh.push(read)
  }

  /** The number of a round for everything that is to be asked; 0: there is nothing. */
  ask(tick: number): number {
    if (this.fresh.length === 0) return 0
    const number = ++this.rounds
    this.asked.set(number, { tick, reads: this.fresh })
    this.fresh = []
    return number
  }

  /** Rounds from before are asked again. */
  repeat(beforeTick: number): void {
    for (const [number, { reads, tick }] of this.asked) {
      if (tick >= beforeTick) continue
      this.asked.delete(number)
      this.fresh = [...reads, ...this.fresh]
    }
  }

  /** The round's reads may be answered once everything up to `index` is applied. */
  confirm(number: number, index: number): void {
    const round = this.asked.get(number)
    if (round === undefined) return
    this.asked.delete(number)
    this.confirmed.push({ index, reads: round.reads })
  }

  /** Answers what an application up to `index` allows. */
  reached(index: number, read: (query: Uint8Array) => Uint8Array): void {
    if (this.confirmed.length === 0) return
    const ready = this.confirmed.filter((round) => round.index <= index)
    if (ready.length === 0) return
    this.confirmed = this.confirmed.filter((round) => round.index > index)
    for (const { reads } of ready) {
      this.count -= reads.length
      for (const { answer, query } of reads) answer(undefined, read(query))
    }
  }

  expire(tick: number): void {
    const left = (reads: ReadonlyArray<Read>): Array<Read> =>
      reads.filter(({ answer, deadlineTick }) => {
        if (deadlineTick > tick) return true
        this.count--
        answer(
          new TimedOut({ message: "no quorum confirmed the read in time: ask again, or ask another node" }),
          nothing
        )
        return false
      })
    this.fresh = left(this.fresh)
    for (const [number, round] of this.asked) {
      const reads = left(round.reads)
      if (reads.length === 0) this.asked.delete(number)
      else if (reads.length < round.reads.length) this.asked.set(number, { tick: round.tick, reads })
    }
    this.confirmed = this.confirmed
      .map(({ index, reads }) => ({ index, reads: left(reads) }))
      .filter(({ reads }) => reads.length > 0)
  }

  endAll(error: () => ConsensusError): void {
    const all = [
      ...this.fresh,
      ...[...this.asked.values()].flatMap(({ reads }) => reads),
      ...this.confirmed.flatMap(({ reads }) => reads)
    ]
    this.fresh = []
    this.asked.clear()
    this.confirmed = []
    this.count = 0
    for (const { answer } of all) answer(error(), nothing)
  }
}
