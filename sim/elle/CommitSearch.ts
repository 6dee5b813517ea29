/**
 * Serializability and snapshot isolation by search: is there an order of commits (and, for snapshots, of beginnings) in
 * which every read sees the last commit before it? Complete, and exponential only in the number of sessions.
 *
 * What has been done is a prefix of every session, and whether an order can be continued from there depends on nothing
 * else (Biswas and Enea 2019, section 4): a key is overwritten only when all who read its version have done so, so the
 * version that is visible is known. For snapshot isolation a transaction is two steps: it begins, reading its snapshot, and
 * commits; of two that write one key the one commits before the other begins. With times, none begins before what had
 * ended before it was invoked.
 *
 * Moves that can do no harm are made at once (a reader that may go; a writer of keys that nobody else still writes); the
 * other choices are tried depth first, without recursion, and prefixes from which all failed are remembered.
 */
import { never } from "#sim/judges/linear/Entries.ts"
import type * as History from "#sim/judges/History.ts"
import type { Committed } from "./Committed.ts"
import type { Edges } from "./Graph.ts"
import { Ints } from "./Grow.ts"
import { PrefixSet } from "./PrefixSet.ts"

export interface Problem {
  readonly committed: Committed
  readonly history: History.History
  readonly snapshots: boolean
  readonly realtime: boolean
  /** Members whose commit is known to come before the begin of others. */
  readonly before: Edges
  /** By member: where its steps stand in an order that is worth trying first. */
  readonly begins: Int32Array
  readonly commits: Int32Array
}

export interface Limits {
  readonly prefixesMax: number
  readonly memoryBytesMax: number
  readonly expired: () => boolean
}

export type Outcome =
  | { readonly type: "ordered" }
  /** `stuck`: the members that come next in their sessions where the longest order, of `longest` members, ends. */
  | { readonly type: "refused"; readonly longest: number; readonly stuck: ReadonlyArray<number> }
  | { readonly type: "undecided" }

const begun = 1
const done = 2

export class CommitSearch {
  private readonly problem: Problem
  private readonly committed: Committed
  /** The sessions. */
  private readonly lanes: ReadonlyArray<ReadonlyArray<number>>
  /** By lane: how many members are done. */
  private readonly heads: Int32Array
  private readonly states: Uint8Array
  /** By slot, a version that somebody reads: readers still to come. Slots of initial states come first, one a key. */
  private readonly remaining: Int32Array
  private readonly readStarts: Int32Array
  private readonly readSlots: Int32Array
  private readonly writeSlots: Int32Array
  /** By key: the visible slot, the writers still to come, and the member that has begun and will write it. */
  private readonly visible: Int32Array
  private readonly writersLeft: Int32Array
  private readonly writing: Int32Array
  /** By member: known predecessors that have not committed. */
  private readonly waiting: Int32Array
  private readonly after: { readonly offsets: Int32Array; readonly targets: Int32Array }
  private readonly undo = new Ints(1024)
  private committedCount = 0
  private longest = -1
  private stuck: ReadonlyArray<number> = []

  constructor(problem: Problem) {
    const { committed, before } = problem
    const { count } = committed
    this.problem = problem
    this.committed = committed
    this.lanes = committed.bySession
    this.heads = new Int32Array(this.lanes.length)
    this.states = new Uint8Array(count)
    let keyCount = 0
    for (const key of committed.readKeys) keyCount = Math.max(keyCount, key + 1)
    for (const key of committed.writeKeys) keyCount = Math.max(keyCount, key + 1)
    this.writeSlots = Int32Array.from(committed.writeKeys, (_, at) => keyCount + at)
    this.visible = Int32Array.from({ length: keyCount }, (_, key) => key)
    this.writersLeft = new Int32Array(keyCount)
    this.writing = new Int32Array(keyCount).fill(-1)
    for (const key of committed.writeKeys) this.writersLeft[key]! += 1
    this.remaining = new Int32Array(keyCount + committed.writeKeys.length)
    const reads = this.slotsOfReads()
    this.readStarts = reads.starts
    this.readSlots = reads.slots
    for (const slot of reads.slots) this.remaining[slot]! += 1
    const graph = before.graph(count)
    this.after = graph
    this.waiting = new Int32Array(count)
    for (const target of graph.targets) this.waiting[target]! += 1
  }

