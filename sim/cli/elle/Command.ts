/**
 * `npm run elle`: judges histories from files, one after another, and says each verdict as soon as it is known. A file that
 * cannot be judged does not keep the others from it.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { Malformed } from "#sim/judges/formats/Malformed.ts"
import { Unsuited } from "#sim/judges/Unsuited.ts"
import * as Arguments from "./Arguments.ts"
import * as Judgement from "./Judgement.ts"
import type * as Question from "./Question.ts"

const exitCodes = { valid: 0, invalid: 1, usage: 2, unknown: 3 } as const

/** What is wrong with a file, so that it has no verdict. */
interface Problem {
  readonly message: string
  readonly line?: number
  readonly column?: number
}

const nameOf = (file: string): string => (file === "-" ? "standard input" : file)

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "is a directory: name the files in it",
  EACCES: "may not be read",
  ERR_FS_FILE_TOO_LARGE: "is larger than 2 GiB"
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)

const read = (file: string): Uint8Array | Problem => {
  try {
    const bytes = readFileSync(file === "-" ? 0 : file)
    if (!bytes.some((byte) => byte > 0x20)) return { message: "is empty: a history without operations is written []" }
    return bytes
  } catch (error) {
    return { message: unreadable[codeOf(error)] ?? `cannot be read (${codeOf(error)})` }
  }
}

/** The file's verdict, or what is wrong with the file. */
const judge = async (file: string, question: Question.Question): Promise<Question.Judged | Problem> => {
  const bytes = read(file)
  if (!(bytes instanceof Uint8Array)) return bytes
  try {
    return await Judgement.judge(bytes, question)
  } catch (error) {
    if (error instanceof Malformed) return { message: error.problem, line: error.line, column: error.column }
    if (error instanceof Unsuited) return { message: `operation ${error.row + 1}: ${error.message}` }
    throw error
  }
}

const show = (file: string, verdict: Question.Verdict, wallMillis: number): string => {
  const word = verdict.valid === true ? "valid" : verdict.valid === false ? "INVALID" : "unknown"
  const level = verdict.consistency === "" ? "" : ` · ${verdict.consistency}`
  const lines = [
    `${word}  ${nameOf(file)}  ${verdict.model}${level} · ${verdict.operations} operations · ${Math.round(wallMillis)} ms`
  ]
  if (verdict.reason !== undefined) lines.push(`  ${verdict.reason}`)
  if (verdict.not.length > 0) lines.push(`  not ${verdict.not.join(", ")}`)
  if (verdict["also-not"].length > 0) lines.push(`  nor ${verdict["also-not"].join(", ")}`)
  for (const explanation of verdict.explanations) lines.push(...explanation.split("\n").map((line) => `  ${line}`))
  return lines.join("\n")
}

const complain = (file: string, { column, line, message }: Problem, json: boolean): void => {
  const place = line === undefined ? "" : `:${line}:${column}`
  process.stderr.write(`${nameOf(file)}${place}: ${message}\n`)
  const at = line === undefined ? {} : { line, column }
  if (json) process.stdout.write(`${JSON.stringify({ file, error: { message, ...at } })}\n`)
}

/** Writes the page; false when it could not. */
const writePage = async (path: string, file: string, judged: Question.Judged): Promise<boolean> => {
  const { page } = await import("#reports/HistoryPage.ts")
  const text = page(await judged.picture(nameOf(file)))
  try {
    writeFileSync(path, text)
    return true
  } catch (error) {
    process.stderr.write(
      `${path}: ${codeOf(error) === "ENOENT" ? "there is no such folder" : `cannot be written (${codeOf(error)})`}\n`
    )
    return false
  }
}

type Ending = keyof typeof exitCodes

const one = async (file: string, { html, json, question }: Arguments.Arguments): Promise<Ending> => {
  const startedAt = performance.now()
  const judged = await judge(file, question)
  const wallMillis = performance.now() - startedAt
  if ("message" in judged) {
    complain(file, judged, json)
    return "usage"
  }
  const { verdict } = judged
  const written = html === undefined || (await writePage(html, file, judged))
  if (json) {
    const { anomalies, consistency, explanations, model, not, operations, reason, valid } = verdict
    const facts = { file, valid, model, consistency, anomalies, not, "also-not": verdict["also-not"], operations }
    const more = {
      explanations,
      ...(reason === undefined ? {} : { reason }),
      ...(html !== undefined && written && { html })
    }
    process.stdout.write(
      `${JSON.stringify({ ...facts, wallMillis: Math.round(wallMillis * 1_000) / 1_000, ...more })}\n`
    )
  } else {
    process.stdout.write(`${show(file, verdict, wallMillis)}\n`)
    if (html !== undefined && written) process.stdout.write(`  page ${html}\n`)
  }
  if (!written) return "usage"
  return verdict.valid === true ? "valid" : verdict.valid === false ? "invalid" : "unknown"
}

/** Judges what the arguments name; returns the exit code. */
export const main = async (args: ReadonlyArray<string>): Promise<number> => {
  let asked: Arguments.Arguments | undefined
  try {
    asked = Arguments.read(args)
  } catch (error) {
    if (!(error instanceof Arguments.Mistake)) throw error
    process.stderr.write(`${error.message}\nRun "npm run elle -- --help" to see what there is.\n`)
    return exitCodes.usage
  }
  if (asked === undefined) {
    process.stdout.write(Arguments.help)
    return exitCodes.valid
  }
  const seen = new Set<Ending>()
  for (const file of asked.files) {
    try {
      seen.add(await one(file, asked))
    } catch (error) {
      // A defect of a judge is no verdict on the history.
      const reason = `the judge itself broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
      process.stderr.write(`${nameOf(file)}: ${reason}\n`)
      if (asked.json) process.stdout.write(`${JSON.stringify({ file, valid: "unknown", reason })}\n`)
      seen.add("unknown")
    }
  }
  const worst = (["usage", "invalid", "unknown"] as const).find((ending) => seen.has(ending))
  return exitCodes[worst ?? "valid"]
}
