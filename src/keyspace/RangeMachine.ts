/**
 * RangeMachine: one replica of a range as a state machine: applies the batches that its leaseholder has evaluated. Its keys are in the store's
 * engine and nowhere else, so what was applied shows there a turn later (`whenShown`); `RangeState` goes with every batch.
 *
 * - A split leaves the right half's keys where they are, and its state beside it, as one batch; the store founds the group (`Neighbours.founded`).
 * - A snapshot is staged beside the range; once it is whole and durable it takes the range's place, as often as it takes
 *   (`RangeRestore`). No two ranges of a store may have one key: a snapshot waits until nobody else has its span.
 *
 * Decisions that commands tell of become entries of the range's audit chain in the same batch (`RangeTrail`).
 *
 * Needs of its caller, beside what `StateMachine` says: batches of one turn become one of the engine, so nobody looks before `whenShown`.
 */
import { assert } from "#base/Assert.ts"
import { crc32c } from "#base/Crc32c.ts"
import * as Limits from "#base/Limits.ts"
import type { ConfState } from "#consensus/Configuration.ts"
import { storeOf, type GroupId } from "#consensus/Replica.ts"
import type { Applied, Restore, Snapshot, StateMachine } from "#consensus/StateMachine.ts"
import * as Trail from "#consensus/Trail.ts"
import { Batch } from "#storage/Batch.ts"
import type * as Engine from "#storage/Engine.ts"
import * as Keys from "#storage/Keys.ts"
import type { Deferral } from "#storage/memory/Deferral.ts"
import * as RangeTrail from "./audit/RangeTrail.ts"
import type { Descriptor } from "./Descriptor.ts"
import * as Key from "./Key.ts"
import * as RangeCommand from "./RangeCommand.ts"
import { SnapshotReader } from "#consensus/SnapshotFormat.ts"
import { deleteSpan, RangeRestore } from "./RangeRestore.ts"
import { RangeSnapshot } from "./RangeSnapshot.ts"
import * as RangeState from "./RangeState.ts"
import type { Span, Timestamp } from "./Request.ts"

/** The other ranges of the store. */
export interface Neighbours {
  /** A split has left this range's keys and state in the engine, where it shows now. */
  founded(state: RangeState.RangeState): void
  /** Whether nobody but `range` has keys of the span, nor is about to; then the span is its, until it is released or its own changes. */
  reserve(range: GroupId, span: Span): boolean
  release(range: GroupId): void
  /** Another range has taken it in: its replica here, if there is one, changes nothing any more, and goes. Whether there is. */
  absorbed(range: GroupId): boolean
}

export interface MachineOptions {
  readonly range: GroupId
  readonly port: Engine.Port
  readonly deferral: Deferral
  readonly neighbours: Neighbours
  /** Of a replica that knows nothing yet, but its place in the log. */
  readonly applied: Applied
  readonly state: RangeState.RangeState | undefined
  readonly trail?: Trail.Bounds
}

export class RangeMachine implements StateMachine {
  readonly range: GroupId
  private readonly options: MachineOptions
  private readonly trail: Trail.Trail
  private batch = new Batch()
  private current: RangeState.RangeState | undefined
  /** What went with batches, and with the last one that the engine shows. */
  private sealed: Array<RangeState.RangeState> = []
  private shown: RangeState.RangeState | undefined
  /** What it had before splits, and up to which entry: until that is written, it writes there. */
  private past: Array<{ readonly descriptor: Descriptor; readonly upTo: number }> = []
  private isDue = false
  private isClosed = false
  private waiting: Array<{ readonly index: number; readonly call: () => void }> = []
  applied: Applied
  /** Commands so far that may have left something to be collected. */
  changes = 0
  /** Of every command that took effect; for who follows the range's changes. */
  onWrite: ((operations: Uint8Array) => void) | undefined

