/** Subject: an engine as the runners of this folder test it: under many sets of options, which all have to give the same answers. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Draw } from "#sim/kernel/Draw.ts"
import type * as Engine from "#storage/Engine.ts"
import type { StorageError } from "#storage/StorageError.ts"
import type { World } from "#world/World.ts"

/** One set of options. */
export interface OptionSet {
  /** The options that differ from the defaults, in words. */
  readonly name: string
  readonly open: (directory: string) => Effect.Effect<Engine.Port, StorageError, World | Scope.Scope>
}

export interface Subject {
  readonly name: string
  /** Fixed extremes; the first has the options with which short sequences of calls reach the most. */
  readonly sets: ReadonlyArray<OptionSet>
  /** A set that nobody thought of. */
  readonly draw: (draw: Draw) => OptionSet
}
