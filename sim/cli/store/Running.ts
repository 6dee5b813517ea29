/** Running: programs of the tool in a World on this machine, either one that can only look at the disk or one that changes it. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as SimWorkers from "#sim/world/SimWorkers.ts"
import * as OverlayDisk from "#storage/inspect/OverlayDisk.ts"
import { Corrupt } from "#storage/StorageError.ts"
import { Disk } from "#world/Disk.ts"
import type { Host } from "#world/Host.ts"
import * as RealWorld from "#world/real/RealWorld.ts"
import type { Timers } from "#world/Timers.ts"
import type { Trace } from "#world/Trace.ts"
import { Workers } from "#world/Workers.ts"
import type { World } from "#world/World.ts"
import * as Place from "./Place.ts"
import * as ReadOnlyDisk from "./ReadOnlyDisk.ts"

export type Program<A> = Effect.Effect<A, unknown, World | Scope.Scope>

/** With the path as somebody here would write it. */
const placed = (root: string, error: unknown): unknown => {
  if (!(error instanceof Corrupt)) return error
  const { message, offsetBytes, path } = error
  return new Corrupt({ path: Place.shown(root, path), offsetBytes, message })
}

/** Throws what the program fails with. */
const run = async <A>(root: string, program: Program<A>, write: (lines: string) => void): Promise<A> => {
  const trace = { format: "pretty", levelMin: "warn", write } as const
  const running = RealWorld.runFork(program, { root, name: "store", trace })
  const end = await Effect.runPromise(running.ended)
  if (end.type !== "finished") throw new Error(`the program ${end.type}`)
  if (Exit.isFailure(end.exit)) throw placed(root, Cause.squash(end.exit.cause))
  return end.exit.value
}

export interface Looking {
  /** Told of the bytes of each read. */
  readonly onRead?: (sizeBytes: number) => void
}

/** Runs a program on files that can only be read. */
export const onFiles = <A>(root: string, program: Program<A>, { onRead = () => {} }: Looking = {}): Promise<A> =>
  run(root, Effect.provideService(program, Disk, ReadOnlyDisk.make(root, onRead)), () => {})

/** Runs a program that may open engines, on a disk that forgets what is written; what is below can only be read. */
export const onOverlay = <A>(root: string, program: Program<A>, looking: Looking = {}): Promise<A> => {
  const overlaid = Effect.gen(function* () {
    const disk = yield* OverlayDisk.make(yield* Disk)
    const world = Context.add(yield* Effect.context<Timers | Host | Trace>(), Disk, disk)
    // A thread would have the machine's own disk.
    const workers = SimWorkers.make(world)
    return yield* program.pipe(Effect.provideService(Workers, workers), Effect.provideService(Disk, disk))
  })
  return onFiles(root, overlaid, looking)
}

/** Runs a program that changes files; what it has to say goes to standard error. */
export const onDisk = <A>(root: string, program: Program<A>): Promise<A> =>
  run(root, program, (lines) => process.stderr.write(lines))
