/**
 * Rooms: who may import whom. The table is the architecture; the checks below it fail on an import that goes up, that
 * is written the wrong way, that reaches into another's `internal`, that knows Node.js where nobody may, or that closes
 * a cycle. `Rooms.test.ts` runs them over the tree.
 *
 * One way to write each import: inside a room relative (`./X.ts`), across rooms `#room/X.ts`. The folders of `sim` count
 * as rooms here: `#sim/kernel/X.ts` from any other of them; `sim/main.ts` belongs to `sim/cli`.
 */
import { posix } from "node:path"
import * as Purity from "./Purity.ts"
import * as Source from "./Source.ts"

export interface Room {
  readonly name: string
  /** Folders that end in `/`, or single files; the longest place that a path begins with decides. */
  readonly places: ReadonlyArray<string>
  /** Names of the rooms that it may import, besides itself. */
  readonly imports: ReadonlyArray<string>
  /** Whether it may import packages; tests always may. */
  readonly packages: boolean
}

/** The rooms of `src` from the ground up: each imports only what is before it. */
const floors = [
  "base",
  "world",
  "storage",
  "consensus",
  "cluster",
  "keyspace",
  "txn",
  "actors",
  "database",
  "protocols",
  "server"
]

const outside: ReadonlyArray<Room> = [
  // Specifications: never the code that they judge.
  { name: "models", places: ["models/"], imports: ["base"], packages: false },
  // Pure data to HTML.
  { name: "reports", places: ["reports/"], imports: ["base"], packages: false },
  { name: "sim", places: ["sim/"], imports: [...floors, "models", "reports"], packages: true },
  { name: "scenarios", places: ["scenarios/"], imports: [...floors, "models", "sim"], packages: true },
  // The command line stands above the scenarios that it names, although it lives in the simulator's folder.
  {
    name: "cli",
    places: ["sim/cli/", "sim/main.ts"],
    imports: [...floors, "models", "reports", "sim", "scenarios"],
    packages: true
  },
  {
    name: "bench",
    places: ["bench/"],
    imports: [...floors, "models", "reports", "sim", "scenarios", "cli"],
    packages: true
  },
  { name: "house", places: ["house/"], imports: [], packages: true }
]

export const rooms: ReadonlyArray<Room> = [
  ...floors.map((name, floor) => ({
    name,
    places: [`src/${name}/`],
    imports: floors.slice(0, floor),
    packages: name !== "base"
  })),
  ...outside
]

/** Folders whose files may need each other's types, and why; values never go round. */
const typeKnots: ReadonlyArray<{ readonly folder: string; readonly reason: string }> = [
  { folder: "reports/client/", reason: "embedded functions, which are handed to each other and not imported" }
]

/** A test may besides import what judges and drives the code that it tests: nothing imports a test. */
const testImports = ["models", "sim", "scenarios"]

/** The folder behind each alias, as `imports` of package.json has them. */
export const aliases: Readonly<Record<string, string>> = {
  ...Object.fromEntries(floors.map((name) => [`#${name}/`, `src/${name}/`])),
  "#sim/": "sim/",
  "#scenarios/": "scenarios/",
  "#models/": "models/",
  "#reports/": "reports/",
  "#bench/": "bench/"
}

export const isTest = (path: string): boolean => path.endsWith(".test.ts")

export const roomOf = (path: string): Room | undefined => {
  let found: { readonly room: Room; readonly length: number } | undefined
  for (const room of rooms) {
    for (const place of room.places) {
      if (path.startsWith(place) && place.length > (found?.length ?? 0)) found = { room, length: place.length }
    }
  }
  return found?.room
}

/** The path that a specifier names, or `undefined` for a package. */
export const resolve = (from: string, specifier: string): string | undefined => {
  if (specifier.startsWith(".")) return posix.join(posix.dirname(from), specifier)
  for (const [alias, folder] of Object.entries(aliases)) {
    if (specifier.startsWith(alias)) return folder + specifier.slice(alias.length)
  }
  return undefined
}

/** The folder within which imports are relative. */
const quarter = (path: string): string => {
  if (path === "sim/main.ts") return "sim/cli"
  const folders = posix.dirname(path).split("/")
  return folders.slice(0, folders[0] === "src" || folders[0] === "sim" ? 2 : 1).join("/")
}

