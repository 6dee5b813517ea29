import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { type Stream as Draws, Streams } from "#sim/kernel/Stream.ts"
import type { DiskImage } from "#sim/world/DiskImage.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import * as WalFormat from "#storage/wal/Format.ts"
import type { Stream } from "#storage/wal/Stream.ts"
import * as Wal from "#storage/wal/Wal.ts"
import { must } from "#world/contract/Claim.ts"
import { emptyState } from "./Configuration.ts"
import type { Change, GroupLog } from "./GroupLog.ts"
import * as Format from "./GroupLogFormat.ts"
import * as GroupLogs from "./GroupLogs.ts"
import { entryKinds, type Entry } from "./Message.ts"
import type { EntryId } from "./RaftLog.ts"
import { emptyHardState, MemoryStorage, type HardState } from "./Storage.ts"

/** What a group has: what its storage shows, as text. */
const textOf = (hard: HardState, begin: EntryId, entries: ReadonlyArray<Entry>): string =>
  `term ${hard.term} vote ${hard.vote} commit ${hard.commit} behind ${begin.index}/${begin.term}: ` +
  entries.map(({ data, kind, term }) => `${term}.${kind}.${data.length}x${data[0]}`).join(" ")

const foundIn = (log: GroupLog): string => {
  const { firstIndex, hardState, lastIndex } = log
  const begin = { index: firstIndex - 1, term: log.term(firstIndex - 1) }
  return textOf(hardState, begin, log.entries(firstIndex, lastIndex + 1, Infinity))
}

/** The same of a reference, and all that may be found of it after a crash, in order. */
class Reference {
  readonly replica: number
  readonly storage = new MemoryStorage()
  /** What each record leaves behind; the last is what there is. */
  states: Array<string> = []
  /** States before this one may not be found any more: something later is durable. */
  durable = 0

  constructor(replica: number) {
    this.replica = replica
  }

  get begin(): EntryId {
    const index = this.storage.firstIndex - 1
    return { index, term: this.storage.term(index) }
  }

  get entries(): ReadonlyArray<Entry> {
    return this.storage.entries(this.storage.firstIndex, this.storage.lastIndex + 1, Infinity)
  }

  /** A record is written that says so much of the hard state. */
  note(hard: HardState): void {
    const { begin, entries } = this
    const last = entries.at(-1)?.term ?? begin.term
    const isNewer = last > hard.term
    const commit = Math.max(begin.index, Math.min(hard.commit, begin.index + entries.length))
    this.states.push(textOf(isNewer ? { term: last, vote: 0, commit } : { ...hard, commit }, begin, entries))
  }

  write({ entries, hard, snapshot }: Change): void {
    const before = this.storage.hardState
    const after = hard ?? before
    if (snapshot !== undefined) {
      this.storage.restore(snapshot)
      this.note(after)
    }
    this.storage.append(entries)
    if (entries.length > 0) this.note({ ...(snapshot === undefined ? before : after), commit: after.commit })
    this.storage.hardState = after
    this.note(after)
  }
}

const groups = [1, 2, 1_000_000]

/** What a group had before it was damaged. */
interface Due {
  readonly begin: EntryId
  readonly entries: ReadonlyArray<Entry>
  readonly hard: HardState
}

/** The logs of a few groups on a machine of its own, driven by draws. */
class Course {
  readonly bench: TestBench
  readonly draws: Draws
  private readonly options: Wal.Options
  wal!: Wal.Wal
  logs!: GroupLogs.GroupLogs
  readonly references = new Map<number, Reference>()
  private serial = 0
  private waiting = 0

  constructor(seed: string, waitingBytesMax = 1_000_000) {
    const streams = new Streams({ seed })
    const buggify = streams.get("test/buggify")
    this.draws = streams.get("test/draws")
    this.bench = new TestBench({ seed, policy: "uniform", buggify: () => buggify.chance(1, 20) })
    this.options = {
      directory: "log",
      segmentBytesMax: this.among([400, 1_500, 20_000]),
      groupBytesMax: this.among([100, 600, 100_000]),
      bufferedBytesMax: this.among([0, 500, 100_000]),
      waitingBytesMax,
      idleMicros: this.among([100, 10_000]),
      carryAboveBytes: this.among([500, 3_000, 1_000_000])
    }
    this.open()
  }

