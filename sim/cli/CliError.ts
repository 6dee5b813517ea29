/** The errors that end a command, by who can help: the one who typed it (exit 2), or the one who mends the simulator (exit 3). */
import * as Data from "effect/Data"

/** The command cannot be done as typed. The message says what to do instead. */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly message: string }> {}

/** The simulator, or what it stands on, broke: no verdict can be trusted. */
export class SimulatorError extends Data.TaggedError("SimulatorError")<{ readonly message: string }> {}

export const exitCodes = { pass: 0, fail: 1, usage: 2, error: 3, interrupted: 130 } as const

/** An error in words: our own by their message, foreign ones by their stack. */
export const describe = (error: unknown): string =>
  error instanceof UsageError || error instanceof SimulatorError
    ? error.message
    : error instanceof Error
      ? (error.stack ?? `${error.name}: ${error.message}`)
      : String(error)
