import { describe, expect, it } from "vitest"
import * as Glob from "./Glob.ts"

describe("a pattern", () => {
  it.each([
    ["*", "anything", true],
    ["h?llo", "hello", true],
    ["h?llo", "hllo", false],
    ["h*llo", "heeeello", true],
    ["h[ae]llo", "hallo", true],
    ["h[^e]llo", "hello", false],
    ["h[a-b]llo", "hbllo", true],
    ["h[b-a]llo", "hbllo", true],
    ["h\\*llo", "h*llo", true],
    ["h\\*llo", "hello", false],
    ["a[", "a", false],
    ["[a", "a", true],
    ["[]", "a", false],
    ["[^]", "a", true],
    ["[\\]]", "]", true],
    ["a\\", "a\\", true],
    ["**", "", false],
    ["a**", "a", true],
    ["", "", true],
    ["", "a", false]
  ])("%s fits %s: %s, as in Redis 7.0.15", (pattern, text, expected) => {
    expect(Glob.matches(pattern, text)).toBe(expected)
  })

  it("takes small and capital letters as alike only where it is asked to", () => {
    expect(Glob.matchesAnyCase("H[A-Z]L*", "hello")).toBe(true)
    expect(Glob.matches("H[A-Z]L*", "hello")).toBe(false)
  })

  it("with many stars is decided in time that is no power of them", () => {
    expect(Glob.matches("a*".repeat(200) + "b", "a".repeat(5_000))).toBe(false)
  })

  it("with more stars than the stack has room for is no match", () => {
    expect(Glob.matches("*a".repeat(50_000), "a".repeat(60_000))).toBe(false)
  })
})
