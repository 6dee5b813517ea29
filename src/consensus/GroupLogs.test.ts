import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
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

const configuration = { ...emptyState, voters: [1, 2, 3] }
const start = { index: 1, term: 1, configuration }
const noData = new Uint8Array(0)

const entry = (index: number, term: number): Entry => ({
  index,
  term,
  kind: entryKinds.normal,
  data: Uint8Array.of(index, term)
})
const range = (from: number, to: number, term: number): ReadonlyArray<Entry> =>
  Array.from({ length: to - from }, (_, i) => entry(from + i, term))
const change = (fields: Partial<Change>): Change => ({ hard: undefined, entries: [], snapshot: undefined, ...fields })

/** A store's group logs, on a machine of their own. */
class Store {
  readonly bench = new TestBench()
  wal!: Wal.Wal
  logs!: GroupLogs.GroupLogs
  readonly told: Array<string> = []

  constructor() {
    this.open()
  }

  open(): void {
    this.bench.start(
      0,
      Effect.flatMap(Wal.open({ directory: "log", idleMicros: 1_000 }), (wal) => {
        this.wal = wal
        return Effect.map(GroupLogs.open(wal), (logs) => {
          this.logs = logs
        })
      })
    )
    this.bench.pass(1_000_000)
  }

  reopen(): void {
    this.bench.machines[0].crash({ powerLost: true })
    this.open()
    must(this.bench.story.at(-1) === "n0 started", `the logs open: ${this.bench.story.at(-1)}`)
  }

  note(name: string) {
    return (error: unknown): void => {
      this.told.push(`${name} ${error === undefined ? "ok" : (error as { _tag: string })._tag}`)
    }
  }

  create(group: number, replica = 1): GroupLog {
    const log = this.logs.create(group, replica, start, "synced", this.note("create"))
    this.bench.pass(100_000)
    return log
  }

  write(log: GroupLog, fields: Partial<Change>): void {
    log.write(change(fields), "synced", this.note("write"))
    this.bench.pass(100_000)
  }

  /** Flips a bit in the payload (or the header) of a record, and opens again. */
  rot(stream: number, position: number, offsetInRecord = WalFormat.recordHeaderBytes): void {
    // The log marks its last group as durable: from then on what does not read is damage.
    this.bench.pass(1_000_000)
    const { positions } = (Reflect.get(this.wal, "streams") as ReadonlyMap<number, Stream>).get(stream)!
    const path = `log/${WalFormat.nameOf(positions.segmentOf(position))}`
    const offset = positions.offsetOf(position) + offsetInRecord
    const image = Reflect.get(this.bench.machines[0].disk, "image") as DiskImage
    this.bench.machines[0].crash({ powerLost: false })
    image
      .files()
      .find(([each]) => each === path)![1]
      .flipBit(offset, 3)
    this.open()
  }

  log(group = 7): GroupLog {
    return this.logs.groups.get(group)!
  }

  /** A group with three records of entries: 2 to 4, 5 to 6 and, in place of 6, 6 to 7. */
  static withEntries(): Store {
    const store = new Store()
    const log = store.create(7)
    store.write(log, { entries: range(2, 5, 1), hard: { term: 1, vote: 1, commit: 1 } })
    store.write(log, { entries: range(5, 7, 1), hard: { term: 1, vote: 1, commit: 4 } })
    store.write(log, { entries: range(6, 8, 2), hard: { term: 2, vote: 3, commit: 5 } })
    return store
  }
}

const indexes = (log: GroupLog): ReadonlyArray<string> =>
  log.entries(log.firstIndex, log.lastIndex + 1, Infinity).map(({ index, term }) => `${index}.${term}`)

const entriesStream = Format.entriesStreamOf(7)
const stateStream = Format.stateStreamOf(7)