  get machine() {
    return this.bench.machines[0]
  }

  among<A>(choices: ReadonlyArray<A>): A {
    return choices[this.draws.below(choices.length)]
  }

  /** What is wrong with opening; undefined: it is open. */
  open(): string | undefined {
    let failure: string | undefined
    const program = Effect.matchEffect(
      Effect.flatMap(Wal.open(this.options), (wal) => {
        this.wal = wal
        return GroupLogs.open(wal)
      }),
      {
        onFailure: (error) => Effect.sync(() => (failure = error._tag)),
        onSuccess: (logs) => Effect.sync(() => (this.logs = logs))
      }
    )
    this.waiting = 0
    this.bench.start(0, program)
    this.bench.pass(10_000_000)
    return failure ?? (this.bench.story.at(-1) === "n0 started" ? undefined : this.bench.story.at(-1))
  }

  step(): void {
    if (this.draws.below(4) === 0) return this.bench.pass(this.draws.below(2_000))
    const group = this.among(groups)
    const reference = this.references.get(group)
    if (reference === undefined) return this.create(group)
    const what = this.draws.below(40)
    const log = this.logs.groups.get(group)!
    if (what === 0) return this.remove(group)
    if (what === 1 && reference.storage.hardState.commit > reference.begin.index) return this.compact(log, reference)
    this.write(log, reference, this.drawn(reference.storage))
  }

  private done(reference: Reference): () => void {
    const state = reference.states.length - 1
    const wait = ++this.waiting
    let isDone = false
    return (error?: unknown) => {
      if (error !== undefined || isDone) throw new Error(`a write is done once, and well: ${String(error)}`)
      isDone = true
      if (wait > this.waiting) throw new Error("what the last process waited for is not told to this one")
      if (state < reference.durable) throw new Error("writes of a group are done in their order")
      reference.durable = state
    }
  }

  private create(group: number): void {
    const reference = new Reference(this.logs.lastReplica(group) + 1)
    const index = this.draws.below(3)
    const start = { index, term: index === 0 ? 0 : 1 + this.draws.below(3), configuration: emptyState }
    if (index > 0) reference.storage.restore({ ...start, data: new Uint8Array(0) })
    reference.states.push("nothing")
    reference.storage.hardState = { term: start.term, vote: 0, commit: index }
    reference.note(reference.storage.hardState)
    this.references.set(group, reference)
    this.logs.create(group, reference.replica, start, "synced", this.done(reference))
  }

  private remove(group: number): void {
    const reference = this.references.get(group)!
    reference.states.push("nothing")
    this.logs.remove(group, this.done(reference))
    // The next one begins when this one has ended.
    for (let i = 0; i < 20 && this.machine.faults.full; i++) this.machine.faults.full = false
    this.bench.pass(1_000_000)
    if (reference.states.length - 1 !== reference.durable) throw new Error("a removal is done some time")
    this.references.delete(group)
  }

  private compact(log: GroupLog, reference: Reference): void {
    const { begin, storage } = reference
    const index = begin.index + 1 + this.draws.below(storage.hardState.commit - begin.index)
    storage.compact(index)
    reference.note(storage.hardState)
    log.compact(index)
  }

  private entry(index: number, term: number): Entry {
    const size = this.draws.below(this.among([2, 20, 300]))
    const kind = this.among([entryKinds.normal, entryKinds.normal, entryKinds.confChangeV2])
    return { index, term, kind, data: new Uint8Array(size).fill(this.serial++ & 7) }
  }

  private drawn({ hardState, lastIndex }: MemoryStorage): Change {
    let { commit, term, vote } = hardState
    if (this.draws.below(5) === 0) {
      term += 1 + this.draws.below(2)
      vote = this.draws.below(3)
    }
    const data = new Uint8Array(0)
    const isSnapshot = this.draws.below(15) === 0
    const index = commit + 1 + this.draws.below(5)
    const snapshot = isSnapshot ? { index, term: Math.max(1, term - 1), configuration: emptyState, data } : undefined
    // In place of some that are not committed, or behind the last.
    const last = isSnapshot ? index : lastIndex
    const first = this.draws.below(3) === 0 ? Math.max(commit, isSnapshot ? index : 0) + 1 : last + 1
    const count = this.draws.below(this.among([2, 3, 8]))
    const entries = Array.from({ length: count }, (_, i) =>
      this.entry(Math.min(first, last + 1) + i, Math.max(1, term))
    )
    const end = entries.at(-1)?.index ?? last
    commit = Math.max(commit, isSnapshot ? index : 0, Math.min(end, commit + this.draws.below(4)))
    const hard = { term: Math.max(term, entries.at(-1)?.term ?? 0, snapshot?.term ?? 0), vote, commit }
    const isNews = hard.term !== hardState.term || vote !== hardState.vote || commit !== hardState.commit
    return { hard: isNews ? hard : undefined, entries, snapshot }
  }

