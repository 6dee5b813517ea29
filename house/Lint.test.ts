import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Purity from "./Purity.ts"
import * as Source from "./Source.ts"

/** Every place and a text for it; linted in one go, in a tree of its own that borrows this tree's configuration. */
const planted: Record<string, string> = {}
const plant = (path: string, text: string): string => {
  planted[path] = text
  return path
}

interface Diagnostic {
  readonly filename: string
  readonly code: string
  readonly message: string
  readonly help: string
}

const tree = mkdtempSync(join(tmpdir(), "orbit-lint-"))
afterAll(() => rmSync(tree, { recursive: true }))

let linted: ReadonlyArray<Diagnostic> = []
const diagnostics = (path: string): ReadonlyArray<string> =>
  linted.filter(({ filename }) => filename === path).map(({ code, message, help }) => `${code} ${message} ${help}`)

const lint = (): ReadonlyArray<Diagnostic> => {
  symlinkSync(join(Source.root, "node_modules"), join(tree, "node_modules"))
  writeFileSync(join(tree, "package.json"), '{ "type": "module" }')
  writeFileSync(
    join(tree, "oxlint.config.ts"),
    `export { default } from ${JSON.stringify(join(Source.root, "oxlint.config.ts"))}`
  )
  for (const [path, text] of Object.entries(planted)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true })
    writeFileSync(join(tree, path), text)
  }
  const oxlint = join(Source.root, "node_modules", "oxlint", "bin", "oxlint")
  try {
    const folders = new Set(Object.keys(planted).map((path) => path.slice(0, path.indexOf("/"))))
    execFileSync(process.execPath, [oxlint, "--format=json", ...folders], { cwd: tree, encoding: "utf8" })
    return []
  } catch (error) {
    // Exit 1: it found something.
    return JSON.parse((error as { readonly stdout: string }).stdout).diagnostics
  }
}

const ambient = `import * as Fs from "node:fs"
export const now = () => [Date.now(), process.pid, Math.random(), "a".localeCompare("b"), Fs]
`
const floating = "const work = async () => 1\nexport const start = () => { work() }\n"

const globals = Purity.globals.map(({ name, message }) => ({
  message,
  direct: plant(`src/world/Direct-${name}.ts`, `export const x = () => ${name}\n`),
  through: plant(`sim/world/Through-${name}.ts`, `export const x = () => globalThis.${name}\n`)
}))

const properties = [...Purity.properties, ...Purity.effectProperties].map((ban, index) => {
  const of = ban.object ?? "value"
  const text = `export const x = (value: any, Effect: any) => [value, Effect, ${of}.${ban.property}]\n`
  return { ban, path: plant(`src/world/Property${index}.ts`, text) }
})

const pure = ["src/world/Files.ts", "sim/run/Run.ts", "scenarios/Lease.ts", "models/Log.ts", "reports/Page.ts"]
for (const path of pure) plant(path, ambient)

const free = ["src/world/real/RealHost.ts", "src/server/main.ts", "sim/cli/Seeds.ts", "sim/main.ts", "bench/main.ts"]
for (const path of [...free, "house/Walk.ts", "src/world/Host.test.ts"]) plant(path, ambient)

const effects = "export const x = (Effect: any) => [Effect.callback, Effect.runFork]\n"
plant("src/world/Net.ts", effects)
plant("sim/kernel/Fibers.ts", effects)
plant(
  "sim/kernel/TraceHash.ts",
  'import * as Zlib from "node:zlib"\nimport * as Os from "node:os"\nexport const x = [Zlib, Os]\n'
)
plant("src/world/real/Floating.ts", floating)
plant("src/world/Async.ts", "export const x = async () => 1\n")
plant("src/world/Default.ts", "export default 1\n")
plant("src/world/Barrel.ts", 'export * from "./Files.ts"\n')
plant("src/world/Whole.ts", 'import { Effect } from "effect"\nexport const x = Effect\n')
plant("src/world/Unused.ts", "const left = 1\nexport const x = 2\n")
plant("src/world/Focused.test.ts", 'import { it } from "vitest"\nit.only("is alone", () => {})\n')

describe("the linter", () => {
  beforeAll(() => {
    linted = lint()
  })

  it("bans each global, through globalThis too, and names what to use", () => {
    for (const { direct, through, message } of globals) {
      expect(diagnostics(direct)).toContainEqual(expect.stringContaining(message))
      expect(diagnostics(through)).toContainEqual(expect.stringContaining(message))
    }
  })

  it("bans each property and names what to use", () => {
    for (const { ban, path } of properties) {
      expect(diagnostics(path)).toContainEqual(expect.stringContaining(ban.message))
    }
  })

  it.each(pure)("bans the machine in %s", (path) => {
    expect(diagnostics(path)).toHaveLength(5)
  })

  it.each([...free, "house/Walk.ts", "src/world/Host.test.ts"])("lets %s know the machine", (path) => {
    expect(diagnostics(path)).toEqual([])
  })

  it("lets the ports become Effects, and the simulator run them", () => {
    expect(diagnostics("src/world/Net.ts")).toEqual([])
    expect(diagnostics("sim/kernel/Fibers.ts")).toEqual([])
  })

  it("lets an excepted file import the module that is named for it, and no other", () => {
    expect(diagnostics("sim/kernel/TraceHash.ts")).toEqual([expect.stringContaining("node:os")])
  })

  it.each([
    ["src/world/real/Floating.ts", "no-floating-promises"],
    ["src/world/Async.ts", "no-async-await"],
    ["src/world/Default.ts", "no-default-export"],
    ["src/world/Barrel.ts", "no-barrel-file"],
    ["src/world/Whole.ts", "no-restricted-imports"],
    ["src/world/Unused.ts", "no-unused-vars"],
    ["src/world/Focused.test.ts", "no-focused-tests"]
  ])("finds in %s what %s is for", (path, rule) => {
    expect(diagnostics(path)).toContainEqual(expect.stringContaining(rule))
  })
})
