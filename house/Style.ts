/**
 * Style: the rules of the house that the compiler, the linter and the formatter do not know, as checks of one file each.
 * `Style.test.ts` runs them over the tree, and proves on planted text that each of them can fail.
 */
import { basename } from "node:path"
import * as Purity from "./Purity.ts"
import * as Rooms from "./Rooms.ts"
import * as Source from "./Source.ts"

/** A longer file holds more than one noun. */
export const fileLinesMax = 600

/** A longer function that calls upon no function of its own does more than one thing. */
export const leafLinesMax = 70

const finding = (file: Source.File, offset: number, message: string): Source.Finding => ({
  path: file.path,
  line: Source.lineAt(file.text, offset),
  message
})

/** What matches in a text, each with a message. */
const matches = (file: Source.File, pattern: RegExp, message: (match: string) => string) =>
  [...file.text.matchAll(pattern)].map((match) => finding(file, match.index, message(match[0])))

const linesOf = (text: string): number => text.split("\n").length - (text.endsWith("\n") ? 1 : 0)

/** True for files that a seed replays, where rules about the product's own words and names hold. */
const isProduct = (path: string): boolean =>
  [...Purity.pureFolders, "bench"].some((folder) => path.startsWith(`${folder}/`))

export const length = (file: Source.File): ReadonlyArray<Source.Finding> => {
  const lines = linesOf(file.text)
  return Rooms.isTest(file.path) || lines <= fileLinesMax
    ? []
    : [finding(file, 0, `has ${lines} lines, at most ${fileLinesMax}: split it by noun`)]
}

