/**
 * Affected: which scenarios a patch can change, by what their files import. A patch that names no scenarios is graded on
 * these only: seeds of the others would be a waste of its budget.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import * as Registry from "./Registry.ts"

/** The files of a tree that a patch changes. */
export const filesOf = (patch: string): ReadonlySet<string> => {
  const files = new Set<string>()
  for (const [, file] of patch.matchAll(/^(?:---|\+\+\+) [ab]\/(\S+)/gm)) files.add(file)
  return files
}

const registered = "scenarios/Registry.ts"

/** Files that a module imports, types included, from the root of its tree. */
const importsOf = (tree: string, file: string, aliases: ReadonlyArray<readonly [string, string]>): Array<string> => {
  const text = fs.readFileSync(path.join(tree, file), "utf8")
  const found: Array<string> = []
  for (const [, name] of text.matchAll(/(?:from |import\()"([^"]+)"/g)) {
    if (name.startsWith(".")) found.push(path.posix.join(path.posix.dirname(file), name))
    const alias = aliases.find(([prefix]) => name.startsWith(prefix))
    if (alias !== undefined) found.push(alias[1] + name.slice(alias[0].length))
  }
  return found.filter((one) => fs.existsSync(path.join(tree, one)))
}

/** `"#sim/*": "./sim/*"` as `["#sim/", "sim/"]`. */
const aliasesOf = (tree: string): ReadonlyArray<readonly [string, string]> => {
  const { imports = {} } = JSON.parse(fs.readFileSync(path.join(tree, "package.json"), "utf8")) as {
    readonly imports?: Readonly<Record<string, string>>
  }
  return Object.entries(imports).map(([from, to]) => [
    from.replace(/\*$/, ""),
    to.replace(/^\.\//, "").replace(/\*$/, "")
  ])
}

/** The file of each scenario, as the registry imports it. */
const scenarioFiles = (tree: string): ReadonlyMap<string, string> => {
  const text = fs.readFileSync(path.join(tree, registered), "utf8")
  const files = new Map<string, string>()
  for (const [, name, file] of text.matchAll(/"([^"]+)": \{[^}]*?import\("([^"]+)"\)/g))
    files.set(name, path.posix.join(path.posix.dirname(registered), file))
  return files
}

const reaches = (tree: string, from: string, files: ReadonlySet<string>): boolean => {
  const aliases = aliasesOf(tree)
  const seen = new Set([from])
  for (const file of seen) {
    if (files.has(file)) return true
    for (const next of importsOf(tree, file, aliases)) seen.add(next)
  }
  return false
}

/** Scenarios that must pass, and whose code a patch changes; all of them when it changes none of it, but the simulator. */
export const scenarios = (tree: string, patch: string): ReadonlyArray<string> => {
  const files = filesOf(patch)
  const all = Registry.namesWithoutCanaries()
  const own = scenarioFiles(tree)
  const affected = all.filter((name) => {
    const file = own.get(name)
    return file !== undefined && reaches(tree, file, files)
  })
  return affected.length > 0 ? affected : all
}
