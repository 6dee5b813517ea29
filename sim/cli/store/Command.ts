/**
 * `npm run store`: looks into the files of a store on this machine, and compacts them. Everything but `compact` works on files that can
 * only be read.
 */
import { Corrupt, Refused, Stopped } from "#storage/StorageError.ts"
import { DiskError } from "#world/WorldError.ts"
import * as Terminal from "../Terminal.ts"
import * as Arguments from "./Arguments.ts"
import * as CompactCommand from "./CompactCommand.ts"
import * as DumpCommand from "./DumpCommand.ts"
import { Output } from "./Output.ts"
import * as Place from "./Place.ts"
import * as StatsCommand from "./StatsCommand.ts"
import * as VerifyCommand from "./VerifyCommand.ts"

const exitCodes = { clean: 0, rot: 1, usage: 2, trouble: 3 } as const

const carryOut = async (asked: Arguments.Arguments, output: Output): Promise<number> => {
  switch (asked.command) {
    case "verify":
      return (await VerifyCommand.run(asked, output)) ? exitCodes.clean : exitCodes.rot
    case "dump":
      return (await DumpCommand.run(asked, output)) ? exitCodes.clean : exitCodes.rot
    case "stats":
      await StatsCommand.run(asked, output)
      return exitCodes.clean
    case "compact":
      await CompactCommand.run(asked, output)
      return exitCodes.clean
  }
}

/** Whoever looks at a store that is in use should know. */
const warn = ({ command, log, path: store }: Arguments.Arguments): void => {
  if (command === "compact") return
  const [user] = Place.users([store, ...(log === undefined ? [] : [log])])
  if (user === undefined) return
  Terminal.note(`Process ${user.pid} has ${user.file} open: what it is changing may look damaged.`)
}

/** Says how it went wrong; the exit code. */
const complain = (error: unknown): number => {
  if (error instanceof Arguments.Mistake) {
    Terminal.note(error.message)
    return exitCodes.usage
  }
  if (error instanceof Corrupt) {
    Terminal.note(`${error.path}:${error.offsetBytes}: ${error.message}`)
    return exitCodes.rot
  }
  const isTrouble = [DiskError, Refused, Stopped, Place.Unreadable].some((kind) => error instanceof kind)
  const defect = error instanceof Error ? (error.stack ?? error.message) : String(error)
  Terminal.note(isTrouble ? (error as Error).message : `The tool itself broke: ${defect}`)
  return exitCodes.trouble
}

/** Does what the arguments say; returns the exit code. */
export const main = async (args: ReadonlyArray<string>): Promise<number> => {
  let asked: Arguments.Arguments | undefined
  try {
    asked = Arguments.read(args)
  } catch (error) {
    const code = complain(error)
    Terminal.note('Run "npm run store -- --help" to see what there is.')
    return code
  }
  if (asked === undefined) {
    process.stdout.write(Arguments.help)
    return exitCodes.clean
  }
  const output = new Output()
  try {
    warn(asked)
    return await carryOut(asked, output)
  } catch (error) {
    output.flush()
    return complain(error)
  } finally {
    output.flush()
  }
}
