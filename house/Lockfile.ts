/**
 * Lockfile: names in `package-lock.json` every package that another one has for another platform.
 *
 * A registry that mirrors only some platforms lets `npm install` leave the others' packages out, and `npm ci` then
 * refuses the lockfile. What is left out follows from what is there: tools pin their platforms' packages exactly, and a
 * platform is in the name. `npm run lockfile` brings the lockfile up to date with package.json and completes it.
 *
 * @see https://docs.npmjs.com/cli/configuring-npm/package-lock-json
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./Source.ts"

export interface Package {
  readonly version?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly hasInstallScript?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly os?: ReadonlyArray<string>
  readonly cpu?: ReadonlyArray<string>
  readonly libc?: ReadonlyArray<string>
}

/** By their places: `node_modules/vite`, `node_modules/vite/node_modules/x`; `""` is this tree itself. */
export type Packages = Readonly<Record<string, Package>>

export interface Missing {
  readonly name: string
  readonly version: string
  /** Where the package stands that has it. */
  readonly of: string
}

/** Where a package's own packages may stand: with itself, then with each folder around it. */
const places = (of: string, name: string): ReadonlyArray<string> => {
  const nested = of.lastIndexOf("/node_modules/")
  const outer = of === "" ? [] : places(nested === -1 ? "" : of.slice(0, nested), name)
  return [`${of === "" ? "" : `${of}/`}node_modules/${name}`, ...outer]
}

/** The optional packages that the lockfile speaks of without saying what they are. */
export const missing = (packages: Packages): ReadonlyArray<Missing> =>
  Object.entries(packages).flatMap(([of, { optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies)
      .filter(([name]) => !places(of, name).some((place) => place in packages))
      .map(([name, version]) => ({ name, version, of }))
  )

const systems = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"]
const processors = ["arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"]

/** The platform that a package's name tells: `binding-linux-arm64-musl`. Throws where it tells none. */
const platform = (name: string) => {
  const parts = name.split(/[/-]/)
  const os = parts.filter((part) => systems.includes(part))
  const cpu = parts.filter((part) => processors.includes(part))
  const libc = parts.flatMap((part) => (part.startsWith("musl") ? ["musl"] : part.startsWith("gnu") ? ["glibc"] : []))
  if (os.length !== 1 || cpu.length !== 1) throw new Error(`${name} does not tell its platform: install it by hand`)
  return { os, cpu, libc: libc.length === 0 ? {} : { libc } }
}

/** The lockfile's packages with all platforms, in npm's order. */
export const complete = (packages: Packages): Packages => {
  const added = missing(packages).map(({ name, version, of }): [string, Package] => {
    if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${of} has ${name} at ${version}: install it by hand`)
    const dev = packages[of].dev === true ? { dev: true } : {}
    const { os, cpu, libc } = platform(name)
    return [`node_modules/${name}`, { version, cpu, ...dev, ...libc, optional: true, os }]
  })
  const all = [...Object.entries(packages), ...added]
  return Object.fromEntries(all.sort(([left], [right]) => left.localeCompare(right, "en")))
}

if (import.meta.main) {
  const path = join(root, "package-lock.json")
  const lock = JSON.parse(readFileSync(path, "utf8"))
  const added = missing(lock.packages).length
  writeFileSync(path, `${JSON.stringify({ ...lock, packages: complete(lock.packages) }, undefined, 2)}\n`)
  console.log(`${added} packages of other platforms added`)
}
