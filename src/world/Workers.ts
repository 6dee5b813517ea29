/**
 * Workers: heavy work of a node beside its own thread. In production a job runs in a worker thread, with services of its own on
 * the same directory; in the simulator it is a fiber of the same node. What goes in and comes out is bytes: two threads
 * share nothing else, and large data goes through files.
 *
 * Promises:
 * - A job runs once a call, as soon as a worker is free; calls made at the same time may run in any order, and at the same time.
 * - Interrupting the call ends the job: when the interruption is done, the job does nothing any more.
 * - A job that throws or dies, or whose thread does, is a defect of the caller. A failure that a caller acts on stands in the
 *   job's answer.
 * - Jobs end with their node: after a crash nothing of them runs.
 *
 * Needs of its caller: the input belongs to the job. Files that a job writes are touched by nobody else until it has ended, because
 * two threads do not know of each other's writes.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Disk } from "./Disk.ts"
import type { Host } from "./Host.ts"
import type { Timers } from "./Timers.ts"
import type { Trace } from "./Trace.ts"

/** What a job may ask of its world: of that of its thread, not of the caller's. */
export type JobWorld = Disk | Timers | Host | Trace

/** An exported constant of a module, so that a thread can import it. */
export interface Job {
  /** `import.meta.url` of the module that exports it. */
  readonly module: string
  /** The name under which it is exported. */
  readonly name: string
  readonly run: (input: Uint8Array) => Effect.Effect<Uint8Array, never, JobWorld | Scope.Scope>
}

export class Workers extends Context.Service<
  Workers,
  {
    readonly run: (job: Job, input: Uint8Array) => Effect.Effect<Uint8Array>
  }
>()("orbit/world/Workers") {}
