/**
 * Player: plays a script on an engine in a simulated machine, and holds every answer against the oracle. It stops at the first
 * broken promise.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as OrderedMap from "#models/OrderedMap.ts"
import { Batch } from "#storage/Batch.ts"
import * as Engine from "#storage/Engine.ts"
import type { StorageError } from "#storage/StorageError.ts"
import { Listed } from "#storage/contract/EngineClaim.ts"
import * as Completion from "#world/Completion.ts"
import type { World } from "#world/World.ts"
import { Oracle, type Change, type View, Violation } from "./Oracle.ts"
import type { Bounded, Kept, Operation, Script, WordChange } from "./Script.ts"
import type { OptionSet } from "./Subject.ts"
import * as Token from "./Token.ts"

/** What of the world the player needs besides what its fibers get. */
export interface Stage {
  /** The incarnation ends here, and the machine comes back to go on. */
  readonly crash: (kept: Kept) => void
  /** It ends so inside the n-th disk call from now. */
  readonly killAt: (call: number, kept: Kept) => void
  readonly setFull: (full: boolean) => void
  /** An operation begins, by its place in the script. */
  readonly began?: (index: number) => void
  readonly finished: () => void
}

/** What the faults of a run excuse. */
export interface Tolerance {
  /** Calls may fail, and the engine may stop. */
  readonly failures: boolean
  /** Bytes may be damaged. */
  readonly damage: boolean
}

export const strict: Tolerance = { failures: false, damage: false }

interface HeldSnapshot {
  readonly snapshot: Engine.Snapshot
  readonly view: View
}

interface HeldCursor {
  readonly cursor: Engine.Cursor
  readonly view: View
  readonly bounded: Bounded
  last: Uint8Array | undefined
  ended: boolean
}

/** The words of an operation as bytes, each parsed once. */
const words = new Map<string, Uint8Array>()
const wordsMax = 10_000

const bytesOf = (word: string): Uint8Array => {
  const known = words.get(word)
  if (known !== undefined) return known
  if (words.size >= wordsMax) words.clear()
  const bytes = Token.parse(word)
  words.set(word, bytes)
  return bytes
}

const changeOf = (change: WordChange): Change =>
  change.type === "put"
    ? { type: "put", key: bytesOf(change.key), value: bytesOf(change.value) }
    : change.type === "delete"
      ? { type: "delete", key: bytesOf(change.key) }
      : { type: "range", from: bytesOf(change.from), to: bytesOf(change.to) }

const batchOf = (changes: ReadonlyArray<Change>): Batch => {
  const batch = new Batch()
  for (const change of changes) {
    if (change.type === "put") batch.put(change.key, change.value)
    else if (change.type === "delete") batch.delete(change.key)
    else batch.deleteRange(change.from, change.to)
  }
  return batch
}

const boundOf = (word: string | undefined): Uint8Array | undefined => (word === undefined ? undefined : bytesOf(word))

const rangeOf = (map: OrderedMap.OrderedMap, { back, from, to }: Bounded): OrderedMap.OrderedMap => {
  const found = OrderedMap.range(map, boundOf(from), boundOf(to))
  return back ? [...found].reverse() : found
}

/** What a cursor has to come to after `last`. */
const nextOf = (
  map: OrderedMap.OrderedMap,
  bounded: Bounded,
  last: Uint8Array | undefined
): OrderedMap.Entry | undefined => {
  const entries = rangeOf(map, bounded)
  if (last === undefined) return entries[0]
  const sign = bounded.back ? -1 : 1
  return entries.find(({ key }) => sign * OrderedMap.compare(key, last) > 0)
}

const equalBytes = (left: Uint8Array | undefined, right: Uint8Array | undefined): boolean =>
  left === undefined || right === undefined ? left === right : OrderedMap.compare(left, right) === 0

const word = (bytes: Uint8Array | undefined): string => (bytes === undefined ? "nothing" : Token.show(bytes))

/** How things stood when a call was made. */
interface Standing {
  readonly full: boolean
  /** Other calls were under way. */
  readonly load: boolean
  readonly writes: boolean
}

