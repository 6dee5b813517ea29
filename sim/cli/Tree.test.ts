import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, expect, test } from "vitest"
import * as Tree from "./Tree.ts"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "orbit-tree-test-"))
const copies: Array<string> = []
afterAll(() => [folder, ...copies].forEach(Tree.remove))

const copyOf = (from: string): string => {
  const copy = Tree.copy(from)
  copies.push(copy)
  return copy
}

const write = (file: string, text: string): string => {
  const full = path.join(folder, file)
  fs.mkdirSync(path.dirname(full), { recursive: true })
  fs.writeFileSync(full, text)
  return full
}

const patch = (from: string, to: string): string =>
  `bug: x\n\n--- a/src/a.ts\n+++ b/src/a.ts\n@@ -1 +1 @@\n-${from}\n+${to}\n`

write("project/src/a.ts", "one\n")
write("project/src/gone.ts", "gone\n")
write("project/.gitignore", "ignored\n")
const project = path.join(folder, "project")
const git = (...args: Array<string>): void => void execFileSync("git", args, { cwd: project, stdio: "ignore" })
git("init")
git("add", ".")
write("project/src/new.ts", "new\n")
write("project/src/a.ts", "two\n")
write("project/ignored", "ignored\n")
fs.rmSync(path.join(project, "src/gone.ts"))

test("a copy has uncommitted changes and new files, nothing ignored or deleted, and the dependencies", () => {
  const copy = copyOf(project)
  expect(fs.readFileSync(path.join(copy, "src/a.ts"), "utf8")).toBe("two\n")
  expect(fs.readdirSync(path.join(copy, "src")).sort()).toEqual(["a.ts", "new.ts"])
  expect(fs.existsSync(path.join(copy, "ignored"))).toBe(false)
  expect(fs.existsSync(path.join(copy, "node_modules/effect/package.json"))).toBe(true)
})

test("a folder outside of any repository is copied whole", () => {
  const copy = copyOf(copyOf(project))
  expect(fs.readdirSync(path.join(copy, "src")).sort()).toEqual(["a.ts", "new.ts"])
})

test("a patch against the tree as it stands applies, and the tree itself stays", () => {
  const copy = copyOf(project)
  expect(Tree.apply(copy, write("good.patch", patch("two", "three")))).toBeUndefined()
  expect(fs.readFileSync(path.join(copy, "src/a.ts"), "utf8")).toBe("three\n")
  expect(fs.readFileSync(path.join(project, "src/a.ts"), "utf8")).toBe("two\n")
})

test("a patch against other code is refused in git's words and changes nothing", () => {
  const copy = copyOf(project)
  expect(Tree.apply(copy, write("bad.patch", patch("one", "three")))).toContain("src/a.ts")
  expect(fs.readFileSync(path.join(copy, "src/a.ts"), "utf8")).toBe("two\n")
})
