/** `npm run audit`: verifies audit trails, and exports them. */
import * as AuditChain from "#keyspace/audit/AuditChain.ts"
import * as Format from "../Format.ts"
import { Output, size } from "../store/Output.ts"
import * as Terminal from "../Terminal.ts"
import * as Arguments from "./Arguments.ts"
import * as Export from "./Export.ts"
import * as Trail from "./Trail.ts"

const exitCodes = { sound: 0, found: 1, usage: 2, trouble: 3 } as const

const show = (
  output: Output,
  { chains, entries, findings, isSound, path, sizeBytes, unlisted }: Trail.Verified
): void => {
  const word = isSound ? Terminal.paint.green("ok ") : Terminal.paint.red("BAD")
  const facts = [size(sizeBytes), `${Format.whole(entries)} ${entries === 1 ? "entry" : "entries"}`]
  output.line(`${word}  ${path}  ${[...facts, Format.counted(chains.length, "chain")].join(" · ")}`)
  if (isSound) for (const { head } of chains) output.line(`  ${AuditChain.textOf(head)}`)
  for (const finding of findings) {
    const at = finding.offsetBytes === undefined ? "" : `  (byte ${finding.offsetBytes})`
    output.line(`  ${finding.type}: ${Trail.placeOf(finding)}: ${finding.message}${at}`)
  }
  if (unlisted > 0) output.line(`  and ${Format.whole(unlisted)} more`)
}

const carryOut = async (asked: Arguments.Arguments, output: Output): Promise<number> => {
  const verified = await (asked.command === "export" ? Export.run(asked) : Trail.verify(asked))
  const database = asked.command === "export" ? { output: asked.output } : {}
  if (asked.json) output.json({ ...Trail.jsonOf(verified), ...database })
  else {
    show(output, verified)
    if (asked.command === "export") output.line(`     ${asked.output}`)
  }
  return verified.isSound ? exitCodes.sound : exitCodes.found
}

/** Says how it went wrong; the exit code. */
const complain = (error: unknown): number => {
  if ((error as { readonly _tag?: string })._tag === "Mistake") {
    Terminal.note((error as Error).message)
    return exitCodes.usage
  }
  const { code, message } = error as NodeJS.ErrnoException
  const isTrouble = error instanceof Error && code !== undefined
  const defect = error instanceof Error ? (error.stack ?? message) : String(error)
  Terminal.note(isTrouble ? message : `The tool itself broke: ${defect}`)
  return exitCodes.trouble
}

/** Does what the arguments say; returns the exit code. */
export const main = async (args: ReadonlyArray<string>): Promise<number> => {
  let asked: Arguments.Arguments | undefined
  try {
    asked = Arguments.read(args)
  } catch (error) {
    const code = complain(error)
    Terminal.note('Run "npm run audit -- --help" to see what there is.')
    return code
  }
  if (asked === undefined) {
    process.stdout.write(Arguments.help)
    return exitCodes.sound
  }
  const output = new Output()
  try {
    return await carryOut(asked, output)
  } catch (error) {
    return complain(error)
  } finally {
    output.flush()
  }
}