describe("the logs of groups", () => {
  it("are found again with all that they had", () => {
    const store = Store.withEntries()
    store.create(9, 65_537)
    store.reopen()
    expect([...store.logs.groups.keys()]).toEqual([7, 9])
    expect(indexes(store.log())).toEqual(["2.1", "3.1", "4.1", "5.1", "6.2", "7.2"])
    expect(store.log().hardState).toEqual({ term: 2, vote: 3, commit: 5 })
    expect([store.log().replica, store.log().doubt, store.log(9).replica]).toEqual([1, undefined, 65_537])
    expect(store.log().configuration).toEqual(configuration)
    expect(store.logs.isForgetful).toBe(false)
  })

  it("say what the configuration was where they begin, not what came of it since", () => {
    const store = Store.withEntries()
    const later = { ...configuration, learners: [4] }
    store.log().configuration = later
    store.write(store.log(), { entries: range(8, 9, 2), hard: { term: 3, vote: 0, commit: 7 } })
    store.reopen()
    expect(store.log().configuration).toEqual(configuration)
    store.log().configuration = later
    store.log().compact(5)
    store.bench.pass(1_000_000)
    store.reopen()
    expect(store.log().configuration).toEqual(later)
  })

  it("begin where they were compacted, and need nothing from before", () => {
    const store = Store.withEntries()
    const before = store.log().sizeBytes
    store.log().compact(5)
    expect(store.log().sizeBytes).toBeLessThan(before)
    store.bench.pass(1_000_000)
    expect(store.wal.extent(entriesStream).first).toBe(3)
    store.reopen()
    expect([store.log().firstIndex, store.log().term(5), ...indexes(store.log())]).toEqual([6, 1, "6.2", "7.2"])
  })

  it("are replaced by a snapshot's label, whatever stood in them", () => {
    const store = Store.withEntries()
    const snapshot = { index: 30, term: 2, configuration: { ...configuration, learners: [4] }, data: noData }
    store.write(store.log(), { snapshot, entries: [entry(31, 2)], hard: { term: 3, vote: 0, commit: 30 } })
    store.reopen()
    expect([store.log().firstIndex, store.log().term(30), ...indexes(store.log())]).toEqual([31, 2, "31.2"])
    expect(store.log().hardState).toEqual({ term: 3, vote: 0, commit: 30 })
    expect(store.log().configuration.learners).toEqual([4])
  })

  it("stop for good when a write fails, and tell everybody who waits", () => {
    const store = Store.withEntries()
    store.told.length = 0
    store.bench.machines[0].faults.ioErrorPerMille = 1_000
    for (const index of [8, 9])
      store.log().write(change({ entries: [entry(index, 2)] }), "synced", store.note(`${index}`))
    store.bench.pass(1_000_000)
    store.log().write(change({ entries: [entry(10, 2)] }), "synced", store.note("10"))
    store.bench.pass(1_000_000)
    expect(store.told).toEqual(["8 Stopped", "9 Stopped", "10 Stopped"])
  })

  it("refuse a record of a version that they do not know", () => {
    const store = Store.withEntries()
    store.wal.append(stateStream, store.wal.extent(stateStream).end, [Uint8Array.of(2, 1, 0)], "synced", () => {})
    store.bench.pass(100_000)
    store.bench.machines[0].crash({ powerLost: true })
    store.open()
    expect(store.bench.story.at(-1)).toContain("Corrupt: the format has version 2, this program knows 1")
  })
})

describe("a replica that was removed", () => {
  it("stays so, and only a higher one may follow", () => {
    const store = Store.withEntries()
    store.logs.remove(7, store.note("remove"))
    store.bench.pass(100_000)
    expect(store.told.at(-1)).toBe("remove ok")
    store.reopen()
    expect([store.logs.groups.size, store.logs.lastReplica(7), store.logs.lastReplica(8)]).toEqual([0, 1, 0])
    expect(() => store.create(7, 1)).toThrow("does not come back")
    store.create(7, 65_537)
    store.reopen()
    expect([store.log().replica, ...indexes(store.log())]).toEqual([65_537])
  })
})