/** How a file of this tree is written in an import of `from`. */
const written = (from: string, target: string): string => {
  if (quarter(from) === quarter(target)) {
    const path = posix.relative(posix.dirname(from), target)
    return path.startsWith(".") ? path : `./${path}`
  }
  const alias = Object.entries(aliases).find(([, folder]) => target.startsWith(folder))
  return alias === undefined ? target : alias[0] + target.slice(alias[1].length)
}

/** What is wrong with one import of a file that lives in `room`; `undefined` when nothing is. */
const judge = (from: string, room: Room, specifier: string, exists: (path: string) => boolean): string | undefined => {
  if (Purity.isNodeModule(specifier)) {
    return Purity.mayImportNode(from, specifier) ? undefined : `imports ${specifier}. ${Purity.nodeMessage}`
  }
  const target = resolve(from, specifier)
  if (target === undefined) {
    if (specifier.startsWith("#")) return `imports ${specifier}, and no room has that alias`
    if (specifier.startsWith("/") || specifier.includes(":")) return `imports ${specifier}: name a file or a package`
    return room.packages || isTest(from)
      ? undefined
      : `imports the package ${specifier}: ${room.name} is plain TypeScript on what is below it`
  }
  if (!exists(target)) return `imports ${specifier}, and there is no file ${target}`
  const due = written(from, target)
  if (specifier !== due) return `imports ${specifier}: write ${due}`
  const other = roomOf(target)
  if (other === undefined) return `imports ${target}, which is in no room`
  const allowed = isTest(from) ? [...room.imports, ...testImports] : room.imports
  if (other !== room && !allowed.includes(other.name)) {
    return `imports ${specifier}: ${room.name} stands below ${other.name}. Declare a port in ${room.name}, let the higher room supply it`
  }
  const closed = /^(.*?\/)internal\//.exec(target)
  if (closed !== null && !from.startsWith(closed[1])) {
    return `imports ${specifier}: what is in ${closed[1]}internal is that room's own`
  }
  return undefined
}

/** Every import that breaks the table or the way of writing, over a whole tree (or a planted one). */
export const check = (files: ReadonlyArray<Source.File>): ReadonlyArray<Source.Finding> => {
  const paths = new Set(files.map((file) => file.path))
  return files.flatMap((file) => {
    // Configuration at the root belongs to no room.
    if (!file.path.includes("/")) return []
    const room = roomOf(file.path)
    if (room === undefined) {
      return [{ path: file.path, line: 1, message: "is in no room: add its folder to the table in house/Rooms.ts" }]
    }
    return Source.parse(file).imports.flatMap(({ specifier, line, reexport }) => {
      const message = reexport
        ? `hands on ${specifier}: no barrels, whoever needs it imports it`
        : judge(file.path, room, specifier, (path) => paths.has(path))
      return message === undefined ? [] : [{ path: file.path, line, message }]
    })
  })
}

/**
 * Import cycles, type-only imports included (two files that need each other's types are one noun), at least one for
 * every knot, each named from its first file by bytes: `a.ts -> b.ts -> a.ts`.
 */
export const cycles = (files: ReadonlyArray<Source.File>): ReadonlyArray<string> => {
  const graph = new Map(
    files.map((file) => [
      file.path,
      Source.parse(file).imports.flatMap(({ specifier, typeOnly }) => {
        const target = resolve(file.path, specifier) ?? specifier
        const knot = typeKnots.some(({ folder }) => file.path.startsWith(folder) && target.startsWith(folder))
        return typeOnly && knot ? [] : [target]
      })
    ])
  )
  const found = new Set<string>()
  const done = new Set<string>()
  const trail: Array<string> = []
  const visit = (path: string): void => {
    const from = trail.indexOf(path)
    if (from !== -1) {
      const ring = trail.slice(from)
      const first = ring.indexOf([...ring].sort()[0])
      found.add([...ring.slice(first), ...ring.slice(0, first), ring[first]].join(" -> "))
      return
    }
    if (done.has(path)) return
    done.add(path)
    trail.push(path)
    for (const next of graph.get(path) ?? []) visit(next)
    trail.pop()
  }
  for (const path of graph.keys()) visit(path)
  return [...found].sort()
}
