/**
 * Place: where on this machine a store is, and what it is. A disk's paths are below its root; the root is the nearest directory above the
 * store, and above its log when that is named.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { kindsOf, type StoreKind } from "#storage/inspect/StoreKind.ts"
import { Mistake } from "./Arguments.ts"

export interface Place {
  readonly root: string
  /** Below the root. */
  readonly directory: string
  readonly kind: StoreKind
  /** Where the log is, below the root. */
  readonly log: string | undefined
}

/** How deep a directory is searched for stores. */
const depthMax = 4

const sentences: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or directory",
  ENOTDIR: "a file stands where a directory is needed"
}

/** The machine does not let it be read. */
export class Unreadable extends Error {
  readonly _tag = "Unreadable"
}

const complaint = (file: string, error: unknown): Error => {
  const { code = String(error) } = error as NodeJS.ErrnoException
  const sentence = sentences[code]
  return sentence === undefined
    ? new Unreadable(`${file}: cannot be read (${code})`)
    : new Mistake(`${file}: ${sentence}`)
}

/** Its entries, or undefined for a file. */
const entriesOf = (file: string): ReadonlyArray<fs.Dirent> | undefined => {
  try {
    return fs.statSync(file).isDirectory() ? fs.readdirSync(file, { withFileTypes: true }) : undefined
  } catch (error) {
    throw complaint(file, error)
  }
}

const namesOf = (file: string): ReadonlyArray<string> => {
  const entries = entriesOf(file)
  if (entries === undefined) throw new Mistake(`${file}: is a file: name the directory that it is in.`)
  return entries.map(({ name }) => name)
}

/** Directories of stores at or below this one. */
const below = (directory: string, depth = 0): ReadonlyArray<string> => {
  const entries = entriesOf(directory) ?? []
  if (kindsOf(entries.map(({ name }) => name)).length > 0) return [directory]
  if (depth === depthMax) return []
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => path.join(directory, name))
    .toSorted()
    .flatMap((inner) => below(inner, depth + 1))
}

const commonParent = (directories: ReadonlyArray<string>): string => {
  let parent = path.dirname(directories[0])
  while (!directories.every((directory) => directory.startsWith(parent === "/" ? "/" : `${parent}/`))) {
    parent = path.dirname(parent)
  }
  return parent
}

const place = (directory: string, log: string | undefined): Place => {
  const names = namesOf(directory)
  const kinds = kindsOf(names)
  if (kinds.length > 1) throw new Mistake(`${directory}: has files of ${kinds.join(" and ")}: one store a directory.`)
  // A memory engine without a checkpoint has no file of its own.
  const kind = kinds.at(0) ?? (names.length === 0 && log !== undefined ? "memory" : undefined)
  if (kind === undefined) throw new Mistake(`${directory}: holds no store.`)
  const real = fs.realpathSync(directory)
  const realLog = log === undefined ? undefined : fs.realpathSync(log)
  const root = commonParent(realLog === undefined ? [real] : [real, realLog])
  return {
    root,
    directory: path.relative(root, real),
    kind,
    log: realLog === undefined ? undefined : path.relative(root, realLog)
  }
}

/** The store in a directory. */
export const one = (directory: string, log: string | undefined): Place => {
  if (log !== undefined && !kindsOf(namesOf(log)).includes("log")) throw new Mistake(`${log}: holds no log.`)
  const inner = kindsOf(namesOf(directory)).length === 0 ? below(directory) : []
  if (inner.length > 0)
    throw new Mistake(`${directory}: holds no store, but these directories do: ${inner.join(", ")}.`)
  const found = place(directory, log)
  if (log === undefined) return found
  if (found.kind === "log") throw new Mistake(`${directory}: is a log itself; --log goes with an engine.`)
  if (found.kind === "btree") throw new Mistake(`${directory}: is a B+tree, which has no log.`)
  return found
}

/** The stores in a directory or below it, one at least. */
export const all = (directory: string, log: string | undefined): ReadonlyArray<Place> => {
  if (log !== undefined) return [one(directory, log)]
  namesOf(directory)
  const found = below(directory).map((inner) => place(inner, undefined))
  if (found.length === 0) throw new Mistake(`${directory}: holds no store.`)
  return found
}

/** A file of a store, or all files in its directory, by their names, and the disk's root above them. */
export const files = (file: string): { readonly root: string; readonly files: ReadonlyArray<string> } => {
  const names = entriesOf(file)?.map(({ name }) => name)
  const real = fs.realpathSync(file)
  const root = path.dirname(names === undefined ? path.dirname(real) : real)
  const directory = path.relative(root, names === undefined ? path.dirname(real) : real)
  const all = names?.toSorted() ?? [path.basename(real)]
  return { root, files: all.map((name) => path.join(directory, name)) }
}

/** A path below a root as somebody here would write it. */
export const shown = (root: string, file: string): string => {
  const absolute = path.join(root, file)
  const relative = path.relative(process.cwd(), absolute)
  return relative === "" || relative.startsWith("..") ? absolute : relative
}

export interface Usage {
  readonly count: number
  readonly bytes: number
}

/** Undefined: it is no file, or cannot be looked at, which whoever reads it will say. */
const fileBytes = (file: string): number | undefined => {
  try {
    const stats = fs.statSync(file)
    return stats.isFile() ? stats.size : undefined
  } catch {
    return undefined
  }
}

/** How many files of each ending a directory has, and what they take. */
export const usage = (root: string, directory: string): Readonly<Record<string, Usage>> => {
  const found: Record<string, Usage> = {}
  const absolute = path.join(root, directory)
  for (const { name } of entriesOf(absolute) ?? []) {
    const sizeBytes = fileBytes(path.join(absolute, name))
    if (sizeBytes === undefined) continue
    const ending = path.extname(name).slice(1) || name
    const { bytes, count } = found[ending] ?? { count: 0, bytes: 0 }
    found[ending] = { count: count + 1, bytes: bytes + sizeBytes }
  }
  return found
}

export const usedBytes = (root: string, directory: string): number =>
  Object.values(usage(root, directory)).reduce((sum, { bytes }) => sum + bytes, 0)

/** The processes that have files below these directories open, with one of them; on Linux only, and as far as it tells. */
export const users = (
  directories: ReadonlyArray<string>
): ReadonlyArray<{ readonly pid: number; readonly file: string }> => {
  if (process.platform !== "linux") return []
  const real = directories.flatMap((directory) => (fs.existsSync(directory) ? [fs.realpathSync(directory)] : []))
  return fs.readdirSync("/proc").flatMap((name) => {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) return []
    try {
      const open = fs.readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`))
      const file = open.find((link) => real.some((directory) => link.startsWith(`${directory}/`)))
      return file === undefined ? [] : [{ pid, file }]
    } catch {
      // It has ended, or belongs to somebody else.
      return []
    }
  })
}

const linkOf = (link: string): string => {
  try {
    return fs.readlinkSync(link)
  } catch {
    return ""
  }
}
