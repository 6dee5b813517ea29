/**
 * Trace: typed events out of the system. The simulator records all of them and judges runs by them; production samples
 * them into logs, metrics and spans. Emitting never fails, never waits, and costs one plain call.
 *
 * Names are stable identifiers in kebab-case with a room in front (`lease/granted`); fields are flat. `error` means that
 * a person must look: an unexpected one fails a simulation.
 */
import * as Context from "effect/Context"

export type Level = "debug" | "info" | "warn" | "error"
export type FieldValue = string | number | boolean
export type Fields = Readonly<Record<string, FieldValue>>

export class Trace extends Context.Service<
  Trace,
  {
    readonly emit: (level: Level, name: string, fields?: Fields) => void
    /** A coverage mark: this rare path was reached. The simulator reports the marks that no run reaches. */
    readonly mark: (name: string) => void
  }
>()("orbit/world/Trace") {}