const calm: Standing = { full: false, load: false, writes: false }

export class Player {
  readonly oracle: Oracle
  /** The operation under way, by its place. */
  at = -1
  /** A promise that was broken in a callback. */
  broken: Violation | undefined
  private readonly script: Script
  private readonly sets: ReadonlyArray<OptionSet>
  private readonly stage: Stage
  tolerance: Tolerance
  private set: number
  private pending = 0
  private copies = 0
  private full = false
  private stopped = false
  private closing = false
  private snapshots = new Map<number, HeldSnapshot>()
  private cursors = new Map<number, HeldCursor>()
  private readonly lostMax: number

  constructor(
    script: Script,
    sets: ReadonlyArray<OptionSet>,
    options: {
      readonly set: number
      readonly stage: Stage
      readonly tolerance: Tolerance
      readonly oracle?: Oracle
      /** At most so many of the durable batches may be missing after an opening. */
      readonly lostMax: number
    }
  ) {
    this.script = script
    this.sets = sets
    this.set = options.set
    this.stage = options.stage
    this.tolerance = options.tolerance
    this.lostMax = options.lostMax
    this.oracle = options.oracle ?? new Oracle()
  }

  private get next(): Operation | undefined {
    return this.script[this.at + 1]
  }

  /** Opens the engine and goes on with the script, from the beginning of an incarnation to its end. */
  get program(): Effect.Effect<void, StorageError, World | Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      this.pending = 0
      this.snapshots = new Map()
      this.cursors = new Map()
      this.full = this.stopped = false
      do {
        yield* Effect.scoped(this.session())
        yield* this.settled()
      } while (this.next !== undefined)
      this.stage.finished()
    })
  }

  /** From an open to a close. */
  private session(): Effect.Effect<void, StorageError, World | Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      this.closing = false
      const port = yield* this.sets[this.set % this.sets.length].open("store")
      const engine = Engine.make(port)
      yield* this.recovers(engine)
      while (this.next !== undefined) {
        this.at++
        this.stage.began?.(this.at)
        const operation = this.script[this.at]
        if (operation.type === "reopen") {
          this.set += operation.options
          this.setFull(false)
          break
        }
        if (operation.type === "crash") {
          this.set += operation.options
          this.stage.crash(operation.kept)
          return yield* Effect.never
        }
        yield* this.perform(engine, operation)
        if (this.broken !== undefined) throw this.broken
      }
      this.closing = true
      for (const { cursor } of this.cursors.values()) cursor.close()
      for (const { snapshot } of this.snapshots.values()) snapshot.release()
      this.cursors.clear()
      this.snapshots.clear()
    })
  }

  /** Waits until every call is answered. */
  private settled(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      for (let tries = 0; this.pending > 0; tries++) {
        if (tries > 10_000) throw new Violation(`${this.pending} calls are never answered`)
        yield* Effect.sleep(1)
      }
      if (this.broken !== undefined) throw this.broken
    })
  }

  /** Reads everything, in every way, after an open. */
  private recovers(engine: Engine.Engine["Service"]): Effect.Effect<void, StorageError> {
    return Effect.gen({ self: this }, function* () {
      const found = yield* this.all(engine, { back: false })
      if (found === undefined) return
      this.oracle.recovered(found, this.lostMax)
      const back = yield* this.all(engine, { back: true })
      if (back !== undefined) this.oracle.mustSee(this.oracle.view(), "a scan back after opening", [...back].reverse())
      for (const { key, value } of found) {
        const read = yield* this.tolerated(engine.get(key))
        if (read !== undefined && !equalBytes(read.value, value)) {
          throw new Violation(`after opening ${word(key)} is ${word(read.value)}, a scan says ${word(value)}`)
        }
      }
    })
  }

  private all(
    engine: Engine.Engine["Service"],
    bounded: Bounded,
    at?: Engine.Snapshot
  ): Effect.Effect<OrderedMap.OrderedMap | undefined, StorageError> {
    return Effect.gen({ self: this }, function* () {
      const found: Array<OrderedMap.Entry> = []
      const [from, to] = [boundOf(bounded.from), boundOf(bounded.to)]
      const options = {
        reverse: bounded.back,
        bounds: { ...(from && { from }), ...(to && { to }) },
        ...(at && { at })
      }
      const done = yield* this.tolerated(
        engine.scan(options, (key, value) => {
          found.push({ key: key.slice(), value: value.slice() })
        })
      )
      return done === undefined ? undefined : found
    })
  }

  /** The value of an operation, or undefined for a failure that the faults of the run excuse. */
  private tolerated<A>(operation: Effect.Effect<A, StorageError>): Effect.Effect<{ readonly value: A } | undefined> {
    return Effect.suspend(() => {
      const { full } = this
      return Effect.match(operation, {
        onSuccess: (value) => ({ value }),
        onFailure: (error) => {
          this.mustTolerate(error, { full, load: this.pending > 0, writes: false })
          return undefined
        }
      })
    })
  }

  /** Throws unless the run's faults, or how things stood when the call was made, excuse a failure. */
  private mustTolerate(error: StorageError, then = calm): void {
    const { damage, failures } = this.tolerance
    const excused =
      error._tag === "Corrupt"
        ? damage
        : error._tag === "DiskError"
          ? // Of a write that failed on the disk nobody knows what came of it: the engine has to stop.
            failures && !then.writes
          : error._tag === "Stopped"
            ? failures || (damage && error.cause._tag === "Corrupt")
            : error.reason === "no-space"
              ? this.full || then.full || failures
              : error.reason === "closed"
                ? this.closing
                : error.reason === "overloaded" && then.load
    if (error._tag === "Stopped") this.stopped = true
    if (!excused) {
      const kind = error._tag === "Refused" ? error.reason : error._tag
      throw new Violation(`it fails with ${kind}: ${error.message}`)
    }
  }

  /** Runs what a completion has to say, and keeps what it throws for the fiber. */
  private guarded(call: () => void): void {
    try {
      call()
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      this.broken ??= error
    }
  }

  /** Submits a call that may go on while others come. */
  private submit(
    call: (done: Engine.Done<void>) => void,
    ended: (error: StorageError | undefined) => void,
    writes: boolean
  ): void {
    const then = { full: this.full, load: this.pending > 0, writes }
    this.pending++
    let answers = 0
    call((error) =>
      this.guarded(() => {
        if (++answers > 1) throw new Violation("a call is answered twice")
        this.pending--
        ended(error)
        if (error !== undefined) this.mustTolerate(error, then)
      })
    )
  }

  /** Waits for a call that was submitted just now. */
  private wait(call: (ended: () => void) => void): Effect.Effect<void> {
    return Completion.submit<void, never>((done) => call(() => done(undefined, undefined)))
  }

  private batch(
    port: Engine.Port,
    changes: ReadonlyArray<Change>,
    how: { readonly durability: Engine.Durability; readonly ingests: boolean },
    ended: () => void
  ): void {
    const number = this.oracle.submit(changes, how.durability)
    this.submit(
      (done) => {
        if (!how.ingests) return port.write(batchOf(changes), how.durability, done)
        const list = changes.map((change) => change as Extract<Change, { readonly type: "put" }>)
        port.ingest(new Listed(list.map(({ key, value }) => [key, value] as const)), done)
      },
      (error) => {
        if (error === undefined) this.oracle.completed(number)
        else if (error._tag === "Refused") this.oracle.refused(number)
        ended()
      },
      true
    )
  }

  private perform(
    engine: Engine.Engine["Service"],
    operation: Operation
  ): Effect.Effect<void, StorageError, World | Scope.Scope> {
    const { port } = engine
    switch (operation.type) {
      case "write": {
        const { durability, waits } = operation
        const how = { durability, ingests: false }
        const write = (ended: () => void) => this.batch(port, operation.changes.map(changeOf), how, ended)
        return waits ? this.wait(write) : Effect.sync(() => write(() => {}))
      }
      case "ingest": {
        const entries = new Map(
          operation.entries.map(([key, value]) => [Token.show(bytesOf(key)), [key, value] as const])
        )
        const changes = [...entries.values()]
          .map(([key, value]) => ({ type: "put", key: bytesOf(key), value: bytesOf(value) }) as const)
          .sort((left, right) => OrderedMap.compare(left.key, right.key))
        return this.wait((ended) => this.batch(port, changes, { durability: "synced", ingests: true }, ended))
      }
      case "sync":
      case "flush":
      case "compact":
        return this.maintain(port, operation)
      case "get":
      case "fetch":
        return this.get(engine, operation)
      case "scan":
        return this.scan(engine, operation)
      case "snapshot":
      case "release":
        return Effect.sync(() => this.hold(port, operation))
      case "cursor":
      case "close":
        return Effect.sync(() => this.open(port, operation))
      case "next":
        return this.step(operation)
      case "verify":
        return this.verify(port)
      case "checkpoint":
        return this.checkpoint(port)
      case "full":
      case "room":
        return Effect.sync(() => this.setFull(operation.type === "full"))
      case "kill":
        return Effect.sync(() => this.stage.killAt(operation.call, operation.kept))
      case "wait":
        return Effect.sleep(operation.micros / 1_000)
      default:
        throw new Error(`${operation.type} ends a session`)
    }
  }

  get isFull(): boolean {
    return this.full
  }

  setFull(full: boolean): void {
    this.full = full
    this.stage.setFull(full)
  }

  private maintain(
    port: Engine.Port,
    { type, waits }: { readonly type: "sync" | "flush" | "compact"; readonly waits: boolean }
  ): Effect.Effect<void> {
    const call = (ended: () => void): void => {
      const { submitted } = this.oracle
      this.submit(
        (done) => port[type](done),
        (error) => {
          if (error === undefined && type !== "compact") this.oracle.synced(submitted)
          ended()
        },
        type === "sync"
      )
    }
    return waits ? this.wait(call) : Effect.sync(() => call(() => {}))
  }

  private snapshotOf(at: number | undefined): HeldSnapshot | undefined {
    return at === undefined ? undefined : this.snapshots.get(at)
  }

  private get(
    engine: Engine.Engine["Service"],
    { at, key, type }: { readonly type: "get" | "fetch"; readonly key: string; readonly at?: number }
  ): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const held = this.snapshotOf(at)
      if (at !== undefined && held === undefined) return
      const view = held?.view ?? this.oracle.view()
      const wanted = bytesOf(key)
      const fetched = Completion.submit<Uint8Array | undefined, StorageError>((done) =>
        engine.port.fetch(wanted, held?.snapshot, done)
      )
      const read = yield* this.tolerated(type === "get" ? engine.get(wanted, held?.snapshot) : fetched)
      if (read === undefined) return
      if (this.oracle.saw(view, (map) => equalBytes(OrderedMap.get(map, wanted), read.value))) return
      const expected = OrderedMap.get(this.oracle.latest(view), wanted)
      throw new Violation(`${key} is ${word(read.value)} instead of ${word(expected)}`)
    })
  }

  private scan(engine: Engine.Engine["Service"], bounded: Bounded): Effect.Effect<void, StorageError> {
    return Effect.gen({ self: this }, function* () {
      const held = this.snapshotOf(bounded.at)
      if (bounded.at !== undefined && held === undefined) return
      const view = held?.view ?? this.oracle.view()
      const found = yield* this.all(engine, bounded, held?.snapshot)
      if (found === undefined || this.oracle.saw(view, (map) => OrderedMap.equal(rangeOf(map, bounded), found))) return
      const expected = rangeOf(this.oracle.latest(view), bounded)
      const at = found.findIndex((entry, index) => !OrderedMap.equal([entry], expected.slice(index, index + 1)))
      const [saw, due] = at < 0 ? [undefined, expected[found.length]] : [found[at], expected[at]]
      throw new Violation(
        `a scan gives ${found.length} entries instead of ${expected.length}; at ${at < 0 ? found.length : at} ` +
          `${word(saw?.key)}=${word(saw?.value)} instead of ${word(due?.key)}=${word(due?.value)}`
      )
    })
  }

  private hold(
    port: Engine.Port,
    { name, type }: { readonly type: "snapshot" | "release"; readonly name: number }
  ): void {
    const held = this.snapshots.get(name)
    if (type === "snapshot" && held === undefined) {
      this.snapshots.set(name, { snapshot: port.snapshot(), view: this.oracle.view() })
    } else if (type === "release" && held !== undefined && !this.isScanned(name)) {
      held.snapshot.release()
      this.snapshots.delete(name)
    }
  }

  /** Whether a cursor of a snapshot is open: then it may not be released. */
  private isScanned(snapshot: number): boolean {
    return [...this.cursors.values()].some(({ bounded }) => bounded.at === snapshot)
  }

  private open(
    port: Engine.Port,
    operation:
      | ({ readonly type: "cursor"; readonly name: number } & Bounded)
      | { readonly type: "close"; readonly name: number }
  ): void {
    const held = this.cursors.get(operation.name)
    if (operation.type === "close") {
      held?.cursor.close()
      this.cursors.delete(operation.name)
      return
    }
    const at = this.snapshotOf(operation.at)
    if (held !== undefined || (operation.at !== undefined && at === undefined)) return
    const [from, to] = [boundOf(operation.from), boundOf(operation.to)]
    const cursor = port.scan({
      reverse: operation.back,
      bounds: { ...(from && { from }), ...(to && { to }) },
      ...(at && { at: at.snapshot })
    })
    const view = at?.view ?? this.oracle.view()
    this.cursors.set(operation.name, { cursor, view, bounded: operation, last: undefined, ended: false })
  }

  private step({ count, name }: { readonly name: number; readonly count: number }): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const held = this.cursors.get(name)
      if (held === undefined) return
      for (let steps = 0; steps < count;) {
        const next = held.cursor.next()
        if (next === "wait") {
          const fill = Completion.submit<void, StorageError>((done) => held.cursor.fill(done))
          if ((yield* this.tolerated(fill)) === undefined) return
          continue
        }
        steps++
        this.mustBeNext(held, next)
      }
    })
  }

  private mustBeNext(held: HeldCursor, next: "entry" | "end"): void {
    const entry = next === "end" ? undefined : { key: held.cursor.key().slice(), value: held.cursor.value().slice() }
    const agrees = (map: OrderedMap.OrderedMap): boolean => {
      const due = held.ended ? undefined : nextOf(map, held.bounded, held.last)
      return equalBytes(due?.key, entry?.key) && equalBytes(due?.value, entry?.value)
    }
    if (!this.oracle.saw(held.view, agrees)) {
      const due = nextOf(this.oracle.latest(held.view), held.bounded, held.last)
      throw new Violation(
        `a cursor comes to ${word(entry?.key)}=${word(entry?.value)} instead of ${word(due?.key)}=${word(due?.value)}`
      )
    }
    held.last = entry?.key ?? held.last
    held.ended ||= entry === undefined
  }

  private verify(port: Engine.Port): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      let position = 0
      for (let steps = 0; steps < 100_000; steps++) {
        const submit = Completion.submit<Engine.Verified | undefined, StorageError>((done) =>
          port.verify(position, done)
        )
        const step = yield* this.tolerated(submit)
        if (step?.value === undefined) return
        if (step.value.rot.length > 0) this.mustTolerate(step.value.rot[0])
        position = step.value.position
        if (position === 0) return
      }
      throw new Violation("verification never comes to its end")
    })
  }

  private checkpoint(port: Engine.Port): Effect.Effect<void, StorageError, World | Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const directory = `copy-${this.at}-${this.copies++}`
      const view = this.oracle.view()
      const made = yield* this.tolerated(
        Completion.submit<void, StorageError>((done) => port.checkpoint(directory, done))
      )
      // A full disk is no place to open another engine.
      if (made === undefined || this.full || this.stopped) return
      const set = this.sets[this.set % this.sets.length]
      const found = yield* Effect.scoped(
        Effect.flatMap(set.open(directory), (copy) => this.all(Engine.make(copy), { back: false }))
      )
      if (found !== undefined) this.oracle.mustSee(view, "a checkpoint", found)
    })
  }
}
