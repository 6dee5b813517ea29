/**
 * Source: the tree as the house's checks see it. A file is a path and a text, so that every check is a plain function
 * that a test can feed with a planted string; parsing is by oxc, which knows TypeScript without its compiler.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseSync, visitorKeys, type Comment, type Program } from "oxc-parser"

export interface File {
  /** Relative to the root of the tree, `/`-separated. */
  readonly path: string
  readonly text: string
}

/** What a check found: a sentence that says where, what, and what to do instead. */
export interface Finding {
  readonly path: string
  readonly line: number
  readonly message: string
}

/** A node of the syntax tree, as far as the checks look at it. */
export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

export interface Import {
  readonly specifier: string
  readonly line: number
  /** `export ... from`: the file hands on what is another's. */
  readonly reexport: boolean
  /** Gone when the program runs. */
  readonly typeOnly: boolean
}

export interface Parsed {
  readonly program: Program
  readonly comments: ReadonlyArray<Comment>
  /** Every way in which this file names another: static, type-only, dynamic, re-exporting, and `import("x")` types. */
  readonly imports: ReadonlyArray<Import>
}

/** The root of the tree that this file stands in. */
export const root = join(import.meta.dirname, "..")

const notOurs = new Set(["node_modules", ".git", ".orbit", "dist"])

/** Paths of all files below `folder`, sorted by bytes; what is installed or generated is left out. */
export const list = (folder = root): ReadonlyArray<string> =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !notOurs.has(entry.name))
    .flatMap((entry) =>
      entry.isDirectory() ? list(join(folder, entry.name)).map((path) => `${entry.name}/${path}`) : [entry.name]
    )
    .sort()

export const read = (path: string): File => ({ path, text: readFileSync(join(root, path), "utf8") })

/** 1 for the first line. */
export const lineAt = (text: string, offset: number): number => text.slice(0, offset).split("\n").length

/** Calls `visit` for every node, outermost first. */
export const walk = (node: unknown, visit: (node: Node) => void): void => {
  if (Array.isArray(node)) {
    for (const each of node) walk(each, visit)
    return
  }
  if (typeof node !== "object" || node === null) return
  const here = node as Node
  visit(here)
  for (const key of visitorKeys[here.type] ?? []) walk(here[key], visit)
}

/** The text of a string literal or of a template without holes. */
export const literalOf = (node: unknown): string | undefined => {
  const here = node as Node | null | undefined
  if (here?.type === "Literal" && typeof here.value === "string") return here.value
  if (here?.type !== "TemplateLiteral") return undefined
  const quasis = here.quasis as ReadonlyArray<{ readonly value: { readonly cooked: string } }>
  return quasis.length === 1 ? quasis[0].value.cooked : undefined
}

const importing = new Set([
  "ImportDeclaration",
  "ImportExpression",
  "ExportNamedDeclaration",
  "ExportAllDeclaration",
  "TSImportType"
])

/** Throws when the text is not TypeScript: then the compiler and the linter say so better. */
export const parse = (file: File): Parsed => {
  const { program, comments, errors } = parseSync(file.path, file.text)
  if (errors.length > 0) throw new Error(`${file.path}: ${errors[0].message}`)
  const imports: Array<Import> = []
  walk(program, (node) => {
    if (!importing.has(node.type)) return
    const specifier = literalOf(node.source)
    if (specifier === undefined) return
    imports.push({
      specifier,
      line: lineAt(file.text, node.start),
      reexport: node.type.startsWith("Export"),
      typeOnly: node.type === "TSImportType" || node.importKind === "type" || node.exportKind === "type"
    })
  })
  return { program, comments, imports }
}

/** One line a finding, for a test's failure. */
export const show = (findings: ReadonlyArray<Finding>): string =>
  findings.map(({ path, line, message }) => `${path}:${line}: ${message}`).join("\n")
