/**
 * RealLogger: what a program logs through Effect (`Effect.log` and its kin, causes of failed fibers) as events of the
 * node's trace: one stream of lines, one format, one level for all. The event's name is `log`.
 */
import * as Cause from "effect/Cause"
import * as Logger from "effect/Logger"
import type { Fields, Level, Trace } from "../Trace.ts"

const levels: Readonly<Record<string, Level>> = { Fatal: "error", Error: "error", Warn: "warn", Info: "info" }

const textOf = (part: unknown): string => {
  if (typeof part === "string") return part
  if (Cause.isCause(part)) return Cause.pretty(part)
  return part instanceof Error ? String(part) : (JSON.stringify(part) ?? String(part))
}

export const make = (trace: Trace["Service"]): Logger.Logger<unknown, void> =>
  Logger.make(({ cause, logLevel, message }) => {
    const parts: ReadonlyArray<unknown> = Array.isArray(message) ? message : [message]
    const text: Fields = { message: parts.map(textOf).join(" ") }
    trace.emit(
      levels[logLevel] ?? "debug",
      "log",
      cause.reasons.length === 0 ? text : { ...text, cause: Cause.pretty(cause) }
    )
  })