  constructor(options: MachineOptions) {
    this.range = options.range
    this.options = options
    this.applied = options.applied
    this.current = options.state
    this.shown = options.state
    this.trail = new Trail.Trail(options.port, options.trail ?? Trail.bounds, options.applied)
  }

  get durable(): Applied {
    return this.trail.durable
  }

  get needsFlush(): boolean {
    return this.trail.needsFlush
  }

  /** Undefined: it waits for a snapshot. */
  get state(): RangeState.RangeState | undefined {
    return this.current
  }

  /** Up to where the engine shows everything that will ever be committed, but for what its intents may become. */
  get closed(): Timestamp {
    return this.shown?.closed ?? 0
  }

  get descriptor(): Descriptor | undefined {
    return this.current?.descriptor
  }

  /** Where its keys are, and were when it is still to write there. */
  get spans(): ReadonlyArray<Span> {
    const { descriptor, past } = this
    return descriptor === undefined ? [] : [descriptor, ...past.map((before) => before.descriptor)]
  }

  touches(span: Span): boolean {
    return this.spans.some((own) => overlaps(own, span))
  }

  apply(index: number, term: number, bytes: Uint8Array): Uint8Array {
    const command = RangeCommand.decode(bytes)
    assert(command !== undefined && this.current !== undefined, "what is replicated was written by a leaseholder")
    this.moved({ index, term, configuration: this.applied.configuration }, crc32c(bytes, 0, this.current.digest))
    return command.term === term ? this.carryOut(command) : RangeCommand.answers.stale
  }

  private carryOut(command: RangeCommand.RangeCommand): Uint8Array {
    const state = this.current!
    // What another range has now is not this one's to change.
    if (state.phase === "merged") return RangeCommand.answers.refused
    if (state.frozen > 0 && command.type !== "freeze" && command.type !== "thaw") return RangeCommand.answers.refused
    if (command.type !== "write" || (command.count > 0 && command.floor === 0)) this.changes += 1
    switch (command.type) {
      case "write":
        return this.write(state, command)
      case "split":
        return this.split(state, command)
      case "begin-merge":
        if (state.merging > 0) return RangeCommand.answers.refused
        this.current = { ...state, merging: command.attempt }
        return RangeCommand.answers.done
      case "end-merge":
        if (state.merging === command.attempt) this.current = { ...state, merging: 0 }
        return RangeCommand.answers.done
      case "freeze":
        return this.freeze(state, command.attempt)
      case "thaw":
        this.current = {
          ...state,
          frozen: state.frozen <= command.attempt ? 0 : state.frozen,
          thawed: Math.max(state.thawed, command.attempt)
        }
        return RangeCommand.answers.done
      case "merge":
        return this.merge(state, command)
    }
  }

  private write(state: RangeState.RangeState, command: Of<"write">): Uint8Array {
    this.batch.append(command.operations, command.count)
    this.current = {
      ...state,
      sizeBytes: Math.max(0, state.sizeBytes + command.sizeBytes),
      floor: Math.max(state.floor, command.floor),
      closed: Math.max(state.closed, command.closed),
      trail: command.decisions === undefined ? state.trail : this.decided(state, command.decisions)
    }
    this.onWrite?.(command.operations)
    return RangeCommand.answers.done
  }

  private get place(): RangeTrail.Place {
    return { batch: this.batch, range: this.range, atMicros: this.current!.closed }
  }

  private decided(
    { descriptor, trail }: RangeState.RangeState,
    decisions: ReadonlyArray<Uint8Array>
  ): RangeTrail.Trail {
    let last = trail ?? RangeTrail.begin(this.place, descriptor)
    for (const decision of decisions) last = RangeTrail.add(this.place, last, decision)
    return last
  }

  private freeze(state: RangeState.RangeState, attempt: Timestamp): Uint8Array {
    const isOpen = state.frozen === 0 || state.frozen === attempt
    // Two that hold still for each other would hold still for ever.
    if (!isOpen || attempt <= state.thawed || state.merging > 0 || !isSettled(state.applied)) {
      return RangeCommand.answers.refused
    }
    this.current = { ...state, frozen: attempt }
    return RangeCommand.answers.done
  }