  private write(log: GroupLog, reference: Reference, change: Change): void {
    reference.write(change)
    const { hard, entries } = change
    const mustSync = entries.length > 0 || hard !== undefined || change.snapshot !== undefined
    const isSynced = mustSync && this.draws.below(8) > 0
    const done = this.done(reference)
    log.write(change, isSynced ? "synced" : "buffered", isSynced ? done : () => {})
    this.compare(log, reference)
  }

  /** In memory everything is at once as it is to be. */
  compare(log: GroupLog, { entries, begin, storage }: Reference): void {
    const due = textOf(storage.hardState, begin, entries)
    if (foundIn(log) !== due) throw new Error(`in memory is ${foundIn(log)} instead of ${due}`)
    const from = begin.index + 1 + this.draws.below(entries.length + 1)
    const limit = this.among([0, 30, 400])
    const shown = log.entries(from, storage.lastIndex + 1, limit)
    const right = storage.entries(from, storage.lastIndex + 1, limit)
    must(
      shown.length === right.length && shown.every((entry, i) => entry === right[i]),
      "entries are cut as they are to be"
    )
  }

  /** The machine loses power, or only the process dies; what is there after that becomes the new beginning. */
  crash(): void {
    const { faults } = this.machine
    const power = this.draws.chance(2, 3)
    Object.assign(faults, { losesUnsynced: power, losesEntries: power, tearsWrites: this.draws.chance(1, 2) })
    this.machine.crash({ powerLost: power })
    must(this.open() === undefined, "what was torn is no damage")
    must(!this.logs.isForgetful, "what was torn is not forgotten")
    for (const group of groups) {
      const reference = this.references.get(group)
      const log = this.logs.groups.get(group)
      const found = log === undefined ? "nothing" : foundIn(log)
      const allowed = reference?.states.slice(reference.durable) ?? ["nothing"]
      if (!allowed.includes(found))
        throw new Error(`group ${group} has ${found}, which is none of\n${allowed.join("\n")}`)
      must(log?.doubt === undefined, "what was torn is nothing to doubt")
      this.references.delete(group)
      if (log !== undefined) this.adopt(group, log)
    }
  }

  /** One bit of a record that counts, or of anything, is not what it was. */
  flip(): void {
    const group = this.among([...this.references.keys()])
    const stream = this.among([Format.entriesStreamOf(group), Format.stateStreamOf(group)])
    const { end, first } = this.wal.extent(stream)
    const position = this.among([first, end - 1])
    const { positions } = (Reflect.get(this.wal, "streams") as ReadonlyMap<number, Stream>).get(stream)!
    const image = Reflect.get(this.machine.disk, "image") as DiskImage
    const files = image.files().filter(([, inode]) => inode.size > 0)
    const isAnywhere = first === end || this.draws.below(4) === 0
    const path = isAnywhere ? this.among(files)[0] : `log/${WalFormat.nameOf(positions.segmentOf(position))}`
    const [, inode] = files.find(([each]) => each === path)!
    // Headers and payloads, alike often.
    const inRecord = this.draws.below(2) * WalFormat.recordHeaderBytes + this.draws.below(20)
    const offset = isAnywhere ? this.draws.below(inode.size) : positions.offsetOf(position) + inRecord
    this.machine.crash({ powerLost: false })
    inode.flipBit(offset, this.draws.below(8))
  }