export const header = (file: Source.File): ReadonlyArray<Source.Finding> =>
  Rooms.isTest(file.path) || /^(#!.*\n)?\s*\/\*\*/.test(file.text)
    ? []
    : [finding(file, 0, "begins without a header: what it is for, what it promises, what it needs of its caller")]

export const fileName = (file: Source.File): ReadonlyArray<Source.Finding> =>
  /^([A-Z][A-Za-z0-9]*(\.test|\.d)?|main|[a-z]+\.config)\.ts$/.test(basename(file.path)) ||
  file.path.includes("testdata/")
    ? []
    : [finding(file, 0, "is not named by a noun in PascalCase")]

const missing =
  /\b(TODO|FIXME|XXX|HACK)\b|\bnot (yet )?implemented\b|\bfor now\b|\bsimplified (version|for)\b|\bin a real (system|implementation)\b/gi

/** Words that stand where something is missing. */
export const words = (file: Source.File): ReadonlyArray<Source.Finding> =>
  isProduct(file.path)
    ? matches(file, missing, (match) => `says "${match}": finish it, or make it a refusal that callers can act on`)
    : []

const machine = /(?<![\w.-])(\/(home|Users|root|work|workspace)\/[\w.-]+|[A-Z]:\\Users\\)/g

/** Paths that exist on one machine only. */
export const paths = (file: Source.File): ReadonlyArray<Source.Finding> =>
  matches(file, machine, (match) => `names ${match}, a path of one machine`)

/** `**`: its results differ between engines, and the linter has no rule against it. */
export const power = (file: Source.File): ReadonlyArray<Source.Finding> => {
  if (!Purity.pureFolders.some((folder) => file.path.startsWith(`${folder}/`)) || Purity.isAmbient(file.path)) return []
  const found: Array<Source.Finding> = []
  Source.walk(Source.parse(file).program, (node) => {
    if (node.operator === "**" || node.operator === "**=") {
      found.push(finding(file, node.start, `uses ${node.operator}. ${Purity.powerMessage}`))
    }
  })
  return found
}

/** The functions of a file that have a body of their own, and whether each holds another such function. */
const functions = (program: unknown) => {
  const found: Array<{ readonly node: Source.Node; leaf: boolean }> = []
  Source.walk(program, (node) => {
    if ((node.body as Source.Node | undefined)?.type !== "BlockStatement" || !/Function/.test(node.type)) return
    for (const outer of found) {
      if (outer.node.start <= node.start && node.end <= outer.node.end) outer.leaf = false
    }
    found.push({ node, leaf: true })
  })
  return found
}

export const leaves = (file: Source.File): ReadonlyArray<Source.Finding> =>
  Rooms.isTest(file.path)
    ? []
    : functions(Source.parse(file).program).flatMap(({ node, leaf }) => {
        const lines = linesOf(file.text.slice(node.start, node.end))
        return leaf && lines > leafLinesMax
          ? [finding(file, node.start, `has a function of ${lines} lines, at most ${leafLinesMax}: name its parts`)]
          : []
      })

interface Call {
  readonly node: Source.Node
  /** `it.each(...)(...)`: "it", "each". */
  readonly names: ReadonlyArray<string>
  readonly arguments: ReadonlyArray<unknown>
}

const namesOf = (callee: unknown): ReadonlyArray<string> => {
  const node = callee as Source.Node
  if (node.type === "Identifier") return [node.name as string]
  if (node.type === "MemberExpression") return [...namesOf(node.object), ...namesOf(node.property)]
  if (node.type === "CallExpression") return namesOf(node.callee)
  if (node.type === "TaggedTemplateExpression") return namesOf(node.tag)
  return [""]
}

const calls = (file: Source.File): ReadonlyArray<Call> => {
  const found: Array<Call> = []
  Source.walk(Source.parse(file).program, (node) => {
    if (node.type === "CallExpression") {
      found.push({ node, names: namesOf(node.callee), arguments: node.arguments as ReadonlyArray<unknown> })
    }
  })
  return found
}

const idle = new Set(["only", "skip", "todo", "fails", "runIf", "skipIf", "fit", "xit", "xtest", "xdescribe"])
const suites = new Set(["it", "test", "describe", "suite", "bench", "fit", "xit", "xtest", "xdescribe"])

/** Tests that do not run, that keep others from running, or that are expected to fail. */
export const idleTests = (file: Source.File): ReadonlyArray<Source.Finding> =>
  Rooms.isTest(file.path)
    ? calls(file).flatMap((call) => {
        const name = suites.has(call.names[0]) ? call.names.find((each) => idle.has(each)) : undefined
        return name === undefined ? [] : [finding(file, call.node.start, `has a test behind .${name}: every test runs`)]
      })
    : []

/** A test's name is a claim, in words: three at least; "should" and "works" claim nothing. Names from a table pass. */
export const testNames = (file: Source.File): ReadonlyArray<Source.Finding> =>
  Rooms.isTest(file.path)
    ? calls(file).flatMap((call) => {
        const title =
          call.names[0] === "it" || call.names[0] === "test" ? Source.literalOf(call.arguments[0]) : undefined
        return title === undefined ||
          /[$%]/.test(title) ||
          (title.trim().split(/\s+/).length >= 3 && !/^tests?\b|\bshould\b|\bworks\b/i.test(title))
          ? []
          : [finding(file, call.node.start, `has a test named "${title}": name what it claims`)]
      })
    : []

const levels = new Set(["debug", "info", "warn", "error"])

/** The stable name that a call of BUGGIFY, `mark` or `emit` carries, where it stands there as text. */
const stableName = (call: Call): string | undefined => {
  const name = call.names[call.names.length - 1]
  if (name === "buggify" || (name === "mark" && call.names.length > 1)) return Source.literalOf(call.arguments[0])
  const level = Source.literalOf(call.arguments[0])
  return name === "emit" && level !== undefined && levels.has(level) ? Source.literalOf(call.arguments[1]) : undefined
}

/** BUGGIFY sites, coverage marks and trace events are `room/name` in kebab-case: people and judges look for them. */
export const stableNames = (file: Source.File): ReadonlyArray<Source.Finding> =>
  isProduct(file.path) && !Rooms.isTest(file.path)
    ? calls(file).flatMap((call) => {
        const name = stableName(call)
        return name === undefined || /^[a-z][a-z0-9]*(-[a-z0-9]+)*(\/[a-z0-9]+(-[a-z0-9]+)*)+$/.test(name)
          ? []
          : [finding(file, call.node.start, `names "${name}": write room/name in kebab-case`)]
      })
    : []

/** `npm run X` of a text where package.json has no script X. */
export const scripts = (file: Source.File, known: ReadonlyArray<string>): ReadonlyArray<Source.Finding> =>
  [...file.text.matchAll(/\bnpm (?:run )?(test|start|(?<=run )[\w:-]+)/g)].flatMap((match) =>
    known.includes(match[1])
      ? []
      : [finding(file, match.index, `names npm run ${match[1]}, which package.json does not`)]
  )

/** Checks of source files. */
export const sourceChecks = {
  length,
  header,
  fileName,
  words,
  power,
  leaves,
  idleTests,
  testNames,
  stableNames
}
