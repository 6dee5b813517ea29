/**
 * EngineClaim: one sentence of the contract of `Engine.ts`, and the programs that find out whether an engine keeps it. The same
 * claims run for every engine, on the real and on the simulated World; `world/contract/Claim.ts` says how claims are written.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { bytesOf, must, mustEqual, textOf } from "#world/contract/Claim.ts"
import type { World } from "#world/World.ts"
import { Batch } from "../Batch.ts"
import * as Engine from "../Engine.ts"
import type { StorageError } from "../StorageError.ts"

/** An engine under test. */
export interface Subject {
  /** Opens the engine whose files are in `directory`, a new one when there are none, for the life of the scope. */
  readonly open: (directory: string) => Effect.Effect<Engine.Port, StorageError, World | Scope.Scope>
}

export type Program = Effect.Effect<void, unknown, World | Scope.Scope>

export interface EngineClaim {
  /** The claim as a sentence. */
  readonly name: string
  /**
   * Each runs in an incarnation of its own, on what the one before has left on the disk. Between two of them the power fails,
   * and of what is not durable nothing is left; where a World cannot do that, the process dies.
   */
  readonly incarnations: (subject: Subject) => ReadonlyArray<Program>
}

/** Where the engine of a claim lives. */
export const directory = "store"

type Service = Engine.Engine["Service"]

/** A claim of one incarnation, on an engine that is new. */
export const claim = (name: string, test: (engine: Service, subject: Subject) => Program): EngineClaim => ({
  name,
  incarnations: (subject) => [Effect.flatMap(open(subject), (engine) => test(engine, subject))]
})

/** A claim of several incarnations, each of which opens the engine. */
export const survival = (name: string, tests: ReadonlyArray<(engine: Service) => Program>): EngineClaim => ({
  name,
  incarnations: (subject) => tests.map((test) => Effect.flatMap(open(subject), test))
})

export const open = (subject: Subject, path = directory): Effect.Effect<Service, StorageError, World | Scope.Scope> =>
  Effect.map(subject.open(path), Engine.make)

/** Opens, uses and closes an engine. */
export const session = <A, E, R>(
  subject: Subject,
  use: (engine: Service) => Effect.Effect<A, E, R>,
  path = directory
): Effect.Effect<A, E | StorageError, Exclude<R, Scope.Scope> | World> =>
  Effect.scoped(Effect.flatMap(open(subject, path), use)) as Effect.Effect<
    A,
    E | StorageError,
    Exclude<R, Scope.Scope> | World
  >

/** A batch of one put. */
export const putting = (key: string, value: string): Batch => new Batch().put(bytesOf(key), bytesOf(value))

/** A batch of puts. */
export const puttingAll = (entries: ReadonlyArray<readonly [key: string, value: string]>): Batch => {
  const batch = new Batch()
  for (const [key, value] of entries) batch.put(bytesOf(key), bytesOf(value))
  return batch
}

export const deleting = (key: string): Batch => new Batch().delete(bytesOf(key))

export const deletingRange = (from: string, to: string): Batch => new Batch().deleteRange(bytesOf(from), bytesOf(to))

/** `k007` and the like: numbers in the order of their keys. */
export const numbered = (index: number): string => `k${String(index).padStart(5, "0")}`

/** The value of a key as text; undefined when it has none. */
export const read = (engine: Service, key: string, at?: Engine.Snapshot) =>
  Effect.map(engine.get(bytesOf(key), at), (value) => (value === undefined ? undefined : textOf(value)))

/** Entries as texts `key=value`, in the order of the scan. */
export const entries = Effect.fnUntraced(function* (engine: Service, options: Engine.ScanOptions = {}) {
  const found: Array<string> = []
  yield* engine.scan(options, (key, value) => {
    found.push(`${textOf(key)}=${textOf(value)}`)
  })
  return found
})

/** Fails unless the engine holds exactly these, seen by a scan each way and by gets. */
export const mustHold = Effect.fnUntraced(function* (
  engine: Service,
  what: string,
  expected: ReadonlyArray<readonly [key: string, value: string]>,
  at?: Engine.Snapshot
) {
  const texts = expected.map(([key, value]) => `${key}=${value}`)
  const options = at === undefined ? {} : { at }
  mustEqual(`${what}, forward`, yield* entries(engine, options), texts)
  mustEqual(`${what}, back`, yield* entries(engine, { ...options, reverse: true }), [...texts].reverse())
  for (const [key, value] of expected) mustEqual(`${what}, ${key}`, yield* read(engine, key, at), value)
})

/** Keys in [from, to), as texts. */
export const bounds = (from: string | undefined, to: string | undefined): Engine.Bounds => ({
  ...(from === undefined ? {} : { from: bytesOf(from) }),
  ...(to === undefined ? {} : { to: bytesOf(to) })
})

/** How an operation ends: `ok`, or its error in a word. */
export const outcome = <A, R>(operation: Effect.Effect<A, StorageError, R>): Effect.Effect<string, never, R> =>
  Effect.match(operation, {
    onSuccess: () => "ok",
    onFailure: (error) => {
      must(error.message.length > 0, `a ${error._tag} must have a message`)
      return error._tag === "Refused" ? error.reason : error._tag
    }
  })

/** Entries in this order, as an ingestion takes them. */
export class Listed implements Engine.Source {
  private at = -1
  private readonly list: ReadonlyArray<readonly [key: Uint8Array, value: Uint8Array]>

  constructor(list: ReadonlyArray<readonly [key: Uint8Array, value: Uint8Array]>) {
    this.list = list
  }

  next(): boolean {
    return ++this.at < this.list.length
  }
  key(): Uint8Array {
    return this.list[this.at][0]
  }
  value(): Uint8Array {
    return this.list[this.at][1]
  }
}

export const listed = (list: ReadonlyArray<readonly [key: string, value: string]>): Listed =>
  new Listed(list.map(([key, value]) => [bytesOf(key), bytesOf(value)]))