describe("a state machine that is ahead of its log", () => {
  it("has the log begin anew behind it", () => {
    const store = Store.withEntries()
    store.log().reconcile({ index: 20, term: 2, configuration })
    store.write(store.log(), { entries: [entry(21, 3)] })
    store.reopen()
    expect([store.log().firstIndex, store.log().term(20), ...indexes(store.log())]).toEqual([21, 2, "21.3"])
  })

  it("does so where the log has another entry than it", () => {
    const store = Store.withEntries()
    store.log().reconcile({ index: 6, term: 3, configuration })
    expect([store.log().firstIndex, store.log().lastIndex, store.log().hardState.commit]).toEqual([7, 6, 6])
  })

  it("moves the commit index where the log has all of it", () => {
    const store = Store.withEntries()
    store.log().reconcile({ index: 6, term: 2, configuration })
    expect([store.log().firstIndex, store.log().lastIndex, store.log().hardState.commit]).toEqual([2, 7, 6])
  })
})

describe("damage", () => {
  it("of an entry leaves those before it, and the replica in doubt about its entries, vote untouched", () => {
    const store = Store.withEntries()
    store.rot(entriesStream, 2)
    expect(indexes(store.log())).toEqual(["2.1", "3.1", "4.1"])
    expect(store.log().doubt).toEqual({ entries: true, vote: false })
    // What stood behind it may have replaced what is left: no later commit index counts.
    expect(store.log().hardState).toEqual({ term: 2, vote: 3, commit: 1 })
  })

  it("is not forgotten when other records stand in its place, until the doubt is over", () => {
    const store = Store.withEntries()
    store.rot(entriesStream, 2)
    store.write(store.log(), { entries: range(5, 8, 2), hard: { term: 3, vote: 0, commit: 1 } })
    store.reopen()
    expect([...indexes(store.log()), store.log().doubt]).toEqual([
      "2.1",
      "3.1",
      "4.1",
      "5.2",
      "6.2",
      "7.2",
      { entries: true, vote: false }
    ])
    const doubt = { entries: false, vote: false }
    store.write(store.log(), { entries: [entry(8, 3)], hard: { term: 3, vote: 0, commit: 1 }, doubt })
    expect(store.log().doubt).toBeUndefined()
    store.reopen()
    expect([store.log().doubt, store.log().lastIndex]).toEqual([undefined, 8])
  })

  it("of an older state is none: the last one has everything", () => {
    const store = Store.withEntries()
    store.rot(stateStream, 2)
    expect([store.log().doubt, store.log().hardState.vote]).toEqual([undefined, 3])
  })

  it("of the last state leaves the one before, and everything in doubt", () => {
    const store = Store.withEntries()
    store.rot(stateStream, 3)
    expect(store.log().doubt).toEqual({ entries: true, vote: true })
    // A vote in a term that only the entries know of was not given: of its own term it does not know.
    expect(store.log().hardState).toEqual({ term: 2, vote: 0, commit: 5 })
    store.reopen()
    expect(store.log().doubt).toEqual({ entries: true, vote: true })
  })

  it("of a header, where nobody can tell whose record it was, puts all in doubt whose end it may have been", () => {
    const store = Store.withEntries()
    store.rot(stateStream, 3, 5)
    expect(store.log().doubt).toEqual({ entries: true, vote: true })
    store.reopen()
    expect(store.log().doubt).toEqual({ entries: true, vote: true })
    expect(store.logs.isForgetful).toBe(true)
  })

  it("of all state of a replica makes the store forgetful: whoever is made there begins in doubt", () => {
    const store = new Store()
    store.create(7)
    store.rot(stateStream, 1)
    expect([store.logs.groups.size, store.logs.isForgetful]).toEqual([0, true])
    store.reopen()
    expect(store.logs.isForgetful).toBe(true)
    expect(store.create(7, 1).doubt).toEqual({ entries: true, vote: true })
    store.reopen()
    expect(store.log().doubt).toEqual({ entries: true, vote: true })
  })

  it("of a replica that came after a removed one does not bring the removed one back", () => {
    const store = Store.withEntries()
    store.logs.remove(7, store.note("remove"))
    store.bench.pass(100_000)
    store.create(7, 65_537)
    store.rot(stateStream, store.wal.extent(stateStream).end - 1)
    expect([store.logs.groups.size, store.logs.lastReplica(7), store.logs.isForgetful]).toEqual([0, 1, true])
  })
})