  /** Each member's reads as slots, each once. */
  private slotsOfReads(): { readonly starts: Int32Array; readonly slots: Int32Array } {
    const { count, readStarts, readKeys, readFrom, writeStarts, writeKeys } = this.committed
    const starts = new Int32Array(count + 1)
    const slots = new Ints(1024)
    for (let member = 0; member < count; member += 1) {
      const seen = new Set<number>()
      for (let at = readStarts[member]!; at < readStarts[member + 1]!; at += 1) {
        const from = readFrom[at]!
        let slot = readKeys[at]!
        if (from !== -1) {
          let place = writeStarts[from]!
          while (place < writeStarts[from + 1]! && writeKeys[place] !== readKeys[at]) place += 1
          slot = this.writeSlots[place]!
        }
        if (!seen.has(slot)) slots.push(slot)
        seen.add(slot)
      }
      starts[member + 1] = slots.length
    }
    return { starts, slots: slots.view() }
  }

  run(limits: Limits): Outcome {
    const { count } = this.committed
    const visited = new PrefixSet(this.lanes.length)
    const key = new Int32Array(this.lanes.length)
    const choices = new Ints(1024)
    /** Of each choice that is open: where its moves begin in `choices`, which is next, and the undo log's length. */
    const frames: Array<{ readonly start: number; next: number; readonly end: number; readonly log: number }> = []
    let prefixes = 0
    for (;;) {
      this.settle()
      if (this.committedCount === count) return { type: "ordered" }
      const start = choices.length
      this.moves(choices)
      this.note(start === choices.length)
      let fresh = true
      if (choices.length - start > 1) {
        for (let lane = 0; lane < key.length; lane += 1) key[lane] = this.heads[lane]! * 2 + this.begunAt(lane)
        fresh = visited.add(key)
        prefixes += 1
        const bytes = prefixes * (key.length + 4) * 4
        if (prefixes > limits.prefixesMax || bytes > limits.memoryBytesMax) return { type: "undecided" }
        if ((prefixes & 255) === 0 && limits.expired()) return { type: "undecided" }
      }
      if (!fresh) choices.truncate(start)
      frames.push({ start, next: start, end: choices.length, log: this.undo.length })
      while (frames.length > 0 && frames.at(-1)!.next === frames.at(-1)!.end) {
        const frame = frames.pop()!
        choices.truncate(frame.start)
      }
      const frame = frames.at(-1)
      if (frame === undefined) return { type: "refused", longest: this.longest, stuck: this.stuck }
      this.back(frame.log)
      this.move(choices.at(frame.next))
      frame.next += 1
    }
  }

  /** Keeps where the longest order ends. */
  private note(ends: boolean): void {
    if (!ends || this.committedCount <= this.longest) return
    this.longest = this.committedCount
    this.stuck = this.lanes.flatMap((list, lane) => (this.heads[lane]! < list.length ? [list[this.heads[lane]!]!] : []))
  }

  private begunAt(lane: number): number {
    const head = this.lanes[lane]![this.heads[lane]!]
    return head !== undefined && this.states[head] === begun ? 1 : 0
  }

  /** Makes moves that can do no harm until there is none. */
  private settle(): void {
    for (let moved = true; moved;) {
      moved = false
      const earliest = this.earliestReturn()
      for (let lane = 0; lane < this.lanes.length; lane += 1) {
        for (;;) {
          const member = this.lanes[lane]![this.heads[lane]!]
          if (member === undefined || !this.harmless(member, earliest)) break
          this.move(member)
          if (this.states[member] === begun) this.move(member)
          moved = true
        }
      }
    }
  }

  private harmless(member: number, earliest: number): boolean {
    const { writeStarts, writeKeys } = this.committed
    const begins = this.states[member] === 0
    if (begins && !this.mayBegin(member, earliest)) return false
    for (let at = writeStarts[member]!; at < writeStarts[member + 1]!; at += 1) {
      if (this.writersLeft[writeKeys[at]!] !== 1) return false
    }
    return this.mayCommit(member)
  }

  /** The first return among members that have not committed. */
  private earliestReturn(): number {
    if (!this.problem.realtime) return never
    const { returns } = this.problem.history
    let earliest = never
    for (let lane = 0; lane < this.lanes.length; lane += 1) {
      const member = this.lanes[lane]![this.heads[lane]!]
      if (member === undefined) continue
      const end = returns[this.committed.members[member]!]!
      if (end < earliest) earliest = end
    }
    return earliest
  }

