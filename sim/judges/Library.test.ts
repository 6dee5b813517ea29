/** The judges as a library: what README.md shows is run as it stands there. */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "../..")
const read = (file: string): string => readFileSync(join(root, file), "utf8")

describe("the judges as a library", () => {
  it("do what README.md says: its example prints what its comments tell", () => {
    const example = /```ts\n(.*?)```/s.exec(read("README.md"))?.[1] ?? ""
    const told = [...example.matchAll(/\) \/\/ (.*)$/gm)].map((found) => found[1])
    const args = ["--input-type=module-typescript", "--eval", example]
    const { stderr, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" })
    expect(stderr).toBe("")
    expect(stdout.trim().split("\n")).toEqual(told)
    expect(told).toHaveLength(2)
  })

  it("are exported from files that exist", () => {
    const { exports } = JSON.parse(read("package.json")) as { readonly exports: Readonly<Record<string, string>> }
    expect(Object.values(exports).filter((file) => !existsSync(join(root, file)))).toEqual([])
  })
})