  /** What became of each group after damage; it may have lost something, but must know it, and have nothing that is not so. */
  examined(due: ReadonlyMap<number, Due>): ReadonlyArray<string> {
    return [...due].map(([group, { begin, entries, hard }]) => {
      const log = this.logs.groups.get(group)
      if (log === undefined) {
        must(this.logs.isForgetful, "a store knows that it has forgotten a group")
        return "lost"
      }
      if (log.doubt === undefined) {
        must(foundIn(log) === textOf(hard, begin, entries), `a group without doubts is whole: ${foundIn(log)}`)
        return "whole"
      }
      // Others may be left that were replaced later.
      for (const { index, term } of log.entries(log.firstIndex, log.hardState.commit + 1, Infinity)) {
        const isSame = index <= begin.index || entries[index - begin.index - 1].term === term
        must(isSame, "what counts as committed was committed")
      }
      must(log.hardState.term <= hard.term, "no term is made up")
      const isLast = log.hardState.term === hard.term && log.hardState.vote === hard.vote
      must(log.doubt.vote || isLast, "a vote that is not in doubt is the last one")
      return log.doubt.vote ? "doubt of everything" : "doubt of entries"
    })
  }

  private adopt(group: number, log: GroupLog): void {
    const reference = new Reference(log.replica)
    const index = log.firstIndex - 1
    const { storage } = reference
    const begin = { index, term: log.term(index), configuration: emptyState, data: new Uint8Array(0) }
    if (index > 0) storage.restore(begin)
    storage.append(log.entries(log.firstIndex, log.lastIndex + 1, Infinity))
    storage.hardState = log.hardState ?? emptyHardState
    reference.note(storage.hardState)
    this.references.set(group, reference)
  }
}

/** What became of groups after a bit had flipped, over all seeds. */
const outcomes = new Set<string>()

const seeds = Array.from({ length: 30 }, (_, index) => `groups ${index}`)

describe("the logs of groups under random operations", () => {
  it.each(seeds)("hold what was durable, and nothing that was not written, after each crash: %s", (seed) => {
    const course = new Course(seed)
    for (let life = 0; life < 6; life++) {
      for (let steps = course.draws.below(150); steps > 0; steps--) course.step()
      course.bench.pass(life % 2 === 0 ? course.draws.below(1_000) : 1_000_000)
      course.crash()
    }
    expect(course.bench.traced.filter(({ level }) => level === "error")).toEqual([])
  })

  it.each(seeds.slice(0, 30))(
    "lose nothing to a device that fills up again and again, nor to an overloaded log: %s",
    (seed) => {
      const course = new Course(seed, 10_000)
      for (let life = 0; life < 4; life++) {
        for (let steps = course.draws.below(150); steps > 0; steps--) {
          course.step()
          if (course.draws.chance(1, 30)) course.machine.faults.full = !course.machine.faults.full
        }
        course.machine.faults.full = false
        // There is room again: everything that was refused is written.
        course.bench.pass(5_000_000)
        for (const [group, reference] of course.references) {
          expect(course.logs.groups.get(group)!.isFull).toBe(false)
          course.logs.sync(() => (reference.durable = reference.states.length - 1))
        }
        course.bench.pass(1_000_000)
        course.crash()
      }
    }
  )

  it.each(seeds)("show every flipped bit as a doubt, and believe nothing that is not so: %s", (seed) => {
    const course = new Course(seed)
    for (let steps = 0; steps < 150; steps++) course.step()
    course.bench.pass(40_000_000)
    const due = new Map<number, Due>()
    for (const [group, { begin, entries, storage }] of course.references) {
      due.set(group, { begin, entries, hard: storage.hardState })
    }
    course.flip()
    const failure = course.open()
    if (failure !== undefined) {
      outcomes.add(failure)
      return
    }
    const found = course.examined(due)
    for (const what of found) outcomes.add(what)
    // Damage that new records cover up is not forgotten.
    for (const log of course.logs.groups.values()) {
      const { group, hardState, lastIndex } = log
      const entry = { index: lastIndex + 1, term: hardState.term, kind: entryKinds.normal, data: new Uint8Array(3) }
      const its = due.get(group)!
      if (log.doubt !== undefined) continue
      due.set(group, { ...its, entries: [...its.entries, entry] })
      log.write({ hard: undefined, entries: [entry], snapshot: undefined }, "synced", () => {})
    }
    course.bench.pass(1_000_000)
    course.machine.crash({ powerLost: true })
    expect(course.open()).toBeUndefined()
    expect(course.examined(due)).toEqual(found)
  })

  it("were damaged in every way", () => {
    expect([...outcomes].sort()).toEqual(["doubt of entries", "doubt of everything", "whole"])
  })
})