  /** Members that may make a step, in the order in which they are tried. */
  private moves(into: Ints): void {
    const earliest = this.earliestReturn()
    const found: Array<number> = []
    for (let lane = 0; lane < this.lanes.length; lane += 1) {
      const member = this.lanes[lane]![this.heads[lane]!]
      if (member === undefined) continue
      const begins = this.states[member] === 0
      if (begins && !this.mayBegin(member, earliest)) continue
      if ((!begins || !this.problem.snapshots) && !this.mayCommit(member)) continue
      found.push(member)
    }
    const { begins, commits } = this.problem
    const rank = (member: number): number => (this.states[member] === 0 ? begins[member]! : commits[member]!)
    found.sort((left, right) => rank(left) - rank(right))
    for (const member of found) into.push(member)
  }

  private mayBegin(member: number, earliest: number): boolean {
    const { problem, committed } = this
    if (this.waiting[member]! > 0) return false
    if (problem.realtime && problem.history.calls[committed.members[member]!]! > earliest) return false
    for (let at = this.readStarts[member]!; at < this.readStarts[member + 1]!; at += 1) {
      const slot = this.readSlots[at]!
      if (this.visible[this.keyOf(slot)] !== slot) return false
    }
    if (!problem.snapshots) return true
    for (let at = committed.writeStarts[member]!; at < committed.writeStarts[member + 1]!; at += 1) {
      if (this.writing[committed.writeKeys[at]!] !== -1) return false
    }
    return true
  }

  private keyOf(slot: number): number {
    const initialSlots = this.visible.length
    return slot < initialSlots ? slot : this.committed.writeKeys[slot - initialSlots]!
  }

  private mayCommit(member: number): boolean {
    const { writeStarts, writeKeys } = this.committed
    for (let at = writeStarts[member]!; at < writeStarts[member + 1]!; at += 1) {
      const slot = this.visible[writeKeys[at]!]!
      let left = this.remaining[slot]!
      if (left > 0 && this.states[member] === 0) left -= this.readsSlot(member, slot)
      if (left > 0) return false
    }
    return true
  }

  private readsSlot(member: number, slot: number): number {
    for (let at = this.readStarts[member]!; at < this.readStarts[member + 1]!; at += 1) {
      if (this.readSlots[at] === slot) return 1
    }
    return 0
  }

  /** The next step of a member: both at once where snapshots are not asked for. */
  private move(member: number): void {
    if (this.states[member] === 0) {
      this.begin(member)
      if (this.problem.snapshots) return
    }
    this.commit(member)
  }

  private begin(member: number): void {
    const { writeStarts, writeKeys } = this.committed
    this.states[member] = begun
    for (let at = this.readStarts[member]!; at < this.readStarts[member + 1]!; at += 1) {
      this.remaining[this.readSlots[at]!]! -= 1
    }
    for (let at = writeStarts[member]!; at < writeStarts[member + 1]!; at += 1) this.writing[writeKeys[at]!] = member
    this.undo.push(member)
    this.undo.push(begun)
  }

  private commit(member: number): void {
    const { writeStarts, writeKeys } = this.committed
    this.states[member] = done
    for (let at = writeStarts[member]!; at < writeStarts[member + 1]!; at += 1) {
      const key = writeKeys[at]!
      this.undo.push(this.visible[key]!)
      this.visible[key] = this.writeSlots[at]!
      this.writersLeft[key]! -= 1
      this.writing[key] = -1
    }
    for (let at = this.after.offsets[member]!; at < this.after.offsets[member + 1]!; at += 1) {
      this.waiting[this.after.targets[at]!]! -= 1
    }
    this.heads[this.committed.sessions[member]!]! += 1
    this.committedCount += 1
    this.undo.push(member)
    this.undo.push(done)
  }

  /** Takes steps back until the log is as short. */
  private back(length: number): void {
    const { writeStarts, writeKeys } = this.committed
    const { undo } = this
    while (undo.length > length) {
      const step = undo.pop()
      const member = undo.pop()
      if (step === begun) {
        this.states[member] = 0
        for (let at = this.readStarts[member]!; at < this.readStarts[member + 1]!; at += 1) {
          this.remaining[this.readSlots[at]!]! += 1
        }
        for (let at = writeStarts[member]!; at < writeStarts[member + 1]!; at += 1) this.writing[writeKeys[at]!] = -1
        continue
      }
      this.states[member] = begun
      this.committedCount -= 1
      this.heads[this.committed.sessions[member]!]! -= 1
      for (let at = this.after.offsets[member]!; at < this.after.offsets[member + 1]!; at += 1) {
        this.waiting[this.after.targets[at]!]! += 1
      }
      for (let at = writeStarts[member + 1]! - 1; at >= writeStarts[member]!; at -= 1) {
        const key = writeKeys[at]!
        this.visible[key] = undo.pop()
        this.writersLeft[key]! += 1
        this.writing[key] = member
      }
    }
  }
}
