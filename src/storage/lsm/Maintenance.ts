/**
 * Maintenance: moves memtables into tables and keeps the levels in shape, in two fibers, so that a flush never waits for a compaction.
 * What is due depends on what was written alone, never on time.
 *
 * A flush: the log is synced, so that tables never hold what the log could still lose; the table is built and made durable; the
 * manifest names it; readers see it instead of the memtable; the log may drop what is in it.
 *
 * What fails for want of space is tried again when somebody asks for something; any other failure stops the store.
 * Tables that nobody came to name are removed.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Completion from "#world/Completion.ts"
import { Disk } from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"
import type { Workers } from "#world/Workers.ts"
import type { Done } from "../Engine.ts"
import { type Corrupt, Refused, type StorageError } from "../StorageError.ts"
import * as JobMessage from "./JobMessage.ts"
import { stoppedBy } from "./ManifestFile.ts"
import type { Memtable } from "./Memtables.ts"
import * as Picker from "./Picker.ts"
import type { Store } from "./Store.ts"
import { pathOf } from "./TableFile.ts"
import * as TableFormat from "./TableFormat.ts"
import * as TableJobs from "./TableJobs.ts"
import { Upkeep } from "./Upkeep.ts"
import * as Version from "./Version.ts"

type Failure = StorageError | DiskError | Corrupt

const noSpace = new Refused({ reason: "no-space", message: "the device is full: free some space" })

export class Maintenance {
  private readonly store: Store
  private readonly workers: Workers["Service"]
  /** Something has changed that stalled writes may wait for. */
  private readonly progressed: () => void
  private readonly flushing: Upkeep<Failure>
  private readonly compacting: Upkeep<Failure>
  /** Held by who changes what the levels hold, other than by a flush. */
  readonly levels = Semaphore.makeUnsafe(1)
  private compactionsAsked: Array<Done<void>> = []

  constructor(options: {
    readonly store: Store
    readonly workers: Workers["Service"]
    readonly progressed: () => void
  }) {
    this.store = options.store
    this.workers = options.workers
    this.progressed = options.progressed
    this.flushing = new Upkeep<Failure>({
      step: () => this.flushOldest(),
      judge,
      failed: (error) => {
        this.failed(error)
        this.refuseFlushes(error)
      }
    })
    this.compacting = new Upkeep<Failure>({
      step: () => this.compactNext(),
      judge,
      failed: (error) => {
        this.failed(error)
        this.refuseCompactions(error)
      }
    })
    this.runs = [this.flushing.run, this.compacting.run]
  }

  /** Two programs, for ever: one flushes, one compacts. */
  readonly runs: ReadonlyArray<Effect.Effect<never>>

  /** What flushes or compactions wait to be over. */
  get trouble(): StorageError | undefined {
    return this.flushing.trouble ?? this.compacting.trouble
  }

  /** A memtable was frozen. */
  frozen(): void {
    this.flushing.raise()
  }

  /** Somebody waits for something: what has failed, or is about to, is tried again. */
  ask(): void {
    this.flushing.ask()
    this.compacting.ask()
  }

  /** Freezes what is written, and calls `done` when all of it is in tables. */
  flush(done: Done<void>): void {
    const { end } = this.store
    if (end !== undefined) return done(end, undefined)
    const { memtables } = this.store.parts
    const last = memtables.isEmpty ? memtables.frozen.at(-1) : this.freeze()
    if (last === undefined) return done(undefined, undefined)
    last.waiting.push(done)
    this.ask()
  }

  freeze(): Memtable {
    const frozen = this.store.parts.memtables.freeze()
    this.store.changed()
    this.flushing.raise()
    return frozen
  }

  /** Compacts everything, and calls `done` when nothing is left that could go. */
  compact(done: Done<void>): void {
    const { end } = this.store
    if (end !== undefined) return done(end, undefined)
    this.compactionsAsked.push(done)
    this.ask()
  }

  /** Answers all who wait. */
  close(error: StorageError): void {
    this.refuseFlushes(error)
    this.refuseCompactions(error)
  }

  private failed(error: StorageError): void {
    const { store } = this
    if (error._tag === "Stopped") {
      store.stop(error)
      this.close(error)
    } else {
      const { directory } = store.parts.options
      store.parts.trace.emit("warn", "storage/lsm-waits", { directory, message: error.message })
    }
    this.progressed()
  }

  private refuseFlushes(error: StorageError): void {
    const waiting = this.store.parts.memtables.frozen.flatMap((memtable) => memtable.waiting.splice(0))
    for (const done of waiting) done(error, undefined)
  }

  private refuseCompactions(error: StorageError): void {
    for (const done of this.compactionsAsked.splice(0)) done(error, undefined)
  }

  private flushOldest(): Effect.Effect<boolean, Failure> {
    return Effect.gen({ self: this }, function* () {
      const { memtables, options } = this.store.parts
      const memtable = memtables.frozen.at(0)
      if (memtable === undefined || this.store.stopped !== undefined) return false
      yield* Completion.submit<void, StorageError>((done) => options.log.sync(done))
      const { tree } = memtable
      const number = this.store.parts.numbers.take()
      const tables = tree.count === 0 && tree.ranges.isEmpty ? [] : yield* this.build(memtable, number)
      const state = { logPosition: memtable.logEnd, sequence: tree.sequence }
      yield* this.commit([number], { added: tables.map((meta) => ({ level: 0, meta })), removed: [] }, state, () =>
        memtables.drop(memtable)
      )
      for (const meta of tables) this.store.wrote(0, meta.sizeBytes)
      this.store.flushes++
      if (!this.store.parts.buggify("storage/lsm-log-keeps")) options.log.cutHead(options.stream, memtable.logEnd)
      for (const done of memtable.waiting) done(undefined, undefined)
      this.compacting.raise()
      this.progressed()
      return true
    })
  }

  private build(memtable: Memtable, number: number): Effect.Effect<ReadonlyArray<TableFormat.TableMeta>, Failure> {
    return Effect.gen({ self: this }, function* () {
      const { tree } = memtable
      const ranges: Array<JobMessage.BuildInput["ranges"][number]> = []
      tree.ranges.forEach((from, to, sequences) => ranges.push({ from, to, sequences }))
      const { directory } = this.store.parts.options
      const { bytes, copying } = JobMessage.encodeBuild(
        { directory, table: this.store.tableOptions, number, ranges },
        tree
      )
      this.store.copyBytes = bytes.length
      while (copying.step()) yield* Effect.yieldNow
      return yield* this.run(TableJobs.buildTable, { input: bytes, numbers: [number], sizeBytes: bytes.length })
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          this.store.copyBytes = 0
        })
      )
    )
  }

  /** Runs a job on so many bytes; when it fails, what it may have left is removed. */
  private run(
    job: TableJobs.TableJob,
    work: { readonly input: Uint8Array; readonly numbers: ReadonlyArray<number>; readonly sizeBytes: number }
  ): Effect.Effect<ReadonlyArray<TableFormat.TableMeta>, Failure> {
    const { disk, options } = this.store.parts
    const { input, numbers, sizeBytes } = work
    const run =
      sizeBytes < options.threadBytesMin
        ? Effect.scoped(Effect.provideService(job.run(input), Disk, disk))
        : this.workers.run(job, input)
    return Effect.flatMap(run, (bytes) => {
      const { failure, tables } = JobMessage.decodeOutput(bytes)
      return failure === undefined ? Effect.succeed(tables) : Effect.andThen(this.remove(numbers), Effect.fail(failure))
    })
  }

  /** Makes new tables part of the store, and removed ones none. The files of `numbers` go when that fails. */
  commit(
    numbers: ReadonlyArray<number>,
    change: { readonly added: ReadonlyArray<Version.Placed>; readonly removed: ReadonlyArray<number> },
    state: { readonly logPosition: number; readonly sequence: number } | undefined,
    installed: () => void
  ): Effect.Effect<void, Failure> {
    const { store } = this
    const { manifest, tables } = store.parts
    const commit = manifest.commit(
      (before) => {
        const { logPosition, sequence } = state ?? before.state
        return { ...change, state: store.stateAt(logPosition, Math.max(sequence, before.state.sequence)) }
      },
      (contents) => {
        installed()
        tables.install(contents.version)
        store.changed()
      }
    )
    // After a stop it is not known whether the manifest names them.
    return Effect.catch(commit, (error): Effect.Effect<never, Failure> =>
      error._tag === "Refused" ? Effect.andThen(this.remove(numbers), Effect.fail(error)) : Effect.fail(error)
    )
  }

  /** Removes files, as far as they are there. */
  remove(numbers: ReadonlyArray<number>): Effect.Effect<void> {
    const { disk, options } = this.store.parts
    return Effect.forEach(
      numbers,
      (number) => Effect.ignore(disk.remove(pathOf(options.directory, TableFormat.tableName(number)))),
      { discard: true }
    )
  }

  private compactNext(): Effect.Effect<boolean, Failure> {
    const { options } = this.store.parts
    if (this.store.stopped !== undefined) return Effect.succeed(false)
    if (this.compactionsAsked.length === 0) return this.step((version) => Picker.pick(version, options))
    // They stay where whoever closes the store answers them.
    const { length } = this.compactionsAsked
    return Effect.map(this.compactAll(), () => {
      for (const done of this.compactionsAsked.splice(0, length)) done(undefined, undefined)
      return true
    })
  }

  /** Moves everything into one level, then writes what is worth it once more. Where writes may come to wait, level 0 goes first. */
  private compactAll(): Effect.Effect<void, Failure> {
    return Effect.gen({ self: this }, function* () {
      const { manifest, numbers, options } = this.store.parts
      const urgent = (version: Version.Version): Picker.Plan | undefined =>
        version.levels[0].length >= options.level0Tables ? Picker.planOfLevel(version, 0, options) : undefined
      const target = Picker.restingLevel(this.store.view.version.version, options)
      for (let level = 0; level < target; level++) {
        // What comes into level 0 meanwhile is not of this.
        const end = numbers.next
        const next = (version: Version.Version): Picker.Plan | undefined =>
          version.levels[level].some((meta) => meta.number < end)
            ? (urgent(version) ?? Picker.planOfLevel(version, level, options))
            : undefined
        while (yield* this.step(next)) continue
      }
      const tables = this.store.view.version.version.levels[target]
      for (const plan of Picker.plansInPlace(target, tables, options)) {
        while (yield* this.step(urgent)) continue
        // Its tables may have been merged meanwhile.
        yield* this.step((version) =>
          plan.upper.every((meta) => version.levels[target].includes(meta)) ? plan : undefined
        )
      }
      yield* manifest.shrink
    })
  }

  /** Carries out what is planned, while nobody else changes the levels; false: nothing is. */
  private step(plan: (version: Version.Version) => Picker.Plan | undefined): Effect.Effect<boolean, Failure> {
    return this.levels.withPermits(1)(
      Effect.suspend(() => {
        const next = plan(this.store.view.version.version)
        return next === undefined ? Effect.succeed(false) : Effect.as(this.execute(next), true)
      })
    )
  }

  private execute(plan: Picker.Plan): Effect.Effect<void, Failure> {
    return Effect.gen({ self: this }, function* () {
      const { store } = this
      const { level, lower, output, upper } = plan
      const removed = [...upper, ...lower].map((meta) => meta.number)
      if (plan.isMove) {
        const added = upper.map((meta) => ({ level: output, meta }))
        yield* this.commit([], { added, removed }, undefined, () => {})
        store.moves++
        store.parts.trace.mark("storage/lsm-move")
        this.progressed()
        return
      }
      if (level === output) store.parts.trace.mark("storage/lsm-in-place")
      const { from, to } = Version.boundsOf([...upper, ...lower])
      const { version } = store.view.version
      const below = version.levels
        .slice(output + 1)
        .flatMap((tables) => Version.overlapping(tables, from, to))
        .map((meta) => ({ from: meta.from, to: meta.to }))
      const { directory, tableBytes } = store.parts.options
      const inputBytes = Version.bytesOf(upper) + Version.bytesOf(lower)
      const numbers = Array.from({ length: 2 + Math.ceil(inputBytes / tableBytes) }, store.parts.numbers.take)
      const input = JobMessage.encodeCompact({
        directory,
        table: store.tableOptions,
        tableBytes,
        numbers,
        snapshots: store.parts.snapshots.list(),
        below,
        runs: [...(level === 0 ? upper.map((meta) => [meta]) : [upper]), lower].filter((run) => run.length > 0)
      })
      const tables = yield* this.run(TableJobs.compactTables, { input, numbers, sizeBytes: inputBytes })
      const added = tables.map((meta) => ({ level: output, meta }))
      yield* this.commit(numbers, { added, removed }, undefined, () => {})
      store.wrote(output, Version.bytesOf(tables))
      store.compactions++
      this.progressed()
    })
  }
}

/** Want of space passes; after any other failure it is not known what is durable. */
export const judge = (failure: Failure): StorageError => {
  if (failure._tag === "Corrupt") return stoppedBy(failure)
  if (failure._tag !== "DiskError") return failure
  const isSync = ["sync", "sync-directory", "rename"].includes(failure.operation)
  return failure.code === "no-space" && !isSync ? noSpace : stoppedBy(failure)
}

/** Deepest level that an ingested table may go to: nothing in it, or above it, overlaps. */
export const levelFor = (version: Version.Version, from: Uint8Array, to: Uint8Array): number => {
  if (version.levels[0].some((meta) => Version.overlaps(meta, from, to))) return 0
  let level = 0
  while (level + 1 < Version.levelsMax && Version.overlapping(version.levels[level + 1], from, to).length === 0) level++
  return level
}
