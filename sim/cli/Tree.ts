/**
 * Tree: a copy of the project as it stands, uncommitted changes included, in a temporary directory. What is planted
 * there touches nobody's work. Dependencies are linked, not copied.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { SimulatorError } from "./CliError.ts"

/** The project's own folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "")

/** Copies the tree from `from`; the caller removes it. */
export const copy = (from = root): string => {
  const to = fs.mkdtempSync(path.join(os.tmpdir(), "orbit-tree-"))
  for (const file of files(from)) {
    const source = path.join(from, file)
    const stat = fs.lstatSync(source, { throwIfNoEntry: false })
    if (stat === undefined || stat.isDirectory()) continue
    const target = path.join(to, file)
    fs.mkdirSync(path.dirname(target), { recursive: true })
    if (stat.isSymbolicLink()) fs.symlinkSync(fs.readlinkSync(source), target)
    else fs.copyFileSync(source, target)
  }
  fs.symlinkSync(fs.realpathSync(path.join(root, "node_modules")), path.join(to, "node_modules"), "dir")
  return to
}

export const remove = (tree: string): void => fs.rmSync(tree, { recursive: true, force: true })

const skipped = new Set(["node_modules", ".git", ".orbit", "dist"])

/** What git tracks and what it would, or all files where there is no repository. */
const files = (from: string): ReadonlyArray<string> => {
  const listed = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: from,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024
  })
  if (listed.status === 0 && listed.stdout !== "")
    return [...new Set(listed.stdout.split("\0").filter((file) => file !== "" && file !== "node_modules"))]
  const walk = (folder: string): Array<string> =>
    fs.readdirSync(path.join(from, folder), { withFileTypes: true }).flatMap((entry) => {
      if (skipped.has(entry.name)) return []
      const name = path.join(folder, entry.name)
      return entry.isDirectory() ? walk(name) : [name]
    })
  return walk("")
}

/** Applies a patch to a copy; returns git's complaint when it does not apply, and then changes nothing. */
export const apply = (tree: string, patch: string): string | undefined => {
  // A copy inside of somebody's repository must not be taken for a part of it: git would skip every file in silence.
  const env = {
    ...process.env,
    GIT_CEILING_DIRECTORIES: path.dirname(tree),
    GIT_DIR: undefined,
    GIT_WORK_TREE: undefined
  }
  const applied = spawnSync("git", ["apply", "--whitespace=nowarn", path.resolve(patch)], {
    cwd: tree,
    encoding: "utf8",
    env
  })
  if (applied.error !== undefined)
    throw new SimulatorError({ message: `git is needed to apply patches: ${applied.error.message}` })
  return applied.status === 0 ? undefined : applied.stderr.trim()
}