  private merge(state: RangeState.RangeState, { attempt, snapshot }: Of<"merge">): Uint8Array {
    if (state.merging !== attempt) return RangeCommand.answers.refused
    const { batch } = this
    let right: RangeState.RangeState | undefined
    const reader = new SnapshotReader(
      {
        applied: (record) => {
          right = RangeState.decode(record)
          if (right === undefined) return false
          deleteSpan(batch, right.descriptor)
          return true
        },
        record: (key, value) => {
          batch.put(key[0] === Key.tags.audit ? this.taken(key) : key, value)
          return batch.refused === undefined
        },
        end: () => true
      },
      Limits.valueBytesMax
    )
    assert(reader.take(snapshot) && reader.isWhole && right !== undefined, "what is merged was read by its leaseholder")
    const { descriptor } = right
    // What there is of it on this store ends here, whatever it has applied.
    if (this.options.neighbours.absorbed(descriptor.range)) {
      batch.put(Key.state(descriptor.range), RangeState.encode({ ...right, phase: "merged" }))
    }
    const isAudited = state.trail !== undefined || right.trail !== undefined
    const own = isAudited ? this.decided(state, []) : undefined
    const told = { range: descriptor.range, trail: right.trail, span: descriptor }
    this.current = {
      ...state,
      trail: own === undefined ? undefined : RangeTrail.merged(this.place, own, told),
      descriptor: {
        ...state.descriptor,
        to: descriptor.to,
        generation: Math.max(state.descriptor.generation, descriptor.generation) + 1
      },
      sizeBytes: state.sizeBytes + right.sizeBytes,
      floor: Math.max(state.floor, right.floor),
      closed: Math.min(state.closed, right.closed),
      merging: 0
    }
    return RangeCommand.answers.done
  }

  /** The key under which an entry of a chain is this range's. */
  private taken(engineKey: Uint8Array): Uint8Array {
    const { chain, sequence } = Key.auditAt(engineKey)
    return Key.audit(this.range, chain, sequence)
  }

  pass(index: number, term: number, configuration: ConfState | undefined): void {
    const before = this.applied.configuration
    this.moved({ index, term, configuration: configuration ?? before }, this.current?.digest ?? 0)
    const { current } = this
    if (configuration === undefined || current?.trail === undefined || current.phase === "merged") return
    this.current = { ...current, trail: RangeTrail.members(this.place, current.trail, before, configuration) }
  }

  private moved(applied: Applied, digest: number): void {
    // As of the entry before: what this one does is in the next batch.
    if (this.batch.sizeBytes >= Limits.groupBatchBytesMax) this.seal()
    this.applied = applied
    if (this.current !== undefined) this.current = { ...this.current, applied, digest }
    if (this.isDue) return
    this.isDue = true
    this.options.deferral.defer(() => {
      this.isDue = false
      if (this.isClosed) return
      // A full disk refuses it; the group flushes again.
      if (!this.trail.has(this.applied)) this.flush(() => {})
    })
  }

  private split(state: RangeState.RangeState, { key, right, rightSizeBytes }: Of<"split">): Uint8Array {
    const { applied, descriptor } = state
    const isPossible = isSettled(applied) && isInside(descriptor, key) && state.merging === 0
    if (!isPossible) return RangeCommand.answers.refused
    const generation = descriptor.generation + 1
    const to = { range: right, from: key, to: descriptor.to, generation }
    const trails = state.trail && RangeTrail.split(this.place, state.trail, { right, to })
    const half: RangeState.RangeState = {
      ...state,
      phase: "founding",
      descriptor: to,
      trail: trails?.right,
      sizeBytes: rightSizeBytes,
      founders: applied.configuration.voters.map(storeOf)
    }
    this.batch.put(Key.state(right), RangeState.encode(half))
    this.past.push({ descriptor, upTo: applied.index })
    this.current = {
      ...state,
      trail: trails?.left,
      descriptor: { ...descriptor, to: key, generation },
      sizeBytes: Math.max(0, state.sizeBytes - rightSizeBytes)
    }
    this.whenShown(() => this.options.neighbours.founded(half))
    return RangeCommand.answers.done
  }

