import { describe, expect, it } from "vitest"
import * as Limits from "./Limits.ts"
import * as RelativePath from "./RelativePath.ts"

const problem = (path: string): string | undefined => RelativePath.problem(path, { allowRoot: false })

describe("a path on a node's disk", () => {
  it.each(["log", "wal/000001.log", "a/b/c", "..a", "a..", ".hidden", "with space", "ä/\u{1F680}", "C:log"])(
    "is good when it only goes down: %s",
    (path) => {
      expect(problem(path)).toBeUndefined()
    }
  )

  it.each([
    ["/log", "absolute"],
    ["log/", "empty name"],
    ["a//b", "empty name"],
    [".", ". or .."],
    ["../log", ". or .."],
    ["a/../b", ". or .."],
    ["a/./b", ". or .."],
    ["a\\..\\b", "backslash"],
    ["a\0b", "zero byte"]
  ])("is refused when it leads elsewhere: %j", (path, reason) => {
    expect(problem(path)).toContain(reason)
  })

  it("may be the root only where the caller allows it", () => {
    expect(problem("")).toContain("root")
    expect(RelativePath.problem("", { allowRoot: true })).toBeUndefined()
  })

  it("is bounded in bytes of UTF-8, not in characters, each name and the whole", () => {
    expect(problem("a".repeat(Limits.nameBytesMax))).toBeUndefined()
    expect(problem("a".repeat(Limits.nameBytesMax + 1))).toContain("name")
    // Four bytes and two UTF-16 units each, then two bytes, then three.
    expect(problem("\u{1F680}".repeat(63))).toBeUndefined()
    expect(problem("\u{1F680}".repeat(64))).toContain("name")
    expect(problem("ä".repeat(127))).toBeUndefined()
    expect(problem("ä".repeat(128))).toContain("name")
    expect(problem("\uFFFD".repeat(85))).toBeUndefined()
    expect(problem("\uFFFD".repeat(86))).toContain("name")
    const path = `${"a".repeat(255)}/`.repeat(4).slice(0, Limits.pathBytesMax)
    expect(problem(path.slice(0, -1))).toBeUndefined()
    expect(problem(`${path.slice(0, -1)}/b`)).toContain("path is longer")
  })
})