  read(): Uint8Array {
    return new Uint8Array(0)
  }

  digest(): number {
    return this.current?.digest ?? 0
  }

  // To the engine.

  private seal(): void {
    const { batch } = this
    this.batch = this.trail.begin()
    if (this.current !== undefined) {
      batch.put(Key.state(this.range), RangeState.encode(this.current))
      this.sealed.push(this.current)
    }
    this.trail.add(batch, this.applied)
  }

  flush(done: Engine.Done<void>): void {
    if (!this.trail.has(this.applied) || this.trail.isEmpty) this.seal()
    this.trail.flush((error) => {
      this.show()
      done(error, undefined)
    })
  }

  /** Once the engine shows everything that is applied now; never within this call, and not at all when the store stops before. */
  whenShown(call: () => void): void {
    this.waiting.push({ index: this.applied.index, call })
    if (this.trail.written.index >= this.applied.index) this.options.deferral.defer(() => this.show())
  }

  private show(): void {
    const { index } = this.trail.written
    while (this.sealed.length > 0 && this.sealed[0].applied.index <= index) this.shown = this.sealed.shift()
    this.past = this.past.filter(({ upTo }) => upTo > index)
    const shown = this.waiting.filter((each) => each.index <= index)
    if (shown.length === 0) return
    this.waiting = this.waiting.filter((each) => each.index > index)
    for (const { call } of shown) call()
  }

  /** Its keys are another range's: it knows nothing any more, and what is still to be written of it is not. */
  absorb(): void {
    this.isClosed = true
    this.trail.silence()
    this.batch = new Batch()
    if (this.current !== undefined) this.current = { ...this.current, phase: "merged" }
  }

  /** Its replica is gone: nothing more of it goes to the engine. */
  close(): void {
    this.isClosed = true
    this.trail.silence()
    this.batch = new Batch()
  }

  // Snapshots.

  snapshot(): Snapshot {
    assert(this.shown !== undefined, "who has nothing is not asked for a snapshot")
    return new RangeSnapshot(this.options.port, this.options.deferral, this.shown)
  }

  restore(applied: Applied): Restore {
    const { deferral, neighbours, port } = this.options
    return new RangeRestore({
      range: this.range,
      port,
      deferral,
      neighbours,
      applied,
      before: () => this.descriptor,
      mayTake: () => this.trail.isIdle,
      isOver: () => this.isClosed,
      taken: (state) => {
        this.current = state
        this.shown = state
        this.sealed = []
        this.past = []
        this.applied = state.applied
        this.batch = new Batch()
        this.trail.replaced(state.applied)
        this.changes += 1
        this.show()
      }
    })
  }
}

type Of<Type extends RangeCommand.RangeCommand["type"]> = Extract<RangeCommand.RangeCommand, { readonly type: Type }>

/** Everybody has a vote, and there is no change of that under way. */
const isSettled = ({ configuration: { learners, learnersNext, votersOutgoing } }: Applied): boolean =>
  votersOutgoing.length + learners.length + learnersNext.length === 0

export const isInside = ({ from, to }: Span, key: Uint8Array): boolean =>
  Keys.compare(from, key) < 0 && Keys.compare(key, to) < 0

export const contains = ({ from, to }: Span, key: Uint8Array): boolean =>
  Keys.compare(from, key) <= 0 && Keys.compare(key, to) < 0

export const overlaps = (left: Span, right: Span): boolean =>
  Keys.compare(left.from, right.to) < 0 && Keys.compare(right.from, left.to) < 0
